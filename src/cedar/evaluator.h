#pragma once
// Runs a compiled program on one request and store. Inner to the room. One evaluator serves one
// request on one thread; values that it hands out borrow from the request, the store, the program or
// its own arena. Recursion is as deep as the tree, which the parser bounds by kExprDepthMax.
// Source: cedar-spec Spec/Evaluator.
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cedar/authorizer.h"
#include "cedar/entities.h"
#include "cedar/program.h"

namespace proviso::cedar {

class Evaluator {
 public:
  // `actions`, if given, holds the schema's action entities, for stores that lack them.
  Evaluator(const Program& program, const Request& request, const Entities& entities,
            const Entities* actions);

  // False: a run-time error, see error().
  bool eval(uint32_t node, Val& out);
  // Evaluates to a Bool, or errs.
  bool eval_bool(uint32_t node, bool& out);
  [[nodiscard]] const std::string& error() const { return error_; }

  // The request's principal, action, resource or context.
  const Val& var(Var which);
  bool is_in(Val& left, Val right);

 private:
  bool fail(std::string message);
  bool wrong_kind(const Val& found, const char* wanted);
  uint32_t kid(const Node& n, uint32_t i) const { return p_.kids[n.kids + i]; }
  void resolve(Val& entity);
  const Entity* lookup(Val& entity);
  bool keep(Value value, Val& out);

  bool eval_logic(const Node& n, bool stop_at, Val& out);
  bool eval_unary(const Node& n, Val& out);
  bool eval_binary(const Node& n, Val& out);
  bool eval_order(Op op, const Val& a, const Val& b, Val& out);
  bool eval_arithmetic(Op op, const Val& a, const Val& b, Val& out);
  bool eval_in(Val& left, const Val& right, Val& out);
  bool eval_contains(Op op, const Val& a, const Val& b, Val& out);
  bool eval_tag(Op op, Val& a, const Val& b, Val& out);
  bool eval_is(const Node& n, Val& out);
  bool eval_attribute(const Node& n, Val& out);
  bool eval_has(const Node& n, Val& out);
  bool eval_set(const Node& n, Val& out);
  bool eval_record(const Node& n, Val& out);
  bool eval_extension(const Node& n, Val& out);
  bool extension(Ext ext, const Val& a, const Val& b, Val& out);

  const Program& p_;
  const Entities& entities_;
  const Entities* actions_;
  std::array<Val, 4> vars_;
  std::vector<std::unique_ptr<Value>> arena_;
  std::string error_;
};

}  // namespace proviso::cedar
