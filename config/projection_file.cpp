// Loading a projection file: text → tree → levels → checks.
#include "config/projection_file.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/levels.h"
#include "config/limits.h"

namespace foldline::config {
namespace {

std::optional<std::string> read_text(const std::string& path, Diagnostics& diagnostics, std::string_view hint) {
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure)) {
    diagnostics.error({path, 0, 0}, "this is a directory", std::string(hint));
    return std::nullopt;
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    diagnostics.error({path, 0, 0}, "the file can't be read", std::string(hint));
    return std::nullopt;
  }
  // One byte more than the limit is enough to know.
  std::string text(kMaxFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

// The shared file: named by the options, else beside the projection file, else none.
std::string shared_path(const std::string& path, const LoadOptions& options) {
  if (!options.shared_path.empty()) return options.shared_path;
  const std::filesystem::path beside = std::filesystem::path(path).parent_path() / "foldline.yaml";
  std::error_code failure;
  return std::filesystem::is_regular_file(beside, failure) ? beside.string() : std::string{};
}

void open_shared(const std::string& path, Reader& reader, SharedFile& shared) {
  shared.reader = &reader;
  if (path.empty()) return;
  const auto text = read_text(path, reader.diagnostics(), "name the shared file with --shared, or leave --shared out");
  if (!text) return;
  shared.path = path;
  reader.diagnostics().remember_source(path, *text);
  shared.root = parse_yaml(*text, path, reader.diagnostics());
  check_shared_file(shared);
}

// The file as far as it could be read, and whether what was read of it may be compiled.
struct Read {
  ProjectionFile file;
  bool sound = false;
};

Read read_projection(const std::string& text, const std::string& path, const LoadOptions& options, Diagnostics& diagnostics) {
  const Environment environment = options.environment ? options.environment : process_environment();
  Reader reader(diagnostics, environment);
  Reader shared_reader(diagnostics, environment);
  diagnostics.remember_source(path, text);

  SharedFile shared;
  open_shared(shared_path(path, options), shared_reader, shared);
  const std::optional<YamlNode> root = parse_yaml(text, path, diagnostics);
  const bool clean = !diagnostics.has_errors();
  Read out;
  out.file.path = path;
  if (root) {
    out.sound = load_file(reader, *root, shared, out.file) && clean;
    check_file(out.file, diagnostics);
  }
  diagnostics.sort();
  return out;
}

}  // namespace

std::optional<ProjectionFile> load_projection_text(const std::string& text, const std::string& path, const LoadOptions& options,
                                                   Diagnostics& diagnostics) {
  Read read = read_projection(text, path, options, diagnostics);
  if (diagnostics.has_errors()) return std::nullopt;
  return std::move(read.file);
}

std::optional<ProjectionFile> load_projection_file(const std::string& path, const LoadOptions& options, Diagnostics& diagnostics) {
  const auto text = read_text(path, diagnostics, "check the path");
  if (!text) return std::nullopt;
  return load_projection_text(*text, path, options, diagnostics);
}

std::optional<ProjectionFile> load_for_lint(const std::string& path, const LoadOptions& options, Diagnostics& diagnostics) {
  const auto text = read_text(path, diagnostics, "check the path");
  if (!text) return std::nullopt;
  Read read = read_projection(*text, path, options, diagnostics);
  if (!read.sound) return std::nullopt;
  return std::move(read.file);
}

bool is_shared_file(const std::string& path) {
  Diagnostics ignored;  // whoever loads the file will see them
  const auto text = read_text(path, ignored, "");
  if (!text) return false;
  const std::optional<YamlNode> root = parse_yaml(*text, path, ignored);
  return root && has_shared_keys_only(*root);
}

bool lint_shared_file(const std::string& path, const LoadOptions& options, Diagnostics& diagnostics) {
  Reader reader(diagnostics, options.environment ? options.environment : process_environment());
  SharedFile shared;
  open_shared(path, reader, shared);
  check_shared_entries(shared);
  diagnostics.sort();
  return !diagnostics.has_errors();
}

}  // namespace foldline::config
