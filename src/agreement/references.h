#pragma once
// Names in policies: every role, purpose, vendor, model, tool class and label that a clause writes must
// be one that agreement.toml knows, or a spelling mistake would silently make a rule that never
// applies. Not a face: only this room includes it.
#include "agreement/agreement.h"
#include "agreement/faults.h"
#include "cedar/policy_set.h"

namespace proviso::agreement {

void check_references(const cedar::Policy& policy, const Terms& terms, Faults& faults);

// The roles whose approvals the policy counts: ROLE of every `context.moment.approvals.ROLE`. Sorted.
std::vector<std::string> counted_roles(const cedar::Policy& policy);

// The labels that the policy asks `context.content.labels` for. Sorted.
std::vector<std::string> named_labels(const cedar::Policy& policy);

}  // namespace proviso::agreement
