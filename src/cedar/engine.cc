#include "cedar/engine.h"

#include <algorithm>
#include <atomic>
#include <set>

namespace proviso::cedar {

Workspace& thread_workspace() {
  thread_local Workspace workspace;
  return workspace;
}

CompiledScope Engine::Impl::compile_scope(const Scope& scope) {
  CompiledScope out;
  out.kind = scope.kind;
  if (scope.kind == Scope::Kind::kIs || scope.kind == Scope::Kind::kIsIn) out.type = program.add_type(scope.type);
  for (const EntityUid& uid : scope.entities) out.literals.push_back(program.add_literal(uid).index);
  return out;
}

// Conjuncts of `when` are judged one by one, so that policies can share them.
Result<CompiledPolicy> Engine::Impl::compile_policy(const Policy& policy) {
  CompiledPolicy out;
  out.effect = policy.effect;
  const CompiledScopes& scope =
      scopes.emplace_back(compile_scope(policy.principal), compile_scope(policy.action), compile_scope(policy.resource));
  out.scope_left = scope.principal.kind == Scope::Kind::kIsIn || scope.resource.kind == Scope::Kind::kIsIn;
  out.many_actions = scope.action.literals.size() > 1;
  out.begin = static_cast<uint32_t>(steps.size());
  for (const Condition& condition : policy.conditions) {
    const Expr& body = *condition.body;
    if (condition.kind == Condition::Kind::kWhen && body.op == Op::kAnd) {
      for (const ExprPtr& conjunct : body.args) {
        PV_TRY(uint32_t node, program.add(*conjunct));
        steps.push_back({node, true});
      }
      continue;
    }
    PV_TRY(uint32_t node, program.add(body));
    steps.push_back({node, condition.kind == Condition::Kind::kWhen});
  }
  out.end = static_cast<uint32_t>(steps.size());
  return out;
}

ScopeIndex::Key Engine::Impl::key_of(const CompiledScope& scope) {
  switch (scope.kind) {
    case Scope::Kind::kAny: return ScopeIndex::kAny;
    case Scope::Kind::kIs: return ScopeIndex::of_type(scope.type);
    case Scope::Kind::kEq: return ScopeIndex::equal_to(scope.literals[0]);
    default: return ScopeIndex::inside(scope.literals[0]);
  }
}

void Engine::Impl::add_to_index(uint32_t policy) {
  const CompiledScopes& p = scopes[policy];
  ScopeIndex::Key principal = key_of(p.principal);
  ScopeIndex::Key resource = key_of(p.resource);
  if (p.action.kind == Scope::Kind::kAny) {
    index.add(ScopeIndex::kAny, principal, resource, policy);
    return;
  }
  if (p.action.kind == Scope::Kind::kEq) {
    index.add(key_of(p.action), principal, resource, policy);
    return;
  }
  for (uint32_t literal : std::set(p.action.literals.begin(), p.action.literals.end())) {
    index.add(ScopeIndex::inside(literal), principal, resource, policy);
  }
}

Status Engine::Impl::compile() {
  compiled.reserve(set.size());
  scopes.reserve(set.size());
  for (const Policy& policy : set.policies()) {
    PV_TRY(CompiledPolicy out, compile_policy(policy));
    compiled.push_back(std::move(out));
    add_to_index(static_cast<uint32_t>(compiled.size() - 1));
  }
  if (std::max(program.literals.size(), program.types.size()) > kLiteralsMax) {
    return fail(Code::kLimit, "the policies name more than " + std::to_string(kLiteralsMax) + " entities or types");
  }
  index.freeze();
  return {};
}

bool Engine::Impl::matches(const Evaluator& evaluator, Var variable, const CompiledScope& scope) {
  uint32_t type = evaluator.place_of(variable).type;
  switch (scope.kind) {
    case Scope::Kind::kAny: return true;
    case Scope::Kind::kEq: return evaluator.is_literal(variable, scope.literals[0]);
    case Scope::Kind::kIs: return type == scope.type;
    case Scope::Kind::kIsIn:
      return type == scope.type && evaluator.is_inside(variable, scope.literals[0]);
    case Scope::Kind::kIn:
    case Scope::Kind::kInSet:
      return std::ranges::any_of(scope.literals,
                                 [&](uint32_t literal) { return evaluator.is_inside(variable, literal); });
  }
  return false;
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Result<Engine> Engine::compile(PolicySet policies, const Schema* schema, EngineOptions options) {
  static std::atomic<uint64_t> serials = 0;
  auto impl = std::make_unique<Impl>();
  impl->program.serial = ++serials;
  impl->set = std::move(policies);
  impl->options = options;
  PV_TRY_VOID(impl->compile());
  if (schema != nullptr) {
    PV_TRY(impl->actions, Entities::create(schema->action_entities()));
    impl->has_schema = true;
  }
  return Engine(std::move(impl));
}

const std::vector<Policy>& Engine::policies() const { return impl_->set.policies(); }

}  // namespace proviso::cedar
