// Files that nobody meant: examples with pieces cut, doubled, swapped and replaced. Each must either load or be an error with a place in
// the file, must never crash, and must never show a secret. The seed is printed; CONFIG_SEED repeats a run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "config/yaml_node.h"
#include "tests/unit/config/loading.h"

namespace foldline::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kFiles = 1'000;

std::vector<std::string> originals() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(FOLDLINE_SOURCE_DIR) / "config" / "examples")) {
    std::ifstream in(entry.path());
    out.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  out.push_back(
      "projection: p\nkafka: {brokers: b, options: {sasl.password: hunter2, ssl.key.pem: \"hunter2\"}}\n"
      "store: {postgres: {url: \"postgres://app:hunter2@db/x\"}}\nsource: {topics: o, partition_key: data.id, envelope: flat}\n"
      "views: {v: {key: {id: text}, fields: {n: int}, on_event: {a: {set: {n: \"has(data.n) ? data.n : 0\"}}}}}\n");
  return out;
}

std::string mutate(std::string text, std::mt19937& random) {
  static const char* const kPieces[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        ": ",
                                        ", ",
                                        "\"",
                                        "'",
                                        "\n",
                                        "\n  ",
                                        "\t",
                                        "#",
                                        " #",
                                        "!x",
                                        "&x ",
                                        "*x",
                                        "${",
                                        "${X",
                                        "- ",
                                        "? ",
                                        "| ",
                                        ">",
                                        "<<: ",
                                        "\xC3",
                                        "\x01",
                                        "null",
                                        "~",
                                        "---\n",
                                        "true",
                                        "1e999",
                                        "...",
                                        "%Y",
                                        "@",
                                        "`",
                                        ".?",
                                        "::",
                                        "\xF0\x9F\x8D\x8E"};
  const auto pick = [&](std::size_t below) { return below == 0 ? 0 : random() % below; };
  for (std::size_t i = 0, n = 1 + pick(4); i < n; ++i) {
    const std::size_t at = pick(text.size());
    switch (pick(4)) {
      case 0: text.erase(at, 1 + pick(12)); break;
      case 1: text.insert(at, kPieces[pick(std::size(kPieces))]); break;
      case 2: text.insert(pick(text.size()), text.substr(at, pick(40))); break;
      default: text[at] = static_cast<char>(random()); break;
    }
  }
  return text;
}

TEST(HostileFiles, LoadOrAreErrorsWithAPlaceAndWithoutASecret) {
  const char* given = std::getenv("CONFIG_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  std::cout << "CONFIG_SEED=" << seed << "\n";
  std::mt19937 random(seed);
  const std::vector<std::string> from = originals();
  const LoadOptions options = options_with({{"KAFKA_BROKERS", "b"}, {"POSTGRES_URL", "postgres://app:from-the-environment@db/x"}},
                                           std::string(FOLDLINE_SOURCE_DIR) + "/config/examples/foldline.yaml");
  int loaded_files = 0;
  for (int i = 0; i < kFiles; ++i) {
    const std::string text = mutate(from[random() % from.size()], random);
    Loaded loaded;
    loaded.file = load_projection_text(text, "p.yaml", options, loaded.diagnostics);
    loaded.output = loaded.diagnostics.to_string();
    ASSERT_EQ(loaded.file.has_value(), !loaded.diagnostics.has_errors()) << text;
    loaded_files += loaded.file ? 1 : 0;
    const int lines = static_cast<int>(split_lines(text).size());
    for (const Diagnostic& d : loaded.diagnostics.all()) {
      EXPECT_LE(d.at.line, lines + 1) << text;
      EXPECT_FALSE(d.message.empty());
    }
    ASSERT_THAT(loaded.output, Not(HasSubstr("from-the-environment"))) << text;
  }
  std::cout << loaded_files << " of " << kFiles << " loaded\n";
  EXPECT_GT(loaded_files, 0);
}

}  // namespace
}  // namespace foldline::config
