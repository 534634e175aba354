#include "cmd/foldline/dlq_originals.h"

#include <fmt/format.h>

#include "common/codec/replay_decoder.h"

namespace foldline {

namespace {

std::optional<std::string> owned(const std::optional<std::string_view>& bytes) {
  return bytes ? std::optional<std::string>(*bytes) : std::nullopt;
}

OriginalEvent event_of(const Record& record) {
  OriginalEvent out;
  out.held = true;
  out.key = owned(record.key);
  out.value = owned(record.value);
  for (const Header& header : record.headers) out.headers.emplace_back(header.name, owned(header.value));
  return out;
}

// Those that the letters don't hold, from where they stood.
Result<void> fetch_from_source(DeadLetters& letters, std::vector<Original>& originals, const std::vector<std::size_t>& wanted) {
  std::map<TopicPartition, std::map<std::int64_t, std::size_t>> by_partition;
  for (const std::size_t i : wanted) {
    const LetterHead& head = originals[i].head;
    by_partition[{letters.index().name(head.topic), head.partition}][head.offset] = i;
    originals[i].missing = "the letter does not hold the whole event, and the log no longer has the record at its position";
  }
  for (const auto& [partition, places] : by_partition) {
    if (!letters.exists(partition.topic)) {
      for (const auto& [offset, i] : places) {
        originals[i].missing = "the letter does not hold the whole event, and its topic " + partition.topic + " is gone";
      }
      continue;
    }
    std::vector<std::int64_t> offsets;
    for (const auto& [offset, i] : places) offsets.push_back(offset);
    auto read = letters.reader().read_at(partition, offsets, [&, &at = places](std::int32_t, const Record& record) -> Result<void> {
      Original& original = originals[at.at(record.offset)];
      if (record.timestamp_us != original.head.timestamp_us) {  // the topic was re-created (G6)
        original.missing = "another record stands at its position now: the topic was re-created";
        return {};
      }
      original.event = event_of(record);
      original.missing.clear();
      return {};
    });
    if (!read) return read;
  }
  return {};
}

}  // namespace

Result<std::vector<Original>> fetch_originals(DeadLetters& letters, const Projection& projection, std::span<const LetterHead> heads) {
  std::vector<Original> out;
  for (const LetterHead& head : heads) out.push_back({head, {}, "the letter has left its topic meanwhile"});
  std::vector<std::size_t> not_held;
  auto read = letters.bodies(heads, [&](std::size_t i, std::string_view text) -> Result<void> {
    auto event = read_original(text);
    out[i].missing = event ? "" : event.error().message;
    if (event) out[i].event = std::move(*event);
    if (event && !out[i].event.held) not_held.push_back(i);
    return {};
  });
  if (!read) return fail(read.error());
  if (auto fetched = fetch_from_source(letters, out, not_held); !fetched) return fail(fetched.error());
  for (Original& original : out) {
    const std::string& topic = letters.index().name(original.head.topic);
    if (topic == replay_topic(projection->file)) {
      original.missing = "it is a damaged record of the replay topic itself; discard it";
    } else if (source_of_topic(projection->file, topic) < 0) {
      original.missing = "no source of the projection reads the topic " + topic + " any more";
    }
  }
  return out;
}

kafka::OutgoingRecord replay_record(const Projection& projection, const LetterIndex& index, const Original& original) {
  const LetterHead& head = original.head;
  const std::string id = index.id_of(head);
  kafka::OutgoingRecord out;
  out.topic = replay_topic(projection->file);
  out.key = original.event.key;
  out.value = original.event.value;
  out.headers = codec::replay_headers(
      {id, head.retry_count, index.name(head.topic), head.partition, head.offset, head.timestamp_us, head.generation});
  out.headers.insert(out.headers.end(), original.event.headers.begin(), original.event.headers.end());
  return out;
}

}  // namespace foldline
