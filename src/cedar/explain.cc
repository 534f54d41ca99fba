// Why each policy did or did not apply: judged again conjunct by conjunct, with the places in its text.
#include <algorithm>

#include "cedar/engine.h"

namespace proviso::cedar {
namespace {

constexpr uint64_t kPolicySteps = 20;   // what a policy costs beside its conditions
constexpr uint64_t kExcerptSteps = 60;  // finding two places and copying the text between them

// The parts of a condition that are joined by &&, in order.
std::vector<const Expr*> conjuncts(const Expr& body) {
  if (body.op != Op::kAnd) return {&body};
  std::vector<const Expr*> out;
  for (const ExprPtr& arg : body.args) out.push_back(arg.get());
  return out;
}

class Explainer {
 public:
  Explainer(const Engine::Impl& impl, const Request& request, const Entities& entities)
      : impl_(impl),
        evaluator_(impl.program, request, entities, impl.known_actions(), thread_workspace(),
                   kExplanationStepsMax) {}

  Explanation explain(uint32_t index) {
    Explanation out;
    out.policy = index;
    if (evaluator_.spend(kPolicySteps)) explain_into(out);
    if (!evaluator_.exhausted()) return out;
    out = {};
    out.policy = index;
    out.verdict = Explanation::Verdict::kUnknown;
    return out;
  }

 private:
  void explain_into(Explanation& out) {
    const Policy& policy = impl_.set.policies()[out.policy];
    if (!scopes(policy, impl_.scopes[out.policy], out)) return;
    uint32_t step = impl_.compiled[out.policy].begin;
    for (const Condition& condition : policy.conditions) {
      if (!judge(policy, condition, step, out)) return;
    }
  }

  Excerpt cited(const Policy& policy, Span span) {
    evaluator_.spend(kExcerptSteps + (span.end - span.begin) / 32);
    return excerpt(*policy.source, span);
  }

  bool scopes(const Policy& policy, const CompiledScopes& compiled, Explanation& out) {
    auto check = [&](Var variable, const CompiledScope& scope, Span span, Explanation::Verdict verdict) {
      if (Engine::Impl::matches(evaluator_, variable, scope)) return true;
      out.verdict = verdict;
      out.failed = cited(policy, span);
      return false;
    };
    using enum Explanation::Verdict;
    return check(Var::kPrincipal, compiled.principal, policy.principal.span, kPrincipal) &&
           check(Var::kAction, compiled.action, policy.action.span, kAction) &&
           check(Var::kResource, compiled.resource, policy.resource.span, kResource);
  }

  // The nodes of a condition's conjuncts, in the order of its text. `step` is moved past it.
  std::vector<uint32_t> nodes_of(const Condition& condition, uint32_t& step) const {
    std::vector<uint32_t> out;
    if (condition.kind == Condition::Kind::kWhen) {
      size_t count = conjuncts(*condition.body).size();
      for (size_t i = 0; i < count; ++i) out.push_back(impl_.steps[step++].node);
      return out;
    }
    uint32_t root = impl_.steps[step++].node;
    const Node& node = impl_.program.nodes[root];
    if (node.op != Op::kAnd) return {root};
    for (uint32_t i = 0; i < node.count; ++i) out.push_back(impl_.program.kid(node, i));
    return out;
  }

  // False: the condition decided the policy's verdict, and `out` says how.
  bool judge(const Policy& policy, const Condition& condition, uint32_t& step, Explanation& out) {
    auto stop = [&](Explanation::Verdict verdict, const Expr& expr) {
      out.verdict = verdict;
      out.failed = cited(policy, expr.span);
      out.in_unless = condition.kind == Condition::Kind::kUnless;
      out.unmet.clear();
      return false;
    };
    std::vector<const Expr*> parts = conjuncts(*condition.body);
    std::vector<uint32_t> nodes = nodes_of(condition, step);
    std::vector<Excerpt> unmet;
    for (size_t i = 0; i < parts.size(); ++i) {
      bool value = false;
      if (!evaluator_.eval_bool(nodes[i], value)) {
        // Behind a false conjunct nothing is evaluated; an error there has no part in the verdict.
        if (!unmet.empty()) continue;
        out.error = evaluator_.error();
        return stop(Explanation::Verdict::kError, *parts[i]);
      }
      if (value) continue;
      if (condition.kind == Condition::Kind::kWhen) return stop(Explanation::Verdict::kCondition, *parts[i]);
      unmet.push_back(cited(policy, parts[i]->span));
    }
    if (condition.kind == Condition::Kind::kUnless && unmet.empty()) {
      return stop(Explanation::Verdict::kCondition, *condition.body);
    }
    std::ranges::move(unmet, std::back_inserter(out.unmet));
    return true;
  }

  const Engine::Impl& impl_;
  Evaluator evaluator_;
};

}  // namespace

std::vector<Explanation> Engine::explain(const Request& request, const Entities& entities) const {
  std::vector<Explanation> out;
  Explainer explainer(*impl_, request, entities);
  for (uint32_t i = 0; i < impl_->compiled.size(); ++i) out.push_back(explainer.explain(i));
  return out;
}

Explanation Engine::explain(uint32_t policy, const Request& request, const Entities& entities) const {
  return Explainer(*impl_, request, entities).explain(policy);
}

}  // namespace proviso::cedar
