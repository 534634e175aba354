#include "sinks/redis/cluster.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "sinks/redis/errors.h"

namespace foldline::redis {

namespace {

Error lost_error(const std::string& what) {
  return {ErrorCode::store_unavailable, what, "the worker looks the cluster up again and goes on by itself", true};
}

}  // namespace

Cluster::Cluster(Address address, const Timeouts& timeouts, std::vector<std::string_view> scripts)
    : address_(std::move(address)), timeouts_(timeouts), scripts_(std::move(scripts)) {}

// Another node first each time: one that is cut off from the others keeps telling what was.
Result<void> Cluster::refresh() {
  std::vector<HostPort> asked = map_.nodes();
  for (const HostPort& seed : address_.nodes) {
    if (std::find(asked.begin(), asked.end(), seed) == asked.end()) asked.push_back(seed);
  }
  Error last = lost_error("no node of the cluster answers");
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto map = read_map(asked[(next_asked_ + i) % asked.size()]);
    if (map) {
      next_asked_ = (next_asked_ + i + 1) % asked.size();
      map_ = std::move(*map);
      return {};
    }
    last = map.error();
    if (!last.retryable) return fail(std::move(last));
  }
  return fail(std::move(last));
}

Result<SlotMap> Cluster::read_map(const HostPort& node) {
  auto connection = Connection::open(address_.at(node), {kMapTimeoutMs, kMapTimeoutMs});
  if (!connection) return fail(connection.error());
  Request request;
  add_login(request, address_);
  request.command({"CLUSTER", "SLOTS"});
  const auto replies = connection->round_trip(request);
  if (!replies) return fail(replies.error());
  if (replies->front().is_error() && replies->size() > 1) {
    Error error = refusal(fmt::format("logging in ({})", node.to_string()), replies->front().text());
    if (code_of(replies->front().text()) == "WRONGPASS") error.retryable = false;
    return fail(std::move(error));
  }
  const Reply& reply = replies->back();
  if (reply.is_error() && reply.text().find("cluster support disabled") != std::string_view::npos) {
    return fail(ErrorCode::config, fmt::format("this Redis stands alone ({}), and the store's url is a cluster's", node.to_string()),
                "write redis://HOST:PORT/DATABASE");
  }
  if (reply.is_error()) return fail(refusal(fmt::format("asking {} for CLUSTER SLOTS", node.to_string()), reply.text()));
  auto map = SlotMap::parse(reply.get(), node);
  if (map && map->empty()) return fail(lost_error(fmt::format("{} knows no master of any slot", node.to_string())));
  return map;
}

Result<void> Cluster::load_scripts(Connection& connection) {
  if (scripts_.empty()) return {};
  Request request;
  for (const std::string_view script : scripts_) request.command({"SCRIPT", "LOAD", script});
  const auto replies = connection.round_trip(request);
  if (!replies) return fail(replies.error());
  sha1s_.clear();
  for (const Reply& reply : *replies) {
    if (reply.is_error()) return fail(refusal("loading the commit script", reply.text()));
    sha1s_.emplace_back(reply.text());
  }
  return {};
}

// G22: what INFO says is looked at again now and then: CONFIG SET changes the eviction policy under a running worker.
Result<Session*> Cluster::session_of(const HostPort& master) {
  const std::string name = master.to_string();
  const auto now = std::chrono::steady_clock::now();
  const auto found = nodes_.find(name);
  if (found != nodes_.end() && !found->second.session.connection.is_broken()) {
    Node& node = found->second;
    if (now < node.check_at) return &node.session;
    if (auto ok = recheck_server(node.session, address_.at(master)); !ok && !node.session.connection.is_broken()) return fail(ok.error());
    node.check_at = now + kNodeCheck;
    if (!node.session.connection.is_broken()) return &node.session;
  }
  nodes_.erase(name);
  auto opened = Session::open(address_.at(master), timeouts_);
  if (!opened) return fail(opened.error());
  if (auto loaded = load_scripts(opened->connection); !loaded) return fail(loaded.error());
  return &nodes_.insert_or_assign(name, Node{std::move(*opened), now + kNodeCheck}).first->second.session;
}

Result<std::string> Cluster::script_sha1(std::size_t script) {
  if (sha1s_.empty()) {
    if (map_.empty()) {
      if (auto ok = refresh(); !ok) return fail(ok.error());
    }
    if (auto session = session_of(map_.masters().front()); !session) {
      map_ = SlotMap();  // it may have been replaced
      return fail(session.error());
    }
  }
  return sha1s_[script];
}

bool Cluster::must_go_again(const ClusterAnswer& answer) {
  if (answer.lost()) return answer.error.retryable;
  return std::any_of(answer.replies.begin(), answer.replies.end(),
                     [](const Reply& reply) { return reply.is_error() && may_pass_at_once(reply.text()); });
}

// A node that is no master of the slot by now, or has lost the scripts (a restart, SCRIPT FLUSH), is connected to anew.
void Cluster::judge_node(const HostPort& node, const ClusterAnswer& answer) {
  for (const Reply& reply : answer.replies) {
    if (!reply.is_error() || (code_of(reply.text()) != "NOSCRIPT" && code_of(reply.text()) != "READONLY")) continue;
    if (const auto found = nodes_.find(node.to_string()); found != nodes_.end()) found->second.session.connection.close();
    return;
  }
}

// The calls of one master travel in one piece, and all masters have theirs before the first answer is awaited.
void Cluster::send_round(std::span<const ClusterCall> calls, const std::vector<std::size_t>& pending, std::vector<ClusterAnswer>& out) {
  struct Group {
    HostPort master;
    std::vector<std::size_t> calls;
    Request request;
    Session* session = nullptr;
  };
  std::map<std::string, Group> groups;
  for (const std::size_t i : pending) {
    out[i] = {};
    const HostPort* master = map_.master_of(calls[i].slot);
    if (master == nullptr) {
      out[i].error = lost_error(fmt::format("no master of the cluster serves slot {}", calls[i].slot));
      continue;
    }
    Group& group = groups[master->to_string()];
    group.master = *master;
    group.calls.push_back(i);
    group.request.append(*calls[i].request);
  }
  const auto failed = [&](const Group& group, const Error& error) {
    for (const std::size_t i : group.calls) out[i].error = error;
  };
  for (auto& [name, group] : groups) {
    const auto session = session_of(group.master);
    if (!session) {
      failed(group, session.error());
      continue;
    }
    if (auto started = (*session)->connection.start(group.request); !started) {
      failed(group, started.error());
      continue;
    }
    group.session = *session;
  }
  for (auto& [name, group] : groups) {
    if (group.session == nullptr) continue;
    auto replies = group.session->connection.finish();
    if (!replies) {
      failed(group, replies.error());
      continue;
    }
    std::size_t at = 0;
    for (const std::size_t i : group.calls) {
      for (std::size_t n = 0; n < calls[i].request->commands(); ++n) out[i].replies.push_back(std::move((*replies)[at++]));
      judge_node(group.master, out[i]);
    }
  }
}

std::vector<ClusterAnswer> Cluster::ask(std::span<const ClusterCall> calls) {
  std::vector<ClusterAnswer> out(calls.size());
  std::vector<std::size_t> pending(calls.size());
  std::iota(pending.begin(), pending.end(), std::size_t{0});
  for (int attempt = 1; attempt <= kClusterAttempts && !pending.empty(); ++attempt) {
    if (attempt > 1) std::this_thread::sleep_for(kClusterPause * (attempt - 1));
    if (attempt > 1 || map_.empty()) {
      if (auto ok = refresh(); !ok) {
        if (map_.empty() || !ok.error().retryable) {
          for (const std::size_t i : pending) out[i] = {{}, ok.error()};
          if (!ok.error().retryable) break;
          continue;
        }
        spdlog::debug("redis: {}", ok.error().message);
      }
    }
    send_round(calls, pending, out);
    std::erase_if(pending, [&](std::size_t i) { return !must_go_again(out[i]); });
  }
  return out;
}

Result<Reply> Cluster::ask_one(std::string_view key, const Request& request, std::string_view doing) {
  const ClusterCall call{hash_slot(key), &request};
  auto answers = ask({&call, 1});
  if (answers.front().lost()) return fail(answers.front().error);
  Reply reply = std::move(answers.front().replies.front());
  if (reply.is_error()) return fail(refusal(doing, reply.text()));
  return reply;
}

}  // namespace foldline::redis
