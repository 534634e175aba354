// The limits of a projection file. Each is far above what people write and far below what would hurt.
#pragma once

#include <cstddef>
#include <cstdint>

namespace foldline::config {

inline constexpr std::size_t kMaxFileBytes = 1'048'576;
inline constexpr std::size_t kMaxYamlNodes = 100'000;
inline constexpr std::size_t kMaxYamlDepth = 64;
inline constexpr std::size_t kMaxIdentifierBytes = 63;  // Postgres cuts longer names silently (NAMEDATALEN - 1)
inline constexpr std::size_t kMaxProjectionBytes = 100;
inline constexpr std::size_t kMaxGroupBytes = 249;
inline constexpr std::size_t kMaxTopicBytes = 249;  // Kafka's own limit
inline constexpr std::size_t kMaxSources = 64;
inline constexpr std::size_t kMaxTopicsPerSource = 256;
inline constexpr std::size_t kMaxViews = 64;
inline constexpr std::size_t kMaxKeyParts = 32;    // Postgres: columns of one index
inline constexpr std::size_t kMaxColumns = 1'500;  // of a view, key parts included; Postgres has 1,600, ours need some
inline constexpr std::size_t kMaxEnumMembers = 1'000;
inline constexpr std::size_t kMaxEventKeys = 1'024;  // entries of `on_event`
inline constexpr std::size_t kMaxClauses = 64;       // of one entry
inline constexpr std::size_t kMaxRejects = 64;       // of one clause
inline constexpr std::size_t kMaxIndexes = 64;       // of one view
inline constexpr std::size_t kMaxReasonBytes = 500;
inline constexpr std::size_t kMaxDocBytes = 10'000;
inline constexpr std::size_t kMaxKafkaOptions = 256;
inline constexpr std::int64_t kMaxIdWindow = 10'000'000;  // G16: 20 to 40 bytes each in memory
inline constexpr std::int32_t kMaxNumericDigits = 38;     // Decimal::kMaxDigits
inline constexpr std::size_t kMaxSearchUrls = 64;
inline constexpr std::int64_t kMostSearchConnections = 16;
inline constexpr std::size_t kMaxIndexNameBytes = 200;  // the servers take 255, ours need some
inline constexpr int kMaxShards = 1'024;                // the servers' own bound (es.index.max_number_of_shards)
inline constexpr int kMaxReplicas = 100;
inline constexpr int kMinFillfactor = 10;  // Postgres' own bounds
inline constexpr int kMaxFillfactor = 100;

}  // namespace foldline::config
