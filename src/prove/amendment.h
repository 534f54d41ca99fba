#pragma once
// What an amendment does: per request environment, by solver, whether it allows more or less, with a
// request for each way in which it allows more; and which red lines rest on something that it changes,
// so that their custodians must sign it.
#include <map>
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "prove/analysis.h"

namespace proviso::prove {

// A red line whose text or ground changes, and why, each a sentence.
struct Touched {
  std::string line;
  std::string custodian;
  std::vector<std::string> reasons;
};

struct Amendment {
  std::vector<Comparison> environments;  // of the new agreement to the old; empty if not comparable
  std::string not_comparable;            // why, if the two have different schemas
  std::vector<std::string> files;        // added, removed or changed, each "changed clauses/6-….md"
  std::vector<Touched> touched;
  [[nodiscard]] bool looser() const;     // some environment allows more, or cannot be told
};

// What a line rests on in its environments: its own text, the schema, roles, labels, and how tools and
// models are registered. Both agreements are loaded from those files.
std::vector<Touched> touched_lines(const agreement::Agreement& old_one, const agreement::Files& old_files,
                                   const agreement::Agreement& new_one, const agreement::Files& new_files);

Amendment amend(Prover& prover, const agreement::Agreement& old_one, const agreement::Files& old_files,
                const agreement::Agreement& new_one, const agreement::Files& new_files);

}  // namespace proviso::prove
