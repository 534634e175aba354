// Errors on the data path: values, not exceptions.
//
//   Result<Decimal> d = Decimal::parse("12.x");
//   if (!d) log(d.error().message, d.error().hint);
//
// A message says what failed and on which input; a hint says what to do about it. Neither may hold a secret.
// Exceptions are for start-up and for the inside of a library's wrapper only.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace foldline {

enum class ErrorCode {
  config,             // the projection file is wrong
  decode,             // the record's bytes are not what the source's format says
  expression,         // an expression failed on this event: a missing path, a wrong type, an overflow
  value,              // a value does not fit the field's type
  rejected,           // a clause's own `reject` refused the event
  store_rejected,     // the store can never take these rows (poison, G19)
  store_unavailable,  // the store is away, slow, read-only or full: wait and try again
  fenced,             // another worker owns the checkpoint (G1)
  superseded,         // another generation of the projection is live now
  log_unavailable,    // Kafka is away
  log_lost,           // the log that the checkpoint stood on is gone or another one (G6)
  dead_letter,        // a letter could not be written
  limit,              // a named limit was reached
  internal,           // a bug in Foldline
};

std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::string hint;        // may be empty
  bool retryable = false;  // the same call may succeed later without anyone changing anything
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message, std::string hint = {}, bool retryable = false) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint), retryable});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace foldline
