#include "sinks/redis/slots.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sinks/redis/errors.h"

namespace foldline::redis {

namespace {

constexpr std::array<std::uint16_t, 256> make_table() {
  constexpr std::uint16_t kPolynomial = 0x1021;
  std::array<std::uint16_t, 256> out{};
  for (std::size_t byte = 0; byte < out.size(); ++byte) {
    auto crc = static_cast<std::uint32_t>(byte << 8U);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) != 0 ? (crc << 1U) ^ kPolynomial : crc << 1U;
    out[byte] = static_cast<std::uint16_t>(crc & 0xffffU);
  }
  return out;
}

constexpr std::array<std::uint16_t, 256> kTable = make_table();

tl::unexpected<Error> strange(const HostPort& asked, std::string_view what) {
  return fail(ErrorCode::store_unavailable, fmt::format("{} answers CLUSTER SLOTS with {}", asked.to_string(), what),
              "is it a node of a Redis Cluster?", true);
}

std::size_t index_of(std::vector<HostPort>& list, const HostPort& wanted) {
  const auto found = std::find(list.begin(), list.end(), wanted);
  if (found != list.end()) return static_cast<std::size_t>(found - list.begin());
  list.push_back(wanted);
  return list.size() - 1;
}

// [address, port, id, ...]; the address of a node that does not know its own is empty, null or "?".
bool read_node(const redisReply* node, const HostPort& asked, HostPort& out) {
  if (node == nullptr || node->type != REDIS_REPLY_ARRAY || node->elements < 2 || node->element[1]->type != REDIS_REPLY_INTEGER)
    return false;
  const std::string_view host = Reply::text_of(node->element[0]);
  out.host = host.empty() || host == "?" ? asked.host : std::string(host);
  out.port = static_cast<int>(node->element[1]->integer);
  return out.port > 0 && out.port < 65'536;
}

}  // namespace

std::uint16_t crc16(std::string_view bytes) {
  std::uint32_t crc = 0;
  for (const char c : bytes) crc = ((crc << 8U) & 0xffffU) ^ kTable[((crc >> 8U) ^ static_cast<unsigned char>(c)) & 0xffU];
  return static_cast<std::uint16_t>(crc);
}

std::uint32_t hash_slot(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return crc16(key) % kSlots;
}

std::uint32_t bucket_of_name(std::string_view name, std::uint32_t buckets) { return crc16(name) % buckets; }

std::string bucket_tag(std::string_view projection, std::uint32_t bucket) { return fmt::format("{{{}:b{}}}", projection, bucket); }
std::string bucket_tag_pattern(std::string_view projection) { return fmt::format("{{{}:b*}}", projection); }

Result<SlotMap> SlotMap::parse(const redisReply* reply, const HostPort& asked) {
  if (reply == nullptr || reply->type != REDIS_REPLY_ARRAY) return strange(asked, shown(Reply::text_of(reply)));
  SlotMap out;
  out.master_of_slot_.assign(kSlots, -1);
  for (std::size_t i = 0; i < reply->elements; ++i) {
    const redisReply* range = reply->element[i];
    if (range->type != REDIS_REPLY_ARRAY || range->elements < 3) return strange(asked, "a range without a master");
    const bool numbers = range->element[0]->type == REDIS_REPLY_INTEGER && range->element[1]->type == REDIS_REPLY_INTEGER;
    const long long first = numbers ? range->element[0]->integer : -1;
    const long long last = numbers ? range->element[1]->integer : -1;
    if (first < 0 || last < first || last >= kSlots) return strange(asked, "slots that there are not");
    HostPort master;
    if (!read_node(range->element[2], asked, master)) return strange(asked, "a master without a port");
    const auto index = static_cast<std::int32_t>(index_of(out.masters_, master));
    std::fill(out.master_of_slot_.begin() + first, out.master_of_slot_.begin() + last + 1, index);
    for (std::size_t n = 2; n < range->elements; ++n) {
      HostPort node;
      if (read_node(range->element[n], asked, node)) index_of(out.nodes_, node);
    }
    if (out.nodes_.size() > kMaxNodes) return strange(asked, fmt::format("more than {} nodes", kMaxNodes));
  }
  return out;
}

const HostPort* SlotMap::master_of(std::uint32_t slot) const {
  if (slot >= master_of_slot_.size() || master_of_slot_[slot] < 0) return nullptr;
  return &masters_[static_cast<std::size_t>(master_of_slot_[slot])];
}

}  // namespace foldline::redis
