#include "sinks/redis/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "sinks/redis/value_text.h"

namespace foldline::redis {

namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;
constexpr std::string_view kOwnPrefix = "foldline:";
constexpr std::uint8_t kListOps = op_bit(Op::append) | op_bit(Op::remove);
constexpr std::uint8_t kComparisons = op_bit(Op::min) | op_bit(Op::max);

struct KindName {
  std::string_view name;
  KeyKind kind;
};
constexpr std::array kKinds = {KindName{"counter", KeyKind::counter}, KindName{"hash", KeyKind::hash}, KindName{"json", KeyKind::json},
                               KindName{"sorted_set", KeyKind::sorted_set}, KindName{"set", KeyKind::set}};

tl::unexpected<Error> refused(const ViewSchema& view, const std::string& what, const std::string& hint) {
  return fail(ErrorCode::config, fmt::format("view {}: {}", view.name, what), hint);
}

Result<KeyKind> kind_of(const ViewSchema& view) {
  const auto found = std::find_if(kKinds.begin(), kKinds.end(), [&](const KindName& k) { return k.name == view.kind; });
  if (found != kKinds.end()) return found->kind;
  const std::string not_built = view.kind == "hyperloglog" || view.kind == "stream" ? ", which is not built yet" : "";
  return refused(view, fmt::format("Redis can't keep the kind `{}`{}", view.kind, not_built), "use counter, hash, json, sorted_set or set");
}

std::string default_name(const ViewSchema& view, const ProjectionId& id, int member) {
  std::string out = fmt::format("{}:{}", id.projection, view.name);
  for (std::size_t i = 0; i < view.key.size(); ++i) {
    if (static_cast<int>(i) != member) out += ":{" + view.key[i].name + "}";
  }
  return out;
}

void set_bounds(FieldLayout& out, const std::string& least, const std::string& greatest) {
  out.merging = Merging::whole;
  out.least = least;
  out.greatest = greatest;
}

Result<FieldLayout> field_layout(const ViewSchema& view, const Field& field) {
  FieldLayout out;
  out.name = field.name;
  out.type = field.type;
  out.has_default = !field.default_value.is_null() && !field.default_value.is_absent();
  if (out.has_default) append_text(out.default_text, field.default_value, field.type);
  switch (field.type.kind) {
    case TypeKind::int32: set_bounds(out, "-2147483648", "2147483647"); break;
    case TypeKind::bigint: set_bounds(out, "-9223372036854775808", "9223372036854775807"); break;
    case TypeKind::numeric: {
      if (field.type.precision > kMaxScaledDigits) {
        return refused(view, fmt::format("{} is {}, and Redis' numbers have {} digits", field.name, field.type.name(), kMaxScaledDigits),
                       fmt::format("write numeric({},{}), or numeric, which is kept as text", kMaxScaledDigits, field.type.scale));
      }
      if (field.type.precision > 0) {
        const std::string nines(static_cast<std::size_t>(field.type.precision), '9');
        set_bounds(out, "-" + nines, nines);
      } else if ((field.ops & op_bit(Op::add)) != 0 && view.kind != "json") {
        return refused(view, fmt::format("{} is a numeric of any size, which Redis keeps as text and can't add to", field.name),
                       "write numeric(18,2), or bigint and cents");
      }
      break;
    }
    case TypeKind::text:
    case TypeKind::keyword:
    case TypeKind::date:
    case TypeKind::timestamptz: out.merging = Merging::bytes; break;
    default: break;
  }
  return out;
}

// What the script can't do by itself: read the row, apply, write with a compare.
bool needs_reading(const ViewLayout& layout) {
  if (layout.kind == KeyKind::json) return true;
  if (layout.kind != KeyKind::hash) return false;
  const ViewSchema& view = layout.schema;
  if (view.guard_count > 0 || view.soft_delete >= 0 || layout.expiry == Expiry::field) return true;
  for (std::size_t i = 0; i < view.fields.size(); ++i) {
    const std::uint8_t ops = view.fields[i].ops;
    if ((ops & kListOps) != 0) return true;
    if ((ops & (kComparisons | op_bit(Op::add))) != 0 && layout.fields[i].merging == Merging::none) return true;
  }
  return false;
}

Result<void> set_expiry(ViewLayout& layout) {
  const ViewSchema& view = layout.schema;
  if (view.expire_after_us == 0) return {};
  if (view.expire_from.empty()) {
    layout.expiry = Expiry::newest_event;
    return {};
  }
  for (std::size_t i = 0; i < view.key.size(); ++i) {
    if (view.key[i].name != view.expire_from) continue;
    if (static_cast<int>(i) == layout.member) {
      return refused(view, "`expire` counts from `member`, and Redis' keys expire whole", "leave `from` out, or name another key part");
    }
    layout.expiry = Expiry::key_part;
    layout.expire_from = i;
    return {};
  }
  const int field = view.field_index(view.expire_from);
  if (field < 0 || (layout.kind != KeyKind::hash && layout.kind != KeyKind::json)) {
    return refused(view, fmt::format("`expire` can't count from `{}`", view.expire_from), "name a key part, or leave `from` out");
  }
  layout.expiry = Expiry::field;
  layout.expire_from = static_cast<std::size_t>(field);
  return {};
}

Result<void> check_collection(const ViewLayout& layout) {
  const ViewSchema& view = layout.schema;
  const bool plain = layout.kind == KeyKind::hash || layout.kind == KeyKind::json;
  if (!plain && (view.guard_count > 0 || view.soft_delete >= 0)) {
    return refused(view, fmt::format("a {} has no place for newest_by or soft_delete", view.kind), "keep a hash or a json instead");
  }
  const std::size_t fields = layout.kind == KeyKind::set ? 0 : 1;
  if (!plain && view.fields.size() != fields) {
    return refused(view, fmt::format("a {} has {} field{}", view.kind, fields, fields == 1 ? "" : "s"), "leave `fields` out");
  }
  const bool has_member = layout.kind == KeyKind::sorted_set || layout.kind == KeyKind::set;
  if (has_member && layout.member < 0) {
    return refused(view, fmt::format("the key of a {} needs a part called `member`", view.kind),
                   "write key: {..., member: {type: text, from: data.customer_id}}");
  }
  return {};
}

}  // namespace

Result<ViewLayout> make_layout(const ViewSchema& view, const ProjectionId& id, std::string prefix) {
  ViewLayout out;
  out.schema = view;
  const auto kind = kind_of(view);
  if (!kind) return fail(kind.error());
  out.kind = *kind;
  if (out.kind == KeyKind::sorted_set || out.kind == KeyKind::set) {
    for (std::size_t i = 0; i < view.key.size(); ++i) {
      if (view.key[i].name == "member") out.member = static_cast<int>(i);
    }
  }
  if (auto ok = check_collection(out); !ok) return fail(ok.error());
  const std::string text = view.store_name.empty() ? default_name(view, id, out.member) : view.store_name;
  if (text.starts_with(kOwnPrefix)) {
    return refused(view, "its keys would start with `foldline:`, which Foldline keeps for itself", "choose another name");
  }
  auto name = KeyName::parse(text, view.key, out.member);
  if (!name) return refused(view, name.error().message, name.error().hint);
  out.name = std::move(*name);
  out.name.set_prefix(std::move(prefix));
  for (const Field& field : view.fields) {
    auto layout = field_layout(view, field);
    if (!layout) return fail(layout.error());
    out.fields.push_back(std::move(*layout));
  }
  int group = 0;
  for (int i = 0; i < view.guard_count; ++i) {
    if (i == view.guard_alive) {
      out.guard_names.emplace_back("_newest_alive");
    } else if (i == view.guard_deleted) {
      out.guard_names.emplace_back("_newest_deleted");
    } else {
      out.guard_names.push_back(fmt::format("_newest_{}", ++group));
    }
  }
  if (auto ok = set_expiry(out); !ok) return fail(ok.error());
  out.compared = needs_reading(out);
  return out;
}

std::int64_t expire_at_ms(const ViewLayout& layout, std::int64_t from_us) {
  constexpr std::int64_t kUsPerMs = 1'000;
  std::int64_t at_us = 0;
  if (__builtin_add_overflow(from_us, layout.schema.expire_after_us, &at_us)) at_us = std::numeric_limits<std::int64_t>::max();
  return std::max<std::int64_t>(1, at_us / kUsPerMs);  // a moment before 1970 is long past, too
}

std::int64_t expire_at_ms(const ViewLayout& layout, const Value& from) {
  return expire_at_ms(layout, from.is(Kind::date) ? from.as_int() * kDayUs : from.as_int());
}

}  // namespace foldline::redis
