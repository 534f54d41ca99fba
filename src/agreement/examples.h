#pragma once
// The examples of clauses and the people that they speak of: `examples` fences and examples.json. An
// example becomes the facts that the gate would fill, so that it runs through the same decision.
// Not a face: only this room includes it.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/agreement.h"
#include "agreement/clause_file.h"
#include "agreement/faults.h"

namespace proviso::agreement {

inline constexpr std::string_view kExamplesFile = "examples.json";
inline constexpr size_t kExamplesMax = 5000;  // run at every check, so bounded

// What examples.json gives: facts under principal. or resource. by name, and defaults.
struct Cast {
  std::map<std::string, exchange::Facts, std::less<>> people;
  std::map<std::string, exchange::Facts, std::less<>> datasets;
  exchange::Facts defaults;
};

struct Example {
  std::string file;
  size_t line = 0;
  std::string row;     // as written, trimmed
  std::string clause;  // the number of the clause that it stands in
  exchange::Verb verb = exchange::Verb::kAsk;
  exchange::Facts facts;
  Outcome expected = Outcome::kDeny;
};

Cast parse_cast(std::string_view json_text, const Terms& terms, Faults& faults);
std::vector<Example> parse_examples(const ClauseFile& clause, const Cast& cast, const Terms& terms,
                                    Faults& faults);

// A question as one row, its last column left out. kInvalid says what is wrong with which part.
Result<Example> parse_question(const Asked& asked, const Cast& cast, const Terms& terms);

}  // namespace proviso::agreement
