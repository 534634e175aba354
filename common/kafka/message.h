// Internal to common/kafka: librdkafka's message as a Record, whose views live as long as the message and `headers` do.
#pragma once

#include <librdkafka/rdkafka.h>

#include <algorithm>
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

inline void read_headers(const rd_kafka_message_t* message, std::vector<Header>& out) {
  out.clear();
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
