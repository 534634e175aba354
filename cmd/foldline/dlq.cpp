#include "cmd/foldline/dlq.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>

#include "cmd/foldline/dlq_groups.h"

namespace foldline {

int list_letters(const DlqOptions& options, std::ostream& out, std::ostream& err) {
  const Projection projection = load_projection(options.file, options.shared, err);
  if (projection == nullptr) return 1;
  auto letters = DeadLetters::open(projection);
  if (!letters) return complain(err, letters.error());
  if (auto read = (*letters)->read(options.filter.key, err); !read) return complain(err, read.error());
  const LetterIndex& index = (*letters)->index();
  const std::vector<LetterHead> heads = chosen(options.filter, index);
  if (options.json) {
    out << groups_json(projection->file.projection, index, heads, options.ids) << '\n';
  } else if (options.ids) {
    print_letters(index, heads, out);
  } else {
    print_table(group_letters(index, heads), out);
  }
  mention_foreign(index, err);
  if (options.json) return 0;
  const std::vector<LetterHead> every = index.letters();
  if (every.empty()) {
    out << "no letters\n";
  } else {
    out << (heads.empty()                 ? "no letters of this kind; in all "
            : heads.size() < every.size() ? counted_letters(heads.size()) + " of "
                                          : "")
        << summary_of(every) << '\n';
  }
  return 0;
}

namespace {

// CLI11 wants texts; what they mean is checked when the subcommand runs.
struct Arguments {
  DlqOptions options;
  std::string since;
  std::string until;
  std::string key;
  std::string letter;
};

void add_file(CLI::App& command, Arguments& arguments) {
  command.add_option("FILE", arguments.options.file, "the projection file; its dead_letter.topic says where the letters are")->required();
  command.add_option("--shared", arguments.options.shared,
                     "file with stores and sources shared by projections; default: foldline.yaml beside FILE");
}

void add_filters(CLI::App& command, Arguments& arguments, const char* all) {
  LetterFilter& filter = arguments.options.filter;
  command.add_option("--reason", filter.reason, "only letters with this reason; * stands for anything");
  command.add_option("--type", filter.type, "only letters of this event type; * stands for anything");
  command.add_option("--key", arguments.key, "only letters of records with this key");
  command.add_option("--stage", filter.stage, "only letters of this stage")->check(CLI::IsMember({"decode", "project", "store"}));
  command.add_option("--since", arguments.since, "only letters that failed at or after: 2026-04-03, a time, or how long ago as 24h");
  command.add_option("--until", arguments.until, "only letters that failed before");
  command.add_option("--letter", filter.ids, "only these letters, by ID")->take_all();
  command.add_flag("--all", filter.all, all);
}

// Fills in what CLI11 left as text; false: it makes no sense, and `err` says why.
bool understand(const CLI::App& command, Arguments& arguments, std::ostream& err) {
  const std::int64_t now = now_us();
  const auto moment = [&](const std::string& text, std::optional<std::int64_t>& to) {
    if (text.empty()) return true;
    const auto parsed = parse_moment_us(text, now);
    if (!parsed) return complain(err, parsed.error()) == 0;
    to = *parsed;
    return true;
  };
  if (command.get_option_no_throw("--key") != nullptr && command.count("--key") > 0) arguments.options.filter.key = arguments.key;
  return moment(arguments.since, arguments.options.filter.since_us) && moment(arguments.until, arguments.options.filter.until_us);
}

using Start = std::function<int(const DlqOptions&)>;

void on_run(CLI::App* command, const std::shared_ptr<Arguments>& arguments, int& exit_code, const Start& start) {
  command->callback(
      [command, arguments, &exit_code, start] { exit_code = understand(*command, *arguments, std::cerr) ? start(arguments->options) : 2; });
}

void add_list(CLI::App& dlq, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* list = dlq.add_subcommand("list", "Count letters by reason, type, stage and day");
  list->footer("Examples:\n  foldline dlq list orders.yaml\n  foldline dlq list orders.yaml --reason '*total_cents*' --since 24h --ids");
  add_file(*list, *arguments);
  add_filters(*list, *arguments, "also letters that were replayed or discarded");
  list->add_flag("--ids", arguments->options.ids, "a line for each letter, with its ID");
  list->add_flag("--json", arguments->options.json, "print JSON");
  on_run(list, arguments, exit_code, [](const DlqOptions& options) { return list_letters(options, std::cout, std::cerr); });
}

void add_show(CLI::App& dlq, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* show = dlq.add_subcommand("show", "Show one letter: its error, its event, and what became of it");
  show->footer("Example:\n  foldline dlq show orders.yaml orders:orders.events:0:42");
  add_file(*show, *arguments);
  show->add_option("LETTER_ID", arguments->letter, "the letter's ID: PROJECTION:TOPIC:PARTITION:OFFSET")->required();
  show->add_flag("--json", arguments->options.json, "print JSON");
  on_run(show, arguments, exit_code, [arguments](const DlqOptions& options) {
    DlqOptions one = options;
    one.filter.ids = {arguments->letter};
    return show_letter(one, std::cout, std::cerr);
  });
}

void add_replay(CLI::App& dlq, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* replay = dlq.add_subcommand("replay", "Send letters' events through the projection again");
  replay->footer(
      "The events go to the topic PROJECTION.replay, which the worker reads as one more source; each try is applied once.\n"
      "Examples:\n  foldline dlq replay orders.yaml --dry-run\n  foldline dlq replay orders.yaml --reason '*total_cents*' --yes");
  add_file(*replay, *arguments);
  add_filters(*replay, *arguments, "also letters that were discarded");
  replay->add_flag("--dry-run", arguments->options.dry_run,
                   "project the events in memory: which would pass now, with which changes; writes nothing");
  replay->add_flag("--yes", arguments->options.yes, "don't ask");
  replay->add_option("--because", arguments->options.because, "a note that is kept with the letters");
  replay->add_flag("--accept-late-order", arguments->options.accept_late,
                   "no warning that the events are applied after later ones of their keys");
  replay->add_flag("--json", arguments->options.json, "with --dry-run: print JSON, a line for each letter");
  on_run(replay, arguments, exit_code, [](const DlqOptions& options) { return replay_letters(options, std::cin, std::cout, std::cerr); });
}

void add_discard(CLI::App& dlq, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* discard = dlq.add_subcommand("discard", "Mark letters as done without replaying them; the reason is kept");
  discard->footer("Example:\n  foldline dlq discard orders.yaml --reason 'not JSON*' --because 'probes of the load test'");
  add_file(*discard, *arguments);
  add_filters(*discard, *arguments, "also letters that were replayed");
  discard->add_option("--because", arguments->options.because, "why; kept with the letters")->required();
  discard->add_flag("--yes", arguments->options.yes, "don't ask");
  on_run(discard, arguments, exit_code, [](const DlqOptions& options) { return discard_letters(options, std::cin, std::cout, std::cerr); });
}

}  // namespace

void add_dlq(CLI::App& app, int& exit_code) {
  CLI::App* dlq = app.add_subcommand("dlq", "Look at dead letters, replay them, discard them");
  dlq->require_subcommand(1);
  dlq->footer("Example:\n  foldline dlq list orders.yaml");
  add_list(*dlq, exit_code);
  add_show(*dlq, exit_code);
  add_replay(*dlq, exit_code);
  add_discard(*dlq, exit_code);
}

}  // namespace foldline
