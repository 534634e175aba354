#include "sinks/redis/row_server.h"

#include <optional>

#include "sinks/redis/cluster.h"
#include "sinks/redis/session.h"

namespace foldline::redis {

namespace {

class OneServer final : public RowServer {
 public:
  OneServer(const Address& address, const Timeouts& timeouts) : address_(address), timeouts_(timeouts) {}

  Result<std::vector<Reply>> ask(std::span<const KeyCommand> commands) override {
    Request all;
    for (const KeyCommand& command : commands) all.append(command.request);
    return send(all);
  }

  Result<std::size_t> parts() override { return std::size_t{1}; }

  Result<Reply> scan(std::size_t /*part*/, const Request& request) override {
    auto replies = send(request);
    if (!replies) return fail(replies.error());
    return std::move(replies->front());
  }

 private:
  Result<std::vector<Reply>> send(const Request& request) {
    if (!session_) {
      auto opened = Session::open(address_, timeouts_);
      if (!opened) return fail(opened.error());
      session_ = std::move(*opened);
    }
    return session_->connection.round_trip(request);
  }

  Address address_;
  Timeouts timeouts_;
  std::optional<Session> session_;
};

class ManyServers final : public RowServer {
 public:
  ManyServers(const Address& address, const Timeouts& timeouts) : cluster_(address, timeouts) {}

  Result<std::vector<Reply>> ask(std::span<const KeyCommand> commands) override {
    std::vector<ClusterCall> calls;
    for (const KeyCommand& command : commands) calls.push_back({hash_slot(command.key), &command.request});
    auto answers = cluster_.ask(calls);
    std::vector<Reply> out;
    for (ClusterAnswer& answer : answers) {
      if (answer.lost()) return fail(answer.error);
      out.push_back(std::move(answer.replies.front()));
    }
    return out;
  }

  Result<std::size_t> parts() override {
    if (masters_.empty()) {
      if (auto ok = cluster_.refresh(); !ok) return fail(ok.error());
      masters_ = cluster_.map().masters();
    }
    return masters_.size();
  }

  Result<Reply> scan(std::size_t part, const Request& request) override {
    auto session = cluster_.session_of(masters_[part]);
    if (!session) return fail(session.error());
    auto replies = (*session)->connection.round_trip(request);
    if (!replies) return fail(replies.error());
    return std::move(replies->front());
  }

 private:
  Cluster cluster_;
  std::vector<HostPort> masters_;
};

}  // namespace

std::unique_ptr<RowServer> make_row_server(const Address& address, const Timeouts& timeouts) {
  if (address.kind == AddressKind::cluster) return std::make_unique<ManyServers>(address, timeouts);
  return std::make_unique<OneServer>(address, timeouts);
}

}  // namespace foldline::redis
