// Internal to common/kafka: librdkafka's message as a Record, whose views live as long as the message and `headers` do.
#pragma once

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/record.h"

namespace foldline::kafka {

struct MessageDeleter {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using MessagePtr = std::unique_ptr<rd_kafka_message_t, MessageDeleter>;

// Whether the record is seen to have no headers. Asking librdkafka costs two allocations, also where there are none (2.0.2 to 2.6 at
// least): 40 ns of the 180 that a record costs altogether. A payload points into the fetched record, whose format (version 2,
// https://kafka.apache.org/documentation/#record) says what stands around it: before the value its length, as a zig-zag varint, behind it
// the number of headers, always. The formats before have no headers, nor anything that is sure to stand behind the value; but there the
// length is 32 bits, big-endian, and no length but 0 is the same bytes in both. So a length that is found tells the format, and that
// the value lies where it was fetched. Anything else: librdkafka is asked, and so is one that is newer than those whose source was read.
inline bool seen_without_headers(const rd_kafka_message_t* message) {
  constexpr int kNewestRead = 0x0206ffff;      // 2.6
  constexpr std::size_t kMostLengthBytes = 4;  // as many stand there in the older formats, too
  static const bool known = rd_kafka_version() <= kNewestRead;
  if (!known || message->payload == nullptr || message->len == 0 || message->len >= (std::size_t{1} << (7 * kMostLengthBytes - 1)))
    return false;
  const auto* value = static_cast<const unsigned char*>(message->payload);
  std::array<unsigned char, kMostLengthBytes> length{};
  std::size_t size = 0;
  for (std::size_t left = message->len * 2; size == 0 || left > 0; left >>= 7) {
    length[size++] = static_cast<unsigned char>((left & 0x7FU) | (left > 0x7FU ? 0x80U : 0U));
  }
  return std::memcmp(value - size, length.data(), size) == 0 && value[message->len] == 0;
}

inline void read_headers(const rd_kafka_message_t* message, std::vector<Header>& out) {
  out.clear();
  if (seen_without_headers(message)) return;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size_bytes = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size_bytes) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    Header header{name, std::nullopt};
    if (value != nullptr) header.value = std::string_view(static_cast<const char*>(value), size_bytes);
    out.push_back(header);
  }
}

inline std::optional<std::string_view> bytes_or_null(const void* data, std::size_t size_bytes) {
  if (data == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(data), size_bytes);
}

// slot and topic_partition are not filled in.
inline Record record_of(const rd_kafka_message_t* message, std::vector<Header>& headers) {
  read_headers(message, headers);
  Record record;
  record.offset = message->offset;
  record.timestamp_us = std::max<std::int64_t>(0, rd_kafka_message_timestamp(message, nullptr)) * 1000;
  record.key = bytes_or_null(message->key, message->key_len);
  record.value = bytes_or_null(message->payload, message->len);
  record.headers = headers;
  return record;
}

}  // namespace foldline::kafka
