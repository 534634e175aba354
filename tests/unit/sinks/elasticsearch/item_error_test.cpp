// Which refusals of a bulk's item are the document's fault, and which are nobody's (G19, G27).
#include <gtest/gtest.h>

#include "sinks/elasticsearch/cluster.h"

namespace foldline::elasticsearch {
namespace {

ItemAnswer refused(int status, const std::string& type, const std::string& reason) {
  ItemAnswer out;
  out.status = status;
  out.error_type = type;
  out.reason = reason;
  return out;
}

TEST(ItemError, ADocumentThatDoesNotFitItsMappingIsRefused) {
  const Error error = error_of(refused(400, "mapper_parsing_exception", "failed to parse field [total_cents]"), "view orders");
  EXPECT_EQ(error.code, ErrorCode::store_rejected);
  EXPECT_FALSE(error.retryable);
}

TEST(ItemError, AnImmenseTermIsTheDocumentsFaultAlthoughItsTypeIsTheSameAsThatOfALostAlias) {
  EXPECT_FALSE(error_of(refused(400, "illegal_argument_exception", "Document contains at least one immense term"), "").retryable);
}

TEST(ItemError, AClosedIndexMakesNoLetters) {
  const Error error = error_of(refused(400, "index_closed_exception", "closed"), "view orders");
  EXPECT_EQ(error.code, ErrorCode::store_unavailable);
  EXPECT_TRUE(error.retryable);
  EXPECT_NE(error.hint.find("open the index"), std::string::npos);
}

TEST(ItemError, AnAliasWithoutAnIndexToWriteIntoMakesNoLetters) {
  EXPECT_TRUE(error_of(refused(400, "illegal_argument_exception", "no write index is defined for alias [orders-write]"), "").retryable);
}

}  // namespace
}  // namespace foldline::elasticsearch
