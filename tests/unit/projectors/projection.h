// A projection as its users meet it: a YAML text on one side, records on the other, and what comes out as lines that a test can compare.
//
//   Projection p(yaml);
//   p.event(line)     "order.placed id=evt_1 at 2026-04-03T09:15:00Z"
//   p.changes(line)   "fact_orders[ord_1] set currency=EUR, set total_cents=3998; daily_revenue[2026-04-03, EUR] add orders=1"
#pragma once

#include <cstring>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/change.h"
#include "common/record.h"
#include "config/projection_file.h"
#include "projectors/declarative/compiled.h"
#include "tests/unit/codec/padded.h"

namespace foldline {

struct TestRecord {
  std::optional<std::string> value;
  std::optional<std::string> key = std::nullopt;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};
  std::string topic = "topic";
  std::int32_t partition = 0;
  std::int64_t offset = 7;
  std::int64_t timestamp_us = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z
  std::size_t source = 0;
};

class Projection {
 public:
  // A whole file, or the part from `source:` on: head and store are then put before it.
  explicit Projection(std::string yaml);
  // A file, with foldline.yaml beside it; `environment` stands for the process's.
  Projection(const std::filesystem::path& file, std::map<std::string, std::string> environment);

  // The findings, one a line: "12:5 error: MESSAGE (HINT)"; empty: the file is right.
  [[nodiscard]] const std::string& findings() const { return findings_; }
  [[nodiscard]] bool compiled() const { return plan_ != nullptr; }
  [[nodiscard]] const ViewSchema& view(std::size_t index = 0) const { return plan_->views[index]; }
  [[nodiscard]] const std::string& order_proof(std::size_t index = 0) const { return plan_->order_proofs[index]; }

  std::string event(const TestRecord& record);
  std::string changes(const TestRecord& record);
  // "decode: ..." or "project: ...", message (and hint); what was known of the event behind it.
  std::string event(std::string_view value) { return event(TestRecord{std::string(value)}); }
  std::string changes(std::string_view value) { return changes(TestRecord{std::string(value)}); }
  // Of the last call.
  [[nodiscard]] const Event& last_event() const { return event_; }
  [[nodiscard]] const ChangeList& last_changes() const { return changes_; }
  [[nodiscard]] const Error& last_error() const { return error_; }
  // What a letter shows of a record of the first source.
  [[nodiscard]] std::string redacted(std::string_view value) const;
  [[nodiscard]] DecoderCounts counts(std::size_t source = 0) const { return decoders_[source]->counts(); }

 private:
  void compile(const std::string& yaml, const std::string& path, const config::LoadOptions& options);
  bool decode(const TestRecord& record, std::string& answer);
  std::string print(const Change& change) const;

  std::string findings_;
  std::shared_ptr<const declarative::CompiledProjection> plan_;
  std::vector<std::unique_ptr<Decoder>> decoders_;
  std::unique_ptr<Projector> projector_;
  Arena arena_;
  std::deque<Padded> bytes_;
  std::deque<std::string> texts_;
  std::deque<std::vector<Header>> headers_;
  std::deque<TopicPartition> partitions_;
  std::deque<Record> records_;
  Event event_;
  ChangeList changes_;
  Error error_;
};

// Lines of a file under tests/data.
std::vector<std::string> data_lines(const std::string& name);

}  // namespace foldline
