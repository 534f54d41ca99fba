#pragma once
// Entities, contexts and values from Cedar's JSON. With a schema, references and extension values may
// be written bare, and everything is checked against it. Source: Cedar 4.5, "Entities JSON format".
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "cedar/entities.h"
#include "cedar/schema.h"

namespace proviso::cedar {

// kInvalid names the entity and attribute.
Result<std::vector<Entity>> entities_from_json(json::Element array, const Schema* schema = nullptr);
Result<Record> context_from_json(json::Element object, const Schema* schema = nullptr,
                                 const EntityUid* action = nullptr);
Result<EntityUid> uid_from_json(json::Element object);
Result<Value> value_from_json(json::Element element, const Type* expected = nullptr);

}  // namespace proviso::cedar
