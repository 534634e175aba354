// `redact`: paths of a record's value that nobody may see in a letter, a log or an error.
//
//   Redaction r;  r.add({"payload", "email"});
//   r.redact(R"({"payload":{"email":"a@b.c"}})")      // {"payload":{"email":"***"}}
//   r.scrub(error, *record.value);                    // "a@b.c" is not a bigint  ->  "***" is not a bigint
//
// A path goes through lists (every element) and, at kEmbeddedJson, through a text that holds JSON. Immutable after the last add():
// any thread may call the const members.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"

namespace foldline::codec {

class Redaction {
 public:
  void add(std::span<const std::string> path);
  [[nodiscard]] bool empty() const { return !root_.hidden && root_.children.empty(); }

  // The record's value with `***` in the place of what is hidden; nullopt: it can't be read as JSON, so nothing of it may be shown.
  [[nodiscard]] std::optional<std::string> redact(std::string_view value) const;
  // Takes the hidden values of this record out of the error's text. Where the record can't be read, everything goes that a message
  // quotes.
  void scrub(Error& error, std::optional<std::string_view> value) const;

  struct Node {
    bool hidden = false;
    std::map<std::string, Node, std::less<>> children;
  };

 private:
  Node root_;
};

}  // namespace foldline::codec
