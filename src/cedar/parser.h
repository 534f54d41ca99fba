#pragma once
// The policy parser: tokens to syntax tree, by recursive descent whose depth is bounded. Inner to the
// room; others use PolicySet. Source: Cedar 4.5 grammar.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cedar/ast.h"
#include "cedar/lexer.h"
#include "cedar/policy_set.h"

namespace proviso::cedar {

// A stream of tokens with the questions that both parsers ask.
class TokenReader {
 public:
  TokenReader(const Source& source, std::vector<Token> tokens)
      : source_(source), tokens_(std::move(tokens)) {}

 protected:
  [[nodiscard]] const Token& peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool accept(std::string_view text) {
    if (!peek().is(text)) return false;
    take();
    return true;
  }
  [[nodiscard]] uint32_t last_end() const { return at_ == 0 ? 0 : tokens_[at_ - 1].span.end; }
  Status expect(std::string_view text);
  [[nodiscard]] std::unexpected<Error> unexpected(std::string_view wanted) const;
  [[nodiscard]] std::unexpected<Error> error(uint32_t offset, std::string message,
                                             Code code = Code::kInvalid) const {
    return fail_in(source_, offset, std::move(message), code);
  }
  // An unreserved identifier.
  Result<std::string> identifier(std::string_view what);
  // A::B::C
  Result<std::string> path(std::string_view what);
  Result<std::string> string_literal(std::string_view what);

  const Source& source_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

class ExprParser : public TokenReader {
 public:
  using TokenReader::TokenReader;
  Result<ExprPtr> whole_expression();

 protected:
  Result<ExprPtr> expression();
  Result<EntityUid> entity_uid();

 private:
  Result<ExprPtr> if_expression();
  Result<ExprPtr> disjunction();
  Result<ExprPtr> conjunction();
  Result<ExprPtr> relation();
  Result<ExprPtr> has_tail(ExprPtr subject);
  Result<ExprPtr> like_tail(ExprPtr subject);
  Result<ExprPtr> is_tail(ExprPtr subject);
  Result<ExprPtr> sum();
  Result<ExprPtr> product();
  Result<ExprPtr> unary();
  Result<ExprPtr> negation(size_t count, uint32_t begin);
  Result<ExprPtr> member();
  Result<ExprPtr> method_call(ExprPtr receiver, const Token& name);
  Result<ExprPtr> primary();
  Result<ExprPtr> name_or_call();
  Result<ExprPtr> integer(bool negative, uint32_t begin);
  Result<ExprPtr> set_literal();
  Result<ExprPtr> record_literal();
  Result<std::vector<ExprPtr>> arguments(std::string_view close);
  Result<ExprPtr> finish(Expr expr, uint32_t begin);
  Result<ExprPtr> node(Op op, uint32_t begin, std::vector<ExprPtr> args, std::string name = {});

  size_t depth_ = 0;
};

class PolicyParser : public ExprParser {
 public:
  using ExprParser::ExprParser;
  // Policies without ids and sources; the caller names them.
  Result<std::vector<Policy>> policies();

 private:
  Result<Policy> policy();
  Status annotations(Policy& policy);
  Result<Scope> scope(std::string_view variable);
  Result<Scope> action_scope();
  // An entity, or the slot `?variable` where the scope may have one.
  Status scope_entity(Scope& scope, std::string_view variable);
  Result<Condition> condition();
};

}  // namespace proviso::cedar
