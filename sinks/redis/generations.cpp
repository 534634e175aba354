#include "sinks/redis/generations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "sinks/redis/errors.h"

namespace foldline::redis {

namespace {

constexpr std::array kStates = {GenerationState::building, GenerationState::switching, GenerationState::live,   GenerationState::retiring,
                                GenerationState::retired,  GenerationState::dropping,  GenerationState::dropped};
constexpr int kDropScanCount = 1'000;
constexpr int kRaceAttempts = 10;  // partitions that are opened while their places are read

// Nobody may fold into it from here on: another owner stands in its checkpoints, and open() asks for its state.
// KEYS: generations, the index of partitions, a checkpoint for each of its places. ARGV: generation, new owner, places.
constexpr std::string_view kBeginDropScript = R"LUA(
local state = redis.call('HGET', KEYS[1], ARGV[1])
if state == 'live' or state == 'switching' or state == 'retiring' then return {'refused', state} end
local known = {}
for i = 3, #ARGV do known[ARGV[i]] = true end
for _, place in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if not known[place] then return {'again'} end
end
redis.call('HSET', KEYS[1], ARGV[1], 'dropping')
for i = 3, #KEYS do redis.call('HSET', KEYS[i], 'owner', ARGV[2]) end
return {'dropping'}
)LUA";

tl::unexpected<Error> not_any_more(const StoreShared& shared, std::string_view state, std::string_view wanted) {
  return fail(ErrorCode::superseded,
              fmt::format("generation {} of {} is {}, not {}", shared.id.generation, shared.id.projection, state, wanted),
              "look at the generations: foldline rebuild FILE --list");
}

bool says_something(const KeptKeys& keys) {
  return std::any_of(keys.pattern.begin(), keys.pattern.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
  });
}

Result<void> begin_drop(Connection& connection, const StoreShared& shared, const SystemKeys& keys, std::int64_t number) {
  for (int attempt = 1; attempt <= kRaceAttempts; ++attempt) {
    const auto places = places_of(connection, keys);
    if (!places) return fail(places.error());
    Request request;
    request.begin(3 + 2 + places->size() + 2 + places->size()).add("EVAL").add(kBeginDropScript);
    request.add(static_cast<std::int64_t>(2 + places->size())).add(generations_key(shared.id.projection)).add(keys.partitions());
    for (const std::string& place : *places) request.add(keys.checkpoint_at(place));
    request.add(number).add(Uuid::random().to_string());
    for (const std::string& place : *places) request.add(place);
    const auto reply = ask_one(connection, request, fmt::format("dropping generation {}", number));
    if (!reply) return fail(reply.error());
    if (reply->text(0) == "dropping") return {};
    if (reply->text(0) != "refused") continue;
    return fail(ErrorCode::config, fmt::format("generation {} of {} is {}", number, shared.id.projection, shown(reply->text(1))),
                reply->text(1) == "live" ? "only others can be dropped" : "let it go live first: foldline rebuild FILE --resume");
  }
  return fail(ErrorCode::store_unavailable, "partitions are being opened all the time", "try again", true);
}

}  // namespace

Result<Reply> ask_one(Connection& connection, const Request& request, std::string_view doing) {
  auto replies = connection.round_trip(request);
  if (!replies) return fail(replies.error());
  if (replies->front().is_error()) return fail(refusal(doing, replies->front().text()));
  return std::move(replies->front());
}

Result<GenerationStates> read_generations(Connection& connection, const std::string& projection) {
  Request request;
  request.command({"HGETALL", generations_key(projection)});
  const auto reply = ask_one(connection, request, "reading the generations");
  if (!reply) return fail(reply.error());
  GenerationStates out;
  for (std::size_t i = 0; i + 1 < reply->size(); i += 2) {
    const std::string_view digits = reply->text(i);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const auto state = std::find_if(kStates.begin(), kStates.end(), [&](GenerationState s) { return to_string(s) == reply->text(i + 1); });
    if (error != std::errc{} || end != digits.data() + digits.size() || state == kStates.end()) {
      return fail(ErrorCode::store_unavailable,
                  fmt::format("Foldline's own key {} holds {} = {}", generations_key(projection), shown(digits), shown(reply->text(i + 1))),
                  "another program, or a newer Foldline, has written there", true);
    }
    out[number] = *state;
  }
  if (!out.empty()) return out;
  request.clear();
  request.command({"EXISTS", SystemKeys({projection, 1}).partitions()});
  const auto kept = ask_one(connection, request, "reading the generations");
  if (!kept) return fail(kept.error());
  if (kept->integer() > 0) out[1] = GenerationState::live;
  return out;
}

std::int64_t live_number(const GenerationStates& states) {
  for (const GenerationState wanted : {GenerationState::live, GenerationState::switching}) {
    for (const auto& [number, state] : states) {
      if (state == wanted) return number;
    }
  }
  return 1;
}

Result<GenerationState> bind_generation(Connection& connection, StoreShared& shared) {
  const std::string key = generations_key(shared.id.projection);
  const auto claim = [&](std::int64_t number, std::string_view state) -> Result<void> {
    Request request;
    request.command({"HSETNX", key, std::to_string(number), state});  // of two that start at once one comes first: they say the same
    const auto reply = ask_one(connection, request, "registering the generation");
    if (!reply) return fail(reply.error());
    return {};
  };
  auto states = read_generations(connection, shared.id.projection);
  if (!states) return fail(states.error());
  if (states->empty() || states->count(1) != 0) {
    if (auto ok = claim(1, "live"); !ok) return fail(ok.error());
    states->emplace(1, GenerationState::live);
  }
  if (shared.building) {
    if (auto ok = claim(shared.id.generation, "building"); !ok) return fail(ok.error());
    const auto state = states->emplace(shared.id.generation, GenerationState::building).first->second;
    if (state == GenerationState::building || state == GenerationState::switching) return state;
    return not_any_more(shared, to_string(state), "building");
  }
  for (const auto& [number, state] : *states) {
    if (state != GenerationState::switching) continue;
    return fail(ErrorCode::store_unavailable,
                fmt::format("generation {} of {} is going live, and until it is no worker may run", number, shared.id.projection),
                "where its `foldline rebuild` was interrupted: foldline rebuild FILE --resume; the worker then goes on by itself", true);
  }
  if (shared.id.generation == 0) shared.id.generation = live_number(*states);
  const auto found = states->find(shared.id.generation);
  if (found != states->end() && found->second == GenerationState::live) return GenerationState::live;
  return not_any_more(shared, found == states->end() ? "gone" : to_string(found->second), "live");
}

Result<std::vector<std::string>> places_of(Connection& connection, const SystemKeys& keys) {
  Request request;
  request.command({"SMEMBERS", keys.partitions()});
  const auto reply = ask_one(connection, request, "reading which checkpoints there are");
  if (!reply) return fail(reply.error());
  std::vector<std::string> out;
  for (std::size_t i = 0; i < reply->size(); ++i) out.emplace_back(reply->text(i));
  return out;
}

Result<std::vector<KeptKeys>> read_kept_keys(Connection& connection, const std::string& hash) {
  Request request;
  request.command({"HGETALL", hash});
  const auto reply = ask_one(connection, request, "reading which keys are kept");
  if (!reply) return fail(reply.error());
  std::vector<KeptKeys> out;
  for (std::size_t i = 0; i + 1 < reply->size(); i += 2) out.push_back(kept_keys(std::string(reply->text(i)), reply->text(i + 1)));
  return out;
}

Result<void> check_names_tell(Connection& connection, const StoreShared& shared) {
  const auto kept = read_kept_keys(connection, std::string(kViewsKey));
  if (!kept) return fail(kept.error());
  std::vector<KeptKeys> ours;
  for (const ViewLayout& layout : shared.layouts) ours.push_back(kept_keys(layout.name.pattern(), definition_of(shared.id, layout)));
  std::copy_if(kept->begin(), kept->end(), std::back_inserter(ours),
               [&](const KeptKeys& k) { return k.projection == shared.id.projection; });
  for (const KeptKeys& keys : ours) {
    if (!says_something(keys)) {
      return fail(ErrorCode::config, fmt::format("the keys {} can't be told from those of others, so they can't be rebuilt", keys.pattern),
                  "give the view a `name` with a word of its own, such as orders:{id}");
    }
    for (const KeptKeys& others : *kept) {
      if (others.projection == shared.id.projection || !overlap(keys.pattern, others.pattern)) continue;
      return fail(ErrorCode::config,
                  fmt::format("the keys {} can't be told from the keys {} of the projection {}, so they can't be rebuilt", keys.pattern,
                              others.pattern, shown(others.projection)),
                  fmt::format("give one of the views another `name`; if that projection is gone: HDEL {} '{}'", kViewsKey, others.pattern));
    }
  }
  return {};
}

// A full SCAN answers every key that is there from its beginning to its end, and nobody adds any: after it nothing is left.
// (redis.io/commands/scan, "Scan guarantees".) UNLINK frees what is large in the background.
Result<void> drop_generation(Connection& connection, const StoreShared& shared, std::int64_t number) {
  const SystemKeys keys({shared.id.projection, number});
  if (auto begun = begin_drop(connection, shared, keys, number); !begun) return begun;
  const std::string doing = fmt::format("dropping generation {}", number);
  const std::string pattern = scan_pattern(keys.prefix());
  Request request;
  std::string cursor = "0";
  do {
    request.clear();
    request.command({"SCAN", cursor, "MATCH", pattern, "COUNT", std::to_string(kDropScanCount)});
    const auto found = ask_one(connection, request, doing);
    if (!found) return fail(found.error());
    const redisReply* names = found->at(1);
    if (names == nullptr || names->type != REDIS_REPLY_ARRAY) return fail(ErrorCode::internal, "SCAN answered something else than keys");
    cursor = found->text(0);
    if (names->elements == 0) continue;
    request.clear();
    request.begin(1 + names->elements).add("UNLINK");
    for (std::size_t i = 0; i < names->elements; ++i) request.add(Reply::text_of(names->element[i]));
    if (const auto gone = ask_one(connection, request, doing); !gone) return fail(gone.error());
  } while (cursor != "0");
  request.clear();
  request.command({"HSET", generations_key(shared.id.projection), std::to_string(number), "dropped"});
  if (const auto done = ask_one(connection, request, doing); !done) return fail(done.error());
  return {};
}

}  // namespace foldline::redis
