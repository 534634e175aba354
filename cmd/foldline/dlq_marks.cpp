#include "cmd/foldline/dlq_marks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "config/mask.h"

namespace foldline {

namespace {

std::string user_name() {
  for (const char* name : {"USER", "LOGNAME"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody writes the environment
    if (value != nullptr && *value != '\0') return value;
  }
  return "user " + std::to_string(getuid());
}

}  // namespace

Result<std::int64_t> live_generation(const Projection& projection) {
  auto store = open_projection_store(*projection);
  if (!store) return fail(store.error());
  const auto generations = (*store)->generations();
  if (!generations && generations.error().retryable) return fail(generations.error());
  if (generations) {
    for (const Generation& generation : *generations) {
      if (generation.state == GenerationState::live) return generation.number;
    }
  }
  return 1;  // not prepared yet, or a store that has only one
}

void leave_out_earlier(std::vector<LetterHead>& heads, std::int64_t live, std::ostream& err) {
  const std::size_t earlier = std::erase_if(heads, [live](const LetterHead& head) { return head.generation != live; });
  if (earlier == 0) return;
  err << fmt::format(
      "left out: {} of another generation than the live one, {}: each generation folds the log by itself and has its own letters\n",
      counted_letters(earlier), live);
}

std::optional<std::vector<LetterHead>> choose(const DlqOptions& options, const LetterIndex& index, LetterState left_out,
                                              std::ostream& err) {
  LetterFilter every = options.filter;
  every.all = true;
  std::vector<LetterHead> heads = chosen(every, index);
  for (const std::string& id : options.filter.ids) {
    const bool found = std::any_of(heads.begin(), heads.end(), [&](const LetterHead& head) { return index.id_of(head) == id; });
    if (found) continue;
    complain(err, {ErrorCode::config, "there is no letter " + config::printable(id) + " that fits",
                   "`foldline dlq list --all --ids` prints the IDs; other filters may leave it out", false});
    return std::nullopt;
  }
  const auto done = [&](LetterState state) { return state != LetterState::open && (state == left_out || !options.filter.all); };
  std::size_t replayed = 0;
  std::size_t discarded = 0;
  std::erase_if(heads, [&](const LetterHead& head) {
    if (!done(head.state)) return false;
    ++(head.state == LetterState::replayed ? replayed : discarded);
    return true;
  });
  if (replayed > 0) err << fmt::format("left out: {} replayed already\n", counted_letters(replayed));
  if (discarded > 0) err << fmt::format("left out: {} discarded already\n", counted_letters(discarded));
  return heads;
}

bool is_agreed(const DlqOptions& options, const std::string& question, std::istream& in, std::ostream& out, std::ostream& err) {
  if (options.yes) return true;
  out << question << " [y/N] " << std::flush;
  std::string answer;
  if (!std::getline(in, answer)) {
    out << '\n';
    complain(err, {ErrorCode::config, "nobody answered, so nothing was done", "give --yes to go on without asking", false});
    return false;
  }
  if (answer == "y" || answer == "Y" || answer == "yes") return true;
  out << "nothing was done\n";
  return false;
}

std::vector<kafka::OutgoingRecord> marks_of(const Projection& projection, const LetterIndex& index, std::span<const LetterHead> heads,
                                            LetterState state, const std::string& because) {
  const std::int64_t now = now_us();
  const std::string by = user_name();
  std::vector<kafka::OutgoingRecord> out;
  for (const LetterHead& head : heads) {
    const LetterMark mark{index.id_of(head), state, head.retry_count, head.generation, now, because, by};
    out.push_back(mark_record(mark, projection->file.projection, index.name(head.place.topic)));
  }
  return out;
}

}  // namespace foldline
