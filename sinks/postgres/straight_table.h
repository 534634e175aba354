// Whether rows may be copied straight into a view's table: only while COPY does there what the upsert does.
//
//   connection.exec(prepare_straight_check(layout));                       // once a connection
//   "LOCK TABLE ... IN ROW EXCLUSIVE MODE; EXECUTE foldline_straight_0"    // in the transaction: fails when the table is not plain
//
// COPY (FORMAT binary) takes bytes for what they are: into a column whose type somebody changed they may become other values, where INSERT
// says that the types differ. It overrules GENERATED ALWAYS AS IDENTITY and rewrite rules, and where the primary key is gone it makes
// doubles. Triggers would see an INSERT where they now see an INSERT or an UPDATE. So a table with any of these is upserted, as are
// partitioned tables and those with row security. What the table still may refuse (CHECK, NOT NULL, another unique index) fails the COPY,
// and the upsert then says what becomes of it.
#pragma once

#include <string>

#include "sinks/postgres/layout.h"

namespace foldline::postgres {

// PREPARE of the check; the statement's name is straight_check_name(). It divides by zero where the table is not plain.
std::string prepare_straight_check(const ViewLayout& layout);
std::string straight_check_name(const ViewLayout& layout);
// The lock that COPY itself takes: nobody changes the table between the check and the COPY.
std::string lock_straight_table(const ViewLayout& layout);

}  // namespace foldline::postgres
