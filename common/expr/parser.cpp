// Tokens to a tree, by recursive descent over CEL's grammar
// (https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax).
#include <algorithm>
#include <array>

#include "common/expr/ast.h"
#include "common/expr/lexer.h"

namespace foldline::expr {

std::string_view to_string(Operator op) {
  switch (op) {
    case Operator::add: return "+";
    case Operator::subtract:
    case Operator::negate: return "-";
    case Operator::multiply: return "*";
    case Operator::divide: return "/";
    case Operator::modulo: return "%";
    case Operator::logical_not: return "!";
    case Operator::equal: return "==";
    case Operator::not_equal: return "!=";
    case Operator::less: return "<";
    case Operator::less_equal: return "<=";
    case Operator::greater: return ">";
    case Operator::greater_equal: return ">=";
    case Operator::in: return "in";
  }
  return "?";
}

namespace {

// CEL keeps these for itself as names; as fields they are free (a.package).
constexpr std::array<std::string_view, 15> kReserved{"as",     "break", "const", "continue", "else", "for",  "function", "if",
                                                     "import", "let",   "loop",  "package",  "var",  "void", "while"};

using Node = std::shared_ptr<Ast>;

class Parser {
 public:
  Parser(std::shared_ptr<Source> source, std::vector<Token> tokens) : source_(std::move(source)), tokens_(std::move(tokens)) {}

  Checked<AstPtr> run() {
    Node root = expression();
    if (root && peek().kind != TokenKind::end) {
      unexpected("the end");
      root = nullptr;
    }
    if (!root) return tl::unexpected<Problem>(std::move(problem_));
    return AstPtr(root);
  }

 private:
  [[nodiscard]] const Token& peek() const { return tokens_[at_]; }
  [[nodiscard]] bool sees(std::string_view symbol) const { return peek().kind == TokenKind::symbol && peek().text == symbol; }
  bool accept(std::string_view symbol) {
    if (!sees(symbol)) return false;
    ++at_;
    return true;
  }

  Node fail(std::size_t position, std::string message, std::string hint = {}) {
    problem_ = {position, std::move(message), std::move(hint)};
    return nullptr;
  }

  Node unexpected(std::string_view wanted) {
    const Token& token = peek();
    std::string got = token.kind == TokenKind::end ? "the end" : std::string(token.text);
    if (got.size() > 40) got = got.substr(0, 40) + "...";
    return fail(token.position, "expected " + std::string(wanted) + ", found " + got);
  }

  bool expect(std::string_view symbol) {
    if (accept(symbol)) return true;
    unexpected(symbol);
    return false;
  }

  Node make(AstKind kind, std::size_t position, std::vector<AstPtr> children) {
    auto node = std::make_shared<Ast>();
    node->kind = kind;
    node->position = position;
    node->source = source_;
    node->begin = position;
    for (const AstPtr& child : children) {
      node->depth = std::max(node->depth, child->depth + 1);
      node->begin = std::min(node->begin, child->begin);
    }
    node->end = at_ > 0 ? tokens_[at_ - 1].end : 0;
    node->children = std::move(children);
    if (node->depth > kMaxTreeDepth) return fail(position, "the expression is too long a chain", "split it into several");
    return node;
  }

  // Each level of nesting passes through here.
  Node expression() {
    if (++nesting_ > kMaxDepth)
      return fail(peek().position, "the expression is nested too deeply (more than " + std::to_string(kMaxDepth) + " levels)");
    Node out = conditional();
    --nesting_;
    return out;
  }

  Node conditional() {
    Node condition = disjunction();
    if (!condition || !sees("?")) return condition;
    const std::size_t position = peek().position;
    ++at_;
    Node yes = disjunction();
    if (!yes || !expect(":")) return nullptr;
    Node no = expression();
    if (!no) return nullptr;
    return make(AstKind::conditional, position, {condition, yes, no});
  }

  Node disjunction() { return junction("||", AstKind::disjunction, &Parser::conjunction); }
  Node conjunction() { return junction("&&", AstKind::conjunction, &Parser::relation); }

  Node junction(std::string_view symbol, AstKind kind, Node (Parser::*operand)()) {
    Node first = (this->*operand)();
    if (!first || !sees(symbol)) return first;
    const std::size_t position = peek().position;
    std::vector<AstPtr> children{first};
    while (accept(symbol)) {
      Node next = (this->*operand)();
      if (!next) return nullptr;
      children.push_back(next);
    }
    return make(kind, position, std::move(children));
  }

  Node binary(Node (Parser::*operand)(), bool (Parser::*reads)(Operator&) const) {
    Node left = (this->*operand)();
    Operator op{};
    while (left && (this->*reads)(op)) {
      const std::size_t position = peek().position;
      ++at_;
      Node right = (this->*operand)();
      if (!right) return nullptr;
      left = make(AstKind::binary, position, {left, right});
      if (left) left->op = op;
    }
    return left;
  }

  template <std::size_t N>
  bool one_of(const std::array<Operator, N>& operators, Operator& out) const {
    if (peek().kind != TokenKind::symbol && peek().text != "in") return false;
    for (const Operator op : operators) {
      if (peek().kind != TokenKind::end && peek().text == to_string(op)) {
        out = op;
        return true;
      }
    }
    return false;
  }
  bool reads_relation(Operator& op) const {
    return one_of(std::array{Operator::equal, Operator::not_equal, Operator::less, Operator::less_equal, Operator::greater,
                             Operator::greater_equal, Operator::in},
                  op);
  }
  bool reads_sum(Operator& op) const { return one_of(std::array{Operator::add, Operator::subtract}, op); }
  bool reads_product(Operator& op) const { return one_of(std::array{Operator::multiply, Operator::divide, Operator::modulo}, op); }

  Node relation() { return binary(&Parser::sum, &Parser::reads_relation); }
  Node sum() { return binary(&Parser::product, &Parser::reads_sum); }
  Node product() { return binary(&Parser::unary, &Parser::reads_product); }

  Node unary() {
    if (!sees("!") && !sees("-")) return member();
    const Token& sign = peek();
    const Operator op = sees("!") ? Operator::logical_not : Operator::negate;
    ++at_;
    if (op == Operator::negate && peek().kind == TokenKind::integer) {
      // -9223372036854775808: its magnitude alone needs more than 64 bits and came as a decimal.
      Token& number = tokens_[at_];
      if (number.value.is(Kind::decimal)) {
        Decimal negative = number.value.as_decimal();
        negative.unscaled = -negative.unscaled;
        if (const auto whole = negative.to_int64()) {
          number.value = Value::integer(*whole);
          return member();
        }
      }
    }
    if (++nesting_ > kMaxDepth) return fail(sign.position, "the expression is nested too deeply");
    Node operand = unary();
    --nesting_;
    if (!operand) return nullptr;
    Node out = make(AstKind::unary, sign.position, {operand});
    if (out) out->op = op;
    return out;
  }

  Node member() {
    Node out = primary();
    while (out) {
      if (sees(".") || sees(".?")) {
        out = field_or_method(out);
      } else if (sees("[") || sees("[?")) {
        out = subscript(out);
      } else if (sees("{")) {
        return fail(peek().position, "messages with fields (Type{…}) are not part of the language", "a map is written {'name': value}");
      } else {
        return out;
      }
    }
    return nullptr;
  }

  Node field_or_method(const Node& target) {
    const bool optional = sees(".?");
    ++at_;
    const Token name = peek();
    if (name.kind != TokenKind::name && name.kind != TokenKind::quoted_name) return unexpected("a field's name");
    ++at_;
    const std::string field(name.kind == TokenKind::name ? name.text : name.value.as_text());
    if (!optional && name.kind == TokenKind::name && sees("(")) {
      std::vector<AstPtr> children{target};
      if (!arguments(children)) return nullptr;
      Node out = make(AstKind::method, name.position, std::move(children));
      if (out) out->name = field;
      return out;
    }
    Node out = make(AstKind::select, name.position, {target});
    if (!out) return nullptr;
    out->name = field;
    out->optional = optional;
    return out;
  }

  Node subscript(const Node& target) {
    const bool optional = sees("[?");
    const std::size_t position = peek().position;
    ++at_;
    Node index = expression();
    if (!index || !expect("]")) return nullptr;
    Node out = make(AstKind::index, position, {target, index});
    if (out) out->optional = optional;
    return out;
  }

  // ( a, b, … ): appended to `children`.
  bool arguments(std::vector<AstPtr>& children) {
    if (!expect("(")) return false;
    if (accept(")")) return true;
    do {
      Node argument = expression();
      if (!argument) return false;
      children.push_back(argument);
    } while (accept(","));
    return expect(")");
  }

  Node literal(const Value& value) {
    const std::size_t position = peek().position;
    ++at_;
    Node out = make(AstKind::literal, position, {});
    out->value = value;
    return out;
  }

  Node primary() {
    const Token& token = peek();
    switch (token.kind) {
      case TokenKind::integer:
      case TokenKind::decimal:
      case TokenKind::text: return literal(token.value);
      case TokenKind::name: return name_or_call();
      case TokenKind::quoted_name: return fail(token.position, "a name in ` can only be a field", "a.`order-id`");
      case TokenKind::symbol:
        if (token.text == "(") return parenthesised();
        if (token.text == "[" || token.text == "[?") return list();
        if (token.text == "{") return map();
        if (token.text == ".") return fail(token.position, "a name can't start with a point");
        return unexpected("a value");
      case TokenKind::end: return unexpected("a value");
    }
    return nullptr;
  }

  Node name_or_call() {
    const Token token = peek();
    if (token.text == "true" || token.text == "false") return literal(Value::boolean(token.text == "true"));
    if (token.text == "null") return literal(Value::null());
    if (token.text == "in") return unexpected("a value");
    if (std::find(kReserved.begin(), kReserved.end(), token.text) != kReserved.end()) {
      return fail(token.position, std::string(token.text) + " is a reserved word");
    }
    ++at_;
    if (!sees("(")) {
      Node out = make(AstKind::name, token.position, {});
      out->name = std::string(token.text);
      return out;
    }
    std::vector<AstPtr> children;
    if (!arguments(children)) return nullptr;
    Node out = make(AstKind::call, token.position, std::move(children));
    if (out) {
      out->name = std::string(token.text);
      out->begin = token.position;
    }
    return out;
  }

  Node parenthesised() {
    const std::size_t begin = peek().position;
    ++at_;
    Node out = expression();
    if (!out || !expect(")")) return nullptr;
    out->begin = begin;
    out->end = tokens_[at_ - 1].end;
    return out;
  }

  Node list() {
    const std::size_t position = peek().position;
    std::vector<AstPtr> children;
    std::vector<bool> optional;
    bool first_optional = accept("[?");  // "[?" is one token
    if (!first_optional) ++at_;
    while (first_optional || !sees("]")) {
      optional.push_back(first_optional || accept("?"));
      first_optional = false;
      Node item = expression();
      if (!item) return nullptr;
      children.push_back(item);
      if (!accept(",")) break;
    }
    if (!expect("]")) return nullptr;
    Node out = make(AstKind::list, position, std::move(children));
    if (out) out->entry_optional = std::move(optional);
    return out;
  }

  Node map() {
    const std::size_t position = peek().position;
    std::vector<AstPtr> children;
    std::vector<bool> optional;
    ++at_;
    while (!sees("}")) {
      optional.push_back(accept("?"));
      Node key = expression();
      if (!key || !expect(":")) return nullptr;
      Node value = expression();
      if (!value) return nullptr;
      children.push_back(key);
      children.push_back(value);
      if (!accept(",")) break;
    }
    if (!expect("}")) return nullptr;
    Node out = make(AstKind::map, position, std::move(children));
    if (out) out->entry_optional = std::move(optional);
    return out;
  }

  std::shared_ptr<Source> source_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t nesting_ = 0;
  Problem problem_;
};

}  // namespace

Checked<AstPtr> parse(std::string_view text) {
  if (text.size() > kMaxSourceBytes) {
    return tl::unexpected<Problem>({kMaxSourceBytes, "the expression is longer than " + std::to_string(kMaxSourceBytes) + " bytes", ""});
  }
  auto source = std::make_shared<Source>();
  source->text = std::string(text);
  auto tokens = tokenize(source->text, source->literals);
  if (!tokens) return tl::unexpected<Problem>(std::move(tokens.error()));
  return Parser(std::move(source), std::move(*tokens)).run();
}

}  // namespace foldline::expr
