// Letters grouped for people: by state, reason, type, stage and day (UTC) of the failure.
//
//   print_table(group_letters(index, heads), std::cout);
#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "sinks/dead_letter/letter_index.h"

namespace foldline {

struct LetterGroup {
  LetterState state = LetterState::open;
  std::string reason;
  std::string type;  // empty: not known
  std::string stage;
  std::int64_t day = 0;     // since 1970
  std::size_t letters = 0;  // distinct
  std::int64_t oldest_us = INT64_MAX;
  std::int64_t newest_us = INT64_MIN;
  std::string example;  // a letter's ID
};

// The largest first.
std::vector<LetterGroup> group_letters(const LetterIndex& index, std::span<const LetterHead> heads);

void print_table(std::span<const LetterGroup> groups, std::ostream& out);
// A line a letter.
void print_letters(const LetterIndex& index, std::span<const LetterHead> heads, std::ostream& out);
// {"projection":…,"open":…,"replayed":…,"discarded":…,"groups":[…],"letters":[…]}; the letters only when `with_letters`.
std::string groups_json(const std::string& projection, const LetterIndex& index, std::span<const LetterHead> heads, bool with_letters);

// "3 letters: 2 open, 1 replayed, 0 discarded"
std::string summary_of(std::span<const LetterHead> heads);

}  // namespace foldline
