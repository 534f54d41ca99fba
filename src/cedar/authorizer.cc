#include "cedar/authorizer.h"

#include <algorithm>

#include "cedar/engine.h"

namespace proviso::cedar {
namespace {

enum class Outcome { kFalse, kTrue, kError };

// One decision: the request's keys, then every policy that they reach.
class Decider {
 public:
  Decider(const Engine::Impl& impl, const Request& request, const Entities& entities)
      : impl_(impl),
        work_(thread_workspace()),
        evaluator_(impl.program, request, entities, impl.known_actions(), work_, impl.options.steps_max) {}

  void decide(Response& out) {
    if (impl_.options.index) {
      each_candidate([&](uint32_t policy) { return judge_into(policy, out); });
      // Buckets come in their own order.
      if (out.permits.size() > 1) std::ranges::sort(out.permits);
      if (out.forbids.size() > 1) std::ranges::sort(out.forbids);
      if (out.errors.size() > 1) std::ranges::sort(out.errors, {}, &PolicyError::policy);
    } else {
      for (uint32_t i = 0; i < impl_.compiled.size() && evaluator_.spend(1); ++i) {
        if (scope_matches(i) && !judge_into(i, out)) break;
      }
    }
    if (evaluator_.exhausted()) out.cut_short = true;  // by a policy, or on the way to one
    // SPEC Cedar authorization: allow needs a satisfied permit and no satisfied forbid
    bool allow = !out.permits.empty() && out.forbids.empty() && !out.cut_short;
    out.decision = allow ? Answer::kAllow : Answer::kDeny;
  }

  // `visit` says whether to go on.
  template <class Visit>
  void each_candidate(Visit&& visit) {
    auto keys_of = [&](Var variable) { return work_.placement.keys(evaluator_.place_of(variable)); };
    std::span<const ScopeIndex::Key> actions = keys_of(Var::kAction);
    bool in_one = actions.size() < (evaluator_.place_of(Var::kAction).self != Program::kNone ? 4 : 3);  // kAny, ==, in
    auto candidate = [&](uint32_t policy, ScopeIndex::Key action) {
      const CompiledPolicy& p = impl_.compiled[policy];
      if (!evaluator_.spend(1)) return false;
      if (p.many_actions && !in_one && !first_match(impl_.scopes[policy].action, action)) return true;
      if (p.scope_left && !scope_matches(policy)) return true;
      return visit(policy);
    };
    impl_.index.each(actions, keys_of(Var::kPrincipal), keys_of(Var::kResource), candidate,
                     [this](uint64_t looked) { return evaluator_.spend(looked); });
  }

 private:
  // A policy stands under each action of its set; it is judged under the first that matches.
  bool first_match(const CompiledScope& action, ScopeIndex::Key found) {
    for (uint32_t literal : action.literals) {
      evaluator_.spend(1);
      if (evaluator_.is_inside(Var::kAction, literal)) return ScopeIndex::inside(literal) == found;
    }
    return false;
  }

  bool scope_matches(uint32_t policy) const {
    const CompiledScopes& p = impl_.scopes[policy];
    return Engine::Impl::matches(evaluator_, Var::kPrincipal, p.principal) &&
           Engine::Impl::matches(evaluator_, Var::kAction, p.action) &&
           Engine::Impl::matches(evaluator_, Var::kResource, p.resource);
  }

  Outcome judge(const CompiledPolicy& policy) {
    for (uint32_t i = policy.begin; i < policy.end; ++i) {
      const Step& step = impl_.steps[i];
      bool value = false;
      if (!evaluator_.eval_bool(step.node, value)) return Outcome::kError;
      if (value != step.wanted) return Outcome::kFalse;
    }
    return Outcome::kTrue;
  }

  // False: the work is used up.
  bool judge_into(uint32_t index, Response& out) {
    const CompiledPolicy& policy = impl_.compiled[index];
    switch (judge(policy)) {
      case Outcome::kFalse: break;
      case Outcome::kError: out.errors.push_back({index, evaluator_.error()}); break;
      case Outcome::kTrue: (policy.effect == Effect::kPermit ? out.permits : out.forbids).push_back(index);
    }
    if (!evaluator_.exhausted()) return true;
    if (out.errors.empty() || out.errors.back().policy != index) {
      out.errors.push_back({index, "the decision needs more than " +
                                       std::to_string(impl_.options.steps_max) + " steps"});
    }
    return false;
  }

  const Engine::Impl& impl_;
  Workspace& work_;
  Evaluator evaluator_;
};

}  // namespace

Response Engine::is_authorized(const Request& request, const Entities& entities) const {
  Response out;
  is_authorized(request, entities, out);
  return out;
}

void Engine::is_authorized(const Request& request, const Entities& entities, Response& out) const {
  out.permits.clear();
  out.forbids.clear();
  out.errors.clear();
  out.cut_short = false;
  Decider(*impl_, request, entities).decide(out);
}

size_t Engine::candidates(const Request& request, const Entities& entities) const {
  size_t count = 0;
  Decider(*impl_, request, entities).each_candidate([&](uint32_t) { return ++count > 0; });
  return count;
}

}  // namespace proviso::cedar
