#pragma once
// What an amendment does: per request environment, by solver, whether it allows more or less, with a
// request for each way in which it allows more; what its terms allow beside the rules; and which red lines
// rest on something that it changes, so that their custodians must sign it.
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "agreement/custody.h"
#include "prove/analysis.h"

namespace proviso::prove {

struct Amendment {
  std::vector<Comparison> environments;  // of the new agreement to the old; empty if not comparable
  std::string not_comparable;            // why, if the two have different schemas
  std::vector<std::string> files;        // added, removed or changed, each "changed clauses/6-….md"
  std::vector<std::string> wider;        // what the terms allow that they did not, each a sentence
  std::vector<agreement::Touched> touched;
  [[nodiscard]] bool looser_rules() const;  // some environment allows more, or cannot be told
  [[nodiscard]] bool looser() const { return looser_rules() || !wider.empty(); }
};

// Both agreements are loaded from those files.
Amendment amend(Prover& prover, const agreement::Agreement& old_one, const agreement::Files& old_files,
                const agreement::Agreement& new_one, const agreement::Files& new_files);

}  // namespace proviso::prove
