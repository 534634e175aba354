#include "engine/batch.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace foldline {

namespace {

// G12: an event from the future may not push the partition's time past its record's time by more than this.
constexpr std::int64_t kMaxAheadUs = 3'600'000'000;

static_assert(Arena::kReadableBeyond >= kRecordPaddingBytes, "a record's bytes end where the arena's may");

// Appends a view's bytes to a block and answers the copy.
class Writer {
 public:
  explicit Writer(char* to) : to_(to) {}
  std::string_view copy(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(to_, bytes.data(), bytes.size());
    const std::string_view out(to_, bytes.size());
    to_ += bytes.size();
    return out;
  }
  std::optional<std::string_view> copy(const std::optional<std::string_view>& bytes) {
    return bytes ? std::optional(copy(*bytes)) : std::nullopt;
  }

 private:
  char* to_;
};

}  // namespace

std::size_t size_bytes(const Record& record) {
  std::size_t out = (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
  for (const Header& header : record.headers) out += header.name.size() + (header.value ? header.value->size() : 0);
  return out;
}

std::uint64_t anchor_hash(const Record& record) {
  // The seed keeps null apart from empty, and the key's end apart from the value's start.
  const std::uint64_t key = record.key ? hash64(*record.key, 1) : 2;
  return record.value ? hash64(*record.value, key) : key ^ 0x9e3779b97f4a7c15ULL;
}

std::uint64_t anchor_hash(const BatchEntry& entry) {
  return entry.too_large ? entry.content->omitted_anchor_hash : anchor_hash(entry.content->record);
}

std::int64_t bounded_event_time_us(const Event& event) {
  const std::int64_t recorded_us = event.record->timestamp_us;
  return recorded_us < 0 ? INT64_MIN : std::min(event.time_us, recorded_us + kMaxAheadUs);
}

void Batch::begin(std::shared_ptr<const std::vector<AssignedPartition>> assignment) {
  assignment_ = std::move(assignment);
  arena_.reset();
  fold_.begin(arena_);
  entries_.clear();
  letters_.clear();
  ends_.assign(assignment_->size(), -1);
  processed = 0;
  closed = false;
  encoding_tried = false;
  is_encoded = false;
}

void Batch::stage(const Record& record, std::size_t max_record_bytes) {
  auto* content = std::construct_at(arena_.array<BatchRecord>(1));
  Record& copy = content->record;
  copy.topic_partition = &(*assignment_)[record.slot].topic_partition;
  copy.slot = record.slot;
  copy.offset = record.offset;
  copy.timestamp_us = record.timestamp_us;
  content->event.record = &copy;
  content->event.source = (*assignment_)[record.slot].source;
  BatchEntry& entry = entries_.emplace_back();
  entry.content = content;
  entry.offset = record.offset;
  entry.slot = record.slot;
  const std::size_t bytes = size_bytes(record);
  entry.size_bytes = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, UINT32_MAX));
  entry.timestamp_us = record.timestamp_us;
  if (bytes <= max_record_bytes) {
    copy_bytes(record, bytes, copy);
    return;
  }
  entry.too_large = true;
  content->omitted_bytes = bytes;
  content->omitted_anchor_hash = anchor_hash(record);
  Record context = record;  // a letter shows key and headers where it can
  context.value.reset();
  if (size_bytes(context) > kMaxKeptContextBytes) context.headers = {};
  if (size_bytes(context) > kMaxKeptContextBytes) context.key.reset();
  copy_bytes(context, size_bytes(context), copy);
}

// In one block. What follows a piece is the next one, the next record's, or the rest of the arena's chunk: kRecordPaddingBytes may be read
// past any of them.
void Batch::copy_bytes(const Record& from, std::size_t size_bytes, Record& to) {
  Writer writer(static_cast<char*>(arena_.allocate(size_bytes, 1)));
  to.key = writer.copy(from.key);
  to.value = writer.copy(from.value);
  if (!from.headers.empty()) {
    auto* headers = arena_.array<Header>(from.headers.size());
    for (std::size_t i = 0; i < from.headers.size(); ++i) {
      const std::string_view name = writer.copy(from.headers[i].name);
      std::construct_at(headers + i, Header{name, writer.copy(from.headers[i].value)});
    }
    to.headers = {headers, from.headers.size()};
  }
}

void Batch::move_tail(std::size_t first, Batch& next) {
  for (std::size_t i = first; i < entries_.size(); ++i) {
    const BatchRecord& from = *entries_[i].content;
    next.stage(from.record, SIZE_MAX);
    next.entries_.back().too_large = entries_[i].too_large;
    next.entries_.back().size_bytes = entries_[i].size_bytes;
    next.entries_.back().content->omitted_bytes = from.omitted_bytes;
    next.entries_.back().content->omitted_anchor_hash = from.omitted_anchor_hash;
  }
  entries_.resize(first);
  next.ends_.swap(ends_);  // where the log's end was seen behind records that are now the next batch's
}

void Batch::add_letter(std::size_t entry, Stage stage, Error error, bool written) {
  entries_[entry].outcome = Outcome::letter;
  BatchLetter letter{entry, stage, std::move(error), written};
  letters_.insert(
      std::upper_bound(letters_.begin(), letters_.end(), entry, [](std::size_t e, const BatchLetter& other) { return e < other.entry; }),
      std::move(letter));
}

}  // namespace foldline
