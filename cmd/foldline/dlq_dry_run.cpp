#include "cmd/foldline/dlq_dry_run.h"

#include <fmt/format.h>

#include <iterator>

#include "common/json.h"
#include "config/mask.h"
#include "sinks/dead_letter/reason.h"

namespace foldline {

namespace {

constexpr std::size_t kMaxShownValueBytes = 60;

// A record as the worker would find it in the replay topic, its bytes in the arena.
Record staged(const kafka::OutgoingRecord& from, const TopicPartition& place, Arena& arena) {
  const auto copied = [&](const std::optional<std::string>& bytes) {
    return bytes ? std::optional(arena.copy(*bytes, kRecordPaddingBytes)) : std::nullopt;
  };
  auto* headers = arena.array<Header>(from.headers.size());
  for (std::size_t i = 0; i < from.headers.size(); ++i) {
    std::construct_at(headers + i, Header{arena.copy(from.headers[i].first), copied(from.headers[i].second)});
  }
  Record out;
  out.topic_partition = &place;
  out.key = copied(from.key);
  out.value = copied(from.value);
  out.headers = {headers, from.headers.size()};
  return out;
}

std::string json_of(const Value& value, bool hidden) {
  if (hidden) return "\"***\"";
  std::string out;
  append_json(out, value);
  return out;
}

std::string shown_value(const Value& value, bool hidden) {
  std::string out = hidden ? "***" : config::printable(json_of(value, false));
  if (out.size() <= kMaxShownValueBytes) return out;
  std::size_t end = kMaxShownValueBytes;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0U) == 0x80U) --end;  // not in the middle of a character
  return out.substr(0, end) + "…";
}

void add_member(std::string& out, bool first, std::string_view name) {
  if (!first) out += ',';
  append_json_string(out, name);
  out += ':';
}

}  // namespace

DryRun::DryRun(const Projection& projection, std::ostream& notes)
    : projection_(projection), decoders_(make_decoders(projection)), projector_(declarative::make_projector(projection)) {
  auto store = open_projection_store(*projection);
  if (store) {
    store_ = std::move(*store);
    if (auto sink = store_->new_sink()) sink_ = std::move(*sink);
  }
  if (sink_ == nullptr) {
    notes << "note: without the store's own checks of values, because it does not answer" << (store ? "" : ": " + store.error().message)
          << '\n';
  }
}

void DryRun::describe(const Change& change, Verdict& verdict, bool hidden) const {
  const ViewSchema& view = projection_->views[change.view];
  std::string text = view.name + " {";
  std::string& json = verdict.changes_json;
  if (!json.empty()) json += ',';
  json += "{\"view\":";
  append_json_string(json, view.name);
  json += ",\"key\":{";
  for (std::size_t i = 0; i < view.key.size(); ++i) {
    text += (i == 0 ? "" : ", ") + view.key[i].name + ": " + shown_value(change.key[i], hidden);
    add_member(json, i == 0, view.key[i].name);
    json += json_of(change.key[i], hidden);
  }
  text += "}: ";
  json += fmt::format("}},\"operation\":\"{}\",\"fields\":{{", change.op == RowOp::erase ? "delete" : "upsert");
  if (change.op == RowOp::erase) text += "delete";
  if (change.op == RowOp::upsert && change.assignments.empty()) text += "make the row";
  for (std::size_t i = 0; i < change.assignments.size(); ++i) {
    const Assignment& assignment = change.assignments[i];
    const std::string& field = view.fields[assignment.field].name;
    text += fmt::format("{}{} {} = {}", i == 0 ? "" : "; ", to_string(assignment.op), field, shown_value(assignment.value, hidden));
    add_member(json, i == 0, field);
    fmt::format_to(std::back_inserter(json), "{{\"{}\":{}}}", to_string(assignment.op), json_of(assignment.value, hidden));
  }
  json += "}}";
  verdict.changes.push_back(std::move(text));
}

Result<void> DryRun::project(const Record& record, Verdict& verdict, std::string& stage, bool hidden) {
  Event event;
  stage = to_string(Stage::decode);
  auto decoded = decoders_.back()->decode(record, arena_, event);
  if (!decoded) return fail(std::move(decoded.error()));
  if (*decoded == Decoded::skipped) {
    verdict.outcome = Verdict::Outcome::skipped;
    return {};
  }
  stage = to_string(Stage::project);
  ChangeList changes;
  if (auto projected = projector_->project(event, arena_, changes); !projected) return projected;
  stage = to_string(Stage::store);
  for (const Change& change : changes) {
    Result<void> fits = sink_ == nullptr ? Result<void>() : sink_->check(projection_->views[change.view], change);
    if (!fits && hidden)
      return fail(ErrorCode::store_rejected, "the store rejects it; its words are hidden because the source has redacted paths");
    if (!fits) return fits;
  }
  for (const Change& change : changes) describe(change, verdict, hidden);
  return {};
}

Verdict DryRun::judge(const LetterIndex& index, const Original& original) {
  Verdict out;
  if (!original.missing.empty()) {
    out.outcome = Verdict::Outcome::missing;
    out.why = original.missing;
    return out;
  }
  arena_.reset();
  const TopicPartition place{replay_topic(projection_->file), 0};
  const Record record = staged(replay_record(projection_, index, original), place, arena_);
  const bool hidden = static_cast<bool>(redactor_of_topic(projection_, index.name(original.head.topic)));
  if (auto projected = project(record, out, out.stage, hidden); !projected) {
    out.outcome = Verdict::Outcome::fails;
    out.reason = letter_reason(projected.error());
    out.why = projected.error().message;
    if (!projected.error().hint.empty()) out.why += " (" + projected.error().hint + ")";
    out.changes.clear();
    out.changes_json.clear();
  }
  return out;
}

std::string to_json(const std::string& letter_id, const Verdict& verdict) {
  std::string out = "{\"letterId\":";
  append_json_string(out, letter_id);
  switch (verdict.outcome) {
    case Verdict::Outcome::passes: return out + ",\"outcome\":\"passes\",\"changes\":[" + verdict.changes_json + "]}";
    case Verdict::Outcome::skipped: return out + ",\"outcome\":\"skipped\"}";
    case Verdict::Outcome::fails: out += ",\"outcome\":\"fails\",\"stage\":\"" + verdict.stage + "\",\"error\":"; break;
    case Verdict::Outcome::missing: out += ",\"outcome\":\"missing\",\"error\":"; break;
  }
  append_json_string(out, verdict.why);
  return out + "}";
}

void print(const std::string& letter_id, const Verdict& verdict, std::ostream& out) {
  const std::string id = config::printable(letter_id);
  switch (verdict.outcome) {
    case Verdict::Outcome::passes:
      out << id << "  passes" << (verdict.changes.empty() ? "; no view takes it" : "") << '\n';
      for (const std::string& change : verdict.changes) out << "    " << change << '\n';
      break;
    case Verdict::Outcome::skipped: out << id << "  passes; the source's `when` leaves it out\n"; break;
    case Verdict::Outcome::fails: out << id << "  fails again, " << verdict.stage << ": " << config::printable(verdict.why) << '\n'; break;
    case Verdict::Outcome::missing: out << id << "  can't be replayed: " << config::printable(verdict.why) << '\n'; break;
  }
}

}  // namespace foldline
