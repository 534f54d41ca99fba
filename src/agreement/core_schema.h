#pragma once
// The core schema: the types that every agreement shares, in Cedar's own syntax. An agreement may add
// types, never redeclare these. `Approvals` is generated from [roles], and `Particulars` is empty
// unless the agreement declares it: the facts of a case that only this agreement knows.
// Not a face: only this room includes it.
#include <string_view>

namespace proviso::agreement {

inline constexpr std::string_view kCoreSchemaFile = "core.cedarschema";
inline constexpr std::string_view kCoreSchema = R"cedar(// Who acts. Roles are parents: `principal in Role::"analyst"`.
entity Role;
entity Purpose;
entity Person in [Role] = {
  "clearance": Long,
  "nationality": String,
  "training_until": datetime
};

// What is acted on. A model's digest is that of its weights, empty for one that runs elsewhere.
entity Vendor = { "jurisdiction": String };
entity Model in [Vendor] = {
  "digest": String,
  "local": Bool,
  "max_marking": Long,
  "retires"?: datetime
};
// A tool outside the registry is in ToolClass::"client", its strings empty.
entity ToolClass;
entity Tool in [ToolClass] = { "server": String, "definition": String };
entity Dataset = { "contains_persons": Bool, "governed": Bool, "marking": Long };

// What inspection found in what is about to pass. Scores are per mille; bytes round up to a power of two.
type Content = {
  "labels": Set<String>,
  "top_score": Long,
  "marking": Long,
  "unreadable_parts": Long,
  "bytes": Long
};
// What every decision knows; `now` is its single clock value.
type Moment = {
  "purpose": Purpose,
  "now": datetime,
  "approvals": Approvals,
  "break_glass": Bool,
  "particulars": Particulars
};

action "ask" appliesTo {
  principal: [Person],
  resource: [Model],
  context: { "moment": Moment, "content": Content, "tools_offered": Long }
};
action "release" appliesTo {
  principal: [Person],
  resource: [Model, Tool],
  context: { "moment": Moment, "content": Content }
};
action "act" appliesTo {
  principal: [Person],
  resource: [Tool],
  context: { "moment": Moment, "content": Content }
};
// Halting somebody or something at once, and letting it in again (or for the first time).
action "stop" appliesTo {
  principal: [Person],
  resource: [Vendor, Model, Tool, Purpose],
  context: { "moment": Moment }
};
action "admit" appliesTo {
  principal: [Person],
  resource: [Vendor, Model, Tool, Purpose],
  context: { "moment": Moment }
};
// Saying that there is an emergency: `break_glass` is then true for that purpose, for minutes.
action "declare" appliesTo {
  principal: [Person],
  resource: [Purpose],
  context: { "moment": Moment }
};
action "train" appliesTo {
  principal: [Person],
  resource: [Dataset],
  context: { "moment": Moment, "model": Model }
};
)cedar";

}  // namespace proviso::agreement
