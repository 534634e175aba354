#include "sinks/redis/compared_rows.h"

#include <fmt/format.h>

#include "sinks/redis/errors.h"
#include "sinks/redis/row_text.h"

namespace foldline::redis {

namespace {

using rows::StoredRow;

// What the script does with the row. A hard delete within the batch takes the key's time to live along; a soft one does not.
std::string_view action_of(const ViewLayout& layout, const FoldedRow& row, bool stays) {
  if (!stays) return "d";
  return row.base == RowBase::reset && layout.schema.soft_delete < 0 ? "r" : "w";
}

std::string expiry_of(const ViewLayout& layout, const FoldedRow& row, const StoredRow* after) {
  if (layout.expiry != Expiry::field) return expires_at(layout, row);
  if (after == nullptr || after->fields[layout.expire_from].is_null()) return {};
  return std::to_string(expire_at_ms(layout, after->fields[layout.expire_from].scalar()));
}

std::vector<std::string> words_read(const Reply& read) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < read.size(); ++i) {
    const bool there = read.at(i)->type != REDIS_REPLY_NIL;
    out.push_back(there ? "=" + std::string(read.text(i)) : std::string(kNoText));
  }
  return out;
}

}  // namespace

void ComparedRows::begin(const std::vector<ViewLayout>& layouts, const CommitBatch& batch) {
  views_.clear();
  for (const ViewRows& rows : batch.views) {
    const ViewLayout& layout = layouts[rows.view];
    if (!layout.compared || rows.rows.empty()) continue;
    View& view = views_.emplace_back();
    view.layout = &layout;
    view.rows = rows.rows;
    if (layout.kind == KeyKind::hash) view.names = hash_names(layout);
    for (const FoldedRow* row : rows.rows) layout.name.append(view.keys.emplace_back(), row->key);
  }
}

void ComparedRows::add_reads(Request& request) const {
  for (const View& view : views_) {
    for (const std::string& key : view.keys) {
      if (view.layout->kind == KeyKind::json) {
        request.command({"GET", key});
        continue;
      }
      request.begin(2 + view.names.size()).add("HMGET").add(key);
      for (const std::string& name : view.names) request.add(name);
    }
  }
}

Result<void> ComparedRows::encode(std::span<const Reply> replies, ScriptInput& out) const {
  std::size_t at = 0;
  for (const View& view : views_) {
    const bool json = view.layout->kind == KeyKind::json;
    out.words.add(json ? "J" : "B");
    out.words.add(static_cast<std::int64_t>(view.rows.size()));
    out.words.add(expiry_word(*view.layout));
    if (!json) {
      out.words.add(static_cast<std::int64_t>(view.names.size()));
      for (const std::string& name : view.names) out.words.add(name);
    }
    for (std::size_t row = 0; row < view.rows.size(); ++row) {
      if (auto ok = encode_row(view, row, replies[at++], out); !ok) return ok;
    }
  }
  return {};
}

Result<void> ComparedRows::encode_row(const View& view, std::size_t row, const Reply& read, ScriptInput& out) {
  const ViewLayout& layout = *view.layout;
  const FoldedRow& folded = *view.rows[row];
  const auto rejected = [&](const Error& error) {
    return fail(ErrorCode::store_rejected, fmt::format("view {}, key {}: {}", layout.schema.name, shown(view.keys[row]), error.message),
                error.hint.empty() ? "widen the field's type, or let the clause `reject` such values" : error.hint);
  };
  if (read.is_error())
    return rejected({ErrorCode::store_rejected, shown(read.text()), "another program keeps something else there", false});
  const bool json = layout.kind == KeyKind::json;
  std::vector<std::string> was;
  std::optional<StoredRow> stored;
  if (json) {
    was.push_back(read.is_nil() ? std::string(kNoText) : "=" + std::string(read.text()));
    if (!read.is_nil() && folded.base == RowBase::keep) {  // else nothing that is stored counts
      auto parsed = row_from_json(layout, folded.key, read.text());
      if (!parsed) return rejected(parsed.error());
      stored = std::move(*parsed);
    }
  } else {
    was = words_read(read);
    if (folded.base == RowBase::keep) {
      auto parsed = row_from_hash(layout, folded.key, was);
      if (!parsed) return rejected(parsed.error());
      stored = std::move(*parsed);
    }
  }
  const auto after = rows::apply(layout.schema, stored ? &*stored : nullptr, folded);
  if (!after) return rejected(after.error());
  const StoredRow* row_after = *after ? &**after : nullptr;
  std::vector<std::string> to(was.size(), std::string(kNoText));
  if (row_after != nullptr) to = json ? std::vector{"=" + json_of(layout, *row_after)} : hash_words(layout, *row_after);
  out.keys.add(view.keys[row]);
  out.words.add(action_of(layout, folded, row_after != nullptr));
  for (std::size_t i = 0; i < was.size(); ++i) {
    out.words.add(was[i]);
    out.words.add(to[i]);
  }
  if (layout.expiry != Expiry::none) out.words.add(expiry_of(layout, folded, row_after));
  return {};
}

}  // namespace foldline::redis
