// A lane whose store fails at any step, and some events of each kind for it.
#pragma once

#include "tests/unit/engine/lane_fixture.h"

namespace foldline::testing {

inline int times(const std::string& text, const std::string& word) {
  int out = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++out;
  return out;
}

class LaneFaults : public LaneTest {
 protected:
  void append_some(int count = 30) {
    for (int i = 0; i < count; ++i) {
      const std::string key = "k" + std::to_string(i % 7);
      const char* types[] = {"set", "add", "add", "del", "bad", "poison", "reject", "skip", "max", "addm", "mix"};
      append("id" + std::to_string(next_id_ - (i % 6 == 5 ? 2 : 0)) + "|" + types[i % 11] + "|" + key + "|" + std::to_string(i));
      ++next_id_;
    }
  }
  // The step fails `times` times, from its `from`th occurrence on.
  void fail_at(memory::Step step, std::uint32_t domain, int from, int times, memory::Fault fault = memory::Fault::unavailable) {
    the_store().set_fault_hook([=, seen = 0](memory::Step at, std::uint32_t d) mutable {
      if (at != step || d != domain) return memory::Fault::none;
      const int n = seen++;
      return n >= from && n < from + times ? fault : memory::Fault::none;
    });
  }

 private:
  int next_id_ = 100;
};

}  // namespace foldline::testing
