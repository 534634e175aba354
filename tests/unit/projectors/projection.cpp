#include "tests/unit/projectors/projection.h"

#include <fstream>
#include <stdexcept>

#include "common/json.h"
#include "common/time.h"

namespace foldline {
namespace {

std::string print_value(const Value& value) {
  switch (value.kind()) {
    case Kind::text: return std::string(value.as_text());
    case Kind::absent: return "(absent)";
    default: break;
  }
  std::string out;
  append_json(out, value);
  if (out.size() > 1 && out.front() == '"') out = out.substr(1, out.size() - 2);
  return out;
}

constexpr std::string_view kHead =
    "projection: test\nstore: {postgres: {url: 'postgres://localhost/test'}}\nkafka: {brokers: 'localhost:9092'}\n";

}  // namespace

Projection::Projection(std::string yaml) {
  if (!yaml.starts_with("projection:")) yaml.insert(0, kHead);
  config::LoadOptions options;
  options.environment = [](const std::string&) { return std::nullopt; };
  compile(yaml, "test.yaml", options);
}

Projection::Projection(const std::filesystem::path& file, std::map<std::string, std::string> environment) {
  std::ifstream in(file);
  const std::string yaml{std::istreambuf_iterator<char>(in), {}};
  config::LoadOptions options;
  options.environment = [environment = std::move(environment)](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  };
  compile(yaml, file.string(), options);
}

void Projection::compile(const std::string& yaml, const std::string& path, const config::LoadOptions& options) {
  config::Diagnostics diagnostics;
  const auto file = config::load_projection_text(yaml, path, options, diagnostics);
  if (file) plan_ = declarative::compile(*file, diagnostics);
  diagnostics.sort();
  for (const config::Diagnostic& d : diagnostics.all()) {
    findings_ += std::to_string(d.at.line) + ":" + std::to_string(d.at.column) +
                 (d.severity == config::Severity::error ? " error: " : " warning: ") + d.message +
                 (d.hint.empty() ? "" : " (" + d.hint + ")") + "\n";
  }
  if (!plan_) return;
  for (std::size_t i = 0; i < plan_->sources.size(); ++i) decoders_.push_back(declarative::make_decoder(plan_, i));
  projector_ = declarative::make_projector(plan_);
}

bool Projection::decode(const TestRecord& from, std::string& answer) {
  if (!plan_) throw std::runtime_error("the projection does not compile:\n" + findings_);
  Record& record = records_.emplace_back();
  const auto keep = [this](const std::string& text) -> std::string_view { return texts_.emplace_back(text); };
  record.topic_partition = &partitions_.emplace_back(TopicPartition{from.topic, from.partition});
  record.offset = from.offset;
  record.timestamp_us = from.timestamp_us;
  if (from.key) record.key = keep(*from.key);
  if (from.value) record.value = bytes_.emplace_back(*from.value).view();
  std::vector<Header>& headers = headers_.emplace_back();
  for (const auto& [name, value] : from.headers) {
    headers.push_back({keep(name), value ? std::optional<std::string_view>(keep(*value)) : std::nullopt});
  }
  record.headers = headers;
  const Result<Decoded> decoded = decoders_[from.source]->decode(record, arena_, event_);
  if (!decoded) {
    error_ = decoded.error();
    answer = "decode: " + error_.message;
    return false;
  }
  if (*decoded == Decoded::skipped) {
    answer = "skipped";
    return false;
  }
  return true;
}

std::string Projection::event(const TestRecord& record) {
  std::string answer;
  if (!decode(record, answer)) return answer;
  answer = std::string(event_.type) + " id=" + std::string(event_.id) + " at " + format_timestamp(event_.time_us);
  if (!event_.correlation_id.empty()) answer += " correlation=" + std::string(event_.correlation_id);
  for (const auto& [slot, name] : {std::pair{kSlotKey, "key"}, {kSlotSource, "source"}, {kSlotSchemaVersion, "version"}}) {
    const Value& value = event_.slots[slot];
    if (!value.is_absent() && !value.is_null()) answer += " " + std::string(name) + "=" + print_value(value);
  }
  return answer;
}

std::string Projection::print(const Change& change) const {
  const ViewSchema& view = plan_->views[change.view];
  std::string out = view.name + "[";
  for (std::size_t i = 0; i < view.key.size(); ++i) out += (i > 0 ? ", " : "") + print_value(change.key[i]);
  out += "]";
  if (change.op == RowOp::erase) {
    out += " delete";
    if (change.deleted_at_us != 0) out += " at " + format_timestamp(change.deleted_at_us);
  }
  bool first = true;
  for (const Assignment& assignment : change.assignments) {
    out += first ? " " : ", ";
    first = false;
    out += std::string(to_string(assignment.op)) + " " + view.fields[assignment.field].name + "=" + print_value(assignment.value);
  }
  return out;
}

std::string Projection::changes(const TestRecord& record) {
  changes_.clear();
  std::string answer;
  if (!decode(record, answer)) return answer;
  const Result<void> projected = projector_->project(event_, arena_, changes_);
  if (!projected) {
    error_ = projected.error();
    return "project: " + error_.message;
  }
  for (const Change& change : changes_) answer += (answer.empty() ? "" : "; ") + print(change);
  return answer;
}

std::string Projection::redacted(std::string_view value) const {
  const auto redactor = declarative::make_redactor(plan_, 0);
  return redactor ? redactor(value).value_or("(nothing)") : "(no redactor)";
}

std::vector<std::string> data_lines(const std::string& name) {
  std::ifstream in(std::string(FOLDLINE_TEST_DATA) + "/" + name);
  if (!in) throw std::runtime_error("no test data " + name);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace foldline
