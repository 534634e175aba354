#include "engine/letter_log.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <string>

#include "common/logging.h"

namespace foldline {

void LetterLog::add(std::span<const Letter> letters, Instant now) {
  if (letters.empty()) return;
  tick(now);
  if (written_ == 0 && left_out_ == 0) minute_end_ = now + std::chrono::minutes(1);
  for (const Letter& letter : letters) {
    if (written_ < kLinesPerMinute) {
      ++written_;
      write(letter);
    } else {
      ++left_out_;
    }
  }
}

void LetterLog::tick(Instant now) {
  if (now < minute_end_ || (written_ == 0 && left_out_ == 0)) return;
  if (left_out_ > 0) spdlog::warn("{} more dead letters in the last minute: see `foldline dlq list`", left_out_);
  written_ = left_out_ = 0;
}

void LetterLog::write(const Letter& letter) const {
  const std::string partition = std::to_string(letter.topic_partition.partition);
  const std::string offset = std::to_string(letter.offset);
  const LogScope about({{"topic", letter.topic_partition.topic},
                        {"partition", partition},
                        {"offset", offset},
                        {"type", letter.event_type},
                        {"event_id", letter.event_id},
                        {"correlation_id", letter.correlation_id},
                        {"stage", to_string(letter.stage)},
                        {"code", to_string(letter.code)}});
  spdlog::warn("dead letter: {}", hidden_ ? std::string_view("its reason is hidden because a source has redacted paths") : letter.reason);
}

}  // namespace foldline
