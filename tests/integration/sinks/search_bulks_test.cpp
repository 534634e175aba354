// G15, G24, G27, G28: what several bulks of one commit under way at once can leave, over what they find: documents of the second one and
// none of the first.
#include <gmock/gmock.h>

#include "tests/integration/sinks/http_proxy.h"
#include "tests/integration/sinks/search_fixture.h"

namespace foldline::elasticsearch {
namespace {

using foldline::testing::HttpProxy;
using foldline::testing::ProxiedRequest;
using foldline::testing::Verdict;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class SearchBulks : public SearchFixture {
 protected:
  static constexpr int kDocuments = 8;  // in four bulks of two

  void SetUp() override {
    SearchFixture::SetUp();
    views_ = own({simple_view()});
    proxy_ = std::make_unique<HttpProxy>(host(), port());
    StoreOptions options;
    options.limits = {.max_items = 2, .least_items = 1, .connections = 2};
    store_ = prepared_store(views_, proxy_->url(), options);
    for (int i = 0; i < kDocuments; ++i) ids_.push_back("k" + std::to_string(i));
  }

  TestEvent one_more() const {
    TestEvent out;
    for (const std::string& id : ids_) out.push_back(add_total(id, 1));
    return out;
  }

  // Each total, in the order of the ids; -: not there.
  std::string totals() const {
    const auto found = documents(views_[0]);
    std::string out;
    for (const std::string& id : ids_) {
      const auto document = found.find(id);
      if (!out.empty()) out += ' ';
      out += document == found.end() ? "-" : document->second.substr(document->second.rfind('=') + 1);
    }
    return out;
  }

  // What becomes of the requests that write documents.
  void lose(std::function<Verdict(const ProxiedRequest&)> verdict) {
    proxy_->set_policy([verdict = std::move(verdict)](const ProxiedRequest& request) {
      return request.path.find("-write/_bulk") == std::string::npos ? Verdict{} : verdict(request);
    });
  }

  std::vector<ViewSchema> views_;
  const std::vector<TopicPartition> one_ = {{"t", 0}};
  std::unique_ptr<HttpProxy> proxy_;
  std::unique_ptr<ElasticsearchStore> store_;
  std::vector<std::string> ids_;
};

// G24: the first bulk of a commit is lost, those beside it are written, and the worker dies. Whoever reads the events again leaves alone
// what stands.
TEST_F(SearchBulks, ALaterOneStandsAndTheFirstDoesNot) {
  for (const bool there : {false, true}) {
    Lane lane(*store_, views_, one_);
    ASSERT_EQ(lane.start(), "committed");
    const TestEvent event = one_more();
    std::string first;
    lose([&](const ProxiedRequest& request) {
      if (first.empty()) first = request.body;
      return Verdict{request.body == first ? Verdict::lose_request : Verdict::pass};
    });
    EXPECT_THAT(lane.commit_one(event), StartsWith("retry: "));
    proxy_->set_policy(nullptr);
    const std::string left = totals();
    EXPECT_THAT(left, HasSubstr(there ? "1" : "-"));
    EXPECT_THAT(left, HasSubstr(there ? "2" : "1")) << "a later bulk was under way beside the lost one";
    Lane next(*store_, views_, one_);
    ASSERT_TRUE(next.open());
    EXPECT_EQ(next.next_offsets[0], there ? 1 : 0) << "the checkpoint waits for all of them";
    ASSERT_EQ(next.commit_one(event), "committed");
    EXPECT_EQ(totals(), there ? "2 2 2 2 2 2 2 2" : "1 1 1 1 1 1 1 1");
  }
}

// The same worker goes on: the batch comes again.
TEST_F(SearchBulks, TheSameBatchAgainWritesWhatIsMissing) {
  Lane lane(*store_, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  const TestEvent event = one_more();
  const Lane::Batch batch{{{0, {&event}}}, Uuid::random()};
  int call = 0;
  lose([&](const ProxiedRequest&) { return Verdict{++call % 2 == 1 ? Verdict::lose_request : Verdict::lose_answer}; });
  EXPECT_THAT(said(lane.commit(batch)), StartsWith("retry: "));
  EXPECT_THAT(said(lane.commit(batch)), StartsWith("retry: "));
  proxy_->set_policy(nullptr);
  EXPECT_EQ(said(lane.commit(batch)), "committed");
  EXPECT_EQ(totals(), "1 1 1 1 1 1 1 1");
}

// G28: the store refuses a document of one bulk while others are under way: what they write is put back too.
TEST_F(SearchBulks, WhatWasUnderWayBesideARefusedOneIsPutBack) {
  Lane lane(*store_, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(lane.commit_one({add_total("k0", 5), add_total("k7", 5)}), "committed");
  for (int refused = 1; refused <= 4; ++refused) {
    SCOPED_TRACE(refused);
    int call = 0;
    lose([&](const ProxiedRequest& request) {
      if (++call != refused || request.body.find("\"delete\"") != std::string::npos) return Verdict{};
      return Verdict{Verdict::answer, 200,
                     R"({"errors":true,"items":[{"create":{"status":400,"error":{"type":"x","reason":"no"}}},)"
                     R"({"create":{"status":400,"error":{"type":"x","reason":"no"}}}]})"};
    });
    const TestEvent event = one_more();
    EXPECT_THAT(said(lane.commit({{{0, {&event}}}, Uuid::random()})), StartsWith("rejected: "));
    proxy_->set_policy(nullptr);
    EXPECT_EQ(totals(), "5 - - - - - - 5");
  }
  ASSERT_EQ(lane.commit_one(one_more()), "committed");
  EXPECT_EQ(totals(), "6 1 1 1 1 1 1 6");
}

// G15: chunks first, then documents, although the documents are encoded meanwhile. Half a dozen times, for it could be luck.
TEST_F(SearchBulks, NoDocumentGoesBeforeTheProcessedIdsStand) {
  Lane lane(*store_, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  lane.ids = "0123456789abcdef";
  const TestEvent event = one_more();
  const Lane::Batch batch{{{0, {&event}}}, Uuid::random()};
  int documents = 0;
  proxy_->set_policy([&](const ProxiedRequest& request) {
    documents += request.path.find("-write/_bulk") == std::string::npos ? 0 : 1;
    return Verdict{request.path.find("/foldline-ids/_bulk") == std::string::npos ? Verdict::pass : Verdict::lose_request};
  });
  for (int i = 0; i < 6; ++i) EXPECT_THAT(said(lane.commit(batch)), StartsWith("retry: "));
  proxy_->set_policy(nullptr);
  EXPECT_EQ(documents, 0);
  EXPECT_EQ(totals(), "- - - - - - - -");
  EXPECT_EQ(said(lane.commit(batch)), "committed");
  EXPECT_EQ(totals(), "1 1 1 1 1 1 1 1");
}

// A row that can't be encoded is found while the processed IDs are still on their way.
TEST_F(SearchBulks, ARowThatCantBeEncodedIsRefusedBeforeAnyIsSent) {
  Lane lane(*store_, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  ASSERT_EQ(lane.commit_one({add_total("k0", INT64_MAX)}), "committed");
  lane.ids = "0123456789abcdef";
  for (int i = 0; i < 3; ++i) EXPECT_THAT(lane.commit_one({add_total("k0", 1)}), StartsWith("rejected: view v: field total: "));
  ASSERT_EQ(lane.commit_one({add_total("k0", -1)}), "committed");
  EXPECT_EQ(totals(), "9223372036854775806 - - - - - - -");
}

// G27: a request that is refused as a whole, for the store is overloaded, goes again; the others have gone through.
TEST_F(SearchBulks, ARequestThatIsRefusedByOverloadGoesAgain) {
  Lane lane(*store_, views_, one_);
  ASSERT_EQ(lane.start(), "committed");
  int call = 0;
  int read = 0;
  proxy_->set_policy([&](const ProxiedRequest& request) {
    read += request.path.find("-g1/_mget") == std::string::npos ? 0 : 1;
    if (request.path.find("-write/_bulk") == std::string::npos || ++call != 2) return Verdict{};
    return Verdict{Verdict::answer, 429, R"({"error":{"type":"circuit_breaking_exception","reason":"too large"},"status":429})"};
  });
  ASSERT_EQ(lane.commit_one(one_more()), "committed");
  EXPECT_GE(call, 5);
  EXPECT_EQ(read, 0) << "nothing of it was carried out, so nothing has to be read";
  EXPECT_EQ(totals(), "1 1 1 1 1 1 1 1");
}

}  // namespace
}  // namespace foldline::elasticsearch
