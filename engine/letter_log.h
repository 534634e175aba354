// Says in the log which events became letters, so that a trace ends there and not in silence: a few lines a minute, then only how many
// more.
//
//   LetterLog log(hidden);
//   log.add(letters, now);      // acknowledged by Kafka
//
// What is written: position, stage, code, type, event ID, correlation ID and the letter's reason, in which values are left out. With
// `hidden` (a source of the projection redacts) no reason. One thread.
#pragma once

#include <cstdint>
#include <span>

#include "engine/clock.h"
#include "sinks/dead_letter/letter.h"

namespace foldline {

class LetterLog {
 public:
  static constexpr std::uint64_t kLinesPerMinute = 20;

  explicit LetterLog(bool hidden) : hidden_(hidden) {}

  void add(std::span<const Letter> letters, Instant now);
  // Tells of those that were left out, once their minute is over. Cheap: called at every step.
  void tick(Instant now);

 private:
  void write(const Letter& letter) const;

  bool hidden_;
  std::uint64_t written_ = 0;
  std::uint64_t left_out_ = 0;
  Instant minute_end_{};
};

}  // namespace foldline
