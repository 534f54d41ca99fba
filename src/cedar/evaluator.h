#pragma once
// Runs a compiled program on one request and store. Inner to the room. One evaluator serves one
// request on one thread; values that it hands out borrow from the request, the store, the program or
// the workspace. Recursion is as deep as the tree, which the parser bounds by kExprDepthMax. Work is
// counted in steps of a few nanoseconds; when they run out, every evaluation fails.
// Source: cedar-spec Spec/Evaluator.
#include <array>
#include <string>
#include <vector>

#include "cedar/authorizer.h"
#include "cedar/entities.h"
#include "cedar/program.h"
#include "cedar/workspace.h"

namespace proviso::cedar {

class Evaluator {
 public:
  // `actions`, if given, holds the schema's action entities, for stores that lack them.
  Evaluator(const Program& program, const Request& request, const Entities& entities,
            const Entities* actions, Workspace& workspace, uint64_t steps_max);

  // False: a run-time error, see error().
  bool eval(uint32_t node, Val& out) {
    const Node& n = p_.nodes[node];
    if (n.op == Op::kLiteral) {
      out = p_.constants[n.datum];
      return true;
    }
    if (n.op == Op::kVar) {
      out = vars_[n.sub];
      return true;
    }
    if (n.slot == Node::kNoSlot) return eval_node(n, out);
    Workspace::Slot& slot = w_.memo[n.slot];
    if (slot.epoch != w_.epoch) {
      if (!eval_node(n, out)) return false;
      slot.value = out;
      slot.epoch = w_.epoch;
      return true;
    }
    out = slot.value;
    return true;
  }
  // Evaluates to a Bool, or errs.
  bool eval_bool(uint32_t node, bool& out);
  [[nodiscard]] const std::string& error() const { return error_; }

  // Whether principal, action or resource is the literal, or in it.
  [[nodiscard]] bool is_literal(Var which, uint32_t literal) const { return place_of(which).self == literal; }
  [[nodiscard]] bool is_inside(Var which, uint32_t literal) const;
  [[nodiscard]] const Placement::Place& place_of(Var which) const { return places_[static_cast<size_t>(which)]; }

  // Takes work off the budget; false when there is none left.
  bool spend(uint64_t steps) {
    steps_ += steps;
    return steps_ <= steps_max_;
  }
  [[nodiscard]] bool exhausted() const { return steps_ > steps_max_; }
  bool spend_weight(const Val& value, uint64_t times);  // what comparing it so many times costs

 private:
  void place(Var which, const EntityUid& uid);
  bool eval_node(const Node& n, Val& out);
  bool fail(std::string message);
  bool wrong_kind(const Val& found, const char* wanted);
  bool out_of_steps();
  void resolve(Val& entity);
  const Entity* lookup(Val& entity);
  bool keep(Value value, Val& out);
  bool is_in(const Val& left, Val right);
  bool is_in_by_schema(const Val& left, const Val& right);
  bool is_in_one(const Val& left, const Set& set);

  bool eval_logic(const Node& n, bool stop_at, Val& out);
  bool eval_unary(const Node& n, Val& out);
  bool eval_like(const Node& n, const Val& a, Val& out);
  bool eval_binary(const Node& n, Val& out);
  bool eval_equal(const Val& a, const Val& b, bool wanted, Val& out);
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
  Workspace& w_;
  std::array<Val, 4> vars_;
  std::array<Placement::Place, 3> places_;
  uint64_t steps_ = 0;
  uint64_t steps_max_;
  std::string error_;
};

}  // namespace proviso::cedar
