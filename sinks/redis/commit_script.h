// The Lua that commits a batch, and the one that takes ownership. Each is one atomic call (G21).
//
//   request.begin(3 + ...).add("EVALSHA").add(kCommitScript.sha1())...
//
// What encode.cpp writes for kCommitScript.
// KEYS: a checkpoint for each partition, its processed IDs for each partition, then a key for each row, in the order of the groups.
// ARGV: number of partitions, owner, batch ID; kPartitionWords words for each partition; then groups, each a word that says what:
//   C rows expiry operation default       counters.     A row: digits, but for d[, expires at]
//   A rows expiry                         counters that were seen before, added to without a look. A row: digits
//   I rows expiry                         the same, where 1 is added. A row: nothing
//   H rows expiry base fields defaults    hashes of one shape, computed here; then for each field: name, operation, default, least,
//                                         greatest; for each default of a field not named so: name, text. A row: a text for each field
//                                         but those of operation z[, expires at]
//   B rows expiry names                   hashes that were read; then the names. A row: what to do, and for each name what was read and
//                                         what is to stand there[, expires at]
//   J rows expiry                         JSON strings that were read. A row: what to do, read, to be[, expires at]
//   Z keys expiry default                 sorted sets.  A key: members; for each: operation, member, score[; expires at]
//   S keys expiry                         sets.         A key: members; for each: operation, member[; expires at]
// expiry: n none, g the greater of the key's and this, p exactly this (empty: none). Operations: s set, S set after a delete, a add, m min,
// x max (whole numbers), M X the same by bytes, z null, d delete, e make sure that the row exists. base: k keep, r reset, d delete.
// Optional texts: "-" none, "=text". What to do with a row that was read: w write, r write anew after a delete, d delete.
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
