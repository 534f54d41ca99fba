#pragma once
// One request over one store as the meaning of an encoder's free terms: substituting it folds a formula
// to what the evaluator answers. The tests of the encoder rest on it, and so does the check that a
// solver's model really is one.
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "cedar/authorizer.h"
#include "cedar/entities.h"
#include "prove/encode.h"

namespace proviso::prove {

class Concrete {
 public:
  // Borrows all three. kInvalid if the request is not one of the environment's types.
  static Result<Concrete> create(Terms& terms, const Environment& env, const cedar::Request& request,
                                 const cedar::Entities& entities);
  // The meaning of a variable or of a function applied to literals.
  TermId operator()(TermId free);

 private:
  Concrete(Terms& terms, const cedar::Entities& entities) : terms_(&terms), entities_(&entities) {}
  Status open(const std::string& name, const cedar::Value* value, SortId sort);
  TermId attribute(const cedar::Entity* entity, const Function& function);
  TermId ancestors(const cedar::EntityUid& uid, const Function& function);

  Terms* terms_;
  const cedar::Entities* entities_;
  std::map<std::string, TermId> variables_;
  std::map<std::string, std::vector<cedar::EntityUid>> by_type_;  // everything named in the store
};

}  // namespace proviso::prove
