#pragma once
// Commands on the register of people and keys, in one form for the admin socket and for a command that
// holds the state itself: JSON in, JSON out. Each change is a leaf before it is in force.
#include <string>
#include <string_view>

#include "base/json.h"
#include "gate/engine.h"

namespace proviso::gate {

inline constexpr int64_t kKeyDaysDefault = 365;

// {"person","purpose"?,"days"?, and for a person not yet known "roles":[…],"clearance"?,"nationality"?,
// "training_until"?} -> {"id","key","person","expires"}. The key is in no other answer.
Result<std::string> key_new(Engine& engine, const Digest& agreement, json::Element body);
// {"id"} -> {"id","revoked"}
Result<std::string> key_revoke(Engine& engine, const Digest& agreement, json::Element body);
// -> {"keys":[{"id","person","purpose","created","expires","revoked"}]}
std::string key_list(Engine& engine);

// -> {"people":[{"id","roles","clearance","nationality","training_until"}]}
std::string people_list(Engine& engine);

// {"person","key": the line of a .pub file} -> {"fingerprint","person"}
Result<std::string> approver_add(Engine& engine, const Digest& agreement, json::Element body);
// {"fingerprint"} -> {"fingerprint","person"}
Result<std::string> approver_remove(Engine& engine, const Digest& agreement, json::Element body);
// -> {"approvers":[{"fingerprint","person","roles","key"}]}
std::string approver_list(Engine& engine);

// "/keys", "/approvers" or "/people": what there is. Whichever change `path` names ("/keys/new", "/keys/revoke",
// "/approvers/add", "/approvers/remove"). kNotFound otherwise.
Result<std::string> register_list(Engine& engine, std::string_view path);
Result<std::string> register_act(Engine& engine, const Digest& agreement, std::string_view path,
                                 json::Element body);

}  // namespace proviso::gate
