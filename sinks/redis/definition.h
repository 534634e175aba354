// Which keys a projection keeps, and as what: a line of text for each view, kept in Redis beside the keys. Of the live generation it
// stands in the hash `foldline:views`, of one in the making in a hash of its own (checkpoints.h); in both under the names' pattern.
//
//   definition_of(id, layout)   // "today\nhash\norders:bigint\n...\n{name}:orders:{day}\n{day}:date"
//
// Projection, kind, fields; then the names' template and the types of its parts, which tell the view's keys from others. Definitions that
// were written before generations came lack those two: there the pattern alone tells.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "sinks/redis/layout.h"

namespace foldline::redis {

inline constexpr std::string_view kViewsKey = "foldline:views";

std::string definition_of(const ProjectionId& id, const ViewLayout& layout);

// Whether keys that were written as `stored` says can be read and written as `wanted` says. Errors (code config) say what is not;
// `hint` is what to do about it.
Result<void> check_definition(const ViewLayout& layout, const std::string& stored, const std::string& wanted, const std::string& hint);

// A view's keys, as its definition tells.
struct KeptKeys {
  std::string pattern;
  std::string projection;
  std::string type;             // as TYPE answers it
  std::optional<KeyName> name;  // without: the pattern tells

  // Whether a key of this name is one of the view's, if its type is.
  [[nodiscard]] bool holds(std::string_view key) const;
  // What every such name begins with.
  [[nodiscard]] std::string start() const;
};
KeptKeys kept_keys(std::string pattern, std::string_view definition);

// `*` stands for any text, everything else for itself.
bool fits(std::string_view pattern, std::string_view text);
// Whether some text fits both.
bool overlap(std::string_view pattern, std::string_view other);
// As SCAN's MATCH takes it: the text itself, then anything.
std::string scan_pattern(std::string_view start);

}  // namespace foldline::redis
