#pragma once
// Does a request, a context or an entity fit a schema? The prover's answers cover only what does.
// Source: Cedar 4.5, "Request validation" and "Entity validation".
#include "base/result.h"
#include "cedar/authorizer.h"
#include "cedar/entities.h"
#include "cedar/schema.h"

namespace proviso::cedar {

// kInvalid: undeclared action or type, wrong principal or resource type for the action, a context
// that is not of the declared type, an id outside an enumeration.
Status check_request(const Schema& schema, const Request& request);
Status check_entity(const Schema& schema, const Entity& entity);
// The value is of the type; kInvalid says where it is not. Enumerations are checked.
Status check_value(const Schema& schema, const Value& value, const Type& type);

}  // namespace proviso::cedar
