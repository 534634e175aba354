// The fast way through JSON records that look alike: what stands between two values ("\",\"occurred_at\":\"") is compared as a whole with
// what stood there in earlier records, and only the values themselves are read.
//
//   JsonShape shape(plan);
//   if (!shape.read(bytes, slots, arena)) ...          // unknown: the caller reads it with simdjson, then shape.learn(bytes)
//
// A shape is a graph. A state is the place behind a value, named by the keys and lists on the way to it; an edge is the text up to the
// next value. What may follow a value depends on the open objects and lists alone, and these are part of the state's name: so every way
// through the graph is JSON (RFC 8259), also one that no record has taken before. read() takes a record only when all of its bytes have
// been compared or checked, and then its slots hold what the plain reader would have put there; everything else it leaves to the plain
// reader, which decides what is an error. Objects whose members differ from record to record (maps by ID) become opaque: they are checked
// and skipped.
//
// After the idea of Li et al., "Mison: A Fast JSON Parser for Data Analytics" (VLDB 2017): records of a stream repeat their structure, so
// it can be guessed and verified. Limits: below; a stream that keeps missing is left alone for a while. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/arena.h"
#include "common/codec/json_plan.h"
#include "common/value.h"

namespace foldline::codec {

class JsonShape {
 public:
  static constexpr std::size_t kBlockBytes = 16;  // that literals and texts are looked at in
  static constexpr std::size_t kMaxStates = 512;
  static constexpr std::size_t kMaxEdges = 8;  // of a state: what may follow a value
  static constexpr std::size_t kMaxLiteralBytes = 1024;
  static constexpr std::size_t kMaxDepth = 16;             // of what is learned; deeper values are opaque
  static constexpr std::size_t kMaxOpaqueDepth = 64;       // below an opaque value; deeper ones are the plain reader's
  static constexpr std::size_t kMaxMarks = 64;             // objects with paths below them
  static constexpr std::size_t kMaxTextBytes = 64 * 1024;  // of a record
  static constexpr std::uint32_t kTries = 256;             // between two looks at how many missed; more than a quarter: a pause
  static constexpr std::uint32_t kMaxLearned = 64;         // records in so many tries: learning costs more than reading

  explicit JsonShape(const JsonPlan& plan);

  // `bytes` are followed by kRecordPaddingBytes readable bytes. False: not a record of a known shape; slots of the plan may have been
  // written.
  bool read(std::string_view bytes, std::span<Value> slots, Arena& arena);

  // A record that read() did not know and the plain reader took.
  void learn(std::string_view bytes);

  // False: this plan has what shapes don't know (Debezium's rows, JSON inside texts, a text that stands for "absent"), or records keep
  // missing. Asked once for each record.
  bool worth_trying() {
    if (possible_ && pause_ == 0 && tried_ + 1 < kTries) {
      ++tried_;
      return true;
    }
    return look_how_it_goes();
  }

  [[nodiscard]] std::size_t state_count() const { return states_.size(); }

 private:
  friend class JsonShapeLearner;

  enum class Next : std::uint8_t {
    text,
    number,
    word,
    opaque,
    end
  };
  enum class Step : std::uint8_t {
    mark,
    open,
    comma,
    close,
    close_empty
  };
  // What an edge does beside being compared: an object with paths below it is met (`index`: its mark), a container that a path ends at
  // opens or closes (`index`: how many such are open around it) or goes on with its next element.
  struct Action {
    Step step = Step::mark;
    std::uint8_t index = 0;
    std::uint16_t at = 0;  // in the literal
    std::int32_t slot = -1;
  };
  struct Edge {
    std::uint32_t literal = 0;  // in literals_
    std::uint16_t size_bytes = 0;
    std::uint16_t last_block = 0;       // where its last 16 bytes begin; 0: it has no more
    std::uint16_t last_block_mask = 0;  // which of them are the literal's, a bit each
    Next next = Next::end;
    std::uint8_t action_count = 0;
    std::int32_t slot = -1;  // of the value behind the literal
    std::uint16_t first_action = 0;
    std::uint16_t target = 0;
  };
  struct State {
    std::size_t count = 0;
    std::array<Edge, kMaxEdges> edges;
  };
  struct Capture {
    const char* begin;
    std::uint32_t commas;
  };
  // A record while it is read. Its place in the text is handed from one call to the next instead, so that it stays in a register.
  struct Reading {
    const char* end;
    Value* slots;
    Arena& arena;
    std::uint64_t marks = 0;
    std::uint32_t not_ascii = 0;  // other than 0: UTF-8 is checked, for the record as a whole
  };

  // Each reads a value that begins at `at` and answers where it ends; nullptr: not known here.
  static const char* read_text(const char* at, Reading& reading, std::int32_t slot);
  static const char* read_escaped_text(const char* at, Reading& reading, std::int32_t slot);
  static const char* read_number(const char* at, Reading& reading, std::int32_t slot);
  static const char* read_token(const char* at, Reading& reading, std::int32_t slot);
  static const char* read_word(const char* at, Reading& reading, std::int32_t slot);
  static const char* read_opaque(const char* at, Reading& reading, std::int32_t slot);
  static const char* read_rare(const char* at, Reading& reading, const Edge& edge);
  const Edge* find(const State& state, const char* at, const char* end) const;
  bool act(const Edge& edge, const char* at, Reading& reading);
  bool read_all(const char* at, Reading& reading);
  bool look_how_it_goes();
  void forget();

  const JsonPlan* plan_;
  bool possible_;
  std::vector<State> states_;  // 0: before the record
  std::string literals_;       // each filled up to a multiple of 16 bytes
  std::vector<Action> actions_;
  std::unordered_map<std::string, std::uint16_t> names_;   // of states
  std::set<std::string> opaque_;                           // names of containers that are skipped as a whole
  std::unordered_map<std::uint32_t, std::uint8_t> marks_;  // by the plan's node

  std::array<Capture, kMaxDepth> captures_{};  // of the record in hand

  // How well it goes.
  std::uint32_t tried_ = 0;
  std::uint32_t missed_ = 0;
  std::uint32_t learned_ = 0;
  std::uint32_t pause_ = 0;  // records to leave alone
  std::uint32_t next_pause_ = 0;
};

}  // namespace foldline::codec
