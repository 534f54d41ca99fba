#pragma once
// The authoriser: a policy set compiled once, asked many times. Allow needs a satisfied permit and no
// satisfied forbid; a policy that errors is skipped and listed, and every policy is always judged.
// The work of one decision is bounded. An index skips policies whose scope cannot match; scopes cannot error, so the answer and the error
// set are those of evaluating everything. Immutable, safe for many threads. Source: Cedar 4.5,
// "Authorization".
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cedar/entities.h"
#include "cedar/policy_set.h"
#include "cedar/schema.h"
#include "cedar/value.h"

namespace proviso::cedar {

// A step takes ten to twelve nanoseconds at worst, so that no decision takes 200 µs.
inline constexpr uint64_t kDecisionStepsMax = 15'000;

inline constexpr uint64_t kExplanationStepsMax = 1'500'000;  // a hundred decisions: some 20 ms

enum class Answer : uint8_t { kAllow, kDeny };

struct Request {
  EntityUid principal;
  EntityUid action;
  EntityUid resource;
  Record context;
};

struct PolicyError {
  uint32_t policy = 0;  // index into Engine::policies()
  std::string message;  // "attribute `x` not found on `User::\"a\"`"
};

// Policies are named by their index in Engine::policies(), ascending.
struct Response {
  Answer decision = Answer::kDeny;
  std::vector<uint32_t> permits;  // every satisfied permit
  std::vector<uint32_t> forbids;  // every satisfied forbid
  std::vector<PolicyError> errors;
  // The bound on work was reached: the decision is deny, the lists are incomplete, and the last error
  // is of the policy that could not be judged, if it came to one.
  bool cut_short = false;
  // The policies that determined the decision: permits on allow, forbids on deny.
  [[nodiscard]] const std::vector<uint32_t>& reason() const {
    return decision == Answer::kAllow ? permits : forbids;
  }
};

// Why one policy did or did not apply.
struct Explanation {
  enum class Verdict : uint8_t {
    kSatisfied,
    kPrincipal,  // the scope did not match
    kAction,
    kResource,
    kCondition,  // a condition was false
    kError,
    kUnknown,  // the work of the explanation was used up before
  };
  uint32_t policy = 0;
  Verdict verdict = Verdict::kSatisfied;
  // Scope: the part that did not match. kCondition: the first conjunct that failed. kError: the
  // conjunct that erred. Empty text for kSatisfied.
  Excerpt failed;
  bool in_unless = false;  // `failed` is an `unless` body that was true
  // A satisfied policy: the conjuncts of its `unless` bodies that are false; were they all true, the
  // policy would not apply. This is what a hold waits for.
  std::vector<Excerpt> unmet;
  std::string error;
};

struct EngineOptions {
  uint64_t steps_max = kDecisionStepsMax;  // of one decision; kUnbounded for measuring and judging
  bool index = true;                       // off: every policy is walked; the answers are the same
  static constexpr uint64_t kUnbounded = UINT64_MAX / 2;
};

class Engine {
 public:
  // kLimit: a policy that compiles to more than kProgramNodesMax. With a schema, its action entities
  // are known to the engine even if the store does not hold them.
  static Result<Engine> compile(PolicySet policies, const Schema* schema = nullptr,
                                EngineOptions options = {});
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  [[nodiscard]] Response is_authorized(const Request& request, const Entities& entities) const;
  // The same into `out`, whose buffers are reused.
  void is_authorized(const Request& request, const Entities& entities, Response& out) const;
  // One entry per policy, in order, kExplanationStepsMax for all of them. Slower; meant for denials.
  [[nodiscard]] std::vector<Explanation> explain(const Request& request,
                                                 const Entities& entities) const;
  // Of one policy.
  [[nodiscard]] Explanation explain(uint32_t policy, const Request& request, const Entities& entities) const;
  [[nodiscard]] const std::vector<Policy>& policies() const;
  // How many policies the index leaves to be evaluated.
  [[nodiscard]] size_t candidates(const Request& request, const Entities& entities) const;

  struct Impl;

 private:
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Evaluates one expression alone; kInvalid carries the run-time error.
Result<Value> evaluate(const Expr& expr, const Request& request, const Entities& entities);

}  // namespace proviso::cedar
