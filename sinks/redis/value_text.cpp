#include "sinks/redis/value_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "common/json.h"
#include "common/time.h"

namespace foldline::redis {

namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::size_t kMaxShownChars = 60;

bool is_scaled(const Type& type) { return type.kind == TypeKind::numeric && type.precision > 0; }

void append_scaled(std::string& out, const Decimal& value, std::int32_t scale) {
  const auto scaled = rescale(value, scale);  // convert() has fitted it, so this never fails
  out += scaled ? Decimal{scaled->unscaled, 0}.to_string() : value.to_string();
}

// format_timestamp() leaves the fraction of whole seconds out.
void append_with_micros(std::string& out, std::int64_t micros) {
  append_timestamp(out, micros);
  if (micros % kSecondUs == 0) out.insert(out.size() - 1, ".000000");
}

tl::unexpected<Error> no_value(std::string_view text, const Type& type) {
  return fail(ErrorCode::store_rejected,
              fmt::format("it holds {}, which is no {}", describe(Value::text(text), kMaxShownChars), type.name()),
              "somebody else writes there: restore the value, or rebuild the projection");
}

}  // namespace

void append_text(std::string& out, const Value& value, const Type& type) {
  std::array<char, 32> digits;
  switch (value.kind()) {
    case Kind::boolean: out += value.as_bool() ? '1' : '0'; return;
    case Kind::integer: {
      const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value.as_int());
      out.append(digits.data(), end);
      return;
    }
    case Kind::decimal:
      if (is_scaled(type)) return append_scaled(out, value.as_decimal(), type.scale);
      out += value.as_decimal().to_string();
      return;
    case Kind::floating: {
      const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value.as_double());
      out.append(digits.data(), end);
      return;
    }
    case Kind::text:
    case Kind::json: out += value.as_text(); return;
    case Kind::bytes: out += base64(value.as_text()); return;
    case Kind::timestamp: append_with_micros(out, value.as_int()); return;
    case Kind::date: out += format_date(value.as_int()); return;
    case Kind::interval: out += format_interval(value.as_int()); return;
    case Kind::uuid: out += value.as_uuid().to_string(); return;
    case Kind::list:
    case Kind::map: append_json(out, value); return;
    case Kind::absent:
    case Kind::null: return;
  }
}

Result<Value> value_from_text(std::string_view text, const Type& type, Arena& arena) {
  switch (type.kind) {
    case TypeKind::boolean:
      if (text != "0" && text != "1") return no_value(text, type);
      return Value::boolean(text == "1");
    case TypeKind::bytes: {
      const auto bytes = from_base64(text);
      if (!bytes) return no_value(text, type);
      return Value::bytes(arena.copy(*bytes));
    }
    case TypeKind::json: return Value::json(arena.copy(text));
    case TypeKind::list:
    case TypeKind::set: {
      auto list = convert(Value::json(arena.copy(text)), type, arena);
      if (!list) return no_value(text, type);
      return deep_copy(*list, arena);
    }
    case TypeKind::numeric: {
      const auto decimal = Decimal::parse(text);
      if (!decimal || (is_scaled(type) && decimal->scale != 0)) return no_value(text, type);
      if (!is_scaled(type)) return Value::decimal(*decimal);
      return Value::decimal(Decimal{decimal->unscaled, type.scale});
    }
    default: {
      auto value = convert(Value::text(arena.copy(text)), type, arena);
      if (!value) return no_value(text, type);
      return *value;
    }
  }
}

}  // namespace foldline::redis
