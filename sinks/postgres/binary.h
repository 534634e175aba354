// PostgreSQL's binary formats, as COPY (FORMAT binary) and binary parameters take them: every number big-endian, every field
// its length in 4 bytes (-1: null) and its bytes. Source of each format: the type's `..._recv` function in PostgreSQL's
// src/backend/utils/adt, and "COPY / Binary Format" in its manual.
//
//   std::string out;   encode_field(out, Value::integer(7), Type{TypeKind::bigint});   // 00 00 00 08  00 .. 07
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "common/big_endian.h"
#include "common/error.h"
#include "common/type.h"
#include "common/uuid.h"
#include "common/value.h"

namespace foldline::postgres {

// PostgreSQL counts microseconds and days from 2000-01-01.
inline constexpr std::int64_t kPostgresEpochUs = 946'684'800'000'000;
inline constexpr std::int64_t kPostgresEpochDays = 10'957;

template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  store_big_endian(bytes, value);
  out.append(bytes, sizeof bytes);
}

template <class T>
T get(const char* bytes) {
  return load_big_endian<T>(bytes);
}

// A field of a fixed size: its length and its bytes, appended at once.
template <class T>
void put_field(std::string& out, T value) {
  constexpr std::int32_t kLength = sizeof(T);
  char bytes[sizeof kLength + sizeof(T)];
  store_big_endian(bytes, kLength);
  store_big_endian(bytes + sizeof kLength, value);
  out.append(bytes, sizeof bytes);
}

inline void put_null(std::string& out) { put<std::int32_t>(out, -1); }
inline void put_bytes(std::string& out, std::string_view bytes) {
  put<std::int32_t>(out, static_cast<std::int32_t>(bytes.size()));
  out.append(bytes);
}

// How a one-dimensional array begins (array_recv): dimensions, "may hold nulls", element type, size, lower bound. Its elements follow, as
// fields.
inline void put_array_header(std::string& out, std::uint32_t element_oid, std::int32_t size) {
  put<std::int32_t>(out, size == 0 ? 0 : 1);
  put<std::int32_t>(out, 1);
  put<std::uint32_t>(out, element_oid);
  if (size == 0) return;
  put<std::int32_t>(out, size);
  put<std::int32_t>(out, 1);
}

// Most fields of most rows: null, text, whole numbers, times and flags in columns of their own type and range. False, and nothing appended,
// for all others; then encode_field() says what becomes of them. Apart from it because it is a row's main cost, and a Result is not free.
bool encode_plain(std::string& out, const Value& value, const Type& type);

// Appends one field: its length and its bytes. An error (code store_rejected) when the value can't stand in a column of this type:
// out of its range, or not of its kind. On an error `out` may hold a part of the field.
Result<void> encode_field(std::string& out, const Value& value, const Type& type);

// Whether encode_field() would take it, and whether PostgreSQL then will, as far as that can be told from the value alone (a NUL in text,
// \u0000 in JSON, too many digits for numeric(p,s)). For Sink::check().
Result<void> check_value(const Value& value, const Type& type);

// The same for most values, those of encode_plain(), without making a Result: true only where check_value() finds nothing wrong.
bool passes_plainly(const Value& value, const Type& type);

}  // namespace foldline::postgres
