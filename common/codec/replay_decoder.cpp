#include "common/codec/replay_decoder.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <memory>
#include <set>

namespace foldline::codec {

namespace {

constexpr std::array<std::string_view, kReplayHeaders> kNames = {"foldline-letter-id", "foldline-retry-count", "foldline-topic",
                                                                 "foldline-partition", "foldline-offset",      "foldline-timestamp",
                                                                 "foldline-generation"};
constexpr const char* kHint = "only `foldline dlq replay` writes to this topic; the record is not replayed";

template <class Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out >= 0;
}

class ReplayDecoder final : public Decoder {
 public:
  explicit ReplayDecoder(ReplayDecoderOptions options) : options_(std::move(options)) {}

  Result<Decoded> decode(const Record& record, Arena& arena, Event& event) override {
    event = Event{};
    event.record = &record;
    event.source = options_.index;
    event.time_us = record.timestamp_us;
    auto rebuilt = rebuild(record, arena);
    if (!rebuilt) return fail(std::move(rebuilt.error()));
    const std::string& topic = rebuilt->record->topic_partition->topic;
    const int source = options_.source_of(topic);
    if (source < 0 || static_cast<std::size_t>(source) >= options_.decoders.size()) {
      rebuilt->give_to(event);
      return fail(ErrorCode::decode, "no source of the projection reads the topic " + topic + " any more",
                  "name the topic under `topics` again, or discard the letter");
    }
    auto decoded = options_.decoders[static_cast<std::size_t>(source)]->decode(*rebuilt->record, arena, event);
    rebuilt->give_to(event);
    event.source = static_cast<std::uint32_t>(source);
    return decoded;
  }

  void identify(const Record& record, Arena& arena, Event& event) override {
    auto rebuilt = rebuild(record, arena);
    if (!rebuilt) return;
    rebuilt->give_to(event);
    const int source = options_.source_of(rebuilt->record->topic_partition->topic);
    if (source >= 0) event.source = static_cast<std::uint32_t>(source);
  }

  [[nodiscard]] DecoderCounts counts() const override {
    DecoderCounts out;
    for (const auto& decoder : options_.decoders) {
      const DecoderCounts counts = decoder->counts();
      out.missing_ids += counts.missing_ids;
      out.skipped += counts.skipped;
    }
    return out;
  }

 private:
  struct Rebuilt {
    const Record* record = nullptr;
    const Replay* replay = nullptr;

    void give_to(Event& event) const {
      event.record = record;
      event.replay = replay;
    }
  };

  Result<Rebuilt> rebuild(const Record& record, Arena& arena) {
    auto origin = read_replay_headers(record.headers);
    if (!origin) return fail(std::move(origin.error()));
    const std::string id = fmt::format("{}:{}:{}:{}", options_.projection, origin->topic, origin->partition, origin->offset);
    if (id != origin->letter_id) {
      return fail(ErrorCode::decode, fmt::format("the header foldline-letter-id does not name the position {}", id), kHint);
    }
    auto* original = std::construct_at(arena.array<Record>(1), record);
    original->topic_partition = &*partitions_.insert({std::string(origin->topic), origin->partition}).first;
    original->offset = origin->offset;
    original->timestamp_us = origin->timestamp_us;
    original->headers = record.headers.subspan(kReplayHeaders);
    const std::string identity = fmt::format("{}#{}", id, origin->retry_count);
    const auto* replay = std::construct_at(arena.array<Replay>(1), Replay{arena.copy(identity), origin->retry_count, origin->generation});
    return Rebuilt{original, replay};
  }

  ReplayDecoderOptions options_;
  std::set<TopicPartition> partitions_;  // a node stays where it is, also while another thread makes a letter of it
};

}  // namespace

OwnedHeaders replay_headers(const ReplayOrigin& origin) {
  const std::array<std::string, kReplayHeaders> values = {std::string(origin.letter_id),    std::to_string(origin.retry_count),
                                                          std::string(origin.topic),        std::to_string(origin.partition),
                                                          std::to_string(origin.offset),    std::to_string(origin.timestamp_us),
                                                          std::to_string(origin.generation)};
  OwnedHeaders out;
  for (std::size_t i = 0; i < kReplayHeaders; ++i) out.emplace_back(kNames[i], values[i]);
  return out;
}

Result<ReplayOrigin> read_replay_headers(std::span<const Header> headers) {
  for (std::size_t i = 0; i < kReplayHeaders; ++i) {
    if (i < headers.size() && headers[i].name == kNames[i] && headers[i].value && !headers[i].value->empty()) continue;
    return fail(ErrorCode::decode, fmt::format("no replayed letter: its header {} should be {}", i + 1, kNames[i]), kHint);
  }
  ReplayOrigin out;
  out.letter_id = *headers[0].value;
  out.topic = *headers[2].value;
  const bool numbers = read_number(*headers[1].value, out.retry_count) && read_number(*headers[3].value, out.partition) &&
                       read_number(*headers[4].value, out.offset) && read_number(*headers[5].value, out.timestamp_us) &&
                       read_number(*headers[6].value, out.generation);
  if (!numbers) return fail(ErrorCode::decode, "no replayed letter: one of its foldline headers is not a whole number", kHint);
  return out;
}

std::unique_ptr<Decoder> make_replay_decoder(ReplayDecoderOptions options) { return std::make_unique<ReplayDecoder>(std::move(options)); }

}  // namespace foldline::codec
