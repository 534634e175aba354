#include "common/expr/scope.h"

#include <algorithm>
#include <numeric>

namespace foldline::expr {

std::string Path::to_string() const {
  std::string out;
  switch (root) {
    case Root::value: out = "value"; break;
    case Root::key: out = "key"; break;
    case Root::headers: out = "headers"; break;
    case Root::attribute: return "attribute " + std::to_string(attribute);
  }
  for (const std::string& key : keys) out += '.' + key;
  return out;
}

std::uint32_t PathSet::slot(const Path& path) {
  if (path.root == Root::attribute) return path.attribute;
  const auto [place, added] = index_.try_emplace(path, static_cast<std::uint32_t>(kAttributeSlots + paths_.size()));
  if (added) paths_.push_back(path);
  return place->second;
}

namespace {

using Binding = Scope::Binding;

std::shared_ptr<Binding> binding(Binding::Kind kind) {
  auto out = std::make_shared<Binding>();
  out->kind = kind;
  return out;
}

}  // namespace

void Scope::bind_path(std::string name, Path path, ExprType type) {
  auto out = binding(Binding::Kind::path);
  out->path = std::move(path);
  out->type = std::move(type);
  bindings_[std::move(name)] = std::move(out);
}

void Scope::bind_ast(std::string name, AstPtr ast, const Scope& seen) {
  auto out = binding(Binding::Kind::ast);
  out->ast = std::move(ast);
  out->seen = std::make_shared<const Scope>(seen);
  bindings_[std::move(name)] = std::move(out);
}

void Scope::bind_ast(std::string name, AstPtr ast) { bind_ast(std::move(name), std::move(ast), *this); }

void Scope::bind_fields(std::string name, std::map<std::string, AstPtr> fields, const Scope& seen) {
  auto out = binding(Binding::Kind::fields);
  out->fields = std::move(fields);
  out->seen = std::make_shared<const Scope>(seen);
  bindings_[std::move(name)] = std::move(out);
}

void Scope::bind_fields(std::string name, std::map<std::string, AstPtr> fields) { bind_fields(std::move(name), std::move(fields), *this); }

void Scope::bind_enum_member(std::string member) {
  if (bindings_.contains(member)) return;
  auto out = binding(Binding::Kind::enum_member);
  out->text = member;
  bindings_[std::move(member)] = std::move(out);
}

void Scope::bind_constant(std::string name, Value value) {
  auto out = binding(Binding::Kind::constant);
  out->value = value;
  bindings_[std::move(name)] = std::move(out);
}

void Scope::refuse(std::string name, std::string reason) {
  auto out = binding(Binding::Kind::refused);
  out->text = std::move(reason);
  bindings_[std::move(name)] = std::move(out);
}

const Scope::Binding* Scope::find(std::string_view name) const {
  const auto place = bindings_.find(name);
  return place == bindings_.end() ? nullptr : place->second.get();
}

std::vector<std::string> Scope::names() const {
  std::vector<std::string> out;
  for (const auto& [name, bound] : bindings_) {
    if (bound->kind != Binding::Kind::refused) out.push_back(name);
  }
  return out;
}

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Damerau-Levenshtein, neighbours swapped as one slip, letters of either case alike.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

// order_id, orderId, OrderID
std::string squeezed(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c != '_' && c != '-' && c != '.') out += lower(c);
  }
  return out;
}

constexpr std::size_t kMaxCompared = 64;  // characters: longer names are no slips

}  // namespace

std::optional<std::string> did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  if (name.empty() || name.size() > kMaxCompared) return std::nullopt;
  const std::size_t near = name.size() <= 2 ? 0 : (name.size() <= 4 ? 1 : (name.size() <= 8 ? 2 : 3));
  std::optional<std::string> best;
  std::size_t best_distance = near + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.empty() || candidate.size() > kMaxCompared) continue;
    if (squeezed(candidate) == squeezed(name)) return candidate;
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance && distance < std::max(name.size(), candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace foldline::expr
