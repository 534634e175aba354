// `foldline dlq list|show|replay|discard FILE`: what became of the events that failed, and sending them through again.
//
//   int code = list_letters(options, std::cout, std::cerr);
//
// Exit codes: 0 done; 1 the file, Kafka or a letter did not answer, or some letter could not be replayed (said on `err`).
// Crash: `list` and `show` only read. `replay` and `discard` leave marks in the letter topics after what they did was acknowledged; ended
// in the middle, the next run does the rest, and what it does again is let through once (G14).
#pragma once

#include <istream>
#include <ostream>
#include <string>

#include "cmd/foldline/dlq_letters.h"

namespace CLI {
class App;
}

namespace foldline {

struct DlqOptions {
  std::string file;
  std::string shared;
  LetterFilter filter;
  bool json = false;
  bool ids = false;          // list: a line a letter
  bool yes = false;          // replay, discard: don't ask
  bool dry_run = false;      // replay
  bool accept_late = false;  // replay: no warning about order
  std::string because;       // discard, replay
};

int list_letters(const DlqOptions& options, std::ostream& out, std::ostream& err);
// The letter is options.filter.ids[0].
int show_letter(const DlqOptions& options, std::ostream& out, std::ostream& err);
int replay_letters(const DlqOptions& options, std::istream& in, std::ostream& out, std::ostream& err);
int discard_letters(const DlqOptions& options, std::istream& in, std::ostream& out, std::ostream& err);
void add_dlq(CLI::App& app, int& exit_code);

}  // namespace foldline
