#include "cedar/authorizer.h"

#include <algorithm>

#include "cedar/evaluator.h"
#include "cedar/program.h"

namespace proviso::cedar {
namespace {

struct CompiledScope {
  Scope::Kind kind = Scope::Kind::kAny;
  std::string type;
  std::vector<Val> entities;
};

struct CompiledCondition {
  uint32_t node = 0;
  Condition::Kind kind = Condition::Kind::kWhen;
};

struct CompiledPolicy {
  CompiledScope principal;
  CompiledScope action;
  CompiledScope resource;
  std::vector<CompiledCondition> conditions;
};

enum class Outcome { kFalse, kTrue, kError };

}  // namespace

struct Engine::Impl {
  PolicySet set;
  Program program;
  std::vector<CompiledPolicy> compiled;
  bool has_schema = false;
  Entities actions;                                  // the schema's action entities
  std::vector<std::vector<uint32_t>> by_action;      // policies whose action scope matches, per action

  CompiledScope compile_scope(const Scope& scope) {
    CompiledScope out{scope.kind, scope.type, {}};
    for (const EntityUid& uid : scope.entities) {
      Val v;
      v.kind = Kind::kEntity;
      v.hashed = true;
      v.uid = program.add_uid(uid);
      out.entities.push_back(v);
    }
    return out;
  }

  Status compile() {
    for (const Policy& policy : set.policies()) {
      CompiledPolicy out;
      out.principal = compile_scope(policy.principal);
      out.action = compile_scope(policy.action);
      out.resource = compile_scope(policy.resource);
      for (const Condition& condition : policy.conditions) {
        PV_TRY(uint32_t node, program.add(*condition.body));
        out.conditions.push_back({node, condition.kind});
      }
      compiled.push_back(std::move(out));
    }
    return {};
  }

  Status index_actions(const Schema& schema) {
    PV_TRY(actions, Entities::create(schema.action_entities()));
    has_schema = true;
    for (const auto& [uid, declaration] : schema.actions()) {
      uint32_t id = actions.id_of(hash_uid(uid.type, uid.id), uid.type, uid.id);
      if (id >= by_action.size()) by_action.resize(id + 1);
      Request request{{}, uid, {}, {}};
      Evaluator evaluator(program, request, actions, nullptr);
      for (uint32_t i = 0; i < compiled.size(); ++i) {
        if (matches(evaluator, Var::kAction, compiled[i].action)) by_action[id].push_back(i);
      }
    }
    return {};
  }

  static bool matches(Evaluator& evaluator, Var variable, const CompiledScope& scope) {
    if (scope.kind == Scope::Kind::kAny) return true;
    Val value = evaluator.var(variable);
    switch (scope.kind) {
      case Scope::Kind::kAny: return true;
      case Scope::Kind::kEq: return equal(*value.uid, *scope.entities[0].uid);
      case Scope::Kind::kIs: return value.uid->type == scope.type;
      case Scope::Kind::kIsIn:
        return value.uid->type == scope.type && evaluator.is_in(value, scope.entities[0]);
      case Scope::Kind::kIn:
      case Scope::Kind::kInSet:
        return std::ranges::any_of(scope.entities,
                                   [&](const Val& e) { return evaluator.is_in(value, e); });
    }
    return false;
  }

  Outcome judge(Evaluator& evaluator, const CompiledPolicy& policy, bool action_matches) const {
    if (!action_matches && !matches(evaluator, Var::kAction, policy.action)) return Outcome::kFalse;
    if (!matches(evaluator, Var::kPrincipal, policy.principal)) return Outcome::kFalse;
    if (!matches(evaluator, Var::kResource, policy.resource)) return Outcome::kFalse;
    for (const CompiledCondition& condition : policy.conditions) {
      bool value = false;
      if (!evaluator.eval_bool(condition.node, value)) return Outcome::kError;
      if (value == (condition.kind == Condition::Kind::kUnless)) return Outcome::kFalse;
    }
    return Outcome::kTrue;
  }

  // The policies whose action scope matches, or nullptr when only a full walk is right: without a
  // schema, for an undeclared action, or when the store says otherwise about the action's parents.
  const std::vector<uint32_t>* candidates(const EntityUid& action, const Entities& entities) const {
    if (!has_schema) return nullptr;
    uint64_t hash = hash_uid(action.type, action.id);
    Entities::Id id = actions.id_of(hash, action.type, action.id);
    const Entity* declared = actions.at(id);
    if (declared == nullptr) return nullptr;
    const Entity* stored = entities.at(entities.id_of(hash, action.type, action.id));
    if (stored != nullptr && stored->parents != declared->parents) return nullptr;
    return &by_action[id];
  }

  void judge_into(Evaluator& evaluator, uint32_t index, bool action_matches, Response& out) const {
    switch (judge(evaluator, compiled[index], action_matches)) {
      case Outcome::kFalse: return;
      case Outcome::kError: out.errors.push_back({index, evaluator.error()}); return;
      case Outcome::kTrue:
        (set.policies()[index].effect == Effect::kPermit ? out.permits : out.forbids).push_back(index);
    }
  }

  // The parts of a condition that are joined by &&, in order.
  [[nodiscard]] std::vector<uint32_t> conjuncts(uint32_t node) const {
    const Node& n = program.nodes[node];
    if (n.op != Op::kAnd) return {node};
    return {program.kids.begin() + n.kids, program.kids.begin() + n.kids + n.count};
  }

  bool explain_scope(Evaluator& evaluator, uint32_t index, Explanation& out) const {
    const Policy& policy = set.policies()[index];
    const CompiledPolicy& c = compiled[index];
    auto check = [&](Var variable, const CompiledScope& scope, Span span, Explanation::Verdict verdict) {
      if (matches(evaluator, variable, scope)) return true;
      out.verdict = verdict;
      out.failed = excerpt(*policy.source, span);
      return false;
    };
    return check(Var::kPrincipal, c.principal, policy.principal.span, Explanation::Verdict::kPrincipal) &&
           check(Var::kAction, c.action, policy.action.span, Explanation::Verdict::kAction) &&
           check(Var::kResource, c.resource, policy.resource.span, Explanation::Verdict::kResource);
  }

  // False: the condition decided the policy's verdict, and `out` says how.
  bool explain_condition(Evaluator& evaluator, const Policy& policy, const CompiledCondition& condition,
                         Explanation& out) const {
    auto stop = [&](Explanation::Verdict verdict, uint32_t node) {
      out.verdict = verdict;
      out.failed = excerpt(*policy.source, program.nodes[node].span);
      out.in_unless = condition.kind == Condition::Kind::kUnless;
      if (verdict == Explanation::Verdict::kError) out.error = evaluator.error();
      out.unmet.clear();
      return false;
    };
    std::vector<Excerpt> unmet;
    for (uint32_t node : conjuncts(condition.node)) {
      bool value = false;
      if (!evaluator.eval_bool(node, value)) {
        // Behind a false conjunct nothing is evaluated; an error there has no part in the verdict.
        if (unmet.empty()) return stop(Explanation::Verdict::kError, node);
        continue;
      }
      if (value) continue;
      if (condition.kind == Condition::Kind::kWhen) return stop(Explanation::Verdict::kCondition, node);
      unmet.push_back(excerpt(*policy.source, program.nodes[node].span));
    }
    if (condition.kind == Condition::Kind::kUnless && unmet.empty()) {
      return stop(Explanation::Verdict::kCondition, condition.node);
    }
    std::ranges::move(unmet, std::back_inserter(out.unmet));
    return true;
  }
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Result<Engine> Engine::compile(PolicySet policies, const Schema* schema) {
  auto impl = std::make_unique<Impl>();
  impl->set = std::move(policies);
  PV_TRY_VOID(impl->compile());
  if (schema != nullptr) PV_TRY_VOID(impl->index_actions(*schema));
  return Engine(std::move(impl));
}

const std::vector<Policy>& Engine::policies() const { return impl_->set.policies(); }

Response Engine::is_authorized(const Request& request, const Entities& entities) const {
  Response out;
  is_authorized(request, entities, out);
  return out;
}

void Engine::is_authorized(const Request& request, const Entities& entities, Response& out) const {
  out.permits.clear();
  out.forbids.clear();
  out.errors.clear();
  Evaluator evaluator(impl_->program, request, entities, impl_->has_schema ? &impl_->actions : nullptr);
  if (const auto* candidates = impl_->candidates(request.action, entities)) {
    for (uint32_t index : *candidates) impl_->judge_into(evaluator, index, true, out);
  } else {
    for (uint32_t i = 0; i < impl_->compiled.size(); ++i) impl_->judge_into(evaluator, i, false, out);
  }
  // SPEC Cedar authorization: allow needs a satisfied permit and no satisfied forbid
  out.decision = !out.permits.empty() && out.forbids.empty() ? Answer::kAllow : Answer::kDeny;
}

std::vector<Explanation> Engine::explain(const Request& request, const Entities& entities) const {
  std::vector<Explanation> out;
  Evaluator evaluator(impl_->program, request, entities, impl_->has_schema ? &impl_->actions : nullptr);
  for (uint32_t i = 0; i < impl_->compiled.size(); ++i) {
    Explanation one;
    one.policy = i;
    if (impl_->explain_scope(evaluator, i, one)) {
      for (const CompiledCondition& condition : impl_->compiled[i].conditions) {
        if (!impl_->explain_condition(evaluator, policies()[i], condition, one)) break;
      }
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace proviso::cedar
