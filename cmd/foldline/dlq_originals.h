// The events of letters, exactly as they were, and as records for the replay topic.
//
//   auto originals = *fetch_originals(letters, projection, heads);          // some hundred letters at a time
//   kafka::OutgoingRecord record = replay_record(projection, letters.index(), originals[0]);
//
// From the letter where it holds all of it; else (too large, redacted, key or headers cut) from the event's own position, if the log still
// has that record there.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cmd/foldline/dlq_letters.h"

namespace foldline {

struct Original {
  LetterHead head;
  OriginalEvent event;
  std::string missing;  // why it can't be had; empty: it is there
};

// As `heads`, in their order.
Result<std::vector<Original>> fetch_originals(DeadLetters& letters, const Projection& projection, std::span<const LetterHead> heads);

kafka::OutgoingRecord replay_record(const Projection& projection, const LetterIndex& index, const Original& original);

}  // namespace foldline
