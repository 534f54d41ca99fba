#pragma once
// A solver's model as a request over a closed store that the real authoriser can judge. The solver says
// what the question's terms are worth; everything that the question never reads is filled in: attributes
// with some value of their type, entities that something refers to, no ancestors for the rest.
#include <string>
#include <string_view>
#include <vector>

#include "cedar/authorizer.h"
#include "cedar/entities.h"
#include "prove/encode.h"
#include "prove/smtlib.h"

namespace proviso::prove {

inline constexpr size_t kCounterexampleEntitiesMax = 10'000;  // a model names some dozens

struct Counterexample {
  cedar::Request request;
  std::vector<cedar::Entity> entities;  // closed: whatever is referred to is here; sorted by uid
  // The parts of the request that the question reads: "context.moment.purpose" and its value as text.
  std::vector<std::pair<std::string, std::string>> facts;
};
// The request and its entities as JSON whose leaves are Cedar text, which can write every value.
std::string to_json(const Counterexample& example);

// What to ask a solver for, so that its model can be read back.
std::vector<TermId> asked_about(const Terms& terms, const std::vector<TermId>& assertions);

// kInvalid: the text is no model of the question, or not one of a well-formed store.
Result<Counterexample> read_counterexample(Terms& terms, const Environment& env, const Question& question,
                                           std::string_view model);

}  // namespace proviso::prove
