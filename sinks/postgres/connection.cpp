#include "sinks/postgres/connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "sinks/postgres/binary.h"

namespace foldline::postgres {

namespace {

constexpr int kBinary = 1;

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (char& c : text) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return text;
}

std::string field_of(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string() : std::string(text);
}

Failure failure_of(const PGresult* result, PGconn* connection) {
  Failure out;
  out.sqlstate = field_of(result, PG_DIAG_SQLSTATE);
  out.message = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
  if (out.message.empty()) out.message = trimmed(PQresultErrorMessage(result));
  if (out.message.empty()) out.message = trimmed(PQerrorMessage(connection));
  out.table = field_of(result, PG_DIAG_TABLE_NAME);
  out.column = field_of(result, PG_DIAG_COLUMN_NAME);
  out.constraint = field_of(result, PG_DIAG_CONSTRAINT_NAME);
  const std::string severity = field_of(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  out.session_ended = severity == "FATAL" || severity == "PANIC";
  return out;
}

}  // namespace

std::string_view Rows::bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::int32_t Rows::int32(int row, int column, std::int32_t otherwise) const {
  return is_null(row, column) ? otherwise : get<std::int32_t>(PQgetvalue(result_.get(), row, column));
}

std::int64_t Rows::int64(int row, int column, std::int64_t otherwise) const {
  return is_null(row, column) ? otherwise : get<std::int64_t>(PQgetvalue(result_.get(), row, column));
}

Uuid Rows::uuid(int row, int column) const {
  Uuid out;
  if (!is_null(row, column)) std::memcpy(out.bytes.data(), PQgetvalue(result_.get(), row, column), out.bytes.size());
  return out;
}

std::int64_t Rows::affected() const {
  const std::string_view text = PQcmdTuples(result_.get());
  std::int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

ArrayParam& ArrayParam::add(std::int32_t value) {
  ++count_;
  put<std::int32_t>(items_, 4);
  put<std::int32_t>(items_, value);
  return *this;
}

ArrayParam& ArrayParam::add(std::int64_t value) {
  ++count_;
  put<std::int32_t>(items_, 8);
  put<std::int64_t>(items_, value);
  return *this;
}

ArrayParam& ArrayParam::add(std::string_view value) {
  ++count_;
  put_bytes(items_, value);
  return *this;
}

ArrayParam& ArrayParam::add(bool value) {
  ++count_;
  put<std::int32_t>(items_, 1);
  items_ += static_cast<char>(value ? 1 : 0);
  return *this;
}

ArrayParam& ArrayParam::add_null() {
  ++count_;
  has_null_ = true;
  put_null(items_);
  return *this;
}

std::string ArrayParam::encoded() const {
  std::string out;
  out.reserve(items_.size() + 20);
  put<std::int32_t>(out, count_ == 0 ? 0 : 1);
  put<std::int32_t>(out, has_null_ ? 1 : 0);
  put<std::int32_t>(out, static_cast<std::int32_t>(element_oid_));
  if (count_ == 0) return out;
  put<std::int32_t>(out, count_);
  put<std::int32_t>(out, 1);
  out += items_;
  return out;
}

Params& Params::add(std::int32_t value) {
  put<std::int32_t>(values_.emplace_back(), value);
  return *this;
}

Params& Params::add(std::int64_t value) {
  put<std::int64_t>(values_.emplace_back(), value);
  return *this;
}

Params& Params::add(std::string_view value) {
  values_.emplace_back(value);
  return *this;
}

Params& Params::add(const Uuid& value) {
  std::string& out = values_.emplace_back();
  for (const std::uint8_t byte : value.bytes) out += static_cast<char>(byte);
  return *this;
}

Params& Params::add(const ArrayParam& array) {
  values_.push_back(array.encoded());
  return *this;
}

Params& Params::add_encoded(const std::string& value) {
  values_.push_back(value);
  return *this;
}

std::vector<const char*> Params::pointers() const {
  std::vector<const char*> out;
  out.reserve(values_.size());
  for (const std::string& value : values_) out.push_back(value.data());
  return out;
}

std::vector<int> Params::lengths() const {
  std::vector<int> out;
  out.reserve(values_.size());
  for (const std::string& value : values_) out.push_back(static_cast<int>(value.size()));
  return out;
}

Failure Connection::lost() {
  broken_ = true;
  Failure out;
  out.message = handle_ ? trimmed(PQerrorMessage(handle_.get())) : "";
  if (out.message.empty()) out.message = "the connection to PostgreSQL was lost";
  return out;
}

Answer<void> Connection::accepted(int ok) {
  if (ok == 1) return {};
  return tl::unexpected(lost());
}

Answer<void> Connection::wait(bool to_write) {
  pollfd wanted{};
  wanted.fd = PQsocket(handle_.get());
  wanted.events = static_cast<short>(to_write ? POLLIN | POLLOUT : POLLIN);
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
    const int ready = left <= 0 ? 0 : poll(&wanted, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      Failure silent = lost();
      silent.message = fmt::format("PostgreSQL did not answer within {} ms", timeouts_.answer.count());
      return tl::unexpected(std::move(silent));
    }
    if (ready < 0) return tl::unexpected(lost());
    break;
  }
  if ((wanted.revents & ~POLLOUT) != 0 && PQconsumeInput(handle_.get()) != 1) return tl::unexpected(lost());
  return {};
}

Answer<void> Connection::flush() {
  while (true) {
    const int left = PQflush(handle_.get());
    if (left == 0) return {};
    if (left < 0) return tl::unexpected(lost());
    if (auto ok = wait(true); !ok) return ok;
  }
}

Answer<ResultHandle> Connection::next_result() {
  if (handle_ == nullptr) return tl::unexpected(lost());
  while (PQisBusy(handle_.get()) != 0) {
    if (auto ok = wait(false); !ok) return tl::unexpected(ok.error());
  }
  return ResultHandle(PQgetResult(handle_.get()));
}

Answer<void> Connection::send_simple(const std::string& sql) {
  if (is_broken()) return tl::unexpected(lost());
  start_waiting();
  if (auto ok = accepted(PQsendQuery(handle_.get(), sql.c_str())); !ok) return ok;
  return flush();
}

Answer<void> Connection::finish() {
  start_waiting();
  Answer<void> out;
  while (true) {
    auto result = next_result();
    if (!result) return tl::unexpected(result.error());
    if (*result == nullptr) break;
    const ExecStatusType status = PQresultStatus(result->get());
    if (status == PGRES_COPY_IN) {  // an earlier failure is being cleaned up
      if (auto ok = accepted(PQputCopyEnd(handle_.get(), "given up")); !ok) return ok;
      if (auto ok = flush(); !ok) return ok;
    } else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && out) {
      out = tl::unexpected(failure_of(result->get(), handle_.get()));
      broken_ = broken_ || out.error().connection_lost();
    }
  }
  if (PQstatus(handle_.get()) != CONNECTION_OK && out) return tl::unexpected(lost());
  return out;
}

Answer<void> Connection::exec(const std::string& sql) {
  if (auto ok = send_simple(sql); !ok) return ok;
  return finish();
}

Answer<Rows> Connection::query(const char* sql, const Params& params) {
  if (is_broken()) return tl::unexpected(lost());
  start_waiting();
  const int ok = PQsendQueryParams(handle_.get(), sql, params.size(), nullptr, params.pointers().data(), params.lengths().data(),
                                   params.formats().data(), kBinary);
  if (auto sent = accepted(ok); !sent) return tl::unexpected(sent.error());
  if (auto sent = flush(); !sent) return tl::unexpected(sent.error());
  auto result = next_result();
  if (!result) return tl::unexpected(result.error());
  if (*result == nullptr) return tl::unexpected(lost());
  const ExecStatusType status = PQresultStatus(result->get());
  Answer<Rows> out = tl::unexpected(Failure{});
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
    out = Rows(std::move(*result));
  } else {
    out = tl::unexpected(failure_of(result->get(), handle_.get()));
    broken_ = broken_ || out.error().connection_lost();
  }
  if (auto rest = finish(); !rest && out) return tl::unexpected(rest.error());
  return out;
}

Answer<ResultHandle> Connection::expect(bool copy) {
  start_waiting();
  auto result = next_result();
  if (!result) return tl::unexpected(result.error());
  if (*result == nullptr) return tl::unexpected(lost());
  const ExecStatusType status = PQresultStatus(result->get());
  if (copy ? status == PGRES_COPY_IN : status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return std::move(*result);
  Failure failure = failure_of(result->get(), handle_.get());
  broken_ = broken_ || failure.connection_lost();
  return tl::unexpected(std::move(failure));
}

Answer<std::int64_t> Connection::expect_done() {
  auto result = expect(false);
  if (!result) return tl::unexpected(result.error());
  return Rows(std::move(*result)).affected();
}

Answer<void> Connection::expect_copy() {
  if (auto result = expect(true); !result) return tl::unexpected(result.error());
  return {};
}

Answer<void> Connection::put_copy(std::string_view data) {
  constexpr std::size_t kPieceBytes = 256 * 1024;  // what libpq may buffer before we wait for the socket
  start_waiting();
  for (std::size_t at = 0; at < data.size(); at += kPieceBytes) {
    const std::string_view piece = data.substr(at, kPieceBytes);
    int queued = PQputCopyData(handle_.get(), piece.data(), static_cast<int>(piece.size()));
    while (queued == 0) {
      if (auto ok = wait(true); !ok) return ok;
      queued = PQputCopyData(handle_.get(), piece.data(), static_cast<int>(piece.size()));
    }
    if (auto ok = accepted(queued); !ok) return ok;
    if (auto ok = flush(); !ok) return ok;
  }
  return {};
}

Answer<void> Connection::end_copy() {
  start_waiting();
  int queued = PQputCopyEnd(handle_.get(), nullptr);
  while (queued == 0) {
    if (auto ok = wait(true); !ok) return ok;
    queued = PQputCopyEnd(handle_.get(), nullptr);
  }
  if (auto ok = accepted(queued); !ok) return ok;
  return flush();
}

Answer<void> Connection::enter_pipeline() {
  if (is_broken()) return tl::unexpected(lost());
  return accepted(PQenterPipelineMode(handle_.get()));
}

Answer<void> Connection::send_prepare(const std::string& name, const std::string& sql) {
  return accepted(PQsendPrepare(handle_.get(), name.c_str(), sql.c_str(), 0, nullptr));
}

Answer<void> Connection::send_prepared(const std::string& name, const Params& params) {
  return accepted(PQsendQueryPrepared(handle_.get(), name.c_str(), params.size(), params.pointers().data(), params.lengths().data(),
                                      params.formats().data(), kBinary));
}

Answer<void> Connection::send_query(const std::string& sql) {
  return accepted(PQsendQueryParams(handle_.get(), sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, kBinary));
}

Answer<void> Connection::send_sync() {
  start_waiting();
  if (auto ok = accepted(PQpipelineSync(handle_.get())); !ok) return ok;
  return flush();
}

Answer<Rows> Connection::next_answer() {
  start_waiting();
  auto result = next_result();
  if (!result) return tl::unexpected(result.error());
  if (*result == nullptr) return tl::unexpected(lost());
  Answer<Rows> out = tl::unexpected(Failure{});
  switch (PQresultStatus(result->get())) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK: out = Rows(std::move(*result)); break;
    case PGRES_PIPELINE_ABORTED: {
      Failure skipped;
      skipped.sqlstate = kSkipped;
      skipped.message = "skipped";
      out = tl::unexpected(std::move(skipped));
      break;
    }
    default: out = tl::unexpected(failure_of(result->get(), handle_.get())); broken_ = broken_ || out.error().connection_lost();
  }
  if (broken_) return out;
  auto end = next_result();  // the null between two commands
  if (!end) return tl::unexpected(end.error());
  return out;
}

Answer<void> Connection::leave_pipeline() {
  start_waiting();
  auto sync = next_result();
  if (!sync) return tl::unexpected(sync.error());
  if (*sync == nullptr || PQresultStatus(sync->get()) != PGRES_PIPELINE_SYNC) return tl::unexpected(lost());
  return accepted(PQexitPipelineMode(handle_.get()));
}

}  // namespace foldline::postgres
