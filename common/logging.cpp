#include "common/logging.h"

#include <simdjson.h>
#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "common/json.h"
#include "common/time.h"

namespace foldline {

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

Fields& process_fields() {
  static Fields fields;
  return fields;
}

Fields& thread_fields() {
  thread_local Fields fields;
  return fields;
}

// Bytes that are no ASCII stay only while they are UTF-8: a JSON line must be JSON.
std::string_view cut(std::string_view value) {
  if (value.size() <= kMaxLogFieldBytes) return value;
  std::size_t end = kMaxLogFieldBytes;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0U) == 0x80U) --end;
  return value.substr(0, end);
}

bool needs_quotes(std::string_view value) {
  return value.empty() ||
         std::any_of(value.begin(), value.end(), [](char c) { return c <= ' ' || c == '"' || c == '\\' || c == ']' || c == '='; });
}

void append_text_fields(std::string& out, const Fields& fields) {
  for (const auto& [name, value] : fields) {
    out += out.empty() ? " [" : " ";
    out += name + "=";
    if (needs_quotes(value)) {
      append_json_string(out, value);
    } else {
      out += value;
    }
  }
}

std::string one_line(std::string_view message) {
  std::string out(message);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

// The process' own fields are for machines: a person who looks at a worker's log knows whose it is.
class TextFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& dest) override {
    const std::string line = one_line(std::string_view(message.payload.data(), message.payload.size()));
    spdlog::details::log_msg copy = message;
    copy.payload = line;
    pattern_.format(copy, dest);
    message.color_range_start = copy.color_range_start;
    message.color_range_end = copy.color_range_end;
    std::string fields;
    append_text_fields(fields, thread_fields());
    if (!fields.empty()) fields += ']';
    fields += '\n';
    dest.append(fields.data(), fields.data() + fields.size());
  }
  [[nodiscard]] std::unique_ptr<formatter> clone() const override { return std::make_unique<TextFormatter>(); }

 private:
  spdlog::pattern_formatter pattern_{"%Y-%m-%dT%H:%M:%S.%fZ %^%-5l%$ %v", spdlog::pattern_time_type::utc, ""};
};

std::string_view level_name(spdlog::level::level_enum level) {
  const auto name = spdlog::level::to_string_view(level);
  const std::string_view text(name.data(), name.size());
  return text == "warning" ? "warn" : text;
}

class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& dest) override {
    const auto since_1970 = std::chrono::duration_cast<std::chrono::microseconds>(message.time.time_since_epoch());
    std::string line = "{\"time\":";
    append_json_string(line, format_timestamp(since_1970.count()));
    line += ",\"level\":";
    append_json_string(line, level_name(message.level));
    line += ",\"message\":";
    append_json_string(line, std::string_view(message.payload.data(), message.payload.size()));
    for (const Fields* fields : {&process_fields(), &thread_fields()}) {
      for (const auto& [name, value] : *fields) {
        line += ',';
        append_json_string(line, name);
        line += ':';
        append_json_string(line, value);
      }
    }
    line += "}\n";
    // A header or a store's message may hold any bytes; a JSON line must be JSON.
    if (!simdjson::validate_utf8(line)) {
      std::replace_if(
          line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80U; }, '?');
    }
    dest.append(line.data(), line.data() + line.size());
  }
  [[nodiscard]] std::unique_ptr<formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

}  // namespace

Result<void> init_logging(const LoggingOptions& options) {
  const spdlog::level::level_enum parsed = spdlog::level::from_str(options.level);
  if (parsed == spdlog::level::off)
    return fail(ErrorCode::config, "unknown log level `" + options.level + "`", "use trace, debug, info, warn or error");
  spdlog::drop("foldline");
  auto logger = spdlog::stderr_color_mt("foldline");
  spdlog::set_default_logger(logger);
  if (options.format == LogFormat::json) {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_formatter(std::make_unique<TextFormatter>());
  }
  spdlog::set_level(parsed);
  spdlog::flush_on(spdlog::level::info);
  return {};
}

void add_log_field(std::string name, std::string value) { process_fields().emplace_back(std::move(name), std::move(value)); }

LogScope::LogScope(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) : before_(thread_fields().size()) {
  for (const auto& [name, value] : fields) {
    if (!value.empty()) thread_fields().emplace_back(name, cut(value));
  }
}

LogScope::~LogScope() { thread_fields().resize(before_); }

}  // namespace foldline
