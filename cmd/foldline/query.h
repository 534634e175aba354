// `foldline query FILE VIEW [KEY…]`: rows of a view, read from its store.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace foldline {

inline constexpr std::size_t kDefaultQueryLimit = 100;

struct QueryCommand {
  std::string file;
  std::string shared;                      // --shared
  std::string view;                        // empty: the views are listed
  std::vector<std::string> key;            // values of the key's first parts
  std::vector<std::string> where;          // --where, all of which must hold
  std::vector<std::string> columns;        // --columns; empty: all
  std::size_t limit = kDefaultQueryLimit;  // --limit; 0: no limit
  bool json = false;                       // --json
  std::string wait_for;                    // --wait-for
  double timeout_s = 30;                   // --timeout, of --wait-for
};

// 0: printed, even if nothing was found; 1: the file has errors, or the store did not answer; 2: no such view or column, a KEY that its
// type does not take, an expression that is none. Rows go to `out`; what was read, and everything that went wrong, to `err`.
// Signals have their default meaning: it only reads, so it may be stopped anywhere.
int query_view(const QueryCommand& command, std::ostream& out, std::ostream& err);
void add_query(CLI::App& app, int& exit_code);

}  // namespace foldline
