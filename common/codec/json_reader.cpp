#include <simdjson.h>

#include <cstring>
#include <vector>

#include "common/codec/json_plan.h"
#include "common/codec/json_shape.h"
#include "common/codec/json_text.h"
#include "common/record.h"

namespace foldline::codec {

namespace ondemand = simdjson::ondemand;

namespace {

static_assert(kRecordPaddingBytes >= simdjson::SIMDJSON_PADDING, "records must be padded as far as simdjson reads");

// JSON in a text in a JSON in a text: nobody nests deeper, and each level costs a parser.
constexpr std::size_t kMaxEmbeddedLevels = 4;
// A parser that once read a huge record is given back, or every lane would keep about 6 bytes for each of its bytes.
constexpr std::size_t kKeepParserBytes = 1024 * 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string in_bytes(std::size_t position) { return " (byte " + std::to_string(position) + ")"; }

}  // namespace

Error describe_bad_json(std::string_view bytes) {
  if (trim_json(bytes).empty()) return {ErrorCode::decode, "empty value", "a record without a value must have a null value", false};
  if (bytes.size() > kMaxRecordBytes) {
    return {ErrorCode::decode, "the record has " + std::to_string(bytes.size()) + " bytes, the limit is " + std::to_string(kMaxRecordBytes),
            "keep large objects outside of the log and send their place", false};
  }
  if (const auto position = invalid_utf8(bytes)) {
    return {ErrorCode::decode, "not UTF-8" + in_bytes(*position), "JSON text is UTF-8 (RFC 8259 section 8.1)", false};
  }
  if (const auto problem = check_json(bytes)) {
    return {ErrorCode::decode, "not JSON: " + problem->message + in_bytes(problem->position), {}, false};
  }
  return {ErrorCode::decode, "not JSON that can be read", {}, false};
}

struct JsonReader::Impl {
  std::vector<std::unique_ptr<ondemand::parser>> parsers;  // one a level of embedding
  JsonShapes shapes = JsonShapes::learned;
  std::vector<std::pair<std::uint64_t, std::unique_ptr<JsonShape>>> shape_of_plan;  // by the plan's identity

  // Of the record in hand.
  const JsonPlan* plan = nullptr;
  std::span<Value> slots;
  Arena* arena = nullptr;
  bool failed = false;
  Error error;
  std::string_view before;  // the text of Debezium's `before`, read only when there is no `after`
  bool has_row = false;

  // Of the document in hand (the record, or a text inside it).
  struct Document {
    const char* readable_end = nullptr;  // the end of the padding: how far a comparison of keys may look
    bool has_escapes = false;
    std::size_t level = 0;
  };

  bool stop(Error why) {
    if (!failed) error = std::move(why);
    failed = true;
    return false;
  }
  bool bad_json(std::string_view bytes, std::string_view where) {
    Error why = describe_bad_json(bytes);
    if (!where.empty()) why.message = std::string(where) + ": " + why.message;
    return stop(std::move(why));
  }

  void clear(const JsonPlan::Node& node);
  bool read_document(std::string_view bytes, const JsonPlan::Node& node, std::size_t level, std::string_view where, bool may_unwrap);
  bool read_object(ondemand::object object, const JsonPlan::Node& node, const Document& document, bool may_unwrap);
  bool read_leaf(ondemand::value& value, const JsonPlan::Child& child, const Document& document);
  bool read_member(ondemand::value& value, const JsonPlan::Child& child, const Document& document);
  bool read_value(ondemand::value& value, const JsonPlan::Node& node, const Document& document, std::string_view name);
  bool read_scalar_token(std::string_view token, const JsonPlan::Node& node, const Document& document, std::string_view name);
  bool read_container(ondemand::value& value, char bracket, const JsonPlan::Node& node, const Document& document, std::string_view name);
  bool capture(std::string_view raw, std::int32_t slot, std::string_view name);
  const JsonPlan::Child* find(const JsonPlan::Node& node, const char* raw_key, const Document& document, std::size_t& expected);
  static bool same_tail(const JsonPlan::Child& child, const char* raw_key, const Document& document) {
    const std::size_t length = child.key.size();
    if (length < sizeof child.head) return child.plain;
    constexpr std::size_t kHead = sizeof child.head;
    return length < static_cast<std::size_t>(document.readable_end - raw_key) && raw_key[length] == '"' &&
           std::memcmp(raw_key + kHead, child.key.data() + kHead, length - kHead) == 0 && child.plain;
  }
  const JsonPlan::Child* find_escaped(const JsonPlan::Node& node, const char* raw_key, const Document& document);
  ondemand::parser& parser_of(std::size_t level);
  JsonShape* shape_of(const JsonPlan& wanted);
};

// nullptr: the record is not read by its shape.
JsonShape* JsonReader::Impl::shape_of(const JsonPlan& wanted) {
  if (shapes == JsonShapes::off) return nullptr;
  for (const auto& [identity, shape] : shape_of_plan) {
    if (identity == wanted.identity()) return shape->worth_trying() ? shape.get() : nullptr;
  }
  if (shape_of_plan.size() >= kMaxPlans) shape_of_plan.clear();
  shape_of_plan.emplace_back(wanted.identity(), std::make_unique<JsonShape>(wanted));
  return shape_of_plan.back().second->worth_trying() ? shape_of_plan.back().second.get() : nullptr;
}

ondemand::parser& JsonReader::Impl::parser_of(std::size_t level) {
  while (parsers.size() <= level) parsers.push_back(std::make_unique<ondemand::parser>(kMaxRecordBytes));
  return *parsers[level];
}

void JsonReader::Impl::clear(const JsonPlan::Node& node) {
  if (node.slot >= 0) slots[static_cast<std::size_t>(node.slot)] = Value::absent();
  if (node.embedded >= 0) clear(plan->node(static_cast<std::uint32_t>(node.embedded)));
  for (const JsonPlan::Child& child : node.children) clear(plan->node(child.node));
}

// Producers write their members in the same order each time, so the next one expected is tried first.
inline const JsonPlan::Child* JsonReader::Impl::find(const JsonPlan::Node& node, const char* raw_key, const Document& document,
                                                     std::size_t& expected) {
  std::uint64_t head = 0;
  std::memcpy(&head, raw_key, sizeof head);  // within the padding, whatever the key
  const std::size_t count = node.children.size();
  std::size_t at = expected;
  for (std::size_t tried = 0; tried < count; ++tried) {
    if (at >= count) at = 0;
    const JsonPlan::Child& child = node.children[at++];
    if ((head & child.head_mask) != child.head || !same_tail(child, raw_key, document)) continue;
    expected = at;
    return &child;
  }
  return document.has_escapes && count != 0 ? find_escaped(node, raw_key, document) : nullptr;
}

// {"event_typ\u0065": ...} names event_type too.
const JsonPlan::Child* JsonReader::Impl::find_escaped(const JsonPlan::Node& node, const char* raw_key, const Document& document) {
  const char* end = raw_key;
  bool escaped = false;
  while (end < document.readable_end && *end != '"') {
    escaped = escaped || *end == '\\';
    end += *end == '\\' ? 2 : 1;
  }
  if (!escaped || end >= document.readable_end) return nullptr;
  const auto key = unescape({raw_key, static_cast<std::size_t>(end - raw_key)}, *arena);
  if (!key) return nullptr;
  for (const JsonPlan::Child& child : node.children) {
    if (child.key == *key) return &child;
  }
  return nullptr;
}

bool JsonReader::Impl::capture(std::string_view raw, std::int32_t slot, std::string_view name) {
  const std::string_view text = trim_json(raw);
  // It is stored, or parsed by an expression, as it stands: so it must be well formed.
  if (const auto problem = check_json(text)) {
    return stop({ErrorCode::decode,
                 "not JSON: '" + std::string(name) + "': " + problem->message + in_bytes(problem->position) + " of it",
                 {},
                 false});
  }
  slots[static_cast<std::size_t>(slot)] = Value::json(text);
  return true;
}

bool JsonReader::Impl::read_scalar_token(std::string_view token, const JsonPlan::Node& node, const Document& document,
                                         std::string_view name) {
  if (node.slot < 0 && node.embedded < 0) return true;  // a path goes through a scalar: absent
  Value value;
  const ScalarProblem problem = read_scalar(token, value, *arena);
  if (problem == ScalarProblem::out_of_range) {
    return stop(
        {ErrorCode::decode, "'" + std::string(name) + "': the number " + std::string(token.substr(0, 60)) + " is out of range", {}, false});
  }
  if (problem != ScalarProblem::none) {
    const auto why = check_json(token);
    return stop({ErrorCode::decode,
                 "not JSON: '" + std::string(name) + "': " + (why ? why->message : "no value") + " in " + std::string(token.substr(0, 60)),
                 {},
                 false});
  }
  const std::string& absent_text = plan->options().absent_text;
  if (!absent_text.empty() && value.is(Kind::text) && value.as_text() == absent_text) return true;
  if (node.slot >= 0) slots[static_cast<std::size_t>(node.slot)] = value;
  if (node.embedded < 0 || value.is_null()) return true;
  if (!value.is(Kind::text)) {
    return stop({ErrorCode::decode, "'" + std::string(name) + "' is " + describe(value) + ", not a text that holds JSON", {}, false});
  }
  if (document.level + 1 >= kMaxEmbeddedLevels) {
    return stop({ErrorCode::limit, "'" + std::string(name) + "': JSON inside texts is nested too deep", {}, false});
  }
  const std::string_view text = arena->copy(value.as_text(), kRecordPaddingBytes);
  return read_document(text, plan->node(static_cast<std::uint32_t>(node.embedded)), document.level + 1, name, false);
}

bool JsonReader::Impl::read_container(ondemand::value& value, char bracket, const JsonPlan::Node& node, const Document& document,
                                      std::string_view name) {
  if (bracket == '[') {
    if (node.slot < 0) return true;  // skipped by the iteration
    ondemand::array array;
    std::string_view raw;
    if (value.get_array().get(array) != simdjson::SUCCESS || array.raw_json().get(raw) != simdjson::SUCCESS) return false;
    return capture(raw, node.slot, name);
  }
  // Connectors that expand an outbox' payload send an object where others send its text.
  const JsonPlan::Node& inner = node.embedded >= 0 ? plan->node(static_cast<std::uint32_t>(node.embedded)) : node;
  if (node.slot < 0 && inner.slot < 0 && inner.children.empty()) return true;
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return false;
  if (node.slot >= 0 || inner.slot >= 0) {
    std::string_view raw;
    if (object.raw_json().get(raw) != simdjson::SUCCESS) return false;
    if (node.slot >= 0 && !capture(raw, node.slot, name)) return false;
    if (inner.slot >= 0 && inner.slot != node.slot && !capture(raw, inner.slot, name)) return false;
    if (inner.children.empty()) return true;
    if (object.reset().error() != simdjson::SUCCESS) return false;
  }
  return read_object(object, inner, document, false);
}

bool JsonReader::Impl::read_value(ondemand::value& value, const JsonPlan::Node& node, const Document& document, std::string_view name) {
  const std::string_view token = value.raw_json_token();
  const char first = token.empty() ? '\0' : token.front();
  if (first == '{' || first == '[') return read_container(value, first, node, document, name);
  return read_scalar_token(trim_json(token), node, document, name);
}

bool JsonReader::Impl::read_member(ondemand::value& value, const JsonPlan::Child& child, const Document& document) {
  const JsonPlan::Node& node = plan->node(child.node);
  if (!child.is_after && !child.is_before) return read_value(value, node, document, child.key);

  ondemand::object object;
  const std::string_view token = value.raw_json_token();
  if (token.empty() || token.front() != '{') return read_value(value, node, document, child.key);
  if (value.get_object().get(object) != simdjson::SUCCESS) return false;
  if (child.is_before) {
    // An update's image before is as long as the one after: it is kept unread until it is known to be needed.
    if (object.raw_json().get(before) != simdjson::SUCCESS) return false;
    if (node.slot >= 0 && !capture(before, node.slot, child.key)) return false;
    if (node.children.empty()) return true;
    return object.reset().error() == simdjson::SUCCESS && read_object(object, node, document, false);
  }
  const JsonPlan::Node& row = plan->node(static_cast<std::uint32_t>(plan->debezium_row()));
  has_row = true;
  clear(row);
  std::string_view raw;
  if (row.slot >= 0 || node.slot >= 0) {
    if (object.raw_json().get(raw) != simdjson::SUCCESS) return false;
    if (row.slot >= 0 && !capture(raw, row.slot, child.key)) return false;
    if (node.slot >= 0 && !capture(raw, node.slot, child.key)) return false;
    if (object.reset().error() != simdjson::SUCCESS) return false;
  }
  if (!read_object(object, row, document, false)) return false;
  if (node.children.empty()) return true;
  return object.reset().error() == simdjson::SUCCESS && read_object(object, node, document, false);
}

// What nearly every path ends at: a string without escapes. Everything else goes the long way.
inline bool JsonReader::Impl::read_leaf(ondemand::value& value, const JsonPlan::Child& child, const Document& document) {
  std::string_view token = value.raw_json_token();
  if (token.front() == '"' && !document.has_escapes && plan->options().absent_text.empty()) {
    while (token.back() != '"') token.remove_suffix(1);  // blanks up to the next token; stage 1 saw the closing quote
    slots[static_cast<std::size_t>(child.leaf_slot)] = Value::text(token.substr(1, token.size() - 2));
    return true;
  }
  slots[static_cast<std::size_t>(child.leaf_slot)] = Value::absent();
  return read_value(value, plan->node(child.node), document, child.key);
}

bool JsonReader::Impl::read_object(ondemand::object object, const JsonPlan::Node& node, const Document& document, bool may_unwrap) {
  constexpr std::size_t kMarks = 64;
  std::uint64_t seen = 0;
  std::size_t expected = 0;
  for (auto next : object) {
    if (next.error() != simdjson::SUCCESS) return false;
    ondemand::field&& field = std::move(next).value_unsafe();  // in place: copying it stalls on a store that is only half done
    const char* const raw_key = field.key().raw();
    const JsonPlan::Child* const child = find(node, raw_key, document, expected);
    if (child == nullptr) {
      if (!may_unwrap || std::memcmp(raw_key, "payload\"", 8) != 0) continue;
      ondemand::object payload;
      const std::string_view token = field.value().raw_json_token();
      if (token.empty() || token.front() != '{') continue;
      if (field.value().get_object().get(payload) != simdjson::SUCCESS || !read_object(payload, node, document, false)) return false;
      continue;
    }
    if (child->leaf_slot >= 0) {
      // Nothing below it, so that a second member of the name simply overwrites the first.
      if (!read_leaf(field.value(), *child, document)) return false;
      continue;
    }
    const auto index = static_cast<std::size_t>(child - node.children.data());
    const std::uint64_t mark = index < kMarks ? std::uint64_t{1} << index : 0;
    if (mark == 0 || (seen & mark) != 0) clear(plan->node(child->node));  // a name twice: the last one counts
    seen |= mark;
    if (!read_member(field.value(), *child, document)) return false;
  }
  return true;
}

bool JsonReader::Impl::read_document(std::string_view bytes, const JsonPlan::Node& node, std::size_t level, std::string_view where,
                                     bool may_unwrap) {
  const std::string_view trimmed = trim_json(bytes);
  Document document{bytes.data() + bytes.size() + kRecordPaddingBytes, false, level};
  if (trimmed.empty() || bytes.size() > kMaxRecordBytes) return bad_json(bytes, where);
  // simdjson counts the brackets of a document behind which a '}' happens to stand (its issue 1834), and of no other: what stands behind
  // a record must not decide whether it is read, nor which error it has (G13).
  if (bytes.data()[bytes.size()] == '}') return read_document(arena->copy(bytes, kRecordPaddingBytes), node, level, where, may_unwrap);
  if (trimmed.front() != '{') {
    // No object: rare, and small work for the checker.
    if (invalid_utf8(bytes) || check_json(bytes)) return bad_json(bytes, where);
    if (trimmed.front() != '[') return read_scalar_token(trimmed, node, document, where.empty() ? "value" : where);
    if (node.slot >= 0) slots[static_cast<std::size_t>(node.slot)] = Value::json(trimmed);
    return true;
  }
  document.has_escapes = std::memchr(bytes.data(), '\\', bytes.size()) != nullptr;
  if (node.slot >= 0) {
    if (invalid_utf8(bytes) || check_json(bytes)) return bad_json(bytes, where);
    slots[static_cast<std::size_t>(node.slot)] = Value::json(trimmed);
  }
  ondemand::parser& parser = parser_of(level);
  ondemand::document parsed;
  ondemand::object object;
  const simdjson::padded_string_view padded(bytes.data(), bytes.size(), bytes.size() + kRecordPaddingBytes);
  if (parser.iterate(padded).get(parsed) != simdjson::SUCCESS || parsed.get_object().get(object) != simdjson::SUCCESS ||
      !read_object(object, node, document, may_unwrap) ||
      parsed.current_location().error() != simdjson::OUT_OF_BOUNDS) {  // something stands behind the object
    return failed ? false : bad_json(bytes, where);
  }
  return true;
}

JsonReader::JsonReader(JsonShapes shapes) : impl_(std::make_unique<Impl>()) { impl_->shapes = shapes; }
JsonReader::~JsonReader() = default;
JsonReader::JsonReader(JsonReader&&) noexcept = default;
JsonReader& JsonReader::operator=(JsonReader&&) noexcept = default;

Result<void> JsonReader::read(const JsonPlan& plan, std::string_view bytes, std::span<Value> slots, Arena& arena,
                              const JsonReadOptions& options) {
  Impl& run = *impl_;
  run.plan = &plan;
  run.slots = slots;
  run.arena = &arena;
  run.failed = false;
  run.before = {};
  run.has_row = false;
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  JsonShape* const shape = run.shape_of(plan);
  if (shape != nullptr) {
    if (shape->read(bytes, slots, arena)) return {};
    run.clear(plan.root());
  }
  if (options.strict && (bytes.size() > kMaxRecordBytes || invalid_utf8(bytes) || check_json(bytes))) return fail(describe_bad_json(bytes));

  bool ok = run.read_document(bytes, plan.root(), 0, {}, plan.options().unwrap_payload);
  if (ok && plan.debezium_row() >= 0 && !run.has_row) {
    const JsonPlan::Node& row = plan.node(static_cast<std::uint32_t>(plan.debezium_row()));
    if (!run.before.empty()) {
      ok = run.read_document(run.before, row, 0, "before", false);
    } else if (!options.debezium_key.empty()) {
      // Of a record only the value is sure to be padded.
      ok = run.read_document(arena.copy(options.debezium_key, kRecordPaddingBytes), row, 0, "key", true);
    }
  }
  if (bytes.size() > kKeepParserBytes) run.parsers.clear();
  if (!ok) return fail(std::move(run.error));
  if (shape != nullptr) shape->learn(bytes);
  return {};
}

}  // namespace foldline::codec
