#pragma once
// What the rules of an agreement leave without use, whoever asks: holds that no approval lifts, purposes that open
// nothing. Not faults: each may be meant. A hold that comes back here waits for signatures in vain.
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "prove/prover.h"

namespace proviso::prove {

struct AgreementLint {
  std::vector<uint32_t> never_lifted;  // rules with @hold: what they match is never allowed, whatever is approved
  std::vector<std::string> unusable;   // purposes that no rule names and for which no model may be asked
  std::vector<std::string> unknown;    // questions without an answer, a sentence each
};

// On so many threads, each with solvers of its own.
AgreementLint lint_agreement(const agreement::Agreement& agreement, const ProverOptions& options, unsigned threads);

}  // namespace proviso::prove
