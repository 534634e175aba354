#include "sinks/elasticsearch/generations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "common/json.h"
#include "sinks/elasticsearch/answer_json.h"
#include "sinks/elasticsearch/checkpoints.h"

namespace foldline::elasticsearch {

namespace {

constexpr std::string_view kReading = "reading which generations there are";
constexpr std::string_view kWriting = "writing which generations there are";
constexpr std::array<std::string_view, 5> kPhaseNames = {"building", "switching", "live", "retired", "dropped"};  // by Phase

std::string document_id_of(const std::string& projection) { return projection + ":generations"; }

tl::unexpected<Error> damaged(const std::string& projection) {
  return fail(ErrorCode::internal, fmt::format("the document {} is not what Foldline wrote", document_id_of(projection)),
              "something else writes to foldline-checkpoints; restore the document");
}

bool read_record(const Value& map, GenerationRecord& out) {
  const auto number = integer(map, "number");
  const auto phase = std::find(kPhaseNames.begin(), kPhaseNames.end(), text(map, "state"));
  const Value* views = find_list(map, "views");
  if (!number || phase == kPhaseNames.end() || views == nullptr) return false;
  out.number = *number;
  out.phase = static_cast<Phase>(phase - kPhaseNames.begin());
  const Value* dropping = find(map, "dropping");
  out.dropping = dropping != nullptr && dropping->is(Kind::boolean) && dropping->as_bool();
  for (const Value& view : views->as_list()) {
    out.views.push_back({text(view, "alias"), text(view, "index")});
    if (out.views.back().alias.empty() || out.views.back().index.empty()) return false;
  }
  return true;
}

void append_record(std::string& out, const GenerationRecord& record) {
  fmt::format_to(std::back_inserter(out), R"({{"number":{},"state":"{}","dropping":{},"views":[)", record.number,
                 kPhaseNames[static_cast<std::size_t>(record.phase)], record.dropping);
  bool first = true;
  for (const ViewPlace& view : record.views) {
    out += first ? R"({"alias":)" : R"(,{"alias":)";
    first = false;
    append_json_string(out, view.alias);
    out += R"(,"index":)";
    append_json_string(out, view.index);
    out += '}';
  }
  out += "]}";
}

std::string to_json(const GenerationsDocument& document) {
  std::string out = R"({"generations":[)";
  for (const GenerationRecord& record : document.generations) {
    if (out.back() == '}') out += ',';
    append_record(out, record);
  }
  return out + "]}";
}

// False: somebody else has changed it since.
Result<bool> write(Cluster& cluster, const std::string& projection, GenerationsDocument& document) {
  BulkBody body;
  body.begin(document.exists ? BulkOp::index : BulkOp::create, {document_id_of(projection), {}}, document.seq_no, document.primary_term);
  body.text() += to_json(document);
  body.end();
  auto items = cluster.bulk(fmt::format("/{}/_bulk?require_alias=true", kCheckpointAlias), body, kWriting);
  if (!items) return fail(items.error().error);
  const ItemAnswer& item = items->front();
  if (item.status == 409) return false;
  if (!item.ok()) return fail(error_of(item, kWriting));
  document.exists = true;
  document.seq_no = item.seq_no;
  document.primary_term = item.primary_term;
  return true;
}

// "orders-g1/0" → "orders-g1", of generation 1's own indices.
void add_recorded_indices(const Histories& histories, std::set<std::string>& out) {
  for (const auto& [shard, history] : histories) {
    std::string index = shard.substr(0, shard.rfind('/'));
    if (index.ends_with("-g1")) out.insert(std::move(index));
  }
}

Result<bool> index_exists(Cluster& cluster, const std::string& index) {
  constexpr long kAccepted[] = {404};
  auto answer = cluster.call({Method::get, fmt::format("/{}/_alias", percent_encoded(index)), ContentType::json, {}}, kReading, kAccepted);
  if (!answer) return fail(answer.error());
  return answer->status != 404;
}

}  // namespace

GenerationRecord* GenerationsDocument::find(std::int64_t number) {
  const auto found = std::ranges::find(generations, number, &GenerationRecord::number);
  return found == generations.end() ? nullptr : &*found;
}

const GenerationRecord* GenerationsDocument::live() const {
  for (const Phase wanted : {Phase::switching, Phase::live}) {
    const auto found = std::ranges::find(generations, wanted, &GenerationRecord::phase);
    if (found != generations.end()) return &*found;
  }
  return nullptr;
}

Result<GenerationsDocument> read_generations(Cluster& cluster, const std::string& projection) {
  constexpr long kAccepted[] = {404};
  const std::string path = fmt::format("/{}/_doc/{}", kCheckpointAlias, percent_encoded(document_id_of(projection)));
  auto answer = cluster.call({Method::get, path, ContentType::json, {}}, kReading, kAccepted);  // by _id: as it was written last
  if (!answer) return fail(answer.error());
  GenerationsDocument out;
  if (answer->status == 404) return out;
  Arena arena;
  const auto parsed = parse_json(answer->body, arena);
  const Value* source = parsed ? find(*parsed, "_source") : nullptr;
  const Value* list = source == nullptr ? nullptr : find_list(*source, "generations");
  const auto seq_no = parsed ? integer(*parsed, "_seq_no") : std::nullopt;
  if (list == nullptr || !seq_no) return damaged(projection);
  for (const Value& map : list->as_list()) {
    if (!read_record(map, out.generations.emplace_back())) return damaged(projection);
  }
  out.exists = true;
  out.seq_no = *seq_no;
  out.primary_term = integer(*parsed, "_primary_term").value_or(0);
  return out;
}

Result<GenerationsDocument> change_generations(Cluster& cluster, const std::string& projection, const GenerationsChange& change) {
  for (int attempt = 1; attempt <= kStateAttempts; ++attempt) {
    auto document = read_generations(cluster, projection);
    if (!document) return document;
    const auto changed = change(*document);
    if (!changed) return fail(changed.error());
    if (!*changed) return document;
    std::ranges::sort(document->generations, {}, &GenerationRecord::number);
    const auto written = write(cluster, projection, *document);
    if (!written) return fail(written.error());
    if (*written) return document;
    pause_before_attempt(1);
  }
  return fail(ErrorCode::store_unavailable, fmt::format("the document {} keeps changing", document_id_of(projection)), "try again", true);
}

Result<void> take_over(Cluster& cluster, const std::string& projection, std::span<const ViewLayout> layouts,
                       GenerationsDocument& document) {
  if (document.exists) return {};
  const auto checkpoints = list_checkpoints(cluster, {projection, 1});
  if (!checkpoints) return fail(checkpoints.error());
  if (checkpoints->empty()) return {};
  std::set<std::string> indices;
  for (const ListedCheckpoint& listed : *checkpoints) add_recorded_indices(listed.document.histories, indices);
  for (const ViewLayout& layout : layouts) {
    const std::string index = layout.read_alias + "-g1";
    const auto there = index_exists(cluster, index);
    if (!there) return fail(there.error());
    if (*there) indices.insert(index);
  }
  GenerationRecord& first = document.generations.emplace_back();
  first.number = 1;
  first.phase = Phase::live;
  for (const std::string& index : indices) first.views.push_back({index.substr(0, index.rfind("-g")), index});
  return {};
}

Result<void> check_state(Cluster& cluster, const ProjectionId& id, bool building) {
  auto document = read_generations(cluster, id.projection);
  if (!document) return fail(document.error());
  const GenerationRecord* record = document->find(id.generation);
  const bool wanted = building ? record != nullptr && (record->phase == Phase::building || record->phase == Phase::switching)
                               : record != nullptr && record->phase == Phase::live && document->live() == record;
  if (wanted && !record->dropping) return {};
  return fail(ErrorCode::superseded,
              fmt::format("generation {} of {} is not {}", id.generation, id.projection, building ? "in the making" : "live"),
              "look at the generations: foldline rebuild FILE --list");
}

std::optional<std::int64_t> generation_of(std::string_view alias, std::string_view index) {
  if (!index.starts_with(alias) || !index.substr(alias.size()).starts_with("-g")) return std::nullopt;
  const std::string_view digits = index.substr(alias.size() + 2);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number < 1) return std::nullopt;
  return number;
}

}  // namespace foldline::elasticsearch
