#include "tests/unit/engine/fake_projection.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "tests/unit/engine/test_views.h"

namespace foldline::testing {

namespace {

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == '|') {
      out.emplace_back();
    } else {
      out.back().push_back(c);
    }
  }
  out.resize(std::max<std::size_t>(out.size(), 5));
  return out;
}

constexpr std::uint16_t kS = 0;
constexpr std::uint16_t kN = 1;
constexpr std::uint16_t kM = 2;
constexpr std::uint16_t kAt = 3;  // only where a test has added it

// Appends one change with its assignments.
void put(ChangeList& out, Arena& arena, std::uint32_t view, const std::string& key, std::vector<Assignment> assignments,
         RowOp op = RowOp::upsert) {
  Change& change = out.emplace_back();
  change.view = view;
  change.op = op;
  auto* value = arena.array<Value>(1);
  *value = Value::text(arena.copy(key));
  change.key = value;
  change.key_hash = hash_key({value, 1});
  auto* kept = arena.array<Assignment>(assignments.size());
  std::uninitialized_copy(assignments.begin(), assignments.end(), kept);
  change.assignments = {kept, assignments.size()};
}

}  // namespace

std::vector<ViewSchema> projection_views() {
  std::vector<ViewSchema> views;
  views.push_back(view("rows", {field("s", TypeKind::text, {Op::set}), field("n", TypeKind::bigint, {Op::add}),
                                field("m", TypeKind::bigint, {Op::set, Op::add, Op::max})}));
  views.push_back(view("totals", {field("n", TypeKind::bigint, {Op::add})}));
  return views;
}

Result<Decoded> FakeDecoder::decode(const Record& record, Arena& arena, Event& event) {
  if (!record.value) return fail(ErrorCode::decode, "the value is null");
  const std::vector<std::string> parts = split(*record.value);
  auto* slots = arena.array<Value>(kAttributeSlots);
  std::uninitialized_default_construct_n(slots, std::size_t{kAttributeSlots});
  event.slots = {slots, kAttributeSlots};
  std::string id = parts[0];
  const bool undecodable = !id.empty() && id[0] == '!';
  if (undecodable) id.erase(0, 1);
  if (const std::size_t at = id.find('~'); at != std::string::npos) {
    slots[kSlotSource] = Value::text(arena.copy(id.substr(0, at)));
    id.erase(0, at + 1);
  }
  event.id = arena.copy(id);
  if (undecodable) return fail(ErrorCode::decode, "not decodable");
  if (parts[1] == "skip") return Decoded::skipped;
  event.type = arena.copy(parts[1]);
  event.time_us = parts[4].empty() ? record.timestamp_us : std::stoll(parts[4]) * 1'000'000;
  return Decoded::event;
}

Result<void> FakeProjector::project(const Event& event, Arena& arena, ChangeList& out) {
  const std::vector<std::string> parts = split(*event.record->value);
  const std::string& type = parts[1];
  const std::string& key = parts[2];
  const auto number = [&] { return Value::integer(std::stoll(parts[3])); };
  const auto text = [&] { return Value::text(arena.copy(parts[3])); };
  if (type == "bad") {
    put(out, arena, 0, key, {{kS, Op::set, text()}});  // what a failing projector leaves must be ignored
    return fail(ErrorCode::expression, "no such path: data.amount");
  }
  if (type == "reject") return fail(ErrorCode::rejected, "Not enough coins");
  if (type == "set") put(out, arena, 0, key, {{kS, Op::set, text()}});
  if (type == "del") put(out, arena, 0, key, {}, RowOp::erase);
  if (type == "max") put(out, arena, 0, key, {{kM, Op::max, number()}});
  if (type == "addm") put(out, arena, 0, key, {{kM, Op::add, number()}});
  if (type == "setm") put(out, arena, 0, key, {{kM, Op::set, number()}});
  if (type == "at") put(out, arena, 0, key, {{kAt, Op::set, Value::timestamp(std::stoll(parts[3]) * 1'000'000)}});
  if (type == "mix") {
    put(out, arena, 0, key, {{kM, Op::add, number()}});
    put(out, arena, 0, key, {{kM, Op::max, number()}});
  }
  if (type == "add") {
    put(out, arena, 0, key, {{kN, Op::add, number()}});
    put(out, arena, 1, "all", {{0, Op::add, number()}});
  }
  if (type == "poison") {
    put(out, arena, 0, key, {{kS, Op::set, text()}});
    put(out, arena, 0, "poison-" + event.record->topic_partition->to_string() + "-" + std::to_string(event.record->offset), {});
  }
  return {};
}

bool is_poison(const ViewSchema& view, const FoldedRow& row) { return view.name == "rows" && row.key->as_text().substr(0, 7) == "poison-"; }

Result<void> FakeLetters::publish(std::span<const Letter> letters) {
  const std::lock_guard lock(mutex_);
  const bool fails = failing && failing();
  const std::size_t count = fails ? letters.size() / 2 : letters.size();
  letters_.insert(letters_.end(), letters.begin(), letters.begin() + static_cast<std::ptrdiff_t>(count));
  if (fails) return fail(ErrorCode::dead_letter, "the dead-letter topic is away", "", true);
  return {};
}

namespace {
std::string letter_id(const TopicPartition& partition, std::int64_t offset, Stage stage) {
  return partition.to_string() + ":" + std::to_string(offset) + " " +
         std::string(stage == Stage::decode    ? "decode"
                     : stage == Stage::project ? "project"
                                               : "store");
}
}  // namespace

std::set<std::string> FakeLetters::ids() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> out;
  for (const Letter& letter : letters_) out.insert(letter_id(letter.topic_partition, letter.offset, letter.stage));
  return out;
}

void FakeLetters::clear() {
  const std::lock_guard lock(mutex_);
  letters_.clear();
}

std::vector<Letter> FakeLetters::all() const {
  const std::lock_guard lock(mutex_);
  return letters_;
}

namespace {

struct PlainRow {
  std::optional<std::string> s;
  long long n = 0;
  long long m = 0;
  [[nodiscard]] std::string print() const {
    return "s=" + (s ? "'" + *s + "'" : "null") + " n=" + std::to_string(n) + " m=" + std::to_string(m) + " ";
  }
};

// Duplicates: looks back over the partition for the same ID.
bool is_duplicate(const std::vector<FakeRecord>& records, std::size_t at, const std::string& id, std::int64_t window) {
  for (std::size_t i = at; i-- > 0;) {
    if (records[i].offset < records[at].offset - window) return false;
    if (!records[i].value) continue;
    const std::vector<std::string> parts = split(*records[i].value);
    if (parts[1] == "skip" && parts[0][0] != '!') continue;
    if ((parts[0][0] == '!' ? parts[0].substr(1) : parts[0]) == id) return true;
  }
  return false;
}

}  // namespace

ExpectedState ExpectedState::of(const FakeBroker& broker, const std::vector<TopicPartition>& partitions, std::int64_t window,
                                const std::map<TopicPartition, std::int64_t>* ends) {
  ExpectedState out;
  std::map<std::string, PlainRow> rows;
  bool any_total = false;
  long long total = 0;
  for (const TopicPartition& partition : partitions) {
    const std::vector<FakeRecord> records = broker.partition(partition).records;
    for (std::size_t i = 0; i < records.size(); ++i) {
      const std::int64_t offset = records[i].offset;
      if (ends != nullptr && (!ends->contains(partition) || offset >= ends->at(partition))) break;
      if (!records[i].value) {
        out.letters.insert(letter_id(partition, offset, Stage::decode));
        continue;
      }
      const std::vector<std::string> parts = split(*records[i].value);
      const std::string& type = parts[1];
      const std::string& key = parts[2];
      const bool undecodable = parts[0][0] == '!';
      const std::string id = undecodable ? parts[0].substr(1) : parts[0];
      if (!undecodable && type == "skip") continue;
      if (!id.empty() && is_duplicate(records, i, id, window)) continue;
      if (undecodable) {
        out.letters.insert(letter_id(partition, offset, Stage::decode));
      } else if (type == "bad" || type == "reject") {
        out.letters.insert(letter_id(partition, offset, Stage::project));
      } else if (type == "poison" || type == "mix") {
        out.letters.insert(letter_id(partition, offset, Stage::store));
      } else if (type == "set") {
        rows[key].s = parts[3];
      } else if (type == "del") {
        rows.erase(key);
      } else if (type == "max") {
        rows[key].m = std::max(rows[key].m, std::stoll(parts[3]));
      } else if (type == "setm") {
        rows[key].m = std::stoll(parts[3]);
      } else if (type == "addm") {
        rows[key].m += std::stoll(parts[3]);
      } else if (type == "add") {
        rows[key].n += std::stoll(parts[3]);
        total += std::stoll(parts[3]);
        any_total = true;
      }
    }
  }
  for (const auto& [key, row] : rows) out.rows[key] = row.print();
  if (any_total) out.totals["all"] = "n=" + std::to_string(total) + " ";
  return out;
}

std::vector<std::string> ExpectedState::dump_rows() const {
  std::vector<std::string> out;
  for (const auto& [key, row] : rows) out.push_back("'" + key + "' " + row);
  return out;
}

std::vector<std::string> ExpectedState::dump_totals() const {
  std::vector<std::string> out;
  for (const auto& [key, row] : totals) out.push_back("'" + key + "' " + row);
  return out;
}

}  // namespace foldline::testing
