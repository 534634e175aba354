#include <fmt/format.h>

#include "cmd/foldline/dlq.h"
#include "cmd/foldline/dlq_json.h"
#include "common/json.h"
#include "common/time.h"
#include "config/mask.h"

namespace foldline {

namespace {

// What may be shown of the event: JSON, or a sentence.
struct Shown {
  std::string json;
  std::string sentence;
};

// `redactor`: as the file says now; a letter may be older than its `redact`.
Shown shown_event(const OriginalEvent& event, const std::string& encoding, const Redactor& redactor) {
  if (encoding == "pointer")
    return {"", "the letter does not hold it (too large, or not readable enough to be redacted): it stands at its position"};
  if (encoding == "null") return {"", "null"};
  if (!event.value) return {"", "the letter can't be read"};
  if (encoding == "redacted") return {*event.value, ""};
  if (redactor) {
    const auto redacted = encoding == "json" ? redactor(*event.value) : std::nullopt;
    return redacted ? Shown{*redacted, ""} : Shown{"", "hidden, because its source has redacted paths"};
  }
  if (encoding == "json") return {*event.value, ""};
  return {"", "no JSON: " + readable(*event.value)};
}

std::string described(const LetterHistory& entry) {
  if (entry.record.letter) {
    const LetterSummary& letter = *entry.record.letter;
    return fmt::format("{}  failed ({}): {}", format_timestamp(letter.failed_at_us),
                       letter.retry_count == 0 ? "first try" : fmt::format("retry {}", letter.retry_count),
                       config::printable(letter.reason));
  }
  const LetterMark& mark = *entry.record.mark;
  return fmt::format("{}  {} by {}{}", format_timestamp(mark.at_us), to_string(mark.state), config::printable(mark.by),
                     mark.because.empty() ? "" : ": " + config::printable(mark.because));
}

void print_line(std::ostream& out, const char* name, const std::string& value) {
  if (!value.empty()) out << fmt::format("{:<12}{}\n", name, config::printable(value));
}

void print_letter(const LetterSummary& letter, LetterState state, const OriginalEvent& event, const Shown& shown, std::ostream& out) {
  print_line(out, "letter", letter.letter_id);
  print_line(out, "state", fmt::format("{}, retries {}", to_string(state), letter.retry_count));
  print_line(out, "position",
             fmt::format("topic {}, partition {}, offset {}, of {}", letter.topic_partition.topic, letter.topic_partition.partition,
                         letter.offset, format_timestamp(letter.timestamp_us)));
  print_line(out, "key", letter.key ? readable(*letter.key) : "null");
  print_line(out, "type", letter.event_type);
  print_line(out, "event ID", letter.event_id);
  print_line(out, "correlation", letter.correlation_id);
  for (const auto& [name, value] : event.headers) print_line(out, "header", readable(name) + ": " + (value ? readable(*value) : "null"));
  print_line(out, "failed at", format_timestamp(letter.failed_at_us));
  print_line(out, "stage", letter.stage);
  print_line(out, "reason", letter.reason);
  print_line(out, "error", letter.error);
  if (shown.json.empty()) {
    print_line(out, "event", shown.sentence);
    return;
  }
  out << "event\n";
  std::string text = indented_json(shown.json, "  ");
  for (std::size_t at = 0; at < text.size();) {  // line by line: its line ends are ours, every other control character is not
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out << config::printable(std::string_view(text).substr(at, end - at)) << '\n';
    at = end + 1;
  }
}

void add_text(std::string& out, const char* name, const std::string& value) {
  out += fmt::format(",\"{}\":", name);
  append_json_string(out, value);
}

std::string letter_as_json(const LetterSummary& letter, LetterState state, const Shown& shown, const std::vector<LetterHistory>& history) {
  std::string out = "{\"letterId\":";
  append_json_string(out, letter.letter_id);
  add_text(out, "state", std::string(to_string(state)));
  out +=
      fmt::format(",\"retryCount\":{},\"partition\":{},\"offset\":{}", letter.retry_count, letter.topic_partition.partition, letter.offset);
  add_text(out, "topic", letter.topic_partition.topic);
  add_text(out, "timestamp", format_timestamp(letter.timestamp_us));
  add_text(out, "failedAt", format_timestamp(letter.failed_at_us));
  add_text(out, "stage", letter.stage);
  add_text(out, "reason", letter.reason);
  add_text(out, "error", letter.error);
  add_text(out, "eventType", letter.event_type);
  add_text(out, "eventId", letter.event_id);
  add_text(out, "correlationId", letter.correlation_id);
  out += ",\"key\":";
  if (letter.key) {
    append_json_string(out, readable(*letter.key));
  } else {
    out += "null";
  }
  add_text(out, "encoding", letter.encoding);
  out += ",\"originalEvent\":";
  if (shown.json.empty()) {
    append_json_string(out, shown.sentence);
  } else {
    out += shown.json;
  }
  out += ",\"history\":[";
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, described(history[i]));
  }
  return out + "]}";
}

}  // namespace

int show_letter(const DlqOptions& options, std::ostream& out, std::ostream& err) {
  const Projection projection = load_projection(options.file, options.shared, err);
  if (projection == nullptr) return 1;
  auto letters = DeadLetters::open(projection);
  if (!letters) return complain(err, letters.error());
  const std::string& id = options.filter.ids.at(0);
  const auto history = (*letters)->read_history(id, err);
  if (!history) return complain(err, history.error());
  LetterFilter only;
  only.ids = {id};
  only.all = true;
  const std::vector<LetterHead> heads = chosen(only, (*letters)->index());
  if (heads.empty()) {
    return complain(err, {ErrorCode::config, "there is no letter " + config::printable(id),
                          "`foldline dlq list --all --ids` prints the IDs; the topic's retention may have taken it away", false});
  }
  const Redactor redactor = redactor_of_topic(projection, (*letters)->index().name(heads[0].topic));
  bool found = false;
  auto read = (*letters)->bodies(heads, [&](std::size_t, std::string_view text) -> Result<void> {
    const auto letter = read_letter(text);
    if (!letter) return fail(letter.error());
    const auto event = read_original(text);
    if (!event) return fail(event.error());
    const Shown shown = shown_event(*event, letter->encoding, redactor);
    found = true;
    if (options.json) {
      out << letter_as_json(*letter, heads[0].state, shown, *history) << '\n';
      return {};
    }
    print_letter(*letter, heads[0].state, *event, shown, out);
    out << "history\n";
    for (const LetterHistory& entry : *history) out << "  " << described(entry) << '\n';
    return {};
  });
  if (!read) return complain(err, read.error());
  if (!found) return complain(err, {ErrorCode::log_lost, "the letter has left its topic meanwhile", "", false});
  return 0;
}

}  // namespace foldline
