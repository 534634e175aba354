// A row reader goes through a view page by page, each row once, and through the part of it that a key's beginning names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sinks/memory/memory_store.h"
#include "sinks/row_query.h"

namespace foldline::memory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ViewSchema two_part_view() {
  ViewSchema out;
  out.name = "v";
  for (const char* name : {"a", "b"}) {
    KeyPart part;
    part.name = name;
    out.key.push_back(part);
  }
  return out;
}

class MemoryQuery : public ::testing::Test {
 protected:
  void put(const std::string& a, const std::string& b) {
    MemoryStore::State state = store_.snapshot();
    const Value key[] = {Value::text(a), Value::text(b)};
    state.views[0][rows::encode_key(key)] = rows::new_row(view_, key);
    store_.restore(std::move(state));
  }

  std::vector<std::string> read(const std::vector<std::string>& words, std::size_t page_rows) {
    std::vector<Value> key;
    for (const std::string& word : words) key.push_back(Value::text(word));
    auto reader = store_.read_rows({.view = 0, .key = key});
    std::vector<std::string> out;
    for (RowPage page; !page.last;) {
      page = *(*reader)->next(page_rows);
      EXPECT_LE(page.rows.size(), page_rows);
      for (const StoredRow& row : page.rows) out.push_back(row.key[0].to_string() + row.key[1].to_string());
      if (out.size() > 100) break;
    }
    return out;
  }

  ViewSchema view_ = two_part_view();
  MemoryStore store_{{view_}};
};

TEST_F(MemoryQuery, PagesHoldEachRowOnce) {
  for (int i = 0; i < 10; ++i) put("a", std::to_string(i));
  for (const std::size_t page_rows : {1U, 3U, 5U, 10U, 11U}) EXPECT_THAT(read({}, page_rows), SizeIs(10)) << page_rows;
}

TEST_F(MemoryQuery, TheBeginningOfAKeyIsWholePartsOnly) {
  put("a", "1");
  put("a", "2");
  put("ab", "1");
  put("b", "1");
  EXPECT_THAT(read({"a"}, 1), ElementsAre("'a''1'", "'a''2'"));
  EXPECT_THAT(read({"a", "2"}, 10), ElementsAre("'a''2'"));
  EXPECT_THAT(read({"c"}, 10), IsEmpty());
}

TEST_F(MemoryQuery, AnEmptyViewHasOneEmptyPage) { EXPECT_THAT(read({}, 10), IsEmpty()); }

}  // namespace
}  // namespace foldline::memory
