// Rows ahead of the checkpoint (G4, G24). A store without transactions writes rows first and the checkpoint last, so a crash leaves rows
// that include events which the next owner reads again. The sink says so when it meets one (`refold`); from then on the changes that a
// row includes are dropped before folding, until the checkpoint has passed them. Crash: nothing is kept here that the store would not
// tell again.
#include <spdlog/spdlog.h>

#include "engine/lane_impl.h"
#include "sinks/rows/stored_row.h"

namespace foldline {

bool RowsAhead::add(const std::vector<RowAhead>& rows) {
  bool news = false;
  for (const RowAhead& row : rows) {
    const auto [from, to] = rows_.equal_range({row.view, row.key_hash});
    const auto same = std::find_if(
        from, to, [&](const auto& known) { return known.second.key == row.key && known.second.topic_partition == row.topic_partition; });
    if (same != to && same->second.next_offset >= row.next_offset) continue;
    news = true;
    if (same != to) {
      same->second.next_offset = row.next_offset;
    } else {
      rows_.emplace(Id{row.view, row.key_hash}, Row{row.key, row.topic_partition, row.next_offset});
    }
  }
  return news;
}

bool RowsAhead::includes(const ViewSchema& view, const Change& change, const Record& record) const {
  const auto [from, to] = rows_.equal_range({change.view, change.key_hash});
  if (from == to) return false;
  const std::string key = rows::encode_key({change.key, view.key.size()});
  return std::any_of(from, to, [&](const auto& known) {
    const Row& row = known.second;
    return record.offset < row.next_offset && row.key == key && row.topic_partition == *record.topic_partition;
  });
}

void RowsAhead::passed(const TopicPartition& topic_partition, std::int64_t next_offset) {
  std::erase_if(
      rows_, [&](const auto& known) { return known.second.next_offset <= next_offset && known.second.topic_partition == topic_partition; });
}

// G16: what the store held before the window reached back so far, or what came through another partition. A duplicate counts for
// nothing, its time neither (G12).
bool Lane::Impl::take_out_known(const Commit& commit) {
  for (const std::uint32_t known : commit.result.known_ids) {
    BatchEntry& entry = commit.batch->entries()[commit.exact_entries[known]];
    entry.outcome = Outcome::duplicate;
    entry.event_time_us = INT64_MIN;
  }
  return !commit.result.known_ids.empty();
}

// The same range again, folded without what the store's rows hold. The batch behind it may have been folded for the same rows: then its
// own commit is told so.
void Lane::Impl::on_refold(const Commit& commit, Instant now) {
  deps.stats.refolds.fetch_add(1, std::memory_order_relaxed);
  const bool news = rows_ahead.add(commit.result.ahead);
  if (!take_out_known(commit) && !news) {
    wait_for(Wait::store, {ErrorCode::internal, "the store says again that it holds what was not folded for it", "", true}, now);
    return;
  }
  sealed->commit.reset();
  if (!sealed->refold) sealed->refold = std::make_shared<Refold>(deps.views);
}

}  // namespace foldline
