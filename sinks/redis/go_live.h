// A generation goes live (docs/decisions/0062-redis-generations.md): readers know keys by their names, and a million of them can't change
// hands in one call. So it is a job of many bounded, idempotent calls that can be left at any of them and gone on with:
//
//   begin    one call: both generations are fenced, the new one is `switching`
//   away     old rows without a new one of their name move from NAME to foldline:{P:gOLD:b0}:row:NAME
//   in       new rows move to NAME, and an old one there moves away in the same call: a reader finds one or the other, never none
//   rest     names of which the new row expired before it could move
//   end      one call: live, retired
//
// Which keys are the old generation's is told by their names and types (definition.h); a key of another type stays where it is, unless a
// new row needs its place.
// Crash between any two calls, or with an answer lost: `switching` with its phase; another run begins the phase anew, and finds done what
// was done. A SCAN's cursor is not kept: it means nothing to a Redis that was restarted.
#pragma once

#include <optional>
#include <span>

#include "sinks/redis/generations.h"

namespace foldline::redis {

class GoLive {
 public:
  // All three must outlive it.
  GoLive(Connection& connection, const StoreShared& shared, const GoLiveStep& step);
  // True: live. False: `step` ended it.
  Result<bool> run();

 private:
  struct At {
    std::int64_t from = 0;
    std::string phase;
    std::uint64_t moved = 0;
  };
  enum class Went {
    on,
    elsewhere,
    stopped
  };

  Result<void> begin(std::int64_t from);
  Result<std::optional<At>> look();  // nothing: no switch of this generation
  Result<Went> go_through(const At& at);
  Result<Went> push_away(const At& at);
  Result<Went> bring_in(const At& at);
  Result<Went> clear_rest(const At& at);
  Result<Went> finish(const At& at);

  struct Name {
    std::string name;
    std::string type;
  };
  void add_move(Request& request, const At& at, std::span<const Name> names) const;
  // Calls `take` with each name that SCAN answers, and moves those that it keeps.
  template <class Take>
  Result<Went> move_scanned(const At& at, const std::string& pattern, Take take);
  Result<bool> run_script(const Request& request);  // as judge()
  // Of a script. False: elsewhere. Keeps the count of moved rows that it answers.
  Result<bool> judge(const Reply& reply);

  Connection& connection_;
  const StoreShared& shared_;
  const GoLiveStep& step_;
  std::string to_;
  std::string doing_;
  std::string switch_;
  std::string pending_;
  std::uint64_t moved_ = 0;
};

}  // namespace foldline::redis
