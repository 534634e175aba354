// The name of a row's key: a template in which `{part}` stands for a part of the view's key.
//
//   auto name = KeyName::parse("orders:{day}:count", view.key, -1);   name->append(out, row.key);   // orders:2026-04-03:count
//
// Two rows never share a key. A text that holds the character which ends it in the template would let them ("a:b" + "c", "a" + "b:c"),
// so in every part but the last that character and `%` are written as in a URL: %3A, %25. Parts of fixed length, and whole numbers
// before a character that is no digit, need none of it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/arena.h"
#include "common/error.h"
#include "common/view.h"

namespace foldline::redis {

// Redis takes up to 512 MiB; a name of this length is a mistake of the producer's.
inline constexpr std::size_t kMaxKeyBytes = 16 * 1024;

class KeyName {
 public:
  // `member`: the index of the key part that is no part of the name (sorted_set, set), -1: none. Errors (code config): a part that is
  // missing, unknown or named twice; two parts with nothing between them.
  static Result<KeyName> parse(std::string_view text, const std::vector<KeyPart>& key, int member);

  // `key`: the row's parts. Valid for any number of threads at once.
  void append(std::string& out, const Value* key) const;
  // No fewer bytes than append() writes, found without writing them; a huge number where only writing tells.
  [[nodiscard]] std::size_t most_bytes(const Value* key) const;

  // The parts that a key of this name has, `member` and all that is not in the name left absent; nullopt: append() never writes it.
  [[nodiscard]] std::optional<std::vector<Value>> parts_of(std::string_view name, Arena& arena) const;

  // In a cluster: which of the buckets holds the key, of which `append()` then writes the tag in front (slots.h). 0 elsewhere.
  [[nodiscard]] std::uint32_t bucket_of(const Value* key) const;
  void set_buckets(const std::string& projection, std::uint32_t count);

  // For SCAN's MATCH: what append() writes for keys whose first parts are `first`, with `*` for the others.
  [[nodiscard]] std::string glob(std::span<const Value> first) const;

  // As it was written: "orders:{day}:count".
  [[nodiscard]] const std::string& text() const { return text_; }
  // With `*` for each part: "orders:*:count". Without the prefix.
  [[nodiscard]] const std::string& pattern() const { return pattern_; }

  // From here on append() puts this in front: where the rows of a generation stand that is not live.
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }
  // Whether append() could have made this name, without the prefix: each part's text must be one of its type.
  [[nodiscard]] bool matches(std::string_view name) const;
  // What every name begins with, before the first part: "orders:".
  [[nodiscard]] const std::string& start() const { return pieces_.empty() ? tail_ : pieces_.front().literal; }
  // The parts in the name's own order: what parse() takes again.
  [[nodiscard]] std::vector<KeyPart> parts() const;

 private:
  struct Piece {
    std::string literal;   // before the part
    std::size_t part = 0;  // index in the key
    std::string part_name;
    Type type;
    char ends_with = '\0';
    bool escaped = false;
  };
  // Of a part that is not the last, at the start of `rest`; npos: it does not end.
  static std::size_t length_of(const Piece& piece, std::string_view rest);
  void append_name(std::string& out, const Value* key) const;
  static void append_part(std::string& out, const Piece& piece, const Value& value);
  std::vector<Piece> pieces_;
  std::size_t parts_ = 0;  // of the key, those outside the name too
  std::string text_;
  std::string tail_;
  std::string pattern_;
  std::string prefix_;
  std::vector<std::string> tags_;  // by bucket; empty: no cluster
  std::string any_tag_;            // the pattern that all of them fit
};

}  // namespace foldline::redis
