#include "sinks/redis/encode.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <optional>

#include "common/prefetch.h"
#include "sinks/redis/errors.h"
#include "sinks/redis/value_text.h"
#include "sinks/rows/stored_row.h"

namespace foldline::redis {

namespace {

// A sum outside of [-2^64, 2^64] can't be brought back into 64 bits by any stored number.
constexpr std::size_t kMaxDeltaChars = 20;
constexpr std::string_view kHint = "widen the field's type, or let the clause `reject` such values";

std::string key_of(const ViewLayout& layout, const FoldedRow& row) {
  std::string out;
  layout.name.append(out, row.key);
  return out;
}

tl::unexpected<Error> misfit(const ViewLayout& layout, const FoldedRow& row, std::string_view what) {
  return fail(ErrorCode::store_rejected, fmt::format("view {}, key {}: {}", layout.schema.name, shown(key_of(layout, row)), what),
              std::string(kHint));
}

// What one field's cell does: the script's operation, and its text. `none`: '.'.
struct Step {
  char op = '.';
  std::string text;
};

// Answers the operation; its text goes into `text`, whose buffer serves row after row.
Result<char> step_of(const ViewLayout& layout, const FoldedRow& row, std::size_t index, std::string& text) {
  constexpr char kNothing = '.';
  const Cell& cell = row.cells[index];
  const FieldLayout& field = layout.fields[index];
  text.clear();
  if (cell.state == CellState::none || cell.value.is_absent()) return kNothing;
  if (cell.state == CellState::merge && cell.value.is_null()) return kNothing;
  append_text(text, cell.value, field.type);
  if (cell.state == CellState::set) return cell.value.is_null() ? 'z' : 's';
  const bool whole = field.merging == Merging::whole;
  char op = kNothing;
  switch (cell.op) {
    case Op::add: op = whole ? 'a' : kNothing; break;
    case Op::min: op = whole ? 'm' : 'M'; break;
    case Op::max: op = whole ? 'x' : 'X'; break;
    case Op::set: op = 's'; break;
    case Op::append:
    case Op::remove: break;
  }
  if (op == kNothing || field.merging == Merging::none) {
    return fail(ErrorCode::internal, fmt::format("view {}, field {}: `{}` came to a view whose rows are not read first", layout.schema.name,
                                                 field.name, to_string(cell.op)));
  }
  if (whole && text.size() > kMaxDeltaChars + (text.front() == '-' ? 1 : 0)) {
    return misfit(layout, row, fmt::format("field {}: {} does not fit in 64 bits", field.name, text));
  }
  return op;
}

// A row that starts anew holds what its cells make of the defaults; nothing that is stored counts.
Result<std::vector<Step>> steps_from_scratch(const ViewLayout& layout, const FoldedRow& row) {
  const auto fresh = rows::apply(layout.schema, nullptr, row);
  if (!fresh) return misfit(layout, row, fresh.error().message);
  std::vector<Step> out(layout.fields.size());
  Arena arena;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Value value = (*fresh)->fields[i].view(arena);
    if (value.is_null() || value.is_absent()) continue;
    out[i].op = 's';
    append_text(out[i].text, value, layout.fields[i].type);
  }
  return out;
}

// The one field of a counter or a sorted set. Operations as in the script, `z` and an untouched row spelled out.
Result<Step> single_step(const ViewLayout& layout, const FoldedRow& row) {
  if (row.base == RowBase::erase) return Step{'d', ""};
  if (row.base == RowBase::reset) {
    auto steps = steps_from_scratch(layout, row);
    if (!steps) return fail(steps.error());
    Step& step = steps->front();
    step.op = step.op == 's' ? 'S' : 'd';
    return step;
  }
  Step out;
  const auto op = step_of(layout, row, 0, out.text);
  if (!op) return fail(op.error());
  if (*op == 'z') return Step{'d', ""};
  if (*op == '.') return Step{'e', layout.fields[0].default_text};
  out.op = *op;
  return out;
}

std::string optional_text(bool there, std::string_view text) { return there ? "=" + std::string(text) : "-"; }

// Scores are doubles: what they can't hold exactly is refused, and what is no number.
Result<void> check_score(const ViewLayout& layout, const FoldedRow& row, const Step& step) {
  const Type& type = layout.fields[0].type;
  if (step.op == 'd' || step.text.empty()) return {};
  if (type.kind == TypeKind::floating) {
    const double value = row.cells[0].value.is(Kind::floating) ? row.cells[0].value.as_double() : 0;
    if (!std::isfinite(value)) return misfit(layout, row, "the score is no finite number");
    return {};
  }
  const auto number = parse_int64(step.text);
  if (!number || *number > kMaxScore || *number < -kMaxScore) {
    return misfit(layout, row, fmt::format("{} is past 2^53, and a sorted set's scores are exact up to there only", step.text));
  }
  return {};
}

}  // namespace

void write_script(Request& out, std::string_view sha1, std::initializer_list<const ScriptInput*> parts) {
  std::size_t keys = 0;
  std::size_t words = 0;
  for (const ScriptInput* part : parts) keys += part->keys.count, words += part->words.count;
  out.begin(3 + keys + words).add("EVALSHA").add(sha1).add(static_cast<std::int64_t>(keys));
  for (const ScriptInput* part : parts) out.add_encoded(part->keys.bytes);
  for (const ScriptInput* part : parts) out.add_encoded(part->words.bytes);
}

void encode_partitions(const CommitBatch& batch, const SystemKeys& keys, ScriptInput& out) {
  for (const PartitionCommit& part : batch.partitions) out.keys.add(keys.checkpoint(*part.topic_partition));
  for (const PartitionCommit& part : batch.partitions) out.keys.add(keys.ids(*part.topic_partition));
  Words& words = out.words;
  words.add(static_cast<std::int64_t>(batch.partitions.size()));
  words.add(batch.owner.to_string());
  words.add(batch.batch_id.to_string());
  for (const PartitionCommit& part : batch.partitions) {
    const Checkpoint& after = part.after;
    if (part.expected_missing) {
      words.add(std::string_view());
    } else {
      words.add(part.expected_offset);
    }
    words.add(after.next_offset);
    words.add(after.topic_id);
    words.add(std::int64_t{after.leader_epoch});
    words.add(after.anchor_offset);
    words.add(std::string_view(std::to_string(after.anchor_hash)));
    words.add(after.max_event_time_us);
    const bool tail = part.tail_first_offset >= 0;
    words.add(part.ids);
    words.add((tail ? "+" : "=") + padded(tail ? part.tail_first_offset : part.ids_first_offset));
    const bool rewound = !part.expected_missing && after.next_offset < part.expected_offset;
    words.add(rewound ? padded(after.next_offset) : std::string());
    words.add(part.trim_ids_below >= 0 ? padded(part.trim_ids_below) : std::string());
  }
}

std::string_view expiry_word(const ViewLayout& layout) {
  switch (layout.expiry) {
    case Expiry::none: return "n";
    case Expiry::newest_event: return "g";
    case Expiry::key_part:
    case Expiry::field: return "p";
  }
  return "n";
}

std::string expires_at(const ViewLayout& layout, const FoldedRow& row) {
  if (layout.expiry == Expiry::key_part) return std::to_string(expire_at_ms(layout, row.key[layout.expire_from]));
  if (row.newest_event_time_us == std::numeric_limits<std::int64_t>::min()) return {};
  return std::to_string(expire_at_ms(layout, row.newest_event_time_us));
}

Result<void> RowEncoder::encode(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out) {
  switch (layout.kind) {
    case KeyKind::counter: return encode_counters(layout, rows, out);
    case KeyKind::hash: return encode_hashes(layout, rows, out);
    case KeyKind::sorted_set:
    case KeyKind::set: return encode_members(layout, rows, out);
    case KeyKind::json: break;
  }
  return fail(ErrorCode::internal, "a json view's rows are read first");
}

namespace {

constexpr std::int64_t kMostKnownAdd = 999'999'999'999'999;  // far inside of 64 bits

// What most counters get: a whole number added to the row as it is.
std::optional<std::int64_t> plain_addition(const FoldedRow& row) {
  const Cell& cell = row.cells[0];
  const bool plain = row.base == RowBase::keep && cell.state == CellState::merge && cell.op == Op::add && cell.value.is(Kind::integer);
  return plain ? std::optional(cell.value.as_int()) : std::nullopt;
}

}  // namespace

// Taken back by adding the opposite, so the value must have one; and a key that is not there after all must begin at nothing.
bool RowEncoder::may_add_unseen(const ViewLayout& layout) const {
  const FieldLayout& field = layout.fields[0];
  return known_ != nullptr && layout.expiry == Expiry::none && (!field.has_default || field.default_text == "0");
}

// Names first: the table of known counters is larger than the processor's caches, and so its misses overlap.
void RowEncoder::name_counters(const ViewLayout& layout, std::span<FoldedRow* const> rows) {
  text_.clear();
  names_.clear();
  constexpr std::size_t kAhead = 8;  // rows lie apart in memory, their keys and cells too
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const FoldedRow* row = rows[i];
    if (i + 2 * kAhead < rows.size()) prefetch_read(rows[i + 2 * kAhead]);
    if (i + kAhead < rows.size()) {
      prefetch_read(rows[i + kAhead]->key);
      prefetch_read(rows[i + kAhead]->cells);
    }
    const std::size_t begin = text_.size();
    layout.name.append(text_, row->key);
    const std::size_t size = text_.size() - begin;
    const std::uint64_t hash = known_ != nullptr ? KnownCounters::hash_of(std::string_view(text_).substr(begin, size)) : 0;
    if (known_ != nullptr) known_->prefetch(hash);
    names_.push_back({begin, size, hash});
  }
}

// Rows of one operation stand together: one word a row less for the server to take apart.
Result<void> RowEncoder::encode_counters(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out) {
  name_counters(layout, rows);
  group_numbers_.clear();
  group_count_ = 0;
  ones_.clear();
  sums_.clear();
  const bool unseen = may_add_unseen(layout);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Name& place = names_[i];
    const std::string_view name = std::string_view(text_).substr(place.begin, place.size);
    const auto added = unseen ? plain_addition(*rows[i]) : std::nullopt;
    if (added && *added >= -kMostKnownAdd && *added <= kMostKnownAdd && known_->has(place.hash)) {
      Group& group = *added == 1 ? ones_ : sums_;
      ++group.rows;
      group.keys.add(name);
      if (*added != 1) group.words.add(*added);
      continue;
    }
    if (auto ok = add_counter(layout, *rows[i], name); !ok) return ok;
    if (known_ != nullptr && layout.expiry == Expiry::none) notes_->note(place.hash, last_shape() != 'd');
  }
  for (std::size_t g = 0; g < group_count_; ++g) {
    const FieldLayout& field = layout.fields[0];
    out.words.add("C");
    out.words.add(static_cast<std::int64_t>(groups_[g].rows));
    out.words.add(expiry_word(layout));
    out.words.add(groups_[g].shape);
    out.words.add(optional_text(field.has_default, field.default_text));
    out.words.add_all(groups_[g].words);
    out.keys.add_all(groups_[g].keys);
  }
  add_known(ones_, "I", layout, out);
  add_known(sums_, "A", layout, out);
  return {};
}

void RowEncoder::add_known(const Group& group, std::string_view what, const ViewLayout& layout, ScriptInput& out) {
  if (group.rows == 0) return;
  out.words.add(what);
  out.words.add(static_cast<std::int64_t>(group.rows));
  out.words.add(expiry_word(layout));
  out.words.add_all(group.words);
  out.keys.add_all(group.keys);
}

Result<void> RowEncoder::add_counter(const ViewLayout& layout, const FoldedRow& row, std::string_view name) {
  const auto step = single_step(layout, row);
  if (!step) return fail(step.error());
  shape_.assign(1, step->op);
  Group& group = group_of(shape_);
  ++group.rows;
  group.keys.add(name);
  if (step->op != 'd') group.words.add(step->text);
  if (layout.expiry != Expiry::none) group.words.add(expires_at(layout, row));
  return {};
}

RowEncoder::Group& RowEncoder::group_of(const std::string& shape) {
  if (group_count_ > 0 && groups_[last_group_].shape == shape) return groups_[last_group_];  // rows of one shape are the rule
  const auto [found, is_new] = group_numbers_.try_emplace(shape, group_count_);
  if (is_new) {
    if (group_count_ == groups_.size()) groups_.emplace_back();
    Group& group = groups_[group_count_++];
    group.clear();
    group.shape = shape;
  }
  last_group_ = found->second;
  return groups_[last_group_];
}

Result<void> RowEncoder::add_hash(const ViewLayout& layout, const FoldedRow& row) {
  shape_.assign(1, row.base == RowBase::keep ? 'k' : (row.base == RowBase::reset ? 'r' : 'd'));
  row_words_.clear();
  if (row.base == RowBase::reset) {
    const auto fresh = steps_from_scratch(layout, row);
    if (!fresh) return fail(fresh.error());
    for (const Step& step : *fresh) {
      shape_ += step.op;
      if (step.op != '.') row_words_.add(step.text);
    }
  }
  for (std::size_t i = 0; row.base == RowBase::keep && i < layout.fields.size(); ++i) {
    const auto op = step_of(layout, row, i, text_);
    if (!op) return fail(op.error());
    shape_ += *op;
    if (*op != '.' && *op != 'z') row_words_.add(text_);
  }
  Group& group = group_of(shape_);
  ++group.rows;
  text_.clear();
  layout.name.append(text_, row.key);
  group.keys.add(text_);
  group.words.add_all(row_words_);
  if (layout.expiry != Expiry::none) group.words.add(expires_at(layout, row));
  return {};
}

Result<void> RowEncoder::encode_hashes(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out) {
  group_numbers_.clear();
  group_count_ = 0;
  for (const FoldedRow* row : rows) {
    if (auto ok = add_hash(layout, *row); !ok) return ok;
  }
  for (std::size_t g = 0; g < group_count_; ++g) {
    const Group& group = groups_[g];
    const std::string_view ops = std::string_view(group.shape).substr(1);
    const bool keeps = group.shape.front() == 'k';
    Words fields;
    Words defaults;
    for (std::size_t i = 0; i < layout.fields.size(); ++i) {
      const FieldLayout& field = layout.fields[i];
      if (i < ops.size() && ops[i] != '.') {
        fields.add(field.name);
        fields.add(ops.substr(i, 1));
        fields.add(optional_text(field.has_default, field.default_text));
        fields.add(field.least);
        fields.add(field.greatest);
      } else if (keeps && field.has_default) {
        defaults.add(field.name);
        defaults.add(field.default_text);
      }
    }
    out.words.add("H");
    out.words.add(static_cast<std::int64_t>(group.rows));
    out.words.add(expiry_word(layout));
    out.words.add(std::string_view(group.shape).substr(0, 1));
    out.words.add(static_cast<std::int64_t>(fields.count / 5));
    out.words.add(static_cast<std::int64_t>(defaults.count / 2));
    out.words.add_all(fields);
    out.words.add_all(defaults);
    out.words.add_all(group.words);
    out.keys.add_all(group.keys);
  }
  return {};
}

// Rows that differ in `member` only share a key, and the key has one time to live.
Result<void> RowEncoder::encode_members(const ViewLayout& layout, std::span<FoldedRow* const> rows, ScriptInput& out) {
  struct Key {
    std::string name;
    std::vector<const FoldedRow*> rows;
  };
  std::vector<Key> keys;
  std::unordered_map<std::string, std::size_t> numbers;
  for (const FoldedRow* row : rows) {
    text_.clear();
    layout.name.append(text_, row->key);
    const auto [found, is_new] = numbers.try_emplace(text_, keys.size());
    if (is_new) keys.push_back({text_, {}});
    keys[found->second].rows.push_back(row);
  }
  const bool scored = layout.kind == KeyKind::sorted_set;
  const auto member = static_cast<std::size_t>(layout.member);
  out.words.add(scored ? "Z" : "S");
  out.words.add(static_cast<std::int64_t>(keys.size()));
  out.words.add(expiry_word(layout));
  if (scored) out.words.add(optional_text(layout.fields[0].has_default, layout.fields[0].default_text));
  for (const Key& key : keys) {
    out.keys.add(key.name);
    out.words.add(static_cast<std::int64_t>(key.rows.size()));
    std::string expiry;
    std::int64_t newest_us = std::numeric_limits<std::int64_t>::min();
    for (const FoldedRow* row : key.rows) {
      Step step{row->base == RowBase::erase ? 'd' : 's', ""};
      if (scored) {
        auto scored_step = single_step(layout, *row);
        if (!scored_step) return fail(scored_step.error());
        step = std::move(*scored_step);
        if (step.op == 'S') step.op = 's';
        if (auto ok = check_score(layout, *row, step); !ok) return ok;
      }
      out.words.add(std::string_view(&step.op, 1));
      out.words.add(to_text(row->key[member], layout.schema.key[member].type));
      if (scored) out.words.add(step.text);
      if (row->newest_event_time_us >= newest_us) {
        newest_us = row->newest_event_time_us;
        expiry = expires_at(layout, *row);
      }
    }
    if (layout.expiry != Expiry::none) out.words.add(expiry);
  }
  return {};
}

Result<void> EncodedBatch::encode(std::span<const ViewLayout> layouts, std::span<const ViewRows> views, const KnownCounters& known) {
  rows_.clear();
  notes_.clear();
  encoder_.use(known, notes_);
  for (const ViewRows& view : views) {
    if (view.view >= layouts.size()) {
      return fail(ErrorCode::internal, fmt::format("a batch names view {} of {}", view.view, layouts.size()));
    }
    const ViewLayout& layout = layouts[view.view];
    if (layout.compared || view.rows.empty()) continue;
    if (auto ok = encoder_.encode(layout, view.rows, rows_); !ok) return ok;
  }
  return {};
}

}  // namespace foldline::redis
