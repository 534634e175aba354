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

constexpr std::size_t kBlock = JsonShape::kBlockBytes;
static_assert(kRecordPaddingBytes >= 2 * kBlock, "blocks are read beyond the record's end");

constexpr std::uint32_t kFirstPause = 4'096;
constexpr std::uint32_t kLongestPause = 1U << 20U;

#if defined(__SSE2__)

[[gnu::always_inline]] inline __m128i load(const char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }

// The first 16 bytes and the last 16, of which `mask` tells what counts; where there are more, those between them in blocks. Most literals
// have at most 32 bytes, and then nothing is decided on the way.
[[gnu::always_inline]] inline bool same_bytes(const char* a, const char* b, std::size_t last_block, std::uint32_t mask) {
  const __m128i first = _mm_cmpeq_epi8(load(a), load(b));
  const __m128i last = _mm_cmpeq_epi8(load(a + last_block), load(b + last_block));
  if ((~static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_and_si128(first, last))) & mask) != 0) return false;
  for (std::size_t i = kBlock; i < last_block; i += kBlock) {
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(load(a + i), load(b + i))) != 0xFFFF) return false;
  }
  return true;
}

// Up to the first quote, backslash or control character. `high`: other than 0 if a byte above 127 stands before it; what stands behind it,
// in the next member or behind the record, says nothing of this text.
[[gnu::always_inline]] inline const char* skip_plain_text(const char* at, const char* end, std::uint32_t& high) {
  const __m128i backslash = _mm_set1_epi8('\\');
  // A quote is 0x22: with that bit turned, it and the control characters are all there is up to 0x20.
  const __m128i two = _mm_set1_epi8(2);
  const __m128i last_stop = _mm_set1_epi8(0x20);
  for (; at < end; at += kBlock) {
    const __m128i bytes = load(at);
    const __m128i turned = _mm_xor_si128(bytes, two);
    const __m128i stops = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(turned, last_stop), turned), _mm_cmpeq_epi8(bytes, backslash));
    const auto here = static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
    if (const auto found = static_cast<std::uint32_t>(_mm_movemask_epi8(stops)); found != 0) {
      high |= here & (found - 1) & ~found;  // the bits below its lowest one
      return at + std::countr_zero(found);
    }
    high |= here;
  }
  return at;
}

#else

bool same_bytes(const char* a, const char* b, std::size_t last_block, std::uint32_t mask) {
  return std::memcmp(a, b, last_block + static_cast<std::size_t>(std::popcount(mask))) == 0;
}

const char* skip_plain_text(const char* at, const char* end, std::uint32_t& high) {
  for (; at < end; ++at) {
    const auto c = static_cast<unsigned char>(*at);
    if (c == '"' || c == '\\' || c < 0x20) break;
    high |= c & 0x80U;
  }
  return at;
}

#endif

void put(Value* slots, std::int32_t slot, const Value& value) {
  if (slot >= 0) slots[slot] = value;
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

bool JsonShape::look_how_it_goes() {
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

[[gnu::always_inline]] inline const JsonShape::Edge* JsonShape::find(const State& state, const char* at, const char* end) const {
  const auto left = static_cast<std::size_t>(end - at);
  const char* const literals = literals_.data();
  for (const Edge *edge = state.edges.data(), *const behind = edge + state.count; edge != behind; ++edge) {
    if (edge->size_bytes <= left && same_bytes(at, literals + edge->literal, edge->last_block, edge->last_block_mask)) return edge;
  }
  return nullptr;
}

// `at`: the literal's beginning. False: an object with paths below it comes twice, and only the last one counts.
bool JsonShape::act(const Edge& edge, const char* at, Reading& reading) {
  const Action* action = actions_.data() + edge.first_action;
  for (const Action* const behind = action + edge.action_count; action != behind; ++action) {
    Capture& capture = captures_[action->index % kMaxDepth];
    switch (action->step) {
      case Step::mark: {
        const std::uint64_t mark = std::uint64_t{1} << action->index;
        if ((reading.marks & mark) != 0) return false;
        reading.marks |= mark;
        break;
      }
      case Step::open: capture = {at + action->at, 0}; break;
      case Step::comma: ++capture.commas; break;
      case Step::close:
      case Step::close_empty: {
        const std::string_view text(capture.begin, static_cast<std::size_t>(at + action->at - capture.begin));
        put(reading.slots, action->slot, Value::json(text, action->step == Step::close ? capture.commas + 1 : 0));
        break;
      }
    }
  }
  return true;
}

[[gnu::always_inline]] inline const char* JsonShape::read_text(const char* at, Reading& reading, std::int32_t slot) {
  const char* const stop = skip_plain_text(at, reading.end, reading.not_ascii);
  if (stop >= reading.end) return nullptr;
  if (*stop != '"') return *stop == '\\' ? read_escaped_text(at, reading, slot) : nullptr;
  put(reading.slots, slot, Value::text({at, static_cast<std::size_t>(stop - at)}));
  return stop;
}

const char* JsonShape::read_escaped_text(const char* at, Reading& reading, std::int32_t slot) {
  const std::string_view rest(at - 1, static_cast<std::size_t>(reading.end - at + 1));
  const std::size_t size = json_value_size(rest, 0);  // with its quotes
  if (size == 0) return nullptr;
  reading.not_ascii = 1;
  if (slot >= 0) {
    Value value;
    if (read_scalar(rest.substr(0, size), value, reading.arena) != ScalarProblem::none) return nullptr;
    put(reading.slots, slot, value);
  }
  return at + size - 2;
}

// Up to seven digits: eight bytes at once, as in simdjson's parse_eight_digits_unrolled. Everything else is read_token's.
[[gnu::always_inline]] inline const char* JsonShape::read_number(const char* at, Reading& reading, std::int32_t slot) {
  if constexpr (std::endian::native != std::endian::little) return read_token(at, reading, slot);
  constexpr std::uint64_t kZeros = 0x3030303030303030;
  std::uint64_t eight = 0;
  std::memcpy(&eight, at, sizeof eight);
  eight ^= kZeros;                                                                           // a digit is now 0 to 9
  const std::uint64_t others = ((eight + 0x7676767676767676) | eight) & 0x8080808080808080;  // right up to the first that is no digit
  if ((others & 0x80) != 0 || others == 0) return read_token(at, reading, slot);             // no digit, or eight
  const auto bits = static_cast<unsigned>(std::countr_zero(others)) & ~7U;
  const char* const stop = at + bits / 8;
  const char next = *stop;
  if (stop > reading.end || next == '.' || (next | 0x20) == 'e' || ((eight & 0xFF) == 0 && bits > 8)) return read_token(at, reading, slot);
  if (slot >= 0) {
    eight <<= 8 * sizeof eight - bits;
    eight = eight * 10 + (eight >> 8U);
    const std::uint64_t low = (eight & 0x000000FF000000FF) * 0x000F424000000064;
    const std::uint64_t high = ((eight >> 16U) & 0x000000FF000000FF) * 0x0000271000000001;
    put(reading.slots, slot, Value::integer(static_cast<std::int64_t>(((low + high) >> 32U) & 0xFFFFFFFF)));
  }
  return stop;
}

const char* JsonShape::read_token(const char* at, Reading& reading, std::int32_t slot) {
  const std::string_view rest(at, static_cast<std::size_t>(reading.end - at));
  const std::size_t size = json_value_size(rest, 0);  // a scalar: the caller has seen its first character, or the next literal won't fit
  if (size == 0) return nullptr;
  Value value;
  if (slot >= 0 && read_scalar(rest.substr(0, size), value, reading.arena) != ScalarProblem::none) return nullptr;
  put(reading.slots, slot, value);
  return at + size;
}

const char* JsonShape::read_word(const char* at, Reading& reading, std::int32_t slot) {
  const std::string_view rest(at, static_cast<std::size_t>(reading.end - at));
  const auto take = [&](std::string_view word, const Value& value) {
    if (!rest.starts_with(word)) return false;
    put(reading.slots, slot, value);
    at += word.size();
    return true;
  };
  return take("true", Value::boolean(true)) || take("null", Value::null()) || take("false", Value::boolean(false)) ? at : nullptr;
}

const char* JsonShape::read_opaque(const char* at, Reading& reading, std::int32_t slot) {
  const std::string_view rest(at, static_cast<std::size_t>(reading.end - at));
  if (rest.empty() || (rest[0] != '{' && rest[0] != '[')) return read_token(at, reading, slot);
  const std::size_t size = json_value_size(rest, kMaxOpaqueDepth);
  if (size == 0) return nullptr;
  put(reading.slots, slot, Value::json(rest.substr(0, size)));
  reading.not_ascii = 1;
  return at + size;
}

const char* JsonShape::read_rare(const char* at, Reading& reading, const Edge& edge) {
  return edge.next == Next::word ? read_word(at, reading, edge.slot) : read_opaque(at, reading, edge.slot);
}

bool JsonShape::read_all(const char* at, Reading& reading) {
  const State* const states = states_.data();
  const State* state = states;
  for (;;) {
    const Edge* const edge = find(*state, at, reading.end);
    if (edge == nullptr || (edge->action_count > 0 && !act(*edge, at, reading))) return false;
    at += edge->size_bytes;
    if (edge->next == Next::text) {
      at = read_text(at, reading, edge->slot);
    } else if (edge->next == Next::number) {
      at = read_number(at, reading, edge->slot);
    } else if (edge->next == Next::end) {
      return at == reading.end;
    } else {
      at = read_rare(at, reading, *edge);
    }
    if (at == nullptr) return false;
    state = states + edge->target;
  }
}

bool JsonShape::read(std::string_view bytes, std::span<Value> slots, Arena& arena) {
  Reading reading{bytes.data() + bytes.size(), slots.data(), arena, 0, 0};
  const bool known = bytes.size() <= kMaxTextBytes && read_all(bytes.data(), reading) &&
                     (reading.not_ascii == 0 || simdjson::validate_utf8(bytes.data(), bytes.size()));
  if (!known) {
    ++missed_;
    return false;
  }
  if (plan_->root().slot >= 0) put(slots.data(), plan_->root().slot, Value::json(trim_json(bytes)));
  return true;
}

}  // namespace foldline::codec
