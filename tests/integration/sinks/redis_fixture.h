// A Redis of the test's own (a Unix socket and a loopback port, in a directory that goes with it), a look into it that does not use the
// sink's code, and builders of views and batches.
#pragma once

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "common/arena.h"
#include "common/view.h"
#include "sinks/redis/store.h"
#include "sinks/sink.h"
#include "tests/integration/sinks/batch_builder.h"

namespace foldline::redis {

// redis-server as a child process. Nothing it stores outlives the object.
class PrivateRedis {
 public:
  explicit PrivateRedis(std::vector<std::string> settings = {});
  ~PrivateRedis();
  PrivateRedis(const PrivateRedis&) = delete;
  PrivateRedis& operator=(const PrivateRedis&) = delete;

  [[nodiscard]] std::string url() const { return "unix://" + directory_ + "/socket"; }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  void start();
  void stop();  // kill -9
  // One command, its answer as one line: "OK", "(nil)", "3", "[a, b]", "ERR ...". By hiredis, not by the sink.
  std::string ask(std::vector<std::string> words);
  // A hash's fields or a set's members, sorted; anything else as ask() prints it. "(none)": no such key.
  std::string show(const std::string& key);

 private:
  std::vector<std::string> settings_;
  std::string directory_;
  int port_ = 0;
  pid_t process_ = -1;
};

class RedisFixture : public ::testing::Test {
 protected:
  PrivateRedis server{};

  std::unique_ptr<RedisStore> new_store(const std::vector<ViewSchema>& views, const std::string& projection = "p",
                                        StoreOptions options = {});
  std::unique_ptr<RedisStore> prepared_store(const std::vector<ViewSchema>& views, const std::string& projection = "p");
};

// --- views

Type type_of(TypeKind kind);
Type numeric_type(std::int32_t precision, std::int32_t scale);
Field field(const std::string& name, Type type, std::uint8_t ops = op_bit(Op::set));
// Starts at `start`, never null.
Field sum_field(const std::string& name, Type type, std::int64_t start = 0);
ViewSchema view(const std::string& name, const std::string& kind, std::vector<std::pair<std::string, TypeKind>> key,
                std::vector<Field> fields);
ViewSchema counter_view(const std::string& name = "count");

// --- batches

using testing::BatchBuilder;
using testing::OpenedSink;

// Partitions 0.. of topic `t`.
OpenedSink open_sink(RedisStore& store, int partitions = 1);

std::string said(const CommitResult& result);

}  // namespace foldline::redis
