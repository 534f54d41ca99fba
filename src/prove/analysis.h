#pragma once
// What two policy sets, or the policies of one, say about each other, environment by environment: the
// questions of upstream's analyser. Verdicts are about Cedar's own semantics unless asked otherwise.
// Source: cedar-spec SymCC/Verifier and the analyser's README.
#include <string>
#include <vector>

#include "prove/prover.h"

namespace proviso::prove {

// A against B: does whatever A allows stay allowed under B, and the other way round?
enum class Relation : uint8_t { kEquivalent, kLess, kMore, kIncomparable, kUnknown };
const char* relation_name(Relation relation);  // of A to B: "less permissive", …

struct Comparison {
  Environment env;
  Relation relation = Relation::kUnknown;
  Finding only_a;  // kBroken: a request that A allows and B does not
  Finding only_b;
};
Comparison compare(Prover& prover, const cedar::Schema& schema, const Environment& env, const cedar::Engine& a,
                   const cedar::Engine& b, Semantics semantics = Semantics::kCedar);

// Findings about the policies of one set, named by their index.
struct Overlap {
  enum class Kind : uint8_t {
    kRedundant,   // both match the same requests
    kShadowed,    // all that `policy` matches `by` matches too, and more; both have one effect
    kOverridden,  // all that the permit `policy` matches the forbid `by` matches
  };
  Environment env;
  Kind kind = Kind::kRedundant;
  uint32_t policy = 0;
  uint32_t by = 0;
  friend bool operator==(const Overlap&, const Overlap&) = default;
};
struct Vacuity {
  uint32_t policy = 0;
  bool always = false;  // matches every request of the schema; else none
};
struct Lint {
  std::vector<Vacuity> vacuous;
  std::vector<Overlap> overlaps;
  std::vector<std::string> unknown;  // questions without an answer, a sentence each
};
// An environment at a time on each of `threads`.
Lint lint(const ProverOptions& options, unsigned threads, const cedar::Schema& schema, const cedar::Engine& engine);

// Does the policy ever err in that environment? kHolds: never. kBroken: the request replays the error.
Finding never_errs(Prover& prover, const cedar::Schema& schema, const Environment& env, const cedar::Engine& engine,
                   uint32_t policy);

// Judges a counterexample with the real authoriser, under the semantics asked for.
Result<bool> allows(const cedar::Engine& engine, const Counterexample& example, Semantics semantics);

}  // namespace proviso::prove
