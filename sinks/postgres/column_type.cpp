#include "sinks/postgres/column_type.h"

#include <fmt/format.h>

#include "common/time.h"
#include "sinks/postgres/sql.h"

namespace foldline::postgres {

namespace {

struct Base {
  const char* name;
  std::uint32_t oid;
  std::uint32_t array_oid;
};

Base base_of(TypeKind kind) {
  switch (kind) {
    case TypeKind::boolean: return {"boolean", 16, 1000};
    case TypeKind::int32: return {"integer", 23, 1007};
    case TypeKind::bigint: return {"bigint", 20, 1016};
    case TypeKind::numeric: return {"numeric", 1700, 1231};
    case TypeKind::floating: return {"double precision", 701, 1022};
    case TypeKind::text:
    case TypeKind::keyword:
    case TypeKind::enumeration: return {"text", 25, 1009};
    case TypeKind::uuid: return {"uuid", 2950, 2951};
    case TypeKind::date: return {"date", 1082, 1182};
    case TypeKind::timestamptz: return {"timestamp with time zone", 1184, 1185};
    case TypeKind::interval: return {"interval", 1186, 1187};
    case TypeKind::json: return {"jsonb", 3802, 3807};
    case TypeKind::bytes: return {"bytea", 17, 1001};
    case TypeKind::inet: return {"inet", 869, 1041};
    case TypeKind::list:
    case TypeKind::set: break;
  }
  return {"", 0, 0};
}

bool is_array(const Type& type) { return type.kind == TypeKind::list || type.kind == TypeKind::set; }

std::string hex(std::string_view bytes) {
  std::string out = "\\x";
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string plain_text(const Value& value) {
  switch (value.kind()) {
    case Kind::boolean: return value.as_bool() ? "true" : "false";
    case Kind::integer: return std::to_string(value.as_int());
    case Kind::decimal: return value.as_decimal().to_string();
    case Kind::floating: return fmt::format("{}", value.as_double());
    case Kind::timestamp: return format_timestamp(value.as_int());
    case Kind::date: return format_date(value.as_int());
    case Kind::interval: return std::to_string(value.as_int()) + " microseconds";
    case Kind::uuid: return value.as_uuid().to_string();
    case Kind::bytes: return hex(value.as_text());
    default: return std::string(value.as_text());
  }
}

}  // namespace

std::string column_type(const Type& type) {
  if (is_array(type)) return (type.element ? column_type(*type.element) : "text") + "[]";
  if (type.kind == TypeKind::numeric && type.precision > 0) return fmt::format("numeric({},{})", type.precision, type.scale);
  return base_of(type.kind).name;
}

std::string staging_type(const Type& type) {
  if (is_array(type)) return (type.element ? staging_type(*type.element) : "text") + "[]";
  return base_of(type.kind).name;
}

std::uint32_t type_oid(const Type& type) {
  if (is_array(type)) return base_of(type.element ? type.element->kind : TypeKind::text).array_oid;
  return base_of(type.kind).oid;
}

bool is_supported(const Type& type) { return !is_array(type) || (type.element != nullptr && !is_array(*type.element)); }

std::string literal(const Value& value, const Type& type) {
  if (value.is_null() || value.is_absent()) return "NULL";
  if (value.is(Kind::list) && is_array(type) && type.element) {
    std::string items;
    for (const Value& item : value.as_list()) {
      if (!items.empty()) items += ", ";
      items += literal(item, *type.element);
    }
    return fmt::format("ARRAY[{}]::{}", items, column_type(type));
  }
  return fmt::format("{}::{}", quote_literal(plain_text(value)), column_type(type));
}

std::string zero(const Type& type) {
  switch (type.kind) {
    case TypeKind::int32:
    case TypeKind::bigint:
    case TypeKind::numeric:
    case TypeKind::floating: return "0";
    case TypeKind::interval: return "'0'::interval";
    default: return {};
  }
}

std::string comparison_collation(const Type& type) {
  return type.kind == TypeKind::text || type.kind == TypeKind::keyword || type.kind == TypeKind::enumeration ? R"( COLLATE "C")" : "";
}

}  // namespace foldline::postgres
