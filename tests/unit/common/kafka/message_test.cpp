// What the bytes around a record's value say of its headers. The layouts are written by hand here, after
// https://kafka.apache.org/documentation/#record and #messageset.
#include "common/kafka/message.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace foldline::kafka {
namespace {

rd_kafka_message_t message_in(std::string& bytes, std::size_t at, std::size_t size) {
  rd_kafka_message_t message{};
  message.payload = bytes.data() + at;
  message.len = size;
  return message;
}

// Version 2: the value's length as a zig-zag varint, the value, the number of headers as one.
bool seen_in_version_2(std::size_t size, char fill, char headers) {
  std::string bytes(8, '\1');  // a key
  for (std::uint64_t left = size * 2;; left >>= 7) {
    const bool more = left >= 128;
    bytes.push_back(static_cast<char>((left & 127U) + (more ? 128U : 0U)));
    if (!more) break;
  }
  const std::size_t at = bytes.size();
  bytes.append(size, fill);
  bytes.push_back(headers);
  const rd_kafka_message_t message = message_in(bytes, at, size);
  return seen_without_headers(&message);
}

// Versions 0 and 1: the value's length in 32 bits, big-endian, the value; then the next message's offset, or nothing.
bool seen_in_version_1(std::size_t size, char fill) {
  std::string bytes(8, '\1');
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes.push_back(static_cast<char>((size >> shift) & 255U));
  const std::size_t at = bytes.size();
  bytes.append(size, fill);
  bytes.push_back('\0');
  const rd_kafka_message_t message = message_in(bytes, at, size);
  return seen_without_headers(&message);
}

// Around every change of the varint's length, and all small sizes.
std::vector<std::size_t> sizes() {
  std::vector<std::size_t> out;
  for (std::size_t size = 1; size < 20'000; ++size) out.push_back(size);
  for (const std::size_t size : {std::size_t{1} << 20, std::size_t{1} << 21}) {
    for (std::size_t i = size - 3; i < size + 3; ++i) out.push_back(i);
  }
  return out;
}

TEST(SeenWithoutHeaders, IsWhatTheNumberBehindTheValueSays) {
  for (const std::size_t size : sizes()) {
    ASSERT_TRUE(seen_in_version_2(size, 'v', 0)) << size;
    ASSERT_FALSE(seen_in_version_2(size, '\0', 2)) << size << ": one header";
    ASSERT_FALSE(seen_in_version_2(size, '\0', '\x80')) << size << ": 64 or more";
  }
}

TEST(SeenWithoutHeaders, NeverTakesAnOlderFormatForTodays) {
  for (const std::size_t size : sizes()) {
    ASSERT_FALSE(seen_in_version_1(size, 'v')) << size;
    ASSERT_FALSE(seen_in_version_1(size, '\0')) << size;
  }
}

TEST(SeenWithoutHeaders, DoesNotKnowOfANullOrAnEmptyValue) {
  std::string bytes(4, '\0');
  rd_kafka_message_t message = message_in(bytes, 2, 0);
  EXPECT_FALSE(seen_without_headers(&message));
  message.payload = nullptr;
  EXPECT_FALSE(seen_without_headers(&message));
}

}  // namespace
}  // namespace foldline::kafka
