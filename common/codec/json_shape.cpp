// Reading records of a known shape. Learning one: json_shape_learn.cpp.
#include "common/codec/json_shape.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/codec/json_text.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace foldline::codec {
namespace {

constexpr std::size_t kBlock = 16;
static_assert(kRecordPaddingBytes >= 2 * kBlock, "blocks are read beyond the record's end");

constexpr std::uint32_t kFirstPause = 4'096;
constexpr std::uint32_t kLongestPause = 1U << 20U;

#if defined(__SSE2__)

bool same_bytes(const char* a, const char* b, std::size_t size) {
  for (; size > kBlock; size -= kBlock, a += kBlock, b += kBlock) {
    const __m128i equal =
        _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a)), _mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
    if (_mm_movemask_epi8(equal) != 0xFFFF) return false;
  }
  const __m128i equal =
      _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a)), _mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
  const auto wanted = (std::uint32_t{1} << size) - 1;
  return (static_cast<std::uint32_t>(_mm_movemask_epi8(equal)) & wanted) == wanted;
}

// Up to the first quote, backslash or control character. `high`: whether a byte above 127 stands before it; what stands behind it, in the
// next member or behind the record, says nothing of this text.
const char* skip_plain_text(const char* at, const char* end, bool& high) {
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i last_control = _mm_set1_epi8(0x1F);
  std::uint32_t above = 0;
  for (; at < end; at += kBlock) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    const __m128i stops = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)), control);
    const auto here = static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
    if (const auto found = static_cast<std::uint32_t>(_mm_movemask_epi8(stops)); found != 0) {
      above |= here & (found - 1) & ~found;  // the bits below its lowest one
      at += std::countr_zero(found);
      break;
    }
    above |= here;
  }
  high = high || above != 0;
  return at;
}

#else

bool same_bytes(const char* a, const char* b, std::size_t size) { return std::memcmp(a, b, size) == 0; }

const char* skip_plain_text(const char* at, const char* end, bool& high) {
  for (; at < end; ++at) {
    const auto c = static_cast<unsigned char>(*at);
    if (c == '"' || c == '\\' || c < 0x20) break;
    high = high || c > 0x7F;
  }
  return at;
}

#endif

void put(std::span<Value> slots, std::int32_t slot, const Value& value) {
  if (slot >= 0) slots[static_cast<std::size_t>(slot)] = value;
}

}  // namespace

JsonShape::JsonShape(const JsonPlan& plan)
    : plan_(&plan), possible_(plan.debezium_row() < 0 && plan.options().absent_text.empty() && !plan.empty()), next_pause_(kFirstPause) {
  for (std::uint32_t i = 0; i < plan.node_count(); ++i) {
    const JsonPlan::Node& node = plan.node(i);
    if (node.embedded >= 0) possible_ = false;
    if (i == 0 || node.children.empty()) continue;
    marks_.emplace(i, static_cast<std::uint8_t>(marks_.size()));
  }
  if (marks_.size() > kMaxMarks) possible_ = false;
  forget();
}

void JsonShape::forget() {
  states_.assign(1, State{});
  literals_.clear();
  actions_.clear();
  names_.clear();
}

bool JsonShape::worth_trying() {
  if (!possible_) return false;
  if (pause_ > 0) {
    --pause_;
    return false;
  }
  if (++tried_ < kTries) return true;
  if (missed_ * 4 <= tried_) {
    next_pause_ = kFirstPause;
  } else {
    pause_ = next_pause_;
    next_pause_ = std::min(next_pause_ * 2, kLongestPause);
    forget();  // what is learned no longer fits
  }
  tried_ = 0;
  missed_ = 0;
  learned_ = 0;
  return pause_ == 0;
}

inline const JsonShape::Edge* JsonShape::find(const State& state, const Cursor& cursor) const {
  const auto left = static_cast<std::size_t>(cursor.end - cursor.at);
  for (std::size_t i = 0; i < state.count; ++i) {
    const Edge& edge = state.edges[i];
    if (edge.size_bytes <= left && same_bytes(cursor.at, literals_.data() + edge.literal, edge.size_bytes)) return &edge;
  }
  return nullptr;
}

// `cursor.at` stands at the literal's beginning. False: an object with paths below it comes twice, and only the last one counts.
bool JsonShape::act(const Edge& edge, Cursor& cursor) {
  for (std::size_t i = edge.first_action; i < edge.first_action + std::size_t{edge.action_count}; ++i) {
    const Action& action = actions_[i];
    Capture& capture = captures_[action.index % kMaxDepth];
    switch (action.step) {
      case Step::mark: {
        const std::uint64_t mark = std::uint64_t{1} << action.index;
        if ((cursor.marks & mark) != 0) return false;
        cursor.marks |= mark;
        break;
      }
      case Step::open: capture = {cursor.at + action.at, 0}; break;
      case Step::comma: ++capture.commas; break;
      case Step::close:
      case Step::close_empty: {
        const std::string_view text(capture.begin, static_cast<std::size_t>(cursor.at + action.at - capture.begin));
        put(cursor.slots, action.slot, Value::json(text, action.step == Step::close ? capture.commas + 1 : 0));
        break;
      }
    }
  }
  return true;
}

inline bool JsonShape::read_text(Cursor& cursor, std::int32_t slot) {
  const char* const from = cursor.at;
  const char* const stop = skip_plain_text(from, cursor.end, cursor.maybe_not_ascii);
  if (stop >= cursor.end) return false;
  cursor.at = stop;
  if (*stop != '"') return *stop == '\\' && read_escaped_text(cursor, from, slot);
  put(cursor.slots, slot, Value::text({from, static_cast<std::size_t>(stop - from)}));
  return true;
}

bool JsonShape::read_escaped_text(Cursor& cursor, const char* from, std::int32_t slot) {
  const std::string_view rest(from - 1, static_cast<std::size_t>(cursor.end - from + 1));
  const std::size_t size = json_value_size(rest, 0);  // with its quotes
  if (size == 0) return false;
  cursor.at = from + size - 2;
  cursor.maybe_not_ascii = true;
  if (slot < 0) return true;
  Value value;
  if (read_scalar(rest.substr(0, size), value, cursor.arena) != ScalarProblem::none) return false;
  put(cursor.slots, slot, value);
  return true;
}

// Up to seven digits: eight bytes at once, as in simdjson's parse_eight_digits_unrolled. Everything else is read_token's.
inline bool JsonShape::read_number(Cursor& cursor, std::int32_t slot) {
  if constexpr (std::endian::native != std::endian::little) return read_token(cursor, slot);
  constexpr std::uint64_t kZeros = 0x3030303030303030;
  std::uint64_t eight = 0;
  std::memcpy(&eight, cursor.at, sizeof eight);
  eight ^= kZeros;                                                                           // a digit is now 0 to 9
  const std::uint64_t others = ((eight + 0x7676767676767676) | eight) & 0x8080808080808080;  // right up to the first that is no digit
  const auto digits = static_cast<std::size_t>(std::countr_zero(others)) / 8;
  if (digits == 0 || digits >= sizeof eight || cursor.at + digits > cursor.end) return read_token(cursor, slot);
  const char next = cursor.at[digits];
  if (next == '.' || next == 'e' || next == 'E' || (*cursor.at == '0' && digits > 1)) return read_token(cursor, slot);
  if (slot >= 0) {
    eight <<= 8 * (sizeof eight - digits);
    eight = eight * 10 + (eight >> 8U);
    const std::uint64_t low = (eight & 0x000000FF000000FF) * 0x000F424000000064;
    const std::uint64_t high = ((eight >> 16U) & 0x000000FF000000FF) * 0x0000271000000001;
    put(cursor.slots, slot, Value::integer(static_cast<std::int64_t>(((low + high) >> 32U) & 0xFFFFFFFF)));
  }
  cursor.at += digits;
  return true;
}

bool JsonShape::read_token(Cursor& cursor, std::int32_t slot) {
  const std::string_view rest(cursor.at, static_cast<std::size_t>(cursor.end - cursor.at));
  const std::size_t size = json_value_size(rest, 0);  // a scalar: the caller has seen its first character, or the next literal won't fit
  if (size == 0) return false;
  Value value;
  if (slot >= 0 && read_scalar(rest.substr(0, size), value, cursor.arena) != ScalarProblem::none) return false;
  put(cursor.slots, slot, value);
  cursor.at += size;
  return true;
}

bool JsonShape::read_word(Cursor& cursor, std::int32_t slot) {
  const std::string_view rest(cursor.at, static_cast<std::size_t>(cursor.end - cursor.at));
  const auto take = [&](std::string_view word, const Value& value) {
    if (!rest.starts_with(word)) return false;
    put(cursor.slots, slot, value);
    cursor.at += word.size();
    return true;
  };
  return take("true", Value::boolean(true)) || take("null", Value::null()) || take("false", Value::boolean(false));
}

bool JsonShape::read_opaque(Cursor& cursor, std::int32_t slot) {
  const std::string_view rest(cursor.at, static_cast<std::size_t>(cursor.end - cursor.at));
  if (rest.empty() || (rest[0] != '{' && rest[0] != '[')) return read_token(cursor, slot);
  const std::size_t size = json_value_size(rest, kMaxOpaqueDepth);
  if (size == 0) return false;
  put(cursor.slots, slot, Value::json(rest.substr(0, size)));
  cursor.at += size;
  cursor.maybe_not_ascii = true;
  return true;
}

bool JsonShape::read_all(Cursor& cursor) {
  std::size_t state = 0;
  for (;;) {
    const Edge* const edge = find(states_[state], cursor);
    if (edge == nullptr || (edge->action_count > 0 && !act(*edge, cursor))) return false;
    cursor.at += edge->size_bytes;
    bool taken = false;
    switch (edge->next) {
      case Next::text: taken = read_text(cursor, edge->slot); break;
      case Next::number: taken = read_number(cursor, edge->slot); break;
      case Next::word: taken = read_word(cursor, edge->slot); break;
      case Next::opaque: taken = read_opaque(cursor, edge->slot); break;
      case Next::end: return cursor.at == cursor.end;
    }
    if (!taken) return false;
    state = edge->target;
  }
}

bool JsonShape::read(std::string_view bytes, std::span<Value> slots, Arena& arena) {
  Cursor cursor{bytes.data(), bytes.data() + bytes.size(), slots, arena, 0, false};
  const bool known =
      bytes.size() <= kMaxTextBytes && read_all(cursor) && (!cursor.maybe_not_ascii || simdjson::validate_utf8(bytes.data(), bytes.size()));
  if (!known) {
    ++missed_;
    return false;
  }
  if (plan_->root().slot >= 0) put(slots, plan_->root().slot, Value::json(trim_json(bytes)));
  return true;
}

}  // namespace foldline::codec
