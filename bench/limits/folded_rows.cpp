#include "bench/limits/folded_rows.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <unordered_set>

#include "config/projection_file.h"
#include "engine/batch.h"
#include "sinks/postgres/binary.h"

namespace foldline::bench {

namespace {

constexpr std::string_view kCopyHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr int kTimeoutMs = 10'000;
constexpr std::size_t kFetch = 1'024;

[[noreturn]] void give_up(std::string_view why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(1);
}

void check(rd_kafka_resp_err_t error, std::string_view doing) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) give_up(fmt::format("{}: {}", doing, rd_kafka_err2str(error)));
}

// A reader of all partitions of one topic, without a group.
class Topic {
 public:
  Topic(const std::string& brokers, std::string name) : name_(std::move(name)) {
    std::array<char, 512> why{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const std::array<std::pair<const char*, const char*>, 5> settings = {{{"bootstrap.servers", brokers.c_str()},
                                                                          {"group.id", "foldline-bench-limit"},
                                                                          {"enable.auto.commit", "false"},
                                                                          {"enable.partition.eof", "true"},
                                                                          {"auto.offset.reset", "error"}}};
    for (const auto& [key, value] : settings) {
      if (rd_kafka_conf_set(conf, key, value, why.data(), why.size()) != RD_KAFKA_CONF_OK) give_up(why.data());
    }
    client_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why.data(), why.size());
    if (client_ == nullptr) give_up(why.data());
    rd_kafka_poll_set_consumer(client_);
    assign();
    queue_ = rd_kafka_queue_get_consumer(client_);
  }
  Topic(const Topic&) = delete;
  Topic& operator=(const Topic&) = delete;
  ~Topic() {
    rd_kafka_queue_destroy(queue_);
    rd_kafka_consumer_close(client_);
    rd_kafka_destroy(client_);
  }

  [[nodiscard]] int partitions() const { return partitions_; }
  [[nodiscard]] const std::string& name() const { return name_; }

  template <class Take>
  void read_all(Take take) {
    int ended = 0;
    std::array<rd_kafka_message_t*, kFetch> messages{};
    while (ended < partitions_) {
      const ssize_t got = rd_kafka_consume_batch_queue(queue_, 100, messages.data(), messages.size());
      for (ssize_t i = 0; i < got; ++i) {
        rd_kafka_message_t* message = messages[static_cast<std::size_t>(i)];
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
          ++ended;
        } else {
          check(message->err, "reading " + name_);
          take(*message);
        }
        rd_kafka_message_destroy(message);
      }
    }
  }

 private:
  void assign() {
    rd_kafka_topic_t* topic = rd_kafka_topic_new(client_, name_.c_str(), nullptr);
    const rd_kafka_metadata_t* metadata = nullptr;
    check(rd_kafka_metadata(client_, 0, topic, &metadata, kTimeoutMs), "asking for " + name_);
    partitions_ = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions_);
    for (int p = 0; p < partitions_; ++p) rd_kafka_topic_partition_list_add(list, name_.c_str(), p)->offset = 0;
    check(rd_kafka_assign(client_, list), "assigning " + name_);
    rd_kafka_topic_partition_list_destroy(list);
  }

  std::string name_;
  rd_kafka_t* client_ = nullptr;
  rd_kafka_queue_t* queue_ = nullptr;
  int partitions_ = 0;
};

void append_row(std::string& out, const ViewSchema& view, const FoldedRow& row) {
  if (row.base != RowBase::keep) give_up(fmt::format("view {}: the limit knows no deletes", view.name));
  const auto encode = [&](const Value& value, const Type& type) {
    if (auto ok = postgres::encode_field(out, value, type); !ok) give_up(ok.error().message);
  };
  const auto guards = static_cast<std::size_t>(view.guard_count);
  postgres::put<std::int16_t>(out, static_cast<std::int16_t>(view.key.size() + view.fields.size() + guards));
  for (std::size_t i = 0; i < view.key.size(); ++i) encode(row.key[i], view.key[i].type);
  for (std::size_t i = 0; i < view.fields.size(); ++i) {
    encode(row.cells[i].state == CellState::none ? Value::null() : row.cells[i].value, view.fields[i].type);
  }
  for (std::size_t g = 0; g < guards; ++g) {
    if (row.guards[g].empty()) {
      postgres::put_null(out);
    } else {
      postgres::put_bytes(out, row.guards[g]);
    }
  }
}

std::shared_ptr<const declarative::CompiledProjection> compile(const std::string& file) {
  config::Diagnostics diagnostics;
  const auto loaded = config::load_projection_file(file, {}, diagnostics);
  auto out = loaded ? declarative::compile(*loaded, diagnostics) : nullptr;
  if (!out) give_up(diagnostics.to_string());
  return out;
}

class Folder {
 public:
  Folder(FoldedRows& out, const Topic& topic, std::size_t batch_records)
      : out_(out),
        batch_records_(batch_records),
        decoder_(declarative::make_decoder(out.projection, 0)),
        projector_(declarative::make_projector(out.projection)),
        batch_(out.projection->views) {
    std::vector<AssignedPartition> assignment;
    for (int p = 0; p < topic.partitions(); ++p) assignment.push_back({{topic.name(), p}, 0, false});
    assignment_ = std::make_shared<const std::vector<AssignedPartition>>(std::move(assignment));
    batch_.begin(assignment_);
  }

  void take(const rd_kafka_message_t& message) {
    Record record;
    record.slot = static_cast<std::uint32_t>(message.partition);
    record.offset = message.offset;
    record.timestamp_us = rd_kafka_message_timestamp(&message, nullptr) * 1'000;
    record.key = std::string_view(static_cast<const char*>(message.key), message.key_len);
    record.value = std::string_view(static_cast<const char*>(message.payload), message.len);
    batch_.stage(record, SIZE_MAX);
    if (batch_.entries().size() >= batch_records_) finish();
  }

  void finish() {
    for (BatchEntry& entry : batch_.entries()) fold(*entry.content);
    FoldedBatch& encoded = out_.batches.emplace_back();
    encoded.copy_data.resize(out_.projection->views.size());
    for (const ViewRows& rows : batch_.fold().rows()) {
      std::string& data = encoded.copy_data[rows.view];
      data = kCopyHeader;
      for (const FoldedRow* row : rows.rows) append_row(data, out_.projection->views[rows.view], *row);
      postgres::put<std::int16_t>(data, -1);
      out_.rows += rows.rows.size();
    }
    batch_.begin(assignment_);
  }

 private:
  // As a lane does, but for letters: what can't be read is left out.
  void fold(BatchRecord& content) {
    ++out_.records;
    const auto decoded = decoder_->decode(content.record, batch_.arena(), content.event);
    content.event.record = &content.record;
    if (!content.event.id.empty() && !seen_.emplace(content.event.id).second) return;
    if (!decoded || *decoded == Decoded::skipped) return;
    changes_.clear();
    if (!projector_->project(content.event, batch_.arena(), changes_)) return;
    if (batch_.fold().add(changes_).outcome != FoldOutcome::folded) give_up("an event does not fold into its batch");
  }

  FoldedRows& out_;
  std::size_t batch_records_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<Projector> projector_;
  Batch batch_;
  std::shared_ptr<const std::vector<AssignedPartition>> assignment_;
  ChangeList changes_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

FoldedRows fold_topic(const std::string& file, const std::string& brokers, std::size_t batch_records) {
  FoldedRows out;
  out.projection = compile(file);
  Topic topic(brokers, out.projection->file.sources.at(0).topics.at(0).name);
  Folder folder(out, topic, batch_records);
  topic.read_all([&](const rd_kafka_message_t& message) { folder.take(message); });
  folder.finish();
  return out;
}

}  // namespace foldline::bench
