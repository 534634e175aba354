// JSON for reading: indented, numbers and texts as written.
//
//   std::string shown = indented_json(R"({"a":[1,2.50]})", "  ");
#pragma once

#include <string>
#include <string_view>

namespace foldline {

// Trusts that the text is well formed; each line starts with `margin`.
std::string indented_json(std::string_view text, std::string_view margin);

// Bytes on a terminal and in JSON: text as it is when it is UTF-8 without control characters, else "base64:…".
std::string readable(std::string_view bytes);

}  // namespace foldline
