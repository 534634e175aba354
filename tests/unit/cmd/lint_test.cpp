// `foldline lint` as a user meets it: what it prints, and its exit code.
#include "cmd/foldline/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/reference.h"

namespace foldline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::filesystem::path kRoot = FOLDLINE_SOURCE_DIR;

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Lint : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(directory_);
    ::setenv("KAFKA_BROKERS", "localhost:9092", 1);
    ::setenv("POSTGRES_URL", "postgres://app:hunter2@localhost/x", 1);
    ::setenv("REDIS_URL", "redis://:hunter2@localhost", 1);
    ::setenv("SEARCH_URL", "http://localhost:9200", 1);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    return (directory_ / name).string();
  }
  int run(std::vector<std::string> files, const std::string& explain = {}) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = run_lint({std::move(files), {}, explain}, out, err);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  std::filesystem::path directory_ = std::filesystem::path(::testing::TempDir()) / ("foldline_lint_" + std::to_string(::getpid()));
  std::string out_, err_;
};

const char* const kGood =
    "projection: p\nsource: {topics: o, partition_key: data.id, envelope: flat}\nstore: {memory: {}}\n"
    "views:\n  v: {key: {id: text}, fields: {n: int}, on_event: {a: {copy: n}}}\n  w: {key: {id: text}, fields: {n: int}, on_event: {a: "
    "{add: {n: 1}}}}\n";

TEST_F(Lint, TheExamplesAreFine) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "config" / "examples")) files.push_back(entry.path().string());
  EXPECT_EQ(run(files), 0) << err_;
  EXPECT_EQ(err_, "");
  EXPECT_THAT(out_, AllOf(HasSubstr("orders-analytics.yaml: ok\n"), HasSubstr("foldline.yaml: ok\n")));
}

TEST_F(Lint, OneBadFileAmongGoodOnesFailsAndIsTheOnlyOneReported) {
  const std::string good = write("good.yaml", kGood);
  const std::string bad = write("bad.yaml", "projection: p\n");
  EXPECT_EQ(run({good, bad, directory_ / "none.yaml"}), 1);
  EXPECT_EQ(out_, good + ": ok\n");
  EXPECT_THAT(err_, AllOf(HasSubstr(bad + ":1:1: error: "), HasSubstr("none.yaml: error: the file can't be read"),
                          HasSubstr("\n4 errors, 0 warnings\n")));
  EXPECT_THAT(err_, Not(HasSubstr("good.yaml")));
}

TEST_F(Lint, ErrorsOfTheLoaderAndOfTheCompilerComeInOneRun) {
  ::unsetenv("POSTGRES_URL");
  const std::string file =
      write("p.yaml",
            "projection: p\nsource: {topics: o, partition_key: data.id, envelope: flat}\nstore: {postgres: {url: \"${POSTGRES_URL}\"}}\n"
            "views:\n  v: {key: {id: text}, fields: {n: int}, on_event: {a: {copy: [m], set: {n: sise(data.x)}}}}\n");
  EXPECT_EQ(run({file}), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr(":3:26: error: the environment variable POSTGRES_URL is not set"), HasSubstr(":5:64: error: "),
                          HasSubstr(":5:")));
  EXPECT_THAT(err_, HasSubstr("3 errors"));
}

TEST_F(Lint, WarningsDoNotFail) {
  const std::string file = write("p.yaml",
                                 "projection: p\nsource: {topics: o, partition_key: data.id, envelope: flat}\nstore: {memory: {}}\n"
                                 "views: {v: {key: {id: text}, fields: {price: double}, on_event: {a: {patch: all}}}}\n");
  EXPECT_EQ(run({file}), 0);
  EXPECT_EQ(out_, file + ": ok, 1 warning\n");
  EXPECT_THAT(err_, HasSubstr("warning: `price` looks like money"));
}

TEST_F(Lint, ExplainPrintsTheProofOfAView) {
  const std::string file = write("p.yaml", kGood);
  EXPECT_EQ(run({file}, "v"), 0);
  EXPECT_EQ(out_,
            "v: its rows depend on the order of their events\n  line 5: a: set n\n"
            "  proven by (a) one partition: the key part `id` is the partition_key `data.id` of the topic o\n" +
                file + ": ok\n");
  EXPECT_EQ(run({file}, "w"), 0);
  EXPECT_THAT(out_, HasSubstr("w: proven: every operation gives the same result in any order"));
  EXPECT_EQ(run({file}, "x"), 1);
  EXPECT_THAT(err_, HasSubstr("no view is called x"));
}

TEST_F(Lint, NoValueOfTheEnvironmentIsPrinted) {
  const std::string file = write("p.yaml", "projection: p\nstore: {postgres: {url: \"${POSTGRES_URL}\", shema: x}}\n");
  EXPECT_EQ(run({file}), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("${POSTGRES_URL}"), Not(HasSubstr("hunter2"))));
}

// ---- docs/configuration.md

// The text between two lines that hold these marks.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  const std::size_t start = from == std::string::npos ? from : text.find('\n', from) + 1;
  const std::size_t stop = start == std::string::npos ? start : text.find(end, start);
  return stop == std::string::npos ? "(the marks are not there)" : text.substr(start, stop - start);
}

TEST_F(Lint, TheDocumentedReferenceIsTheOneOfThisBuild) {
  const std::string docs = read(kRoot / "docs" / "configuration.md");
  EXPECT_EQ(between(docs, "<!-- keys", "<!-- end of keys"), "\n" + config::reference_markdown())
      << "take it from `foldline lint --print-reference`";
  EXPECT_EQ(between(docs, "<!-- functions", "<!-- end of functions"), "\n" + config::functions_markdown() + "\n");
}

TEST_F(Lint, TheDocumentedErrorsAreReal) {
  const std::string docs = read(kRoot / "docs" / "configuration.md");
  const std::string example = between(docs, "```yaml title=broken.yaml", "```");
  const std::string shown = between(docs, "```text title=lint", "```");
  ::unsetenv("POSTGRES_URL");
  write("broken.yaml", example);
  const std::filesystem::path here = std::filesystem::current_path();
  std::filesystem::current_path(directory_);
  EXPECT_EQ(run({"broken.yaml"}), 1);
  std::filesystem::current_path(here);
  EXPECT_EQ(shown, "$ foldline lint broken.yaml\n" + err_);
}

TEST_F(Lint, TheDocumentedTourIsFine) {
  const std::string docs = read(kRoot / "docs" / "configuration.md");
  write("foldline.yaml", between(docs, "```yaml title=foldline.yaml", "```"));
  EXPECT_EQ(run({write("tour.yaml", between(docs, "```yaml title=tour.yaml", "```")),
                 write("shared.yaml", between(docs, "```yaml title=shared.yaml", "```"))}),
            0)
      << err_;
  EXPECT_EQ(err_, "");
}

}  // namespace
}  // namespace foldline
