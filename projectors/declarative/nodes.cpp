#include "projectors/declarative/nodes.h"

namespace foldline::declarative {

using expr::Ast;
using expr::AstKind;
using expr::AstPtr;

AstPtr name_node(const std::string& name, const std::string& words) {
  auto source = std::make_shared<expr::Source>();
  source->text = words;
  auto ast = std::make_shared<Ast>();
  ast->kind = AstKind::name;
  ast->name = name;
  ast->end = words.size();
  ast->source = std::move(source);
  return ast;
}

AstPtr select_node(const AstPtr& from, const std::string& member, bool optional) {
  auto source = std::make_shared<expr::Source>();
  source->text = std::string(from->words()) + (optional ? ".?" : ".") + member;
  auto ast = std::make_shared<Ast>();
  ast->kind = AstKind::select;
  ast->name = member;
  ast->optional = optional;
  ast->end = source->text.size();
  ast->depth = from->depth + 1;
  ast->children = {from};
  ast->source = std::move(source);
  return ast;
}

}  // namespace foldline::declarative
