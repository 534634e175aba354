#include "sinks/dead_letter/letter_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "sinks/dead_letter/kafka_letters.h"

namespace foldline {

std::uint32_t LetterIndex::intern(const std::string& name) {
  const auto [found, is_new] = interned_.emplace(name, static_cast<std::uint32_t>(names_.size()));
  if (is_new) names_.push_back(name);
  return found->second;
}

Result<LetterIndex::Entry*> LetterIndex::entry_of(const std::string& letter_id) {
  const std::string position = letter_id.substr(std::min(letter_id.size(), projection_.size() + 1));
  const auto found = entries_.find(position);
  if (found != entries_.end()) return &found->second;
  if (entries_.size() >= kMaxLetters) {
    return fail(ErrorCode::limit, fmt::format("there are more than {} distinct letters", kMaxLetters),
                "raise no alarm for each of them: correct the cause, then shorten the letter topic's retention.ms");
  }
  return &entries_[position];
}

Result<void> LetterIndex::add(const std::string& letter_topic, std::int32_t partition, std::int64_t offset, const LetterRecord& record) {
  if (record.foreign) {
    ++foreign_;
    if (first_foreign_.empty()) first_foreign_ = fmt::format("{}/{}, offset {}: {}", letter_topic, partition, offset, record.why);
  }
  if (record.mark) {
    auto entry = entry_of(record.mark->letter_id);
    if (!entry) return fail(entry.error());
    Mark& mark = (*entry)->mark;
    // Marks of one letter have one key and so come in order, unless partitions were added between: then their own times tell.
    if (std::tie(record.mark->generation, record.mark->retry_count, record.mark->at_us) >=
        std::tie(mark.generation, mark.retry_count, mark.at_us)) {
      mark = {record.mark->state, record.mark->generation, record.mark->retry_count, record.mark->at_us};
    }
  }
  if (!record.letter || (key_ && record.letter->key != key_)) return {};
  const LetterSummary& letter = *record.letter;
  auto found = entry_of(letter.letter_id);
  if (!found) return fail(found.error());
  Entry& entry = **found;
  if (entry.found && std::tie(letter.generation, letter.retry_count) < std::tie(entry.head.generation, entry.head.retry_count)) return {};
  entry.found = true;
  entry.head = {.topic = intern(letter.topic_partition.topic),
                .partition = letter.topic_partition.partition,
                .offset = letter.offset,
                .stage = intern(letter.stage),
                .reason = intern(letter.reason),
                .type = intern(letter.event_type),
                .retry_count = letter.retry_count,
                .generation = letter.generation,
                .timestamp_us = letter.timestamp_us,
                .failed_at_us = letter.failed_at_us,
                .place = {intern(letter_topic), partition, offset},
                .state = LetterState::open};
  return {};
}

std::vector<LetterHead> LetterIndex::letters() const {
  std::vector<LetterHead> out;
  for (const auto& [position, entry] : entries_) {
    if (!entry.found) continue;
    LetterHead head = entry.head;
    if (std::tie(entry.mark.generation, entry.mark.retry_count) >= std::tie(head.generation, head.retry_count))
      head.state = entry.mark.state;
    out.push_back(head);
  }
  std::sort(out.begin(), out.end(), [this](const LetterHead& a, const LetterHead& b) {
    if (a.topic != b.topic) return name(a.topic) < name(b.topic);
    return std::tie(a.partition, a.offset) < std::tie(b.partition, b.offset);
  });
  return out;
}

std::string LetterIndex::id_of(const LetterHead& head) const {
  return letter_id(projection_, {name(head.topic), head.partition}, head.offset);
}

}  // namespace foldline
