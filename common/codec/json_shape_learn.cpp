// Learning a shape from a record that was read the plain way.
#include <algorithm>
#include <utility>

#include "common/codec/json_shape.h"
#include "common/codec/json_text.h"

namespace foldline::codec {

// Walks over one record and adds what the graph lacks. Stops at the first thing that shapes don't know; what it has added until then
// stays, for each edge is right by itself.
class JsonShapeLearner {
 public:
  JsonShapeLearner(JsonShape& shape, std::string_view text) : shape_(shape), text_(text) {}

  // False: an object whose members change all the time became opaque, and what was learned must be forgotten.
  bool run() {
    skip_blanks();
    if (object(&shape_.plan_->root(), "")) {
      skip_blanks();
      add(Next::end, text_.size(), -1, {});
    }
    return !made_opaque_;
  }

 private:
  using Next = JsonShape::Next;
  using Step = JsonShape::Step;
  // No key holds a control character as it stands, so names of different ways differ.
  static constexpr char kMember = '\x1f';
  static constexpr char kElement = '\x1e';

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_blanks() {
    while (at_ < text_.size() && is_json_space(text_[at_])) ++at_;
  }

  // `node`: the plan's, nullptr below everything that is read. `name`: of the object.
  bool object(const JsonPlan::Node* node, const std::string& name) {
    ++at_;
    skip_blanks();
    while (peek() != '}') {
      const std::size_t key_size = json_value_size(text_.substr(at_), 0);
      const std::string_view key = text_.substr(at_ + 1, key_size - 2);
      if (key.find('\\') != std::string_view::npos) return false;  // may name a path: the plain reader knows
      at_ += key_size;
      skip_blanks();
      ++at_;  // the colon
      skip_blanks();
      if (!member(node, key, name + kMember + std::string(key), name.empty())) return false;
      skip_blanks();
      if (!take_comma()) break;
    }
    return true;  // at the closing bracket
  }

  bool member(const JsonPlan::Node* node, std::string_view key, const std::string& name, bool at_root) {
    if (node == nullptr) return value(nullptr, name);
    for (const JsonPlan::Child& child : node->children) {
      if (child.key != key) continue;
      const JsonPlan::Node& target = shape_.plan_->node(child.node);
      if (const auto mark = shape_.marks_.find(child.node); mark != shape_.marks_.end()) act(Step::mark, mark->second, -1);
      return value(&target, name);
    }
    if (at_root && shape_.plan_->options().unwrap_payload && key == "payload") return false;  // it stands in for the record
    return value(nullptr, name);
  }

  bool take_comma() {
    if (peek() != ',') return false;
    if (!captured_.empty() && captured_.back() == level_) act(Step::comma, captured_.size() - 1, -1);
    ++at_;
    skip_blanks();
    return true;
  }

  bool array(const std::string& name) {
    ++at_;
    skip_blanks();
    while (peek() != ']') {
      if (!value(nullptr, name + kElement)) return false;
      skip_blanks();
      if (!take_comma()) break;
    }
    return true;
  }

  bool value(const JsonPlan::Node* node, const std::string& name) {
    const std::int32_t slot = node == nullptr ? -1 : node->slot;
    const char first = peek();
    if (first == '{' || first == '[') return container(node, slot, first, name);
    const bool is_text = first == '"';
    const bool is_word = first == 't' || first == 'f' || first == 'n';
    if (!add(is_text ? Next::text : is_word ? Next::word : Next::number, at_ + (is_text ? 1 : 0), slot, name)) return false;
    at_ += json_value_size(text_.substr(at_), 0);
    literal_begin_ = at_ - (is_text ? 1 : 0);
    return true;
  }

  bool container(const JsonPlan::Node* node, std::int32_t slot, char first, const std::string& name) {
    const bool has_paths = node != nullptr && !node->children.empty() && first == '{';
    if (!has_paths && (level_ + 1 >= JsonShape::kMaxDepth || shape_.opaque_.contains(name))) {
      const std::size_t size = json_value_size(text_.substr(at_), JsonShape::kMaxOpaqueDepth);
      if (size == 0 || !add(Next::opaque, at_, slot, name)) return false;
      at_ += size;
      literal_begin_ = at_;
      return true;
    }
    if (level_ + 1 >= JsonShape::kMaxDepth) return false;
    ++level_;
    if (!has_paths) closed_.push_back(name);
    if (slot >= 0) {
      act(Step::open, captured_.size(), -1);
      captured_.push_back(level_);
    }
    const std::size_t begin = at_;
    const bool ok = first == '{' ? object(has_paths ? node : nullptr, name) : array(name);
    if (!ok) return false;
    const bool empty = trim_json(text_.substr(begin + 1, at_ - begin - 1)).empty();
    ++at_;
    if (slot >= 0) {
      captured_.pop_back();
      act(empty ? Step::close_empty : Step::close, captured_.size(), slot);
    }
    if (!has_paths) closed_.pop_back();
    --level_;
    return true;
  }

  void act(Step step, std::size_t index, std::int32_t slot) {
    actions_.push_back({step, static_cast<std::uint8_t>(index),
                        static_cast<std::uint16_t>(std::min<std::size_t>(at_ - literal_begin_, UINT16_MAX)), slot});
  }

  // The edge from where the last value ended up to `literal_end`, where the value `name` begins.
  bool add(Next next, std::size_t literal_end, std::int32_t slot, const std::string& name) {
    const std::string_view literal = text_.substr(literal_begin_, literal_end - literal_begin_);
    const std::vector<JsonShape::Action> actions = std::exchange(actions_, {});
    const bool fits = actions.size() <= UINT8_MAX && shape_.actions_.size() + actions.size() <= UINT16_MAX;
    if (literal.size() > JsonShape::kMaxLiteralBytes || !fits) return false;
    JsonShape::State& state = shape_.states_[state_];
    for (std::size_t i = 0; i < state.count; ++i) {
      JsonShape::Edge& edge = state.edges[i];
      if (std::string_view(shape_.literals_).substr(edge.literal, edge.size_bytes) != literal) continue;
      // Number, word and opaque container may follow the same text: what reads more takes them all.
      if (edge.next != next) edge.next = edge.next == Next::opaque || next == Next::opaque ? Next::opaque : Next::number;
      state_ = edge.target;
      return true;
    }
    if (state.count == JsonShape::kMaxEdges) return too_many();
    // Behind a text its closing quote is still to be compared, behind everything else it is not.
    std::uint16_t target = 0;
    if (next != Next::end) {
      const std::string full = name + (next == Next::text ? "\"" : "");
      const auto [at, is_new] = shape_.names_.try_emplace(full, static_cast<std::uint16_t>(shape_.states_.size()));
      if (is_new && shape_.states_.size() == JsonShape::kMaxStates) {
        shape_.names_.erase(at);
        return too_many();
      }
      target = at->second;
      if (is_new) shape_.states_.emplace_back();
    }
    const std::size_t last_block = literal.size() - std::min(literal.size(), JsonShape::kBlockBytes);
    insert(shape_.states_[state_], {.literal = keep(literal),
                                    .size_bytes = static_cast<std::uint16_t>(literal.size()),
                                    .last_block = static_cast<std::uint16_t>(last_block),
                                    .last_block_mask = static_cast<std::uint16_t>((1U << (literal.size() - last_block)) - 1U),
                                    .next = next,
                                    .action_count = static_cast<std::uint8_t>(actions.size()),
                                    .slot = slot,
                                    .first_action = static_cast<std::uint16_t>(shape_.actions_.size()),
                                    .target = target});
    shape_.actions_.insert(shape_.actions_.end(), actions.begin(), actions.end());
    state_ = target;
    return true;
  }

  // Longer ones first: `,"a":` must not hide `,"a":"`.
  static void insert(JsonShape::State& state, const JsonShape::Edge& edge) {
    const auto end = state.edges.begin() + static_cast<std::ptrdiff_t>(state.count);
    const auto at = std::find_if(state.edges.begin(), end, [&](const JsonShape::Edge& e) { return e.size_bytes < edge.size_bytes; });
    std::move_backward(at, end, end + 1);
    *at = edge;
    ++state.count;
  }

  std::uint32_t keep(std::string_view literal) {
    const auto at = static_cast<std::uint32_t>(shape_.literals_.size());
    shape_.literals_ += literal;
    shape_.literals_.append(JsonShape::kBlockBytes - literal.size() % JsonShape::kBlockBytes, '\0');
    return at;
  }

  // The outermost container that nobody reads below is not worth being learned. (An inner one may itself be what changes: {"k17": {...}}.)
  bool too_many() {
    if (!closed_.empty()) {
      shape_.opaque_.insert(closed_.front());
      made_opaque_ = true;
    }
    return false;
  }

  JsonShape& shape_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t literal_begin_ = 0;
  std::uint16_t state_ = 0;
  std::size_t level_ = 0;
  std::vector<std::size_t> captured_;       // levels of the containers open around this place that a path ends at
  std::vector<std::string> closed_;         // names of the open containers without paths below them
  std::vector<JsonShape::Action> actions_;  // of the literal in hand
  bool made_opaque_ = false;
};

void JsonShape::learn(std::string_view bytes) {
  if (learned_ == kMaxLearned || bytes.size() > kMaxTextBytes || check_json(bytes) || trim_json(bytes)[0] != '{') return;
  ++learned_;
  if (!JsonShapeLearner(*this, bytes).run()) forget();
}

}  // namespace foldline::codec
