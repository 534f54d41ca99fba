#pragma once
// A leaf against the decision that its facts give: one judgement, shared by the replay of a whole log and
// by that of one disclosed leaf. Pure.
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "audit/leaf.h"

namespace proviso::audit {

struct Disagreement {
  const char* part = "";  // "decision", "agreement", "clauses", "time"
  std::string message;    // what disagrees with what
};
// Everything in which `leaf` differs from what its whole facts give under `in_force`: outcome, clauses,
// vendor, model, moment, and the agreement's period if it was allowed. Empty: it was derived again and is
// the same. For a leaf that decides something; whether `in_force` was in force is for the caller.
std::vector<Disagreement> rederive(const Leaf& leaf, const exchange::Facts& facts,
                                   const agreement::Agreement& in_force);

}  // namespace proviso::audit
