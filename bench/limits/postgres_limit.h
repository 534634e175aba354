// How fast PostgreSQL itself takes rows, with no checkpoint, no processed IDs and no fencing: what the sink is held against. Either binary
// COPY straight into the table, or COPY into a temporary table and one INSERT ... SELECT ... ON CONFLICT DO UPDATE.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace foldline::bench {

// One order fact, made from its number alone, so that both sides of a comparison write the same bytes.
struct OrderRow {
  explicit OrderRow(std::int64_t number);
  std::string order_id;
  std::string customer_id;
  std::int64_t total_cents;
  std::string currency;
  std::int32_t item_count;
  std::int64_t placed_at_us;  // since 1970
};

struct Load {
  std::int64_t rows = 1'000'000;
  std::int64_t batch_rows = 10'000;
  // The number of the n-th row: distinct within a batch.
  std::function<std::int64_t(std::int64_t n)> number_of;
};

enum class BareWay {
  copy,    // new keys only
  upsert,  // any
};

// One connection that writes batches into `table` (which must exist, with order_id as its key). Exits with a message when the server
// refuses.
class BareWriter {
 public:
  BareWriter(const std::string& conninfo, std::string table, BareWay way);
  // Writes rows n, n + 1, ... of the load, one batch; answers the seconds from the encoded rows to the COMMIT's answer.
  double commit(const Load& load, std::int64_t n);
  [[nodiscard]] int backend_pid() const { return PQbackendPID(connection_.get()); }

 private:
  void run(const std::string& sql);
  void copy_into(const std::string& table);

  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
  std::string table_;
  BareWay way_;
  std::string data_;
};

inline constexpr const char* kOrderColumns =
    "order_id text PRIMARY KEY, customer_id text, total_cents bigint, currency text, item_count integer, placed_at timestamptz";

}  // namespace foldline::bench
