// Reading rows: one SELECT a page, in the order of the primary key, from behind the last key that was answered. Each is a read only
// transaction of its own, so nothing stays open between pages: a reader that is killed, or stopped by its terminal, holds up no vacuum.
#include <fmt/format.h>

#include "common/time.h"
#include "sinks/postgres/binary.h"
#include "sinks/postgres/column_type.h"
#include "sinks/postgres/store.h"
#include "sinks/row_query.h"

namespace foldline::postgres {

namespace {

using rows::OwnedValue;

// A page walks along the primary key, so it is quick whatever the table's size; longer means that the database is in trouble.
constexpr int kPageStatementTimeoutMs = 30'000;
constexpr std::chrono::seconds kPageAnswerTimeout{40};

bool is_array(const Type& type) { return type.kind == TypeKind::list || type.kind == TypeKind::set; }
// Types whose text says exactly what they hold, and whose binary form would have to be worked out.
bool as_text(const Type& type) { return type.kind == TypeKind::numeric || type.kind == TypeKind::json; }

// The column as read_value() takes it. abbrev() is how inet prints itself; a cast to text adds /32.
std::string selected(const std::string& column, const Type& type) {
  if (!is_array(type)) {
    if (type.kind == TypeKind::inet) return fmt::format("abbrev({})", column);
    return as_text(type) ? column + "::text" : column;
  }
  if (type.element->kind == TypeKind::inet) {
    return fmt::format("CASE WHEN {0} IS NOT NULL THEN ARRAY(SELECT abbrev(e) FROM unnest({0}) WITH ORDINALITY u(e, n) ORDER BY n) END",
                       column);
  }
  return as_text(*type.element) ? column + "::text[]" : column;
}

template <class T>
bool take(std::string_view& bytes, T& out) {
  if (bytes.size() < sizeof(T)) return false;
  out = get<T>(bytes.data());
  bytes.remove_prefix(sizeof(T));
  return true;
}

bool in_years(std::int64_t micros) { return micros >= kMinTimestampUs && micros <= kMaxTimestampUs; }

// 'infinity' and years that RFC 3339 can't write are not Foldline's.
bool read_time(std::string_view bytes, const Type& type, OwnedValue& out) {
  if (type.kind == TypeKind::date) {
    constexpr std::int64_t kDayUs = 86'400'000'000;
    std::int32_t days = 0;
    if (!take(bytes, days) || !in_years((days + kPostgresEpochDays) * kDayUs)) return false;
    out = OwnedValue(Value::date(days + kPostgresEpochDays));
    return true;
  }
  std::int64_t micros = 0;
  if (!take(bytes, micros)) return false;
  if (type.kind == TypeKind::timestamptz) {
    if (micros > kMaxTimestampUs - kPostgresEpochUs || micros < kMinTimestampUs - kPostgresEpochUs) return false;
    out = OwnedValue(Value::timestamp(micros + kPostgresEpochUs));
    return true;
  }
  std::int32_t days = 0;
  std::int32_t months = 0;
  if (!take(bytes, days) || !take(bytes, months) || days != 0 || months != 0) return false;  // plain lengths of time: binary.cpp
  out = OwnedValue(Value::interval(micros));
  return true;
}

// The inverse of encode_field(), but for what selected() makes text of. false: not the type's form.
bool read_scalar(std::string_view bytes, const Type& type, OwnedValue& out) {
  switch (type.kind) {
    case TypeKind::boolean: out = OwnedValue(Value::boolean(!bytes.empty() && bytes[0] != 0)); return true;
    case TypeKind::int32: {
      std::int32_t number = 0;
      if (!take(bytes, number)) return false;
      out = OwnedValue(Value::integer(number));
      return true;
    }
    case TypeKind::bigint: {
      std::int64_t number = 0;
      if (!take(bytes, number)) return false;
      out = OwnedValue(Value::integer(number));
      return true;
    }
    case TypeKind::floating: {
      std::uint64_t bits = 0;
      if (!take(bytes, bits)) return false;
      out = OwnedValue(Value::floating(std::bit_cast<double>(bits)));
      return true;
    }
    case TypeKind::numeric: {
      const auto decimal = Decimal::parse(bytes);
      if (decimal) out = OwnedValue(Value::decimal(*decimal));
      return decimal.has_value();
    }
    case TypeKind::uuid: {
      Uuid uuid;
      if (bytes.size() != uuid.bytes.size()) return false;
      std::memcpy(uuid.bytes.data(), bytes.data(), bytes.size());
      out = OwnedValue(Value::uuid(uuid));
      return true;
    }
    case TypeKind::date:
    case TypeKind::timestamptz:
    case TypeKind::interval: return read_time(bytes, type, out);
    case TypeKind::json: out = OwnedValue(Value::json(bytes)); return true;
    case TypeKind::bytes: out = OwnedValue(Value::bytes(bytes)); return true;
    default: out = OwnedValue(Value::text(bytes)); return true;
  }
}

// Arrays: dimensions, a flag, the element's type; of each dimension its size and lower bound; then the elements, each with its length.
bool read_array(std::string_view bytes, const Type& type, OwnedValue& out) {
  std::int32_t dimensions = 0;
  std::int32_t unused = 0;
  if (!take(bytes, dimensions) || !take(bytes, unused) || !take(bytes, unused) || dimensions > 1) return false;
  std::int32_t count = 0;
  if (dimensions == 1 && (!take(bytes, count) || !take(bytes, unused))) return false;
  Arena arena;
  std::vector<OwnedValue> owned;
  for (std::int32_t i = 0; i < count; ++i) {
    std::int32_t size = 0;
    if (!take(bytes, size)) return false;
    OwnedValue& element = owned.emplace_back(Value::null());
    if (size < 0) continue;
    if (bytes.size() < static_cast<std::size_t>(size)) return false;
    if (!read_scalar(bytes.substr(0, static_cast<std::size_t>(size)), *type.element, element)) return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  std::vector<Value> views;
  for (const OwnedValue& element : owned) views.push_back(element.view(arena));
  out = OwnedValue(Value::list(views));
  return true;
}

class PostgresRows final : public RowReader {
 public:
  PostgresRows(std::shared_ptr<const StoreShared> shared, const RowQuery& query)
      : shared_(std::move(shared)), layout_(shared_->layouts[query.view]) {
    for (std::size_t i = 0; i < query.key.size(); ++i) {
      fixed_ +=
          fmt::format("{}{} = {}", i == 0 ? " WHERE " : " AND ", layout_.key[i].name, literal(query.key[i], layout_.schema.key[i].type));
    }
    for (std::size_t i = 0; i < layout_.key.size(); ++i) columns_ += (i == 0 ? "" : ", ") + selected(layout_.key[i].name, key_type(i));
    for (std::size_t i = 0; i < layout_.fields.size(); ++i) columns_ += ", " + selected(layout_.fields[i].name, field_type(i));
  }

  Result<RowPage> next(std::size_t limit) override {
    if (auto ready = connect(); !ready) return fail(ready.error());
    const std::size_t wanted = std::min(limit, kMaxPageRows);
    // One more than wanted says whether any come behind.
    const std::string sql = fmt::format("SELECT {} FROM {}{}{} ORDER BY {} LIMIT {}", columns_, layout_.table.quoted(), fixed_, behind(),
                                        layout_.key_list, wanted + 1);
    const auto found = connection_->query(sql.c_str(), Params{});
    if (!found) return fail(unreadable(found.error()));
    RowPage page;
    const auto size = static_cast<std::size_t>(found->size());
    page.last = size <= wanted;
    for (std::size_t i = 0; i < std::min(size, wanted); ++i) {
      auto row = read_row(*found, static_cast<int>(i));
      if (!row) return fail(row.error());
      page.rows.push_back(std::move(*row));
    }
    if (!page.rows.empty()) after_ = page.rows.back().key;
    return page;
  }

 private:
  [[nodiscard]] const Type& key_type(std::size_t i) const { return layout_.schema.key[i].type; }
  [[nodiscard]] const Type& field_type(std::size_t i) const { return layout_.schema.fields[i].type; }

  Result<void> connect() {
    if (connection_) return {};
    ConnectOptions options = shared_->connect;
    options.timeouts.statement_ms = kPageStatementTimeoutMs;
    options.timeouts.answer = kPageAnswerTimeout;
    auto opened = Connection::open(options);
    if (!opened) return fail(opened.error());
    if (auto ok = opened->exec("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"); !ok) return fail(unreadable(ok.error()));
    connection_ = std::move(*opened);
    return {};
  }

  // (a, b) > (1, 2): what the primary key's index answers from its middle.
  [[nodiscard]] std::string behind() const {
    if (after_.empty()) return {};
    Arena arena;
    std::string values;
    for (std::size_t i = 0; i < after_.size(); ++i) values += (i == 0 ? "" : ", ") + literal(after_[i].view(arena), key_type(i));
    return fmt::format("{}({}) > ({})", fixed_.empty() ? " WHERE " : " AND ", layout_.key_list, values);
  }

  [[nodiscard]] Error unreadable(const Failure& failure) const {
    Error error = error_of(failure, fmt::format("reading {}", layout_.table.display()));
    if (failure.sqlstate == "42P01" || failure.sqlstate == "3F000")
      error.hint = "a worker makes it when it first starts: foldline run FILE";
    if (failure.sqlstate == "42703")
      error.hint = "the file has a field that the table has not: a worker that starts with this file adds it";
    if (failure.sqlstate == "42501") error.hint = "GRANT the role of the store's url SELECT on the table and USAGE on its schema";
    return error;
  }

  [[nodiscard]] Result<rows::StoredRow> read_row(const Rows& found, int row) const {
    rows::StoredRow out;
    const std::size_t keys = layout_.key.size();
    for (std::size_t i = 0; i < keys + layout_.fields.size(); ++i) {
      const bool is_key = i < keys;
      const Type& type = is_key ? key_type(i) : field_type(i - keys);
      OwnedValue& value = (is_key ? out.key : out.fields).emplace_back(Value::null());
      const int column = static_cast<int>(i);
      if (found.is_null(row, column)) continue;
      const std::string_view bytes = found.bytes(row, column);
      if (is_array(type) ? read_array(bytes, type, value) : read_scalar(bytes, type, value)) continue;
      return fail(ErrorCode::store_rejected,
                  fmt::format("reading {}: column {} holds what is no {} of Foldline's", layout_.table.display(),
                              is_key ? layout_.key[i].name : layout_.fields[i - keys].name, type.name()),
                  "somebody else writes there: restore the value, or rebuild the projection");
    }
    return out;
  }

  std::shared_ptr<const StoreShared> shared_;
  const ViewLayout& layout_;
  std::string columns_;
  std::string fixed_;  // WHERE, for the key parts that are given
  std::optional<Connection> connection_;
  std::vector<OwnedValue> after_;  // the last key answered; empty: none yet
};

}  // namespace

Result<std::unique_ptr<RowReader>> PostgresStore::read_rows(const RowQuery& query) {
  return std::make_unique<PostgresRows>(shared_, query);
}

}  // namespace foldline::postgres
