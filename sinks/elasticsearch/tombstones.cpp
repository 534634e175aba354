#include "sinks/elasticsearch/tombstones.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/json.h"
#include "sinks/elasticsearch/answer_json.h"

namespace foldline::elasticsearch {

namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::vector<Watermark> watermarks_of(const Value& source) {
  std::vector<Watermark> out;
  const Value* hidden = find(source, kHiddenField);
  const Value* watermarks = hidden == nullptr ? nullptr : find(*hidden, "w");
  if (watermarks == nullptr || !watermarks->is(Kind::map)) return out;
  for (const MapEntry& entry : watermarks->as_map()) {
    if (entry.value.is(Kind::integer)) out.push_back({std::string(entry.key), entry.value.as_int()});
  }
  return out;
}

}  // namespace

void TombstonePurge::run_when_due(Partitions& partitions) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + limits_.every;
  const auto purged = run(partitions);
  if (!purged) spdlog::warn("search: tombstones stay for now: {}", purged.error().message);
  if (purged && *purged > 0) spdlog::info("search: {} tombstones purged", *purged);
}

Result<std::size_t> TombstonePurge::run(Partitions& partitions) {
  passed_.clear();
  std::size_t out = 0;
  for (const ViewLayout& layout : layouts_) {
    auto purged = purge(layout, partitions);
    if (!purged) return purged;
    out += *purged;
  }
  return out;
}

// The checkpoint as the store has it now, not as this worker remembers it.
Result<bool> TombstonePurge::is_passed(const std::vector<Watermark>& watermarks, Partitions& partitions) {
  for (const Watermark& mark : watermarks) {
    auto known = passed_.find(mark.name);
    if (known == passed_.end()) {
      const auto topic_partition = parse_watermark_name(mark.name);
      if (!topic_partition) return false;
      auto document = partitions.read({&*topic_partition, 1});
      if (!document) return fail(document.error());
      const std::int64_t next_offset = document->front().has_offset ? document->front().checkpoint.next_offset : -1;
      known = passed_.emplace(mark.name, next_offset).first;
    }
    if (mark.next_offset > known->second) return false;
  }
  return !watermarks.empty();
}

Result<std::size_t> TombstonePurge::purge(const ViewLayout& layout, Partitions& partitions) {
  const std::string doing = fmt::format("purging tombstones of {}", layout.index);
  const std::string query =
      fmt::format(R"({{"size":{},"seq_no_primary_term":true,"sort":[{{"{}":"asc"}}],"query":{{"bool":{{"filter":[{{"term":{{"{}":true}}}},)"
                  R"({{"range":{{"{}":{{"lt":{}}}}}}}]}}}}}})",
                  limits_.max_purged, kDeletedAtField, kDeletedField, kDeletedAtField,
                  now_ms() - std::chrono::duration_cast<std::chrono::milliseconds>(limits_.min_age).count());
  auto answer = cluster_.call({Method::post, fmt::format("/{}/_search", percent_encoded(layout.index)), ContentType::json, query}, doing);
  if (!answer) return fail(answer.error());
  Arena arena;
  const auto parsed = parse_json(answer->body, arena);
  const Value* list = parsed ? find_hits(*parsed) : nullptr;
  if (list == nullptr) return fail(ErrorCode::store_unavailable, doing + ": no hits in the answer", "", true);
  BulkBody body;
  for (const Value& hit : list->as_list()) {
    const Value* id = find(hit, "_id");
    const Value* routing = find(hit, "_routing");
    const Value* source = find(hit, "_source");
    const Value* seq_no = find(hit, "_seq_no");
    const Value* term = find(hit, "_primary_term");
    if (id == nullptr || source == nullptr || seq_no == nullptr || term == nullptr) continue;
    auto passed = is_passed(watermarks_of(*source), partitions);
    if (!passed) return fail(passed.error());
    if (!*passed) continue;
    body.remove({id->as_text(), routing == nullptr ? std::string_view() : routing->as_text()}, seq_no->as_int(), term->as_int());
  }
  if (body.count() == 0) return std::size_t{0};
  auto items = cluster_.bulk(fmt::format("/{}/_bulk?require_alias=true", percent_encoded(layout.write_alias)), body, doing);
  if (!items) return fail(items.error().error);
  std::size_t out = 0;
  for (const ItemAnswer& item : *items) out += item.ok() ? 1U : 0U;
  return out;
}

}  // namespace foldline::elasticsearch
