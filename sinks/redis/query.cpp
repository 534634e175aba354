// Reading rows. A whole key is one read. Anything less goes through the key space with SCAN and the pattern of the view's names, which
// Redis answers in small steps beside its other work; it may answer a key twice. In a cluster one master after another. The members of one
// set or sorted set are read in place, the greatest score first. Nothing is kept in Redis meanwhile: SCAN's cursor is a number.
#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "sinks/redis/errors.h"
#include "sinks/redis/redis_rows.h"
#include "sinks/redis/row_text.h"
#include "sinks/redis/value_text.h"
#include "sinks/row_query.h"

namespace foldline::redis {

namespace {

using rows::OwnedValue;
using rows::StoredRow;

constexpr std::string_view kScanCount = "1000";   // keys that one SCAN looks at: well under a millisecond of Redis' time
constexpr std::size_t kMaxScansPerPage = 50;      // then the page ends, with no row perhaps, and the caller hears of it
constexpr std::string_view kMemberCount = "500";  // members that one SSCAN answers, about
constexpr std::string_view kOwnPrefix = "foldline:";

class RedisRows final : public RowReader {
 public:
  RedisRows(const ViewLayout& layout, std::unique_ptr<RowServer> server, const RowQuery& query)
      : layout_(layout), server_(std::move(server)), names_(hash_names(layout_)) {
    const std::size_t parts = layout_.schema.key.size();
    const std::size_t given = query.key.size();
    for (std::size_t i = 0; i < parts; ++i) given_.push_back(i < given ? OwnedValue(query.key[i]) : OwnedValue(Value::absent()));
    member_given_ = layout_.member < 0 || static_cast<std::size_t>(layout_.member) < given;
    bool named = true;  // all parts of the name are given
    for (std::size_t i = given; i < parts; ++i) named = named && static_cast<int>(i) == layout_.member;
    scanning_ = !named;
    if (named) {
      std::string name;
      layout_.name.append(name, key_values(given_).data());
      found_.push_back({std::move(name), given_});
    } else {
      glob_ = layout_.name.glob(query.key);
    }
  }

  [[nodiscard]] bool may_repeat() const override { return scanning_ || !member_given_; }

  Result<RowPage> next(std::size_t limit) override {
    const auto parts = server_->parts();
    if (!parts) return fail(parts.error());
    parts_ = *parts;
    const std::size_t wanted = std::min(limit, kMaxPageRows);
    foreign_ = 0;
    const std::size_t ahead = wanted + 1;  // one more says whether any come behind
    for (std::size_t scans = 0; ready_.size() < ahead && !ended();) {
      if (found_.empty()) {
        if (++scans > kMaxScansPerPage) break;
        if (auto ok = scan(); !ok) return fail(ok.error());
        continue;
      }
      auto ok = member_given_ ? read_found(ahead) : read_members(ahead);
      if (!ok) return fail(ok.error());
    }
    RowPage page;
    while (!ready_.empty() && page.rows.size() < wanted) {
      page.rows.push_back(std::move(ready_.front()));
      ready_.pop_front();
    }
    page.last = ready_.empty() && ended();
    page.foreign = foreign_;
    return page;
  }

 private:
  struct Found {
    std::string name;
    std::vector<OwnedValue> key;
  };

  [[nodiscard]] bool ended() const { return found_.empty() && (!scanning_ || scan_ended_); }

  // Views into `key`; scalars, so that they need no arena.
  static std::vector<Value> key_values(const std::vector<OwnedValue>& key) {
    Arena unused;
    std::vector<Value> out;
    for (const OwnedValue& part : key) out.push_back(part.view(unused));
    return out;
  }

  [[nodiscard]] std::string doing() const { return fmt::format("reading the view {}", layout_.schema.name); }

  Result<void> scan() {
    Request request;
    request.command({"SCAN", cursor_, "MATCH", glob_, "COUNT", kScanCount});
    const auto scanned = server_->scan(part_, request);
    if (!scanned) return fail(scanned.error());
    const Reply& reply = *scanned;
    if (reply.is_error()) return fail(refusal(doing(), reply.text()));
    cursor_ = reply.text(0);
    if (cursor_ == "0") scan_ended_ = ++part_ == parts_;
    const redisReply* names = reply.at(1);
    Arena arena;
    for (std::size_t i = 0; names != nullptr && i < names->elements; ++i) {
      const std::string_view name = Reply::text_of(names->element[i]);
      if (name.starts_with(kOwnPrefix)) continue;
      const auto parts = layout_.name.parts_of(name, arena);
      if (!parts) {
        ++foreign_;
        continue;
      }
      Found& found = found_.emplace_back();
      found.name = name;
      for (std::size_t p = 0; p < parts->size(); ++p) {
        const bool inside = static_cast<int>(p) == layout_.member;
        found.key.push_back(inside ? given_[p] : OwnedValue((*parts)[p]));
      }
    }
    return {};
  }

  // One command for each key that was found, as many as rows are wanted.
  Result<void> read_found(std::size_t wanted) {
    const std::size_t count = std::min(found_.size(), wanted - ready_.size());
    std::vector<KeyCommand> commands(count);
    for (std::size_t i = 0; i < count; ++i) {
      commands[i].key = found_[i].name;
      add_read(commands[i].request, found_[i]);
    }
    const auto replies = server_->ask(commands);
    if (!replies) return fail(replies.error());
    for (const Reply& reply : *replies) {
      const Found found = std::move(found_.front());
      found_.pop_front();
      if (is_foreign(reply)) continue;
      if (reply.is_error()) return fail(wrong_reply(found, reply));
      auto row = row_of(found, reply);
      if (!row) return fail(unreadable(found, row.error()));
      if (*row) ready_.push_back(std::move(**row));
    }
    return {};
  }

  void add_read(Request& request, const Found& found) const {
    Arena unused;
    switch (layout_.kind) {
      case KeyKind::counter:
      case KeyKind::json: request.command({"GET", found.name}); return;
      case KeyKind::hash:
        request.begin(2 + names_.size()).add("HMGET").add(found.name);
        for (const std::string& name : names_) request.add(name);
        return;
      case KeyKind::sorted_set:
      case KeyKind::set: {
        const auto member = static_cast<std::size_t>(layout_.member);
        const std::string text = to_text(found.key[member].view(unused), layout_.schema.key[member].type);
        request.command({layout_.kind == KeyKind::set ? "SISMEMBER" : "ZSCORE", found.name, text});
        return;
      }
    }
  }

  // While the key space is gone through, a key of another type is somebody else's; one that was asked for by name is an error.
  [[nodiscard]] bool is_foreign(const Reply& reply) {
    const bool foreign = scanning_ && reply.is_error() && code_of(reply.text()) == "WRONGTYPE";
    foreign_ += foreign ? 1 : 0;
    return foreign;
  }

  [[nodiscard]] Error wrong_reply(const Found& found, const Reply& reply) const {
    Error error = refusal(fmt::format("{}, key {}", doing(), shown(found.name)), reply.text());
    if (code_of(reply.text()) == "WRONGTYPE") {
      error.hint = fmt::format("another program keeps something else there than a {}", layout_.schema.kind);
      error.retryable = false;
    }
    return error;
  }

  [[nodiscard]] Error unreadable(const Found& found, const Error& why) const {
    return {why.code, fmt::format("{}, key {}: {}", doing(), shown(found.name), why.message), why.hint, false};
  }

  Result<std::optional<StoredRow>> row_of(const Found& found, const Reply& reply) const {
    const std::vector<Value> key = key_values(found.key);
    if (reply.is_nil() || (layout_.kind == KeyKind::set && reply.integer() == 0)) return std::optional<StoredRow>();
    switch (layout_.kind) {
      case KeyKind::hash: {
        std::vector<std::string> words;
        for (std::size_t i = 0; i < reply.size(); ++i) {
          const bool there = reply.at(i)->type != REDIS_REPLY_NIL;
          words.push_back(there ? "=" + std::string(reply.text(i)) : std::string(kNoText));
        }
        return row_from_hash(layout_, key.data(), words);
      }
      case KeyKind::json: {
        auto row = row_from_json(layout_, key.data(), reply.text());
        if (!row) return fail(row.error());
        return std::optional<StoredRow>(std::move(*row));
      }
      default: return one_value(key, reply.text());
    }
  }

  // A row whose only field, if it has one, is this text.
  Result<std::optional<StoredRow>> one_value(const std::vector<Value>& key, std::string_view text) const {
    StoredRow row = rows::new_row(layout_.schema, key.data());
    if (!layout_.fields.empty()) {
      Arena arena;
      const auto value = value_from_text(text, layout_.fields[0].type, arena);
      if (!value) return fail(value.error());
      row.fields[0] = OwnedValue(*value);
    }
    return std::optional<StoredRow>(std::move(row));
  }

  // Some members of the set that was found first.
  Result<void> read_members(std::size_t wanted) {
    const Found& found = found_.front();
    const bool scored = layout_.kind == KeyKind::sorted_set;
    KeyCommand command{found.name, {}};
    Request& request = command.request;
    if (scored) {
      const std::size_t last = rank_ + (wanted - ready_.size()) - 1;
      request.command({"ZREVRANGE", found.name, std::to_string(rank_), std::to_string(last), "WITHSCORES"});
    } else {
      request.command({"SSCAN", found.name, member_cursor_, "COUNT", kMemberCount});
    }
    const auto replies = server_->ask({&command, 1});
    if (!replies) return fail(replies.error());
    const Reply& reply = replies->front();
    if (is_foreign(reply)) return leave_set();
    if (reply.is_error()) return fail(wrong_reply(found, reply));
    const redisReply* members = scored ? reply.get() : reply.at(1);
    const std::size_t step = scored ? 2 : 1;
    const std::size_t count = members == nullptr ? 0 : members->elements / step;
    for (std::size_t i = 0; i < count; ++i) {
      auto row =
          member_row(found, Reply::text_of(members->element[i * step]), scored ? Reply::text_of(members->element[i * step + 1]) : "");
      if (!row) return fail(unreadable(found, row.error()));
      ready_.push_back(std::move(*row));
    }
    if (scored) {
      const bool whole = count < wanted - (ready_.size() - count);
      rank_ += count;
      return whole ? leave_set() : Result<void>();
    }
    member_cursor_ = reply.text(0);
    return member_cursor_ == "0" ? leave_set() : Result<void>();
  }

  Result<void> leave_set() {
    found_.pop_front();
    rank_ = 0;
    member_cursor_ = "0";
    return {};
  }

  Result<StoredRow> member_row(const Found& found, std::string_view member, std::string_view score) const {
    Arena arena;
    const auto at = static_cast<std::size_t>(layout_.member);
    auto value = value_from_text(member, layout_.schema.key[at].type, arena);
    if (!value) return fail(value.error());
    std::vector<Value> key = key_values(found.key);
    key[at] = *value;
    auto row = one_value(key, score);
    if (!row) return fail(row.error());
    return std::move(**row);
  }

  const ViewLayout layout_;
  std::unique_ptr<RowServer> server_;
  std::vector<std::string> names_;  // of a hash's fields
  std::vector<OwnedValue> given_;   // the key, absent where it is not given
  bool member_given_ = true;
  bool scanning_ = false;
  std::string glob_;
  std::size_t parts_ = 1;  // key spaces to scan
  std::size_t part_ = 0;
  std::string cursor_ = "0";
  bool scan_ended_ = false;
  std::deque<Found> found_;  // keys that are not read yet
  std::deque<StoredRow> ready_;
  std::size_t rank_ = 0;  // in the sorted set at the front of found_
  std::string member_cursor_ = "0";
  std::size_t foreign_ = 0;
};

}  // namespace

std::unique_ptr<RowReader> make_redis_rows(const ViewLayout& layout, std::unique_ptr<RowServer> server, const RowQuery& query) {
  return std::make_unique<RedisRows>(layout, std::move(server), query);
}

}  // namespace foldline::redis
