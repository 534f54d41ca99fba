#pragma once
// Policies, templates and policy sets as JSON, both ways. Reading prints what it read as Cedar text and
// parses that, so that JSON can say nothing that text could not and diagnostics have a line to point at.
// Source: Cedar 4.5, "JSON policy format"; unknown keys are refused.
#include <string>
#include <string_view>

#include "base/result.h"
#include "cedar/json_reader.h"
#include "cedar/policy_set.h"

namespace proviso::cedar {

// A policy, a template or a set: {"staticPolicies": {id: …}, "templates": {id: …}, "templateLinks": […]}.
// A single policy gets the id "policy0". Policies inside a set may also be Cedar text. kInvalid says
// which policy and what; kLimit: nested deeper than kPolicyJsonDepthMax.
Result<PolicySet> policies_from_json(std::string_view json, std::string_view file_name);

// The policy or template; a link is written as the policy that it is.
std::string to_json(const Policy& policy);
// The set; links are written as links.
std::string to_json(const PolicySet& policies);

}  // namespace proviso::cedar
