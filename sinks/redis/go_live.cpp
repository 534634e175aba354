#include "sinks/redis/go_live.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "common/fault_point.h"
#include "sinks/redis/errors.h"
#include "sinks/redis/go_live_script.h"

namespace foldline::redis {

namespace {

constexpr int kBeginAttempts = 10;  // partitions that are opened while their places are read
constexpr int kLookAttempts = 3;
constexpr std::string_view kOwnPrefix = "foldline:";

template <class Number>
Number number_of(std::string_view text) {
  Number out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

std::string common_start(const std::vector<KeptKeys>& kept) {
  if (kept.empty()) return {};
  std::string out = kept.front().start();
  for (const KeptKeys& keys : kept) {
    const std::string start = keys.start();
    const auto end = std::mismatch(out.begin(), out.end(), start.begin(), start.end()).first;
    out.erase(end, out.end());
  }
  return out;
}

std::vector<KeptKeys> of_projection(std::vector<KeptKeys> kept, const std::string& projection) {
  std::erase_if(kept, [&](const KeptKeys& keys) { return keys.projection != projection; });
  return kept;
}

}  // namespace

GoLive::GoLive(Connection& connection, const StoreShared& shared, const GoLiveStep& step)
    : connection_(connection),
      shared_(shared),
      step_(step),
      to_(std::to_string(shared.id.generation)),
      doing_(fmt::format("making generation {} live", shared.id.generation)),
      switch_(switch_key(shared.id.projection)),
      pending_(pending_key(shared.id.projection)) {}

Result<bool> GoLive::run() {
  for (int lost = 0; lost < kLookAttempts;) {
    const auto states = read_generations(connection_, shared_.id.projection);
    if (!states) return fail(states.error());
    const auto ours = states->find(shared_.id.generation);
    const GenerationState state = ours == states->end() ? GenerationState::dropped : ours->second;
    if (state == GenerationState::live) return true;  // an earlier call's answer was lost
    if (state == GenerationState::building) {
      if (auto ok = check_names_tell(connection_, shared_); !ok) return fail(ok.error());
      if (auto begun = begin(live_number(*states)); !begun) return fail(begun.error());
      FOLDLINE_FAULT_POINT("redis.switch_begun");
    } else if (state != GenerationState::switching) {
      return fail(ErrorCode::superseded, fmt::format("generation {} of {} is {}", to_, shared_.id.projection, to_string(state)),
                  "look at the generations: foldline rebuild FILE --list");
    }
    const auto at = look();
    if (!at) return fail(at.error());
    if (!*at) {  // somebody else has ended it just now
      ++lost;
      continue;
    }
    const auto went = go_through(**at);
    if (!went) return fail(went.error());
    if (*went == Went::stopped) return false;
  }
  return fail(ErrorCode::store_unavailable, fmt::format("Foldline's own key {} is gone, while generation {} goes live", switch_, to_),
              "another program has deleted it: restore it from a backup");
}

Result<void> GoLive::begin(std::int64_t from) {
  const SystemKeys old({shared_.id.projection, from});
  for (int attempt = 1; attempt <= kBeginAttempts; ++attempt) {
    const auto old_places = places_of(connection_, old);
    if (!old_places) return fail(old_places.error());
    const auto new_places = places_of(connection_, shared_.keys);
    if (!new_places) return fail(new_places.error());
    const std::size_t keys = 4 + old_places->size() + new_places->size();
    Request request;
    request.begin(3 + keys + 4).add("EVAL").add(kBeginSwitchScript).add(static_cast<std::int64_t>(keys));
    request.add(generations_key(shared_.id.projection)).add(switch_).add(old.partitions()).add(shared_.keys.partitions());
    for (const std::string& place : *old_places) request.add(old.checkpoint_at(place));
    for (const std::string& place : *new_places) request.add(shared_.keys.checkpoint_at(place));
    request.add(to_).add(from).add(Uuid::random().to_string()).add(kPhaseAway);
    const auto reply = ask_one(connection_, request, doing_);
    if (!reply) return fail(reply.error());
    if (reply->text(0) == kDone) return {};
    if (reply->text(0) != kNot) continue;
    return fail(ErrorCode::superseded,
                fmt::format("generation {} of {} is {}", shown(reply->text(1)), shared_.id.projection, shown(reply->text(2))),
                "look at the generations: foldline rebuild FILE --list");
  }
  return fail(ErrorCode::store_unavailable, "partitions are being opened all the time", "it is tried again", true);
}

Result<std::optional<GoLive::At>> GoLive::look() {
  Request request;
  request.command({"HMGET", switch_, "to", "from", "phase", "moved"});
  const auto reply = ask_one(connection_, request, doing_);
  if (!reply) return fail(reply.error());
  if (reply->text(0) != to_) return std::optional<At>();
  moved_ = number_of<std::uint64_t>(reply->text(3));
  return At{number_of<std::int64_t>(reply->text(1)), std::string(reply->text(2)), moved_};
}

Result<GoLive::Went> GoLive::go_through(const At& at) {
  if (!step_({moved_})) return Went::stopped;
  const bool away = at.phase == kPhaseAway;
  const bool in = at.phase == kPhaseIn;
  auto went = away ? push_away(at) : in ? bring_in(at) : clear_rest(at);
  if (!went || *went != Went::on) return went;
  if (!away && !in) return finish(at);
  Request request;
  request.command({"EVAL", kNextPhaseScript, "1", switch_, to_, std::to_string(at.from), at.phase, away ? kPhaseIn : kPhaseRest});
  const auto done = run_script(request);
  if (!done) return fail(done.error());
  FOLDLINE_FAULT_POINT("redis.switch_phase_ended");
  return Went::on;
}

// The next SCAN travels with the move of what the last ones found: a round trip each would cost more than the moves.
template <class Take>
Result<GoLive::Went> GoLive::move_scanned(const At& at, const std::string& pattern, Take take) {
  const std::size_t batch = shared_.switch_batch_keys;
  std::vector<Name> waiting;
  std::string cursor = "0";
  for (bool scanned = false; !scanned || !waiting.empty();) {
    const bool moves = waiting.size() >= batch || scanned;
    const bool scans = !scanned && waiting.size() < 2 * batch;
    const std::size_t count = moves ? std::min(batch, waiting.size()) : 0;
    Request request;
    if (moves) add_move(request, at, std::span(waiting).first(count));
    if (scans) request.command({"SCAN", cursor, "MATCH", pattern, "COUNT", std::to_string(2 * batch)});
    const auto replies = connection_.round_trip(request);
    if (!replies) return fail(replies.error());
    if (moves) {
      const auto done = judge(replies->front());
      if (!done) return fail(done.error());
      if (!*done) return Went::elsewhere;
      waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(count));
      FOLDLINE_FAULT_POINT("redis.switch_moved");
    }
    if (scans) {
      const Reply& found = replies->back();
      if (found.is_error()) return fail(refusal(doing_, found.text()));
      const redisReply* keys = found.at(1);
      if (keys == nullptr || keys->type != REDIS_REPLY_ARRAY) return fail(ErrorCode::internal, "SCAN answered something else than keys");
      for (std::size_t i = 0; i < keys->elements; ++i) take(Reply::text_of(keys->element[i]), waiting);
      cursor = found.text(0);
      scanned = cursor == "0";
    }
    if (!step_({moved_})) return Went::stopped;
  }
  return Went::on;
}

// SCAN answers every key that is there from its beginning to its end; the old rows are, until they move.
Result<GoLive::Went> GoLive::push_away(const At& at) {
  auto kept = read_kept_keys(connection_, std::string(kViewsKey));
  if (!kept) return fail(kept.error());
  const std::vector<KeptKeys> ours = of_projection(std::move(*kept), shared_.id.projection);
  if (ours.empty()) return Went::on;
  return move_scanned(at, scan_pattern(common_start(ours)), [&](std::string_view key, std::vector<Name>& names) {
    if (key.starts_with(kOwnPrefix)) return;
    // One name may fit two views of the projection: either type will do.
    for (const KeptKeys& keys : ours) {
      if (keys.holds(key)) names.push_back({std::string(key), keys.type});
    }
  });
}

Result<GoLive::Went> GoLive::bring_in(const At& at) {
  const std::string prefix = shared_.keys.rows();
  return move_scanned(at, scan_pattern(prefix), [&](std::string_view key, std::vector<Name>& names) {
    if (key.starts_with(prefix)) names.push_back({std::string(key.substr(prefix.size())), {}});
  });
}

Result<GoLive::Went> GoLive::clear_rest(const At& at) {
  for (;;) {
    Request request;
    request.command({"SRANDMEMBER", pending_, std::to_string(shared_.switch_batch_keys)});
    const auto found = ask_one(connection_, request, doing_);
    if (!found) return fail(found.error());
    if (found->size() == 0) return Went::on;
    std::vector<Name> names;
    for (std::size_t i = 0; i < found->size(); ++i) names.push_back({std::string(found->text(i)), {}});
    request.clear();
    add_move(request, at, names);
    const auto done = run_script(request);
    if (!done) return fail(done.error());
    if (!*done) return Went::elsewhere;
    if (!step_({moved_})) return Went::stopped;
  }
}

void GoLive::add_move(Request& request, const At& at, std::span<const Name> names) const {
  const std::string old_rows = SystemKeys({shared_.id.projection, at.from}).rows();
  const bool away = at.phase == kPhaseAway;
  request.begin(3 + 2 + 3 * names.size() + 3 + (away ? names.size() : 0)).add("EVAL").add(kMoveScript);
  request.add(static_cast<std::int64_t>(2 + 3 * names.size())).add(switch_).add(pending_);
  for (const Name& name : names) request.add(name.name).add(old_rows + name.name).add(shared_.keys.rows() + name.name);
  request.add(to_).add(at.from).add(at.phase);
  for (std::size_t i = 0; away && i < names.size(); ++i) request.add(names[i].type);
}

// Not from the file as it is now but from what was registered when the generation was built.
Result<GoLive::Went> GoLive::finish(const At& at) {
  Request read;
  read.command({"HGETALL", shared_.keys.views()});
  const auto views = ask_one(connection_, read, doing_);
  if (!views) return fail(views.error());
  auto kept = read_kept_keys(connection_, std::string(kViewsKey));
  if (!kept) return fail(kept.error());
  const std::vector<KeptKeys> ours = of_projection(std::move(*kept), shared_.id.projection);
  Request request;
  request.begin(3 + 4 + 4 + ours.size() + views->size()).add("EVAL").add(kEndSwitchScript).add(std::int64_t{4});
  request.add(generations_key(shared_.id.projection)).add(switch_).add(pending_).add(kViewsKey);
  request.add(to_).add(at.from).add(at.phase).add(static_cast<std::int64_t>(ours.size()));
  for (const KeptKeys& keys : ours) request.add(keys.pattern);
  for (std::size_t i = 0; i < views->size(); ++i) request.add(views->text(i));
  const auto done = run_script(request);
  if (!done) return fail(done.error());
  FOLDLINE_FAULT_POINT("redis.switch_ended");
  return *done ? Went::on : Went::elsewhere;
}

Result<bool> GoLive::run_script(const Request& request) {
  const auto replies = connection_.round_trip(request);
  if (!replies) return fail(replies.error());
  return judge(replies->front());
}

Result<bool> GoLive::judge(const Reply& reply) {
  if (reply.is_error()) return fail(refusal(doing_, reply.text()));
  if (reply.text(0) == kElsewhere) return false;
  if (reply.text(0) != kDone) {
    return fail(ErrorCode::internal, fmt::format("{}: the script answered `{}`, which it never should", doing_, shown(reply.text(0))));
  }
  const bool counted = reply.size() > 1 && reply.at(1)->type == REDIS_REPLY_INTEGER && reply.at(1)->integer > 0;
  if (counted) moved_ = static_cast<std::uint64_t>(reply.at(1)->integer);
  return true;
}

}  // namespace foldline::redis
