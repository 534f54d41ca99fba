#pragma once
// What an Engine holds once compiled; authorizer.cc decides with it, explain.cc says why. Inner to the
// room. Immutable after compile().
#include <vector>

#include "cedar/authorizer.h"
#include "cedar/evaluator.h"
#include "cedar/scope_index.h"

namespace proviso::cedar {

struct CompiledScope {
  Scope::Kind kind = Scope::Kind::kAny;
  uint32_t type = Program::kNone;  // kIs, kIsIn
  std::vector<uint32_t> literals;  // kEq, kIn, kIsIn: one; kInSet: any number
};

// A conjunct of a policy, or a whole `unless` body: the policy needs it to be `wanted`.
struct Step {
  uint32_t node = 0;
  bool wanted = true;
};

struct CompiledScopes {
  CompiledScope principal;
  CompiledScope action;
  CompiledScope resource;
};

// What a decision reads of every policy that it judges.
struct CompiledPolicy {
  uint32_t begin = 0;  // in Impl::steps
  uint32_t end = 0;
  Effect effect = Effect::kPermit;
  bool scope_left = false;  // the index key does not say the whole scope: `is T in E`
  bool many_actions = false;  // stands under several action keys
};

struct Engine::Impl {
  PolicySet set;
  Program program;
  EngineOptions options;
  std::vector<CompiledPolicy> compiled;
  std::vector<CompiledScopes> scopes;  // of each policy
  std::vector<Step> steps;
  bool has_schema = false;
  Entities actions;  // the schema's action entities
  ScopeIndex index;

  Status compile();
  static bool matches(const Evaluator& evaluator, Var variable, const CompiledScope& scope);
  [[nodiscard]] const Entities* known_actions() const { return has_schema ? &actions : nullptr; }

 private:
  Result<CompiledPolicy> compile_policy(const Policy& policy);
  CompiledScope compile_scope(const Scope& scope);
  static ScopeIndex::Key key_of(const CompiledScope& scope);
  void add_to_index(uint32_t policy);
};

// The thread's workspace; see workspace.h.
Workspace& thread_workspace();

}  // namespace proviso::cedar
