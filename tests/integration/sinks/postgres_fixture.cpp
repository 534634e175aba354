#include "tests/integration/sinks/postgres_fixture.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <pqxx/pqxx>

namespace foldline::postgres {

namespace {

void run_on(const std::string& url, const std::string& sql) {
  pqxx::connection connection(url);
  pqxx::nontransaction work(connection);
  work.exec(sql);
}

}  // namespace

void PostgresFixture::SetUp() {
  const char* url = std::getenv("POSTGRES_URL");
  ASSERT_NE(url, nullptr) << "set POSTGRES_URL (deploy/local/stack env prints it)";
  const auto server = connection_string(ConnectOptions{Secret(url), "foldline tests", {}});
  ASSERT_TRUE(server) << server.error().message;
  server_url_ = server->reveal();
  database_ = "fl_" + Uuid::random().to_string().substr(0, 13);
  run_on(server_url_, "CREATE DATABASE " + quote_identifier(database_));
  // A user called foldline would otherwise make its tables in the schema of that name, which is Foldline's own.
  run_on(server_url_, fmt::format("ALTER DATABASE {} SET search_path = public", quote_identifier(database_)));
  url_ = server_url_ + " application_name='' target_session_attrs=any dbname='" + database_ + "'";
}

void PostgresFixture::TearDown() {
  if (!database_.empty()) run_on(server_url_, fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_identifier(database_)));
}

std::unique_ptr<PostgresStore> PostgresFixture::new_store(const std::vector<ViewSchema>& views, const std::string& projection,
                                                          std::int64_t generation, StoreOptions options) {
  if (options.url.empty()) options.url = Secret(url_);
  auto store = PostgresStore::make(options, {projection, generation}, views);
  if (!store) {
    ADD_FAILURE() << store.error().message << " " << store.error().hint;
    return nullptr;
  }
  return std::move(*store);
}

std::unique_ptr<PostgresStore> PostgresFixture::prepared_store(const std::vector<ViewSchema>& views, const std::string& projection) {
  auto store = new_store(views, projection);
  const auto prepared = store->prepare();
  EXPECT_TRUE(prepared) << prepared.error().message << " " << prepared.error().hint;
  return store;
}

std::vector<std::string> PostgresFixture::rows(const std::string& sql) {
  pqxx::connection connection(url_);
  pqxx::nontransaction work(connection);
  work.exec("SET client_min_messages = error; SET TimeZone = 'UTC'");
  const pqxx::result result = work.exec(sql);
  std::vector<std::string> out;
  for (const auto& row : result) {
    std::string line;
    for (const auto& column : row) line += (line.empty() ? "" : "|") + (column.is_null() ? std::string("~") : column.as<std::string>());
    out.push_back(line);
  }
  return out;
}

std::string PostgresFixture::value(const std::string& sql) {
  const auto found = rows(sql);
  return found.size() == 1 ? found[0] : fmt::format("{} rows", found.size());
}

void PostgresFixture::run_on_server(const std::string& sql) { run_on(server_url_, sql); }

void PostgresFixture::run(const std::string& sql) { rows(sql); }

Type type_of(TypeKind kind) {
  Type out;
  out.kind = kind;
  return out;
}

Type numeric_type(std::int32_t precision, std::int32_t scale) {
  Type out = type_of(TypeKind::numeric);
  out.precision = precision;
  out.scale = scale;
  return out;
}

Type list_type(TypeKind element) {
  Type out = type_of(TypeKind::list);
  out.element = std::make_shared<Type>(type_of(element));
  return out;
}

Field field(const std::string& name, Type type, std::uint8_t ops) {
  Field out;
  out.name = name;
  out.type = std::move(type);
  out.ops = ops;
  return out;
}

Field sum_field(const std::string& name, TypeKind kind, std::int64_t start) {
  Field out = field(name, type_of(kind), op_bit(Op::set) | op_bit(Op::add));
  out.default_value = kind == TypeKind::numeric ? Value::decimal(Decimal::from_int(start)) : Value::integer(start);
  out.not_null = true;
  return out;
}

ViewSchema view(const std::string& name, std::vector<std::pair<std::string, TypeKind>> key, std::vector<Field> fields) {
  ViewSchema out;
  out.name = name;
  out.store_name = name;
  for (const auto& [part, kind] : key) out.key.push_back({part, type_of(kind), ""});
  out.fields = std::move(fields);
  return out;
}

ViewSchema simple_view(const std::string& name) {
  return view(name, {{"id", TypeKind::text}}, {field("name", type_of(TypeKind::text)), sum_field("total", TypeKind::bigint)});
}

OpenedSink open_sink(PostgresStore& store, int partitions) {
  OpenedSink out;
  auto sink = store.new_sink();
  if (!sink) {
    ADD_FAILURE() << sink.error().message;
    return out;
  }
  out.sink = std::move(*sink);
  for (int i = 0; i < partitions; ++i) out.partitions.push_back({"t", i});
  auto opened = out.sink->open({out.partitions, out.owner, 1'000});
  EXPECT_TRUE(opened) << opened.error().message << " " << opened.error().hint;
  if (opened) out.opened = std::move(*opened);
  return out;
}

std::string said(const CommitResult& result) {
  switch (result.status) {
    case CommitStatus::committed: return "committed";
    case CommitStatus::fenced: return "fenced: " + result.error.message;
    case CommitStatus::retry: return "retry: " + result.error.message + " / " + result.error.hint;
    case CommitStatus::rejected: return "rejected: " + result.error.message + " / " + result.error.hint;
    case CommitStatus::refold: return "refold";
  }
  return "?";
}

}  // namespace foldline::postgres
