// Events that come too late: their row has expired (G12). A store deletes a row once its `expire_from` + `expire_after` lies before the
// greatest event time; such an event must not bring it back with a part of what it was.
//
//   Lateness lateness(views);
//   dropped = lateness.drop(changes, greatest_event_time_us);
//
// By the greatest event time of the event's own partition, up to the event before it: a function of the log, so the same however
// batches are cut. Known from the row's key, or from what the event sets; an event that says neither is not late (the row is not read).
#pragma once

#include <cstdint>
#include <vector>

#include "common/change.h"
#include "common/view.h"

namespace foldline {

class Lateness {
 public:
  explicit Lateness(const std::vector<ViewSchema>& views);
  // Whether some view's rows expire: else there is nothing to ask.
  [[nodiscard]] bool any() const { return any_; }
  // Takes out the changes of rows that have expired at `event_time_us`; answers how many.
  std::size_t drop(ChangeList& changes, std::int64_t event_time_us) const;

 private:
  struct Expiry {
    std::int64_t after_us = 0;  // 0: never
    int key_part = -1;          // one of the two
    int field = -1;
  };
  [[nodiscard]] bool is_late(const Change& change, std::int64_t event_time_us) const;

  std::vector<Expiry> views_;
  bool any_ = false;
};

}  // namespace foldline
