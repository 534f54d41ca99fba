#include <algorithm>
#include <set>

#include "cedar/functions.h"
#include "cedar/parser.h"
#include "cedar/text.h"

namespace proviso::cedar {

Status TokenReader::expect(std::string_view text) {
  if (accept(text)) return {};
  return unexpected("`" + std::string(text) + "`");
}

std::unexpected<Error> TokenReader::unexpected(std::string_view wanted) const {
  const Token& token = peek();
  std::string found = "`" + std::string(token.text) + "`";
  if (token.kind == Token::Kind::kEnd) found = "the end of the text";
  if (token.kind == Token::Kind::kString && token.text.size() > 40) found = "a string";
  return error(token.span.begin, "expected " + std::string(wanted) + ", found " + found);
}

Result<std::string> TokenReader::identifier(std::string_view what) {
  if (peek().kind != Token::Kind::kIdent) return unexpected(what);
  if (is_reserved(peek().text)) {
    return error(peek().span.begin, "`" + std::string(peek().text) + "` is reserved and cannot be " +
                                        std::string(what));
  }
  return std::string(take().text);
}

Result<std::string> TokenReader::path(std::string_view what) {
  PV_TRY(std::string out, identifier(what));
  while (peek().is("::") && peek(1).kind == Token::Kind::kIdent) {
    take();
    PV_TRY(std::string part, identifier("part of a name"));
    out += "::" + part;
  }
  return out;
}

Result<std::string> TokenReader::string_literal(std::string_view what) {
  if (peek().kind != Token::Kind::kString) return unexpected(what);
  const Token& token = take();
  auto text = unescape(token.body());
  if (!text) return error(token.span.begin, text.error().message);
  return text;
}

Result<ExprPtr> ExprParser::finish(Expr expr, uint32_t begin) {
  size_t depth = 0;
  for (const ExprPtr& arg : expr.args) depth = std::max<size_t>(depth, arg->depth);
  if (depth + 1 > kExprDepthMax) {
    return error(begin, "this expression is nested more than " + std::to_string(kExprDepthMax) + " deep",
                 Code::kLimit);
  }
  expr.depth = static_cast<uint16_t>(depth + 1);
  expr.span = {begin, last_end()};
  return std::make_shared<const Expr>(std::move(expr));
}

Result<ExprPtr> ExprParser::node(Op op, uint32_t begin, std::vector<ExprPtr> args, std::string name) {
  Expr expr;
  expr.op = op;
  expr.args = std::move(args);
  expr.name = std::move(name);
  return finish(std::move(expr), begin);
}

Result<ExprPtr> ExprParser::whole_expression() {
  PV_TRY(ExprPtr out, expression());
  if (peek().kind != Token::Kind::kEnd) return unexpected("the end of the expression");
  return out;
}

Result<ExprPtr> ExprParser::expression() {
  if (++depth_ > kExprDepthMax) {
    return error(peek().span.begin,
                 "this expression is nested more than " + std::to_string(kExprDepthMax) + " deep",
                 Code::kLimit);
  }
  auto out = peek().is("if") ? if_expression() : disjunction();
  --depth_;
  return out;
}

Result<ExprPtr> ExprParser::if_expression() {
  uint32_t begin = take().span.begin;
  PV_TRY(ExprPtr test, expression());
  PV_TRY_VOID(expect("then"));
  PV_TRY(ExprPtr yes, expression());
  PV_TRY_VOID(expect("else"));
  PV_TRY(ExprPtr no, expression());
  return node(Op::kIf, begin, {test, yes, no});
}

namespace {

// Left-nested chains are flat: (a && b) && c is one node of three.
void append_flat(std::vector<ExprPtr>& args, Op op, const ExprPtr& arg) {
  if (args.empty() && arg->op == op) {
    args = arg->args;
  } else {
    args.push_back(arg);
  }
}

}  // namespace

Result<ExprPtr> ExprParser::disjunction() {
  uint32_t begin = peek().span.begin;
  PV_TRY(ExprPtr first, conjunction());
  if (!peek().is("||")) return first;
  std::vector<ExprPtr> args;
  append_flat(args, Op::kOr, first);
  while (accept("||")) {
    PV_TRY(ExprPtr next, conjunction());
    args.push_back(next);
  }
  return node(Op::kOr, begin, std::move(args));
}

Result<ExprPtr> ExprParser::conjunction() {
  uint32_t begin = peek().span.begin;
  PV_TRY(ExprPtr first, relation());
  if (!peek().is("&&")) return first;
  std::vector<ExprPtr> args;
  append_flat(args, Op::kAnd, first);
  while (accept("&&")) {
    PV_TRY(ExprPtr next, relation());
    args.push_back(next);
  }
  return node(Op::kAnd, begin, std::move(args));
}

Result<ExprPtr> ExprParser::relation() {
  uint32_t begin = peek().span.begin;
  PV_TRY(ExprPtr left, sum());
  static constexpr std::pair<std::string_view, Op> kRelations[] = {
      {"==", Op::kEq}, {"!=", Op::kNe}, {"<", Op::kLt}, {"<=", Op::kLe},
      {">", Op::kGt},  {">=", Op::kGe}, {"in", Op::kIn}};
  ExprPtr out = left;
  bool related = true;
  if (peek().is("has")) {
    PV_TRY(out, has_tail(left));
  } else if (peek().is("like")) {
    PV_TRY(out, like_tail(left));
  } else if (peek().is("is")) {
    PV_TRY(out, is_tail(left));
  } else if (peek().is("=")) {
    return error(peek().span.begin, "`=` is not an operator; write `==` to compare");
  } else {
    related = false;
    for (auto [text, op] : kRelations) {
      if (!accept(text)) continue;
      PV_TRY(ExprPtr right, sum());
      PV_TRY(out, node(op, begin, {left, right}));
      related = true;
      break;
    }
  }
  if (!related) return out;
  for (std::string_view again : {"==", "!=", "<", "<=", ">", ">=", "in", "has", "like", "is"}) {
    if (peek().is(again)) {
      return error(peek().span.begin, "comparisons do not chain; use `&&` or parentheses");
    }
  }
  return out;
}

Result<ExprPtr> ExprParser::has_tail(ExprPtr subject) {
  uint32_t begin = subject->span.begin;
  take();
  Expr expr;
  expr.op = Op::kHas;
  expr.args = {std::move(subject)};
  if (peek().kind == Token::Kind::kString) {
    PV_TRY(std::string name, string_literal("an attribute name"));
    expr.path.push_back(std::move(name));
    if (peek().is(".") || peek().is("[")) {
      return error(peek().span.begin, "`has` takes one string or a path of identifiers");
    }
    return finish(std::move(expr), begin);
  }
  do {
    PV_TRY(std::string name, identifier("an attribute name"));
    expr.path.push_back(std::move(name));
    if (expr.path.size() > kExprDepthMax) {
      return error(begin, "this `has` path is too long", Code::kLimit);
    }
  } while (accept("."));
  if (peek().is("[") || peek().is("(")) return unexpected("an operator after the attribute path");
  return finish(std::move(expr), begin);
}

Result<ExprPtr> ExprParser::like_tail(ExprPtr subject) {
  uint32_t begin = subject->span.begin;
  take();
  if (peek().kind != Token::Kind::kString) return unexpected("a string literal after `like`");
  const Token& token = take();
  if (token.body().size() > kPatternBytesMax) {
    return error(token.span.begin, "a pattern of more than " + std::to_string(kPatternBytesMax) + " bytes", Code::kLimit);
  }
  Expr expr;
  expr.op = Op::kLike;
  expr.args = {std::move(subject)};
  std::string_view body = token.body();
  while (!body.empty()) {
    auto one = unescape_one(body);
    if (!one) return error(token.span.begin, one.error().message);
    // SPEC Cedar like: every star that is not written `\*` is a wildcard, however it is spelled
    if (one->scalar == '*' && !one->literal_star) {
      expr.pattern.add_wildcard();
    } else {
      expr.pattern.add_literal(one->scalar);
    }
  }
  return finish(std::move(expr), begin);
}

Result<ExprPtr> ExprParser::is_tail(ExprPtr subject) {
  uint32_t begin = subject->span.begin;
  take();
  PV_TRY(std::string type, path("an entity type"));
  if (peek().is("::")) return unexpected("an entity type, not an entity");
  if (!accept("in")) return node(Op::kIs, begin, {subject}, std::move(type));
  PV_TRY(ExprPtr group, sum());
  return node(Op::kIsIn, begin, {subject, group}, std::move(type));
}

Result<ExprPtr> ExprParser::sum() {
  uint32_t begin = peek().span.begin;
  PV_TRY(ExprPtr left, product());
  while (peek().is("+") || peek().is("-")) {
    Op op = take().is("+") ? Op::kAdd : Op::kSub;
    PV_TRY(ExprPtr right, product());
    PV_TRY(left, node(op, begin, {left, right}));
  }
  return left;
}

Result<ExprPtr> ExprParser::product() {
  uint32_t begin = peek().span.begin;
  PV_TRY(ExprPtr left, unary());
  while (peek().is("*") || peek().is("/") || peek().is("%")) {
    if (!peek().is("*")) {
      return error(peek().span.begin, "`" + std::string(peek().text) + "` is not an operator of Cedar");
    }
    take();
    PV_TRY(ExprPtr right, unary());
    PV_TRY(left, node(Op::kMul, begin, {left, right}));
  }
  return left;
}

Result<ExprPtr> ExprParser::unary() {
  constexpr size_t kSigns = 4;  // SPEC Cedar grammar: at most four `!` or four `-`
  uint32_t begin = peek().span.begin;
  if (!peek().is("!") && !peek().is("-")) return member();
  std::string_view sign = peek().text;
  std::vector<uint32_t> places;
  while (peek().is(sign)) {
    places.push_back(take().span.begin);
    if (places.size() > kSigns) {
      return error(begin, "at most four `" + std::string(sign) + "` may stand in a row");
    }
  }
  if (peek().is("!") || peek().is("-")) {
    return error(peek().span.begin, "`!` and `-` may not be mixed without parentheses");
  }
  if (sign == "-") return negation(places.size(), begin);
  PV_TRY(ExprPtr out, member());
  for (size_t i = places.size(); i > 0; --i) {
    PV_TRY(out, node(Op::kNot, places[i - 1], {out}));
  }
  return out;
}

// `begin` is where the first sign stands; a literal directly after the last sign is a negative literal.
Result<ExprPtr> ExprParser::negation(size_t count, uint32_t begin) {
  ExprPtr out;
  bool literal = peek().kind == Token::Kind::kInteger && !peek(1).is(".") && !peek(1).is("[");
  if (literal) {
    PV_TRY(out, integer(true, begin));
    --count;
  } else {
    PV_TRY(out, member());
  }
  for (; count > 0; --count) {
    PV_TRY(out, node(Op::kNeg, begin, {out}));
  }
  return out;
}

Result<ExprPtr> ExprParser::integer(bool negative, uint32_t begin) {
  const Token& token = take();
  uint64_t value = 0;
  bool overflow = false;
  for (char c : token.text) {
    overflow |= __builtin_mul_overflow(value, uint64_t{10}, &value);
    overflow |= __builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value);
  }
  uint64_t most = negative ? uint64_t{1} << 63 : INT64_MAX;
  if (overflow || value > most) {
    return error(token.span.begin, "the integer `" + std::string(token.text) + "` is too large");
  }
  Expr expr;
  expr.value = Value::integer(static_cast<int64_t>(negative ? 0 - value : value));
  return finish(std::move(expr), begin);
}

Result<ExprPtr> ExprParser::member() {
  uint32_t begin = peek().span.begin;
  PV_TRY(ExprPtr out, primary());
  while (true) {
    if (accept("[")) {
      PV_TRY(std::string name, string_literal("an attribute name in quotes"));
      PV_TRY_VOID(expect("]"));
      PV_TRY(out, node(Op::kGetAttr, begin, {out}, std::move(name)));
    } else if (accept(".")) {
      const Token& token = peek();
      PV_TRY(std::string name, identifier("an attribute or method name"));
      if (peek().is("(")) {
        PV_TRY(out, method_call(out, token));
      } else {
        PV_TRY(out, node(Op::kGetAttr, begin, {out}, std::move(name)));
      }
    } else {
      return out;
    }
  }
}

Result<ExprPtr> ExprParser::method_call(ExprPtr receiver, const Token& name) {
  uint32_t begin = receiver->span.begin;
  take();
  PV_TRY(std::vector<ExprPtr> args, arguments(")"));
  args.insert(args.begin(), std::move(receiver));
  std::string text(name.text);
  if (const MethodInfo* method = find_method(text)) {
    if (args.size() != method->arguments + 1U) {
      return error(name.span.begin, "`" + text + "` takes " + std::to_string(method->arguments) +
                                        " arguments, not " + std::to_string(args.size() - 1));
    }
    return node(method->op, begin, std::move(args));
  }
  const ExtInfo* ext = find_extension(text);
  if (ext == nullptr) return error(name.span.begin, "there is no method `" + text + "`");
  if (is_constructor(ext->ext)) {
    return error(name.span.begin, "`" + text + "` is a function: write `" + text + "(…)`");
  }
  return node(Op::kExtension, begin, std::move(args), std::move(text));
}

Result<std::vector<ExprPtr>> ExprParser::arguments(std::string_view close) {
  std::vector<ExprPtr> out;
  while (!accept(close)) {
    PV_TRY(ExprPtr arg, expression());
    out.push_back(std::move(arg));
    if (peek().is(close)) continue;
    if (!accept(",")) return unexpected("`,` or `" + std::string(close) + "`");
  }
  return out;
}

Result<ExprPtr> ExprParser::primary() {
  const Token& token = peek();
  uint32_t begin = token.span.begin;
  switch (token.kind) {
    case Token::Kind::kInteger: return integer(false, begin);
    case Token::Kind::kString: {
      Expr expr;
      PV_TRY(std::string text, string_literal("a string"));
      expr.value = Value::string(text);
      return finish(std::move(expr), begin);
    }
    case Token::Kind::kIdent: return name_or_call();
    case Token::Kind::kEnd: return unexpected("an expression");
    case Token::Kind::kPunct: break;
  }
  if (accept("(")) {
    PV_TRY(ExprPtr inner, expression());
    PV_TRY_VOID(expect(")"));
    return inner;
  }
  if (token.is("[")) return set_literal();
  if (token.is("{")) return record_literal();
  if (token.is("?")) {
    return error(begin, "slots may stand only in the head of a template");
  }
  return unexpected("an expression");
}

Result<ExprPtr> ExprParser::name_or_call() {
  uint32_t begin = peek().span.begin;
  Expr expr;
  if (peek().is("true") || peek().is("false")) {
    expr.value = Value::boolean(take().is("true"));
    return finish(std::move(expr), begin);
  }
  if (peek().is("if")) {
    return error(begin, "`if` may not be an operand; put it in parentheses");
  }
  if (peek(1).is("::")) {
    PV_TRY(EntityUid uid, entity_uid());
    expr.value = Value::entity(std::move(uid));
    return finish(std::move(expr), begin);
  }
  PV_TRY(std::string name, identifier("an expression"));
  if (accept("(")) {
    const ExtInfo* ext = find_extension(name);
    if (ext == nullptr) return error(begin, "there is no function `" + name + "`");
    if (!is_constructor(ext->ext)) {
      return error(begin, "`" + name + "` is a method: write `x." + name + "(…)`");
    }
    PV_TRY(std::vector<ExprPtr> args, arguments(")"));
    return node(Op::kExtension, begin, std::move(args), std::move(name));
  }
  static constexpr std::string_view kVars[] = {"principal", "action", "resource", "context"};
  for (uint8_t i = 0; i < 4; ++i) {
    if (name != kVars[i]) continue;
    expr.op = Op::kVar;
    expr.var = static_cast<Var>(i);
    return finish(std::move(expr), begin);
  }
  return error(begin, "`" + name + "` is not a variable; there are principal, action, resource and context");
}

Result<EntityUid> ExprParser::entity_uid() {
  EntityUid uid;
  PV_TRY(uid.type, path("an entity type"));
  PV_TRY_VOID(expect("::"));
  PV_TRY(uid.id, string_literal("an entity id in quotes"));
  return uid;
}

Result<ExprPtr> ExprParser::set_literal() {
  uint32_t begin = take().span.begin;
  PV_TRY(std::vector<ExprPtr> args, arguments("]"));
  if (args.size() > kSetElementsMax) {
    return error(begin, "a set of more than " + std::to_string(kSetElementsMax) + " elements", Code::kLimit);
  }
  return node(Op::kSet, begin, std::move(args));
}

Result<ExprPtr> ExprParser::record_literal() {
  uint32_t begin = take().span.begin;
  Expr expr;
  expr.op = Op::kRecord;
  std::set<std::string> seen;
  while (!accept("}")) {
    uint32_t at = peek().span.begin;
    std::string key;
    if (peek().kind == Token::Kind::kString) {
      PV_TRY(key, string_literal("an attribute name"));
    } else {
      PV_TRY(key, identifier("an attribute name"));
    }
    if (!seen.insert(key).second) {
      return error(at, "the attribute `" + key + "` is given twice");
    }
    PV_TRY_VOID(expect(":"));
    PV_TRY(ExprPtr value, expression());
    expr.path.push_back(std::move(key));
    expr.args.push_back(std::move(value));
    if (peek().is("}")) continue;
    if (!accept(",")) return unexpected("`,` or `}`");
  }
  return finish(std::move(expr), begin);
}

}  // namespace proviso::cedar
