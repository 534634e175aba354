// Numbers as the network and PostgreSQL's binary format write them: the highest byte first.
//
//   char bytes[8];  store_big_endian(bytes, offset);
//   const auto back = load_big_endian<std::int64_t>(bytes);
//
// As many bytes as the type has; nothing need be aligned. Any thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace foldline {

template <class T>
T to_big_endian(T value) {
  if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
  } else if constexpr (sizeof(T) == 4) {
    return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
  } else {
    return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
  }
}

template <class T>
void store_big_endian(char* to, T value) {
  const T big = to_big_endian(value);
  std::memcpy(to, &big, sizeof big);
}

template <class T>
T load_big_endian(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return to_big_endian(value);
}

}  // namespace foldline
