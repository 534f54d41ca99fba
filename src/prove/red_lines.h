#pragma once
// The red lines of an agreement, proven for every request that its schema admits, one environment at a
// time, together with what they rest on: that no rule errs there. An agreement is proven only if every
// obligation holds; anything else, a solver that gave up included, is not.
#include <functional>
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "prove/prover.h"

namespace proviso::prove {

// One thing to show in one environment.
struct Obligation {
  std::string line;  // the red line's id; empty: that no rule errs
  Environment env;
  Finding finding;
  double seconds = 0;  // encoding and both solvers
  // Of a line about what calls carry, for one of its tools ("" for those that nobody registered):
  bool of_tool = false;
  bool by_schema = false;     // its schema alone shows it; no solver was asked
  std::string tool = {};
  std::string schema = {};    // digest of the schema that was looked at, or empty
  std::string arguments = {};  // JSON that conforms to the schema and carries the kind, or shows what is too open
};
// Why an obligation does not hold: its counterexample in words, what is known of the schema, or what stopped it.
std::string reason(const Obligation& one);
// "no rule errs", "red line `R1`", "red line `R7` for tool `order`".
std::string subject(const Obligation& one);

// Borrows from the agreement that it is about, which must outlive it.
struct AgreementProof {
  Digest agreement;
  std::vector<Obligation> obligations;  // per environment: no rule errs, then its lines in their order
  size_t environments = 0;              // of the schema
  double seconds = 0;                   // all of it, by the clock
  [[nodiscard]] bool holds() const;
  [[nodiscard]] bool nothing_to_prove() const { return obligations.empty(); }  // it has no red lines
  // It does not hold only because a solver failed or was stopped, or a record could not be kept: try again.
  [[nodiscard]] bool transient() const;
  [[nodiscard]] size_t by_schema() const;  // obligations that a schema alone shows
  [[nodiscard]] size_t recorded() const;  // obligations answered from records that were there before
  // The first obligation that does not hold, as a sentence with its counterexample; empty if all hold.
  [[nodiscard]] std::string why() const;
};

// What every verdict assumes, each a sentence: about the gate, the register, detectors, solvers.
const std::vector<std::string>& assumptions();

// Tries every obligation. `threads`: at most kProverThreadsMax, each with solvers of its own.
AgreementProof prove_red_lines(const agreement::Agreement& agreement, const ProverOptions& options, unsigned threads);
// kUnverified with why(), if it does not hold; kUnavailable if another try may end otherwise (transient()).
Status require_proven(const agreement::Agreement& agreement, const ProverOptions& options, unsigned threads);

// Control characters, those that change direction, and what is not UTF-8, as \u{…} or \x…: for names in sentences.
std::string shown(std::string_view text);
// "somebody with the role `planner` could `act` on Tool `x`, which is in ToolClass `force`, if …".
std::string in_words(const Counterexample& example);

}  // namespace proviso::prove
