// The Lua that commits a batch, and the one that takes ownership. Each is one atomic call (G21).
//
//   request.begin(3 + ...).add("EVALSHA").add(kCommitScript.sha1())...
//
// What the words in ARGV mean stands in the script's own comments; encode.cpp writes them.
#pragma once

#include <string>
#include <string_view>

namespace foldline::redis {

extern const std::string_view kCommitScript;
extern const std::string_view kOpenScript;
// kCommitScript's first phase alone, for the same words: it answers what the whole would, or kChecked where that would write. In a cluster
// every bucket is asked before the first one is written, for an event changes all of its rows or none (G28).
std::string_view check_script();

// Words of ARGV for each partition in kCommitScript.
inline constexpr int kPartitionWords = 11;

// The first word of kCommitScript's answer.
inline constexpr std::string_view kCommitted = "committed";  // now, or by an earlier attempt whose answer was lost (G5)
inline constexpr std::string_view kChecked = "checked";      // nothing is against it
inline constexpr std::string_view kFenced = "fenced";        // number of the partition, stored owner, stored next_offset
inline constexpr std::string_view kRejected = "rejected";    // key, why
inline constexpr std::string_view kChanged = "changed";      // key: it is not as it was read
inline constexpr std::string_view kSystem = "system";        // key, why: one of Foldline's own keys is not what it should be

}  // namespace foldline::redis
