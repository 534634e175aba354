// The reader of a view's rows, for `foldline query` (sinks/row_query.h).
//
//   auto reader = make_redis_rows(layout, make_row_server(address, timeouts), query);
#pragma once

#include <memory>

#include "sinks/redis/layout.h"
#include "sinks/redis/row_server.h"
#include "sinks/row_query.h"

namespace foldline::redis {

std::unique_ptr<RowReader> make_redis_rows(const ViewLayout& layout, std::unique_ptr<RowServer> server, const RowQuery& query);

}  // namespace foldline::redis
