// RAII over librdkafka's C API (https://github.com/confluentinc/librdkafka, rdkafka.h). Only this folder includes rdkafka.h.
//
//   kafka::ClientOptions options{.brokers = "127.0.0.1:9092"};
//   auto producer = kafka::Producer::create(options);
//
// Errors: a setting that librdkafka refuses is ErrorCode::config and names the setting, never its value.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/error.h"
#include "common/secret.h"

using rd_kafka_t = struct rd_kafka_s;
using rd_kafka_conf_t = struct rd_kafka_conf_s;

namespace foldline::kafka {

struct ClientOptions {
  std::string brokers;  // host:port,host:port
  std::string client_id = "foldline";
  std::vector<std::pair<std::string, Secret>> options;  // raw librdkafka settings; they win over Foldline's defaults
};

struct ConfDeleter {
  void operator()(rd_kafka_conf_t* conf) const;
};
using ConfPtr = std::unique_ptr<rd_kafka_conf_t, ConfDeleter>;

// Brokers, client ID and `defaults`, then the user's options. `forbidden`: settings that the guarantee depends on; naming one in
// `options` is an error that says why.
struct Setting {
  const char* name;
  const char* value;
};
struct Forbidden {
  const char* name;
  const char* why;
};
Result<ConfPtr> make_conf(const ClientOptions& options, const std::vector<Setting>& defaults, const std::vector<Forbidden>& forbidden);

// Every producer of ours has one request under way to a broker, no more. With more, librdkafka (2.0.2 and newer) may call a record
// acknowledged that no log holds: the first request is refused (a topic just made, a leader that moves), the second is taken, for a broker
// that remembers nothing of this producer takes any sequence number, and librdkafka concludes that the first was written too (its pull
// request 2081, "implicit acks"). See docs/decisions/0003-one-request-under-way.md.
inline constexpr Setting kOneRequestUnderWay{"max.in.flight.requests.per.connection", "1"};
inline constexpr Forbidden kNotMoreUnderWay{kOneRequestUnderWay.name,
                                            "with more than one, a record that was lost may count as acknowledged"};
inline constexpr Forbidden kNotMoreUnderWayEither{"max.in.flight", kNotMoreUnderWay.why};  // the same setting's other name

// What librdkafka tells about itself (broker away, authentication failed): logged, and the newest kept for /readyz.
class ClientHealth {
 public:
  ClientHealth();
  ~ClientHealth();
  ClientHealth(const ClientHealth&) = delete;
  ClientHealth& operator=(const ClientHealth&) = delete;

  // Empty while all is well. Thread-safe.
  [[nodiscard]] std::string last_error() const;
  void set_error(std::string message);
  void clear();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Routes librdkafka's log lines to ours and its error events to `health`, which must outlive the client.
void attach_callbacks(rd_kafka_conf_t* conf, ClientHealth* health);

// Every topic that this user may see, and how many partitions it has. Blocks for up to `timeout`.
Result<std::map<std::string, int>> list_topics(rd_kafka_t* client, std::chrono::milliseconds timeout);

// Empty, or why a client of this process can do nothing more (librdkafka's fatal errors): only a new process helps. Thread-safe.
std::string failed_client();

std::string version();  // of the librdkafka that runs

}  // namespace foldline::kafka
