#include "cmd/foldline/dlq_letters.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "common/kafka/inspector.h"
#include "common/time.h"
#include "config/mask.h"
#include "config/pattern.h"

namespace foldline {

namespace {

constexpr std::uint64_t kRecordsPerProgress = 20'000;

std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  for (std::size_t at = out.size(); at > 3;) out.insert(at -= 3, ",");
  return out;
}

bool fits_pattern(const std::string& pattern, const std::string& text) { return pattern.empty() || config::matches(pattern, text); }

}  // namespace

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string counted_letters(std::size_t count) { return grouped(count) + (count == 1 ? " letter" : " letters"); }

bool LetterFilter::fits(const LetterIndex& index, const LetterHead& head) const {
  if (!all && head.state != LetterState::open) return false;
  if (!fits_pattern(reason, index.name(head.reason)) || !fits_pattern(type, index.name(head.type))) return false;
  if (!stage.empty() && stage != index.name(head.stage)) return false;
  if (since_us && head.failed_at_us < *since_us) return false;
  if (until_us && head.failed_at_us >= *until_us) return false;
  return ids.empty() || std::find(ids.begin(), ids.end(), index.id_of(head)) != ids.end();
}

std::vector<LetterHead> chosen(const LetterFilter& filter, const LetterIndex& index) {
  std::vector<LetterHead> out = index.letters();
  std::erase_if(out, [&](const LetterHead& head) { return !filter.fits(index, head); });
  return out;
}

Result<std::int64_t> parse_moment_us(const std::string& text, std::int64_t now_us) {
  if (auto time = parse_timestamp_us(text)) return time;
  if (auto day = parse_date_days(text)) return *day * 86'400'000'000;
  if (auto ago = parse_duration_us(text)) return now_us - *ago;
  return fail(ErrorCode::config, "`" + config::printable(text) + "` is no time",
              "write 2026-04-03, 2026-04-03T09:15:00Z, or how long ago: 90m, 24h, 7d");
}

std::vector<std::string> letter_topics(const config::ProjectionFile& file, const std::map<std::string, int>& topics) {
  std::vector<std::string> out;
  for (const auto& [topic, partitions] : topics) {
    const auto source = topic_of_letters(file.dead_letter.topic, topic);
    if (source && (source->empty() || source_of_topic(file, *source) >= 0)) out.push_back(topic);
  }
  return out;
}

Result<std::unique_ptr<DeadLetters>> DeadLetters::open(const Projection& projection) {
  std::unique_ptr<DeadLetters> out(new DeadLetters(projection));
  const kafka::ClientOptions client = kafka_options(projection->file);
  auto inspector = kafka::Inspector::create(client);
  if (!inspector) return fail(inspector.error());
  auto topics = (*inspector)->topics();
  if (!topics) return fail(topics.error());
  out->topics_ = std::move(*topics);
  out->letter_topics_ = foldline::letter_topics(projection->file, out->topics_);
  auto reader = kafka::TopicReader::create(client);
  if (!reader) return fail(reader.error());
  out->reader_ = std::move(*reader);
  return out;
}

Result<void> DeadLetters::scan(std::ostream& err, const Observe& observe) {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  std::uint64_t records = 0;
  for (const std::string& topic : letter_topics_) {
    const auto visit = [&](std::int32_t partition, const Record& record) -> Result<void> {
      if (terminal && ++records % kRecordsPerProgress == 0) err << "\rreading " << grouped(records) << " records" << std::flush;
      const LetterRecord read = read_letter_record(record, projection_->file.projection);
      if (observe) observe({0, partition, record.offset}, read);
      return index_.add(topic, partition, record.offset, read);
    };
    auto done = reader_->read_all(topic, topics_.at(topic), visit);
    if (!done) return fail(done.error());
  }
  if (records >= kRecordsPerProgress) err << "\r\x1b[K" << std::flush;
  return {};
}

Result<void> DeadLetters::read(const std::optional<std::string>& key, std::ostream& err) {
  index_ = LetterIndex(projection_->file.projection, key);
  return scan(err, {});
}

Result<std::vector<LetterHistory>> DeadLetters::read_history(const std::string& letter_id, std::ostream& err) {
  index_ = LetterIndex(projection_->file.projection);
  std::vector<LetterHistory> out;
  auto done = scan(err, [&](const LetterPlace& place, const LetterRecord& record) {
    const bool ours = (record.letter && record.letter->letter_id == letter_id) || (record.mark && record.mark->letter_id == letter_id);
    if (ours) out.push_back({place, record});
  });
  if (!done) return fail(done.error());
  const auto when = [](const LetterHistory& h) { return h.record.letter ? h.record.letter->failed_at_us : h.record.mark->at_us; };
  std::stable_sort(out.begin(), out.end(), [&](const LetterHistory& a, const LetterHistory& b) { return when(a) < when(b); });
  return out;
}

Result<void> DeadLetters::bodies(std::span<const LetterHead> heads, const VisitBody& visit) {
  std::map<TopicPartition, std::map<std::int64_t, std::size_t>> by_partition;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const LetterPlace& place = heads[i].place;
    by_partition[{index_.name(place.topic), place.partition}][place.offset] = i;
  }
  for (const auto& [partition, wanted] : by_partition) {
    std::vector<std::int64_t> offsets;
    for (const auto& [offset, head] : wanted) offsets.push_back(offset);
    auto read = reader_->read_at(partition, offsets, [&, &heads_at = wanted](std::int32_t, const Record& record) {
      return visit(heads_at.at(record.offset), record.value.value_or(""));
    });
    if (!read) return read;
  }
  return {};
}

void mention_foreign(const LetterIndex& index, std::ostream& err) {
  if (index.foreign_records() == 0) return;
  err << fmt::format("note: {} records in the letter topics are no letters of Foldline's, the first one at {}\n",
                     grouped(index.foreign_records()), config::printable(index.first_foreign()));
}

}  // namespace foldline
