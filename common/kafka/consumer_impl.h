// Internal to common/kafka: what Consumer and PartitionQueue share.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>
#include <shared_mutex>
#include <string>

#include "common/kafka/consumer.h"

namespace foldline::kafka {

struct TopicListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const { rd_kafka_topic_partition_list_destroy(list); }
};
using TopicList = std::unique_ptr<rd_kafka_topic_partition_list_t, TopicListDeleter>;

inline TopicList new_topic_list(std::size_t size) { return TopicList(rd_kafka_topic_partition_list_new(static_cast<int>(size))); }

struct Consumer::Impl {
  ClientHealth health;
  rd_kafka_t* client = nullptr;
  RebalanceListener* listener = nullptr;
  std::atomic<bool> rebalancing{false};
  // Shared by whoever reads a queue through one of the partitions that are forwarded to it, whole for forwarding them elsewhere.
  std::shared_mutex forwarding;
  std::uint64_t forwardings = 0;  // under `forwarding`: those so far

  ~Impl() {
    if (client != nullptr) rd_kafka_destroy(client);
  }
};

}  // namespace foldline::kafka
