// `foldline dlq replay`: letters' events to the topic PROJECTION.replay, chunk by chunk: first the events, and when they are acknowledged,
// the marks. Killed between the two, the next run writes that chunk's events again with the same retry counts, and the worker's processed
// IDs let each through once (G14).
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "cmd/foldline/dlq.h"
#include "cmd/foldline/dlq_dry_run.h"
#include "cmd/foldline/dlq_marks.h"
#include "cmd/foldline/dlq_order.h"
#include "cmd/foldline/stop_signal.h"
#include "config/mask.h"

namespace foldline {

namespace {

constexpr std::size_t kLettersAtOnce = 256;
constexpr std::size_t kMaxNamedLeftOut = 20;

// What an interrupted run writes again must come within the processed-ID window of the first time (G14).
std::size_t chunk_size(std::int64_t id_window) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(id_window / 4, 1, static_cast<std::int64_t>(kLettersAtOnce)));
}

void warn(const Projection& projection, const LetterIndex& index, std::span<const LetterHead> heads, const DlqOptions& options,
          std::ostream& err) {
  if (projection->file.id_window == 0) {
    err << "warning: with `processed_ids: none` an interrupted replay that is run again may apply some events twice\n";
  }
  if (options.accept_late) return;
  const std::vector<std::string> views = late_views(*projection, index, heads);
  if (views.empty()) return;
  err << "warning: replayed events are applied now, after later events of their rows. Views whose rows depend on the order:\n";
  for (const std::string& view : views) err << "  " << view << '\n';
  err << "  `newest_by` in the view lets only newer values through; --accept-late-order leaves out this warning\n";
}

// What became of some letters, in words that the end of the run prints.
class Tally {
 public:
  explicit Tally(std::ostream& err) : err_(err) {}

  void leave_out(const std::string& letter_id, const std::string& why) {
    if (++left_out_ <= kMaxNamedLeftOut) err_ << "left out: " << config::printable(letter_id) << ": " << config::printable(why) << '\n';
    if (left_out_ == kMaxNamedLeftOut + 1) err_ << "left out: more of them\n";
  }
  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 private:
  std::ostream& err_;
  std::size_t left_out_ = 0;
};

class ReplayWriter {
 public:
  ReplayWriter(const Projection& projection, DeadLetters& letters, const DlqOptions& options, std::ostream& err)
      : projection_(projection), letters_(letters), options_(options), tally_(err) {}

  Result<void> prepare() {
    auto producer = kafka::Producer::create(kafka_options(projection_->file));
    if (!producer) return fail(producer.error());
    producer_ = std::move(*producer);
    const std::string topic = replay_topic(projection_->file);
    if (letters_.exists(topic)) return {};
    // One partition: the events of a key keep their order.
    return producer_->ensure_topics(std::vector<std::string>{topic}, 1, kafka::DatedBy::broker);
  }

  Result<void> write(std::span<const LetterHead> heads) {
    const LetterIndex& index = letters_.index();
    auto originals = fetch_originals(letters_, projection_, heads);
    if (!originals) return fail(originals.error());
    std::vector<LetterHead> sent;
    std::vector<kafka::OutgoingRecord> records;
    for (const Original& original : *originals) {
      if (!original.missing.empty()) {
        tally_.leave_out(index.id_of(original.head), original.missing);
        continue;
      }
      sent.push_back(original.head);
      records.push_back(replay_record(projection_, index, original));
    }
    auto produced = producer_->produce_all(records);
    if (!produced && !produced.error().retryable) {
      sent = write_singly(sent, records);
    } else if (!produced) {
      return produced;
    }
    auto marked = producer_->produce_all(marks_of(projection_, index, sent, LetterState::replayed, options_.because));
    if (marked) replayed_ += sent.size();
    return marked;
  }

  [[nodiscard]] std::size_t replayed() const { return replayed_; }
  [[nodiscard]] std::size_t left_out() const { return tally_.left_out(); }

 private:
  // One of them can never be taken: which one? Those that were written by now are written again, and let through once.
  std::vector<LetterHead> write_singly(const std::vector<LetterHead>& heads, const std::vector<kafka::OutgoingRecord>& records) {
    std::vector<LetterHead> out;
    for (std::size_t i = 0; i < heads.size(); ++i) {
      auto produced = producer_->produce_all(std::span(records).subspan(i, 1));
      if (produced) {
        out.push_back(heads[i]);
      } else {
        tally_.leave_out(letters_.index().id_of(heads[i]), produced.error().message + " (" + produced.error().hint + ")");
      }
    }
    return out;
  }

  Projection projection_;
  DeadLetters& letters_;
  const DlqOptions& options_;
  Tally tally_;
  std::unique_ptr<kafka::Producer> producer_;
  std::size_t replayed_ = 0;
};

int replay_all(ReplayWriter& replay, const Projection& projection, std::span<const LetterHead> heads, std::ostream& out,
               std::ostream& err) {
  const std::atomic<bool>& stop = stop_on_signals();
  const std::string topic = replay_topic(projection->file);
  const std::size_t chunk = chunk_size(projection->file.id_window);
  const bool terminal = isatty(STDERR_FILENO) != 0;
  std::optional<Error> stopped;
  std::size_t looked_at = 0;
  for (; looked_at < heads.size() && !stopped; looked_at += chunk) {
    if (stop) {
      stopped = Error{ErrorCode::dead_letter, "interrupted", "", true};
      break;
    }
    const auto some = heads.subspan(looked_at, std::min(chunk, heads.size() - looked_at));
    if (auto written = replay.write(some); !written) {
      stopped = written.error();
      break;
    }
    if (terminal) err << fmt::format("\r{} of {}", std::min(looked_at + chunk, heads.size()), counted_letters(heads.size())) << std::flush;
  }
  if (terminal) err << "\r\x1b[K" << std::flush;
  if (stopped) {
    return complain(err, {stopped->code,
                          fmt::format("{} of {} are replayed and {} left; {}", replay.replayed(), counted_letters(heads.size()),
                                      heads.size() - replay.replayed(), stopped->message),
                          "run the same command again for the rest: an event that was written already is let through once", true});
  }
  out << fmt::format("replayed {} to {}", counted_letters(replay.replayed()), topic);
  if (replay.left_out() > 0) out << fmt::format(", left out {}", replay.left_out());
  out << '\n';
  return replay.left_out() > 0 ? 1 : 0;
}

int dry_run_all(DeadLetters& letters, const Projection& projection, std::span<const LetterHead> heads, const DlqOptions& options,
                std::ostream& out, std::ostream& err) {
  DryRun dry_run(projection, err);
  std::map<std::string, std::size_t> reasons;
  std::size_t passes = 0;
  for (std::size_t done = 0; done < heads.size(); done += kLettersAtOnce) {
    auto originals = fetch_originals(letters, projection, heads.subspan(done, std::min(kLettersAtOnce, heads.size() - done)));
    if (!originals) return complain(err, originals.error());
    for (const Original& original : *originals) {
      const Verdict verdict = dry_run.judge(letters.index(), original);
      const std::string id = letters.index().id_of(original.head);
      if (options.json) {
        out << to_json(id, verdict) << '\n';
      } else {
        print(id, verdict, out);
      }
      const bool good = verdict.outcome == Verdict::Outcome::passes || verdict.outcome == Verdict::Outcome::skipped;
      passes += good ? 1U : 0U;
      if (!good) ++reasons[verdict.outcome == Verdict::Outcome::fails ? verdict.reason : "can't be replayed: " + verdict.why];
    }
  }
  if (options.json) return 0;
  out << fmt::format("of {} {} would pass now, {} would not\n", counted_letters(heads.size()), passes, heads.size() - passes);
  for (const auto& [reason, count] : reasons) out << fmt::format("  {}  {}\n", count, config::printable(reason));
  return 0;
}

}  // namespace

int replay_letters(const DlqOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  if (options.because.size() > kMaxBecauseBytes) {
    complain(err, {ErrorCode::config, fmt::format("--because takes at most {} bytes", kMaxBecauseBytes), "", false});
    return 2;
  }
  if (options.json && !options.dry_run) {
    complain(err, {ErrorCode::config, "--json goes with --dry-run", "", false});
    return 2;
  }
  const Projection projection = load_projection(options.file, options.shared, err);
  if (projection == nullptr) return 1;
  auto letters = DeadLetters::open(projection);
  if (!letters) return complain(err, letters.error());
  if (auto read = (*letters)->read(options.filter.key, err); !read) return complain(err, read.error());
  const LetterIndex& index = (*letters)->index();
  auto heads = choose(options, index, LetterState::replayed, err);
  if (!heads) return 1;
  const auto live = live_generation(projection);
  if (!live) return complain(err, live.error());
  leave_out_earlier(*heads, *live, err);
  if (heads->empty()) {
    if (!options.json) out << "nothing to replay\n";
    return 0;
  }
  warn(projection, index, *heads, options, err);
  if (options.dry_run) return dry_run_all(**letters, projection, *heads, options, out, err);
  const std::string question = "Replay " + counted_letters(heads->size()) + " through " + replay_topic(projection->file) + "?";
  if (!is_agreed(options, question, in, out, err)) return 1;
  ReplayWriter replay(projection, **letters, options, err);
  if (auto ready = replay.prepare(); !ready) return complain(err, ready.error());
  return replay_all(replay, projection, *heads, out, err);
}

}  // namespace foldline
