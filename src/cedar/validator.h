#pragma once
// Validation: shows, before anything runs, that policies fit a schema. A policy set without errors
// cannot fail at run time on validated requests except by overflow and by entities that are missing.
// Permissive mode, kept as Cedar keeps it, admits more and promises less: `[]`, values of any two types
// compared, records and entities of several types in one place.
// Source: Cedar 4.5, "Validation"; verdicts as cedar-policy 4.12 (4.13 behind a switch).
#include <optional>
#include <vector>

#include "cedar/policy_set.h"
#include "cedar/schema.h"
#include "cedar/source.h"
#include "cedar/type.h"

namespace proviso::cedar {

struct ValidationOptions {
  Mode mode = Mode::kStrict;
  // How many entities a policy may follow from the request (Cedar RFC 76); absent: any number.
  std::optional<uint32_t> level_max = std::nullopt;
  // Cedar 4.13 turned "no action applies" from an error into a warning.
  Severity no_applicable_action = Severity::kError;
};

// Errors and warnings, in the order of the policies. Valid means: no error.
std::vector<Diagnostic> validate(const Schema& schema, const PolicySet& policies,
                                 const ValidationOptions& options = {});
bool has_errors(const std::vector<Diagnostic>& diagnostics);

}  // namespace proviso::cedar
