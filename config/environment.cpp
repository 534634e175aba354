#include "config/environment.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace foldline::config {
namespace {

bool is_variable_name(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; });
}

// One `${...}`, without its braces.
void expand_variable(std::string_view inside, std::size_t offset, const Environment& environment, Expanded& out) {
  const std::size_t colon = inside.find(":-");
  const std::string name(inside.substr(0, colon));
  if (!is_variable_name(name)) {
    out.problems.push_back(
        {offset, "`${` wants a variable's name, as in `${NAME}` or `${NAME:-default}`", "write `$${` for a literal `${`"});
    return;
  }
  const std::optional<std::string> value = environment(name);
  out.from_environment = true;
  if (colon != std::string_view::npos) {
    // As in a shell, `:-` also stands in for a variable that is set but empty.
    out.text += value && !value->empty() ? *value : std::string(inside.substr(colon + 2));
  } else if (value) {
    out.text += *value;
  } else {
    out.problems.push_back({offset, "the environment variable " + name + " is not set",
                            "set it (export " + name + "=...), or give a default: ${" + name + ":-default}"});
  }
}

}  // namespace

Expanded expand(std::string_view text, const Environment& environment) {
  Expanded out;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text.substr(at, 3) == "$${") {
      out.text += "${";
      at += 3;
      continue;
    }
    if (text.substr(at, 2) != "${") {
      out.text += text[at++];
      continue;
    }
    const std::size_t end = text.find('}', at);
    if (end == std::string_view::npos) {
      out.problems.push_back({at, "this `${` is not closed", "write `${NAME}`, or `$${` for a literal `${`"});
      break;
    }
    expand_variable(text.substr(at + 2, end - at - 2), at, environment, out);
    at = end + 1;
  }
  return out;
}

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): read at start-up, before there are threads
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

}  // namespace foldline::config
