// What `replay` and `discard` share: choosing letters, asking first, and leaving marks.
#pragma once

#include <istream>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "cmd/foldline/dlq.h"
#include "cmd/foldline/dlq_letters.h"

namespace foldline {

// The letters that the filter names, when `may` allows their state. Says on `err` which IDs of the filter are no letters (answers nullopt),
// and how many it left out because of their state.
std::optional<std::vector<LetterHead>> choose(const DlqOptions& options, const LetterIndex& index, LetterState left_out, std::ostream& err);

// Asks `question` unless --yes; false: no, or nobody is there to ask (said on `err`).
bool is_agreed(const DlqOptions& options, const std::string& question, std::istream& in, std::ostream& out, std::ostream& err);

// One mark a letter, in the topic where the letter stands.
std::vector<kafka::OutgoingRecord> marks_of(const Projection& projection, const LetterIndex& index, std::span<const LetterHead> heads,
                                            LetterState state, const std::string& because);

// The generation whose views readers see; only its letters are worth a replay. A worker passes over replays of another one's.
Result<std::int64_t> live_generation(const Projection& projection);
void leave_out_earlier(std::vector<LetterHead>& heads, std::int64_t live, std::ostream& err);

}  // namespace foldline
