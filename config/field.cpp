// The keys of a field and of a key part: types, short and long.
#include <algorithm>
#include <string>

#include "config/levels.h"
#include "config/limits.h"
#include "config/type_text.h"
#include "config/yaml_json.h"

namespace foldline::config {
namespace {

// What `type` and `enum` have said so far.
struct TypeDraft {
  std::optional<Type> type;
  int said = 0;  // how many of `type`, `enum` stand there
  bool failed = false;
};

template <class Spec>
struct Draft {
  Spec& spec;
  TypeDraft type;
};
using FieldDraft = Draft<FieldSpec>;
using KeyPartDraft = Draft<KeyPartSpec>;

void load_type(Reader& reader, const YamlNode& node, TypeDraft& out) {
  ++out.said;
  const auto text = reader.text(node, "type");
  const TypeText type = text ? parse_type(*text) : TypeText{};
  if (text && !type.type) reader.error(node.at, *text == node.text ? type.message : Reader::shown(node) + " is no type", type.hint);
  out.type = type.type;
  out.failed = out.failed || !type.type;
}

void load_members(Reader& reader, const YamlNode& node, TypeDraft& out) {
  ++out.said;
  if (!node.is_list()) {
    if (!node.bad) reader.error(node.at, "`enum` takes a list of its members", "write {enum: [placed, shipped]}");
    out.failed = true;
    return;
  }
  Type type;
  type.kind = TypeKind::enumeration;
  for (Named& member : reader.names(node, "enum", kMaxEnumMembers)) type.members.push_back(std::move(member.name));
  if (type.members.empty()) {
    out.failed = true;
  } else {
    out.type = std::move(type);
  }
}

template <class Spec>
void load_draft_type(Reader& reader, const YamlNode& node, Draft<Spec>& out) {
  load_type(reader, node, out.type);
}
template <class Spec>
void load_draft_members(Reader& reader, const YamlNode& node, Draft<Spec>& out) {
  load_members(reader, node, out.type);
}
template <class Spec>
void load_draft_doc(Reader& reader, const YamlNode& node, Draft<Spec>& out) {
  out.spec.doc = reader.doc(node);
}

constexpr std::string_view kTypeDoc = "the type, or `enum`";
constexpr std::string_view kEnumDoc = "the members of an enum, stored as text; in expressions they are constants";
constexpr std::string_view kJsonInstead = "use the type `json` for nested values";

constexpr Property<KeyPartDraft> kKeyPart[] = {
    {{.name = "type", .shape = Shape::type, .doc = kTypeDoc}, load_draft_type<KeyPartSpec>},
    {{.name = "enum", .shape = Shape::names, .doc = kEnumDoc}, load_draft_members<KeyPartSpec>},
    {{.name = "from", .shape = Shape::expression, .fallback = "`data.NAME`", .doc = "the part's value"},
     [](Reader& r, const YamlNode& n, KeyPartDraft& out) { out.spec.from = r.expression(n, "from"); }},
    {{.name = "doc", .shape = Shape::text, .fallback = "none", .doc = "the column's comment"}, load_draft_doc<KeyPartSpec>},
};
constexpr Level<KeyPartDraft> kKeyPartLevel = {
    {"a key part", "Key part", "Short: `order_id: text`. Types: all but json, double, inet, list(T) and set(T)."}, kKeyPart};

void load_default(Reader& reader, const YamlNode& node, FieldDraft& out) { out.spec.default_value = reader.expression(node, "default"); }

void load_field_options(Reader& reader, const YamlNode& node, FieldDraft& out) {
  for (const YamlEntry& entry : node.entries) {
    if (entry.key.text != "generated" && entry.key.text != "collation") continue;
    reader.error(entry.key.at, refusal("options: " + entry.key.text),
                 "generated columns and collations are for the database's owner to add");
    return;
  }
  out.spec.mapping_at = node.at;
  out.spec.mapping = to_json(reader, node, "options").value_or("");
}

constexpr Property<FieldDraft> kField[] = {
    {{.name = "type", .shape = Shape::type, .doc = kTypeDoc}, load_draft_type<FieldSpec>},
    {{.name = "enum", .shape = Shape::names, .doc = kEnumDoc}, load_draft_members<FieldSpec>},
    {{.name = "default",
      .shape = Shape::expression,
      .fallback = "null; 0 for a field that a clause adds to",
      .doc = "a constant that a new row starts with; makes the field not null. A text keeps its quotes: \"'EUR'\""},
     load_default},
    {{.name = "doc", .shape = Shape::text, .fallback = "none", .doc = "the column's comment"}, load_draft_doc<FieldSpec>},
    {{.name = "object", .refused = kJsonInstead}},
    {{.name = "nested", .refused = kJsonInstead}},
    {{.name = "max_items", .refused = "remove it"}},
    {{.name = "approximate", .refused = "sum up integers or numeric, which are exact"}},
    {{.name = "optional", .refused = "remove it: a field may always hold null unless it has a `default`"}},
    {{.name = "options",
      .shape = Shape::any,
      .fallback = "none",
      .doc = "index: mapping parameters, as {analyzer: english}; `generated` and `collation` of tables are not built yet"},
     load_field_options},
};
constexpr Level<FieldDraft> kFieldLevel = {{"a field", "Field", "Short: `total: numeric`; long: `total: {type: numeric, doc: ...}`."},
                                           kField};

// Types have been read; a broken one is replaced, so that errors elsewhere are found too.
void settle(Reader& reader, const YamlNode& node, const TypeDraft& draft, Type& out) {
  if (draft.said > 1) reader.error(node.at, "`type` and `enum` exclude each other", "keep one of them");
  if (draft.said == 0 && !node.bad) {
    const bool refused = node.find("object") != nullptr || node.find("nested") != nullptr;
    if (!refused) reader.error(node.at, "a type is missing", "write {type: bigint} or {enum: [placed, shipped]}");
  }
  if (draft.type) out = *draft.type;
}

}  // namespace

void load_key_part(Reader& reader, const YamlNode& node, KeyPartSpec& out) {
  KeyPartDraft draft{out, {}};
  if (node.is_map()) {
    read_level(reader, node, kKeyPartLevel, draft);
    settle(reader, node, draft.type, out.type);
  } else if (!node.bad) {
    load_type(reader, node, draft.type);
    if (draft.type.type) out.type = *draft.type.type;
  }
  if (!draft.type.type) return;
  const std::string_view refused = refused_in_key(out.type);
  if (!refused.empty())
    reader.error(node.at, "the type " + out.type.name() + " can't be part of a key: " + std::string(refused),
                 "key the row by text, whole numbers, uuid or dates");
}

void load_field(Reader& reader, const YamlNode& node, FieldSpec& out) {
  FieldDraft draft{out, {}};
  if (node.is_map()) {
    read_level(reader, node, kFieldLevel, draft);
    settle(reader, node, draft.type, out.type);
  } else if (!node.bad) {
    load_type(reader, node, draft.type);
    if (draft.type.type) out.type = *draft.type.type;
  }
}

void describe_field(std::vector<LevelDescription>& out) {
  out.push_back(describe(kKeyPartLevel));
  out.push_back(describe(kFieldLevel));
}

}  // namespace foldline::config
