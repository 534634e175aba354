#include <fmt/format.h>

#include "cmd/foldline/dlq.h"
#include "cmd/foldline/dlq_marks.h"
#include "cmd/foldline/stop_signal.h"

namespace foldline {

namespace {

constexpr std::size_t kMarksAtOnce = 1'000;

Error not_finished(Error error, std::size_t done, std::size_t all) {
  error.message = fmt::format("{} of {} are discarded; {}", done, counted_letters(all), error.message);
  error.hint = "run the same command again for the rest";
  return error;
}

}  // namespace

int discard_letters(const DlqOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  if (options.because.empty() || options.because.size() > kMaxBecauseBytes) {
    complain(err, {ErrorCode::config, fmt::format("--because takes 1 to {} bytes", kMaxBecauseBytes), "", false});
    return 2;
  }
  const Projection projection = load_projection(options.file, options.shared, err);
  if (projection == nullptr) return 1;
  auto letters = DeadLetters::open(projection);
  if (!letters) return complain(err, letters.error());
  if (auto read = (*letters)->read(options.filter.key, err); !read) return complain(err, read.error());
  const LetterIndex& index = (*letters)->index();
  const auto heads = choose(options, index, LetterState::discarded, err);
  if (!heads) return 1;
  if (heads->empty()) {
    out << "nothing to discard\n";
    return 0;
  }
  if (!is_agreed(options, "Discard " + counted_letters(heads->size()) + "?", in, out, err)) return 1;
  auto producer = kafka::Producer::create(kafka_options(projection->file));
  if (!producer) return complain(err, producer.error());
  const std::atomic<bool>& stop = stop_on_signals();
  std::size_t done = 0;
  while (done < heads->size()) {
    if (stop) return complain(err, not_finished({ErrorCode::dead_letter, "interrupted", "", true}, done, heads->size()));
    const auto some = std::span(*heads).subspan(done, std::min(kMarksAtOnce, heads->size() - done));
    auto marked = (*producer)->produce_all(marks_of(projection, index, some, LetterState::discarded, options.because));
    if (!marked) return complain(err, not_finished(marked.error(), done, heads->size()));
    done += some.size();
  }
  out << "discarded " << counted_letters(done) << '\n';
  return 0;
}

}  // namespace foldline
