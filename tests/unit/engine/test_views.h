// Views for the engine's tests, built by hand: the engine knows nothing of the language.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/change.h"
#include "common/view.h"

namespace foldline::testing {

inline Type type_of(TypeKind kind) {
  Type type;
  type.kind = kind;
  if (kind == TypeKind::list || kind == TypeKind::set) {
    auto element = std::make_shared<Type>();
    element->kind = TypeKind::text;
    type.element = element;
  }
  return type;
}

inline Field field(std::string name, TypeKind kind, std::vector<Op> ops, std::int16_t guard = -1) {
  Field out;
  out.name = std::move(name);
  out.type = type_of(kind);
  for (const Op op : ops) out.ops = static_cast<std::uint8_t>(out.ops | op_bit(op));
  if ((out.ops & op_bit(Op::add)) != 0) {
    out.not_null = true;
    out.default_value = Value::integer(0);
    if (kind == TypeKind::numeric) out.default_value = Value::decimal({0, 0});
  }
  out.guard = guard;
  return out;
}

inline ViewSchema view(std::string name, std::vector<Field> fields) {
  ViewSchema out;
  out.name = out.store_name = std::move(name);
  out.key.push_back({"id", type_of(TypeKind::text), ""});
  out.fields = std::move(fields);
  return out;
}

// 8 bytes of the version, big-endian with the sign bit flipped, then the event ID (change.h).
inline std::string stamp(std::int64_t version, const std::string& id) {
  const std::uint64_t bits = static_cast<std::uint64_t>(version) ^ (1ULL << 63U);
  std::string out;
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(bits >> static_cast<unsigned>(shift)));
  return out + id;
}

}  // namespace foldline::testing
