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
      each_candidate([&](uint32_t policy) { judge_into(policy, out); });
      // Buckets come in their own order.
      std::ranges::sort(out.permits);
      std::ranges::sort(out.forbids);
      std::ranges::sort(out.errors, {}, &PolicyError::policy);
    } else {
      for (uint32_t i = 0; i < impl_.compiled.size(); ++i) {
        if (scope_matches(i)) judge_into(i, out);
      }
    }
    // SPEC Cedar authorization: allow needs a satisfied permit and no satisfied forbid
    bool allow = !out.permits.empty() && out.forbids.empty() && !out.cut_short;
    out.decision = allow ? Answer::kAllow : Answer::kDeny;
  }

  template <class Visit>
  void each_candidate(Visit&& visit) {
    std::array<std::vector<ScopeIndex::Key>, 3>& keys = work_.keys;
    make_keys(Var::kAction, keys[0]);
    make_keys(Var::kPrincipal, keys[1]);
    make_keys(Var::kResource, keys[2]);
    bool one_action = work_.placement.inside(evaluator_.place_of(Var::kAction)).size() < 2;
    uint64_t looked = impl_.index.each(keys[0], keys[1], keys[2], [&](uint32_t policy, ScopeIndex::Key action) {
      const CompiledPolicy& p = impl_.compiled[policy];
      if (p.many_actions && !one_action && !first_match(impl_.scopes[policy].action, action)) return;
      if (p.scope_left && !scope_matches(policy)) return;
      visit(policy);
    });
    evaluator_.spend(looked);
  }

 private:
  // The first key is kAny.
  void make_keys(Var variable, std::vector<ScopeIndex::Key>& keys) const {
    const Placement::Place& place = evaluator_.place_of(variable);
    keys.clear();
    keys.push_back(ScopeIndex::kAny);
    if (place.self != Program::kNone) keys.push_back(ScopeIndex::equal_to(place.self));
    for (uint32_t literal : work_.placement.inside(place)) keys.push_back(ScopeIndex::inside(literal));
    if (place.type != Program::kNone && variable != Var::kAction) keys.push_back(ScopeIndex::of_type(place.type));
  }

  // A policy stands under each action of its set; it is judged under the first that matches.
  bool first_match(const CompiledScope& action, ScopeIndex::Key found) const {
    for (uint32_t literal : action.literals) {
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

  void judge_into(uint32_t index, Response& out) {
    if (out.cut_short) return;
    const CompiledPolicy& policy = impl_.compiled[index];
    evaluator_.spend(1);
    switch (judge(policy)) {
      case Outcome::kFalse: break;
      case Outcome::kError: out.errors.push_back({index, evaluator_.error()}); break;
      case Outcome::kTrue: (policy.effect == Effect::kPermit ? out.permits : out.forbids).push_back(index);
    }
    if (!evaluator_.exhausted()) return;
    out.cut_short = true;
    if (out.errors.empty() || out.errors.back().policy != index) {
      out.errors.push_back({index, "the decision needs more than " +
                                       std::to_string(impl_.options.steps_max) + " steps"});
    }
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
  Decider(*impl_, request, entities).each_candidate([&](uint32_t) { ++count; });
  return count;
}

}  // namespace proviso::cedar
