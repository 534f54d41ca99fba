#pragma once
// Of a decision some facts are shown and others kept back or shredded: does it rest on what is not shown? Both
// solvers are asked about every request of which so much is known. "Allowed" is meant by our semantics; a hold
// counts as not allowed, for that is what the rules say.
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "prove/prover.h"

namespace proviso::prove {

struct Withheld {
  enum class Answer : uint8_t {
    kSame,         // every value gives the recorded decision
    kDepends,      // some value gives the other one
    kContradicts,  // no value gives the recorded decision: the record is false
    kUnknown,      // a solver gave up, or it cannot be put to solvers
  };
  Answer answer = Answer::kUnknown;
  std::string why;                   // a sentence; with kDepends the request that would be decided otherwise
  std::vector<std::string> matters;  // kDepends: the facts each of which alone can turn it; none: only several together
};

// `allowed`: what is recorded. The verb must be one that rules alone decide: kDeclare is kUnknown.
Withheld whatever_is_withheld(const agreement::Agreement& agreement, exchange::Verb verb,
                              const agreement::Knowledge& knowledge, bool allowed, const ProverOptions& options);

}  // namespace proviso::prove
