#include "common/codec/json_plan.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace foldline::codec {
namespace {

// JSON writes these with an escape, so a key that holds one never stands in a record as it is.
bool is_plain(std::string_view key) {
  return std::none_of(key.begin(), key.end(), [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
}

std::uint64_t next_identity() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

JsonPlan::JsonPlan(const expr::PathSet& paths, expr::Root root, JsonPlanOptions options, std::string_view strip)
    : nodes_(1), options_(std::move(options)), identity_(next_identity()) {
  for (std::size_t i = 0; i < paths.paths().size(); ++i) {
    const expr::Path& path = paths.paths()[i];
    if (path.root != root) continue;
    std::span<const std::string> keys = path.keys;
    if (!strip.empty()) {
      if (keys.empty() || keys[0] != strip) continue;
      keys = keys.subspan(1);
    }
    add(keys, static_cast<std::uint32_t>(kAttributeSlots + i));
  }
  if (debezium_row_ >= 0) attach_debezium_row();
  finish();
}

void JsonPlan::finish() {
  for (Node& node : nodes_) {
    for (Child& child : node.children) {
      const std::string quoted = child.key + '"';
      const std::size_t size = std::min(quoted.size(), sizeof child.head);
      std::memcpy(&child.head, quoted.data(), size);
      std::memset(&child.head_mask, 0xFF, size);
      const Node& target = nodes_[child.node];
      if (target.children.empty() && target.embedded < 0 && !child.is_after && !child.is_before) child.leaf_slot = target.slot;
    }
  }
}

void JsonPlan::add(std::span<const std::string> keys, std::uint32_t slot) {
  std::uint32_t at = 0;
  if (!keys.empty() && keys[0] == kDebeziumRow) {
    if (debezium_row_ < 0) {
      debezium_row_ = static_cast<std::int32_t>(nodes_.size());
      nodes_.emplace_back();
    }
    at = static_cast<std::uint32_t>(debezium_row_);
    keys = keys.subspan(1);
  }
  for (const std::string& key : keys) at = child(at, key);
  nodes_[at].slot = static_cast<std::int32_t>(slot);
}

std::uint32_t JsonPlan::child(std::uint32_t parent, const std::string& key) {
  if (key == kEmbeddedJson) {
    if (nodes_[parent].embedded < 0) {
      nodes_[parent].embedded = static_cast<std::int32_t>(nodes_.size());
      nodes_.emplace_back();
    }
    return static_cast<std::uint32_t>(nodes_[parent].embedded);
  }
  for (const Child& existing : nodes_[parent].children) {
    if (existing.key == key) return existing.node;
  }
  const auto index = static_cast<std::uint32_t>(nodes_.size());
  nodes_[parent].children.push_back({key, is_plain(key), index});
  nodes_.emplace_back();
  return index;
}

void JsonPlan::attach_debezium_row() {
  child(0, "after");
  child(0, "before");
  for (Child& c : nodes_[0].children) {
    c.is_after = c.key == "after";
    c.is_before = c.key == "before";
  }
}

}  // namespace foldline::codec
