// Which partitions were added after a generation had begun (G6): those start at their log's start, whatever `start_at` says, because
// `latest` or a timestamp speaks of the moment when the generation began.
//
//   FirstTopics first(*store->first_topics(FirstTopics::text({{"orders", 8}})));
//   first.added_later({"orders", 8});   // true
#pragma once

#include <map>
#include <string>

#include "common/error.h"
#include "common/record.h"

namespace foldline {

class FirstTopics {
 public:
  using Counts = std::map<std::string, int>;  // partitions of each topic that there was

  FirstTopics() = default;
  // An error (code internal): not what text() makes.
  static Result<FirstTopics> parse(const std::string& text);
  static std::string text(const Counts& counts);

  [[nodiscard]] bool added_later(const TopicPartition& partition) const {
    const auto found = counts_.find(partition.topic);
    return found == counts_.end() || partition.partition >= found->second;
  }

 private:
  Counts counts_;
};

}  // namespace foldline
