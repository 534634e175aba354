#include "common/kafka/client.h"

#include <librdkafka/rdkafka.h>
#include <spdlog/spdlog.h>

#include <array>
#include <mutex>

namespace foldline::kafka {

void ConfDeleter::operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }

namespace {

Result<void> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value, bool secret) {
  std::array<char, 512> why{};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()) == RD_KAFKA_CONF_OK) return {};
  // librdkafka's reason quotes the value, which may be a password.
  const std::string reason = secret ? std::string("the client refuses this name or value") : std::string(why.data());
  return fail(ErrorCode::config, "Kafka client setting `" + name + "`: " + reason,
              "see the client's CONFIGURATION page for the names and values of kafka.options");
}

}  // namespace

Result<ConfPtr> make_conf(const ClientOptions& options, const std::vector<Setting>& defaults, const std::vector<Forbidden>& forbidden) {
  ConfPtr conf(rd_kafka_conf_new());
  if (auto r = set(conf.get(), "bootstrap.servers", options.brokers, false); !r) return fail(r.error());
  if (auto r = set(conf.get(), "client.id", options.client_id, false); !r) return fail(r.error());
  for (const Setting& setting : defaults) {
    if (auto r = set(conf.get(), setting.name, setting.value, false); !r) return fail(r.error());
  }
  for (const auto& [name, value] : options.options) {
    for (const Forbidden& no : forbidden) {
      if (name == no.name) return fail(ErrorCode::config, "kafka.options must not set `" + name + "`: " + no.why, "remove it");
    }
    if (auto r = set(conf.get(), name, value.reveal(), true); !r) return fail(r.error());
  }
  return conf;
}

struct ClientHealth::State {
  mutable std::mutex mutex;
  std::string last_error;
};

ClientHealth::ClientHealth() : state_(std::make_unique<State>()) {}
ClientHealth::~ClientHealth() = default;

std::string ClientHealth::last_error() const {
  const std::lock_guard lock(state_->mutex);
  return state_->last_error;
}

void ClientHealth::set_error(std::string message) {
  const std::lock_guard lock(state_->mutex);
  state_->last_error = std::move(message);
}

void ClientHealth::clear() { set_error({}); }

namespace {

std::mutex g_failed_mutex;
std::string g_failed;  // of whichever client: each is the process' end

void on_log(const rd_kafka_t* /*client*/, int level, const char* facility, const char* text) {
  // Lost connections are librdkafka's daily business: it reconnects, and on_error tells when no broker is left.
  if (level <= 3) {
    spdlog::warn("kafka client: {} {}", facility, text);
  } else if (level <= 6) {
    spdlog::info("kafka client: {} {}", facility, text);
  } else {
    spdlog::debug("kafka client: {} {}", facility, text);
  }
}

void on_error(rd_kafka_t* client, int code, const char* reason, void* opaque) {
  auto* health = static_cast<ClientHealth*>(opaque);
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  if (error == RD_KAFKA_RESP_ERR__FATAL) {
    std::array<char, 512> why{};
    rd_kafka_fatal_error(client, why.data(), why.size());
    spdlog::error("kafka client: fatal: {}", why.data());
    health->set_error(std::string("fatal client error: ") + why.data());
    const std::lock_guard lock(g_failed_mutex);
    g_failed = why.data();
    return;
  }
  spdlog::warn("kafka client: {}: {}", rd_kafka_err2name(error), reason);
  // One broker gone is not an outage; none left, or a refused login, is what an operator must see.
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL ||
      error == RD_KAFKA_RESP_ERR__RESOLVE) {
    health->set_error(std::string(rd_kafka_err2str(error)) + ": " + reason);
  }
}

}  // namespace

void attach_callbacks(rd_kafka_conf_t* conf, ClientHealth* health) {
  rd_kafka_conf_set_log_cb(conf, &on_log);
  rd_kafka_conf_set_error_cb(conf, &on_error);
  rd_kafka_conf_set_opaque(conf, health);
}

Result<std::map<std::string, int>> list_topics(rd_kafka_t* client, std::chrono::milliseconds timeout) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(client, 1, nullptr, &metadata, static_cast<int>(timeout.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail(ErrorCode::log_unavailable, std::string("no broker answers: ") + rd_kafka_err2str(error),
                "check kafka.brokers and the network", true);
  }
  std::map<std::string, int> out;
  for (int i = 0; i < metadata->topic_cnt; ++i) out[metadata->topics[i].topic] = metadata->topics[i].partition_cnt;
  rd_kafka_metadata_destroy(metadata);
  return out;
}

std::string failed_client() {
  const std::lock_guard lock(g_failed_mutex);
  return g_failed;
}

std::string version() { return rd_kafka_version_str(); }

}  // namespace foldline::kafka
