#pragma once
// A request from JSON and a response to JSON, in the shape of Cedar's own command line and bindings.
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "cedar/authorizer.h"
#include "cedar/schema.h"

namespace proviso::cedar {

// {"principal", "action", "resource", "context"}: entities as {"type", "id"} or as Cedar text
// (`User::"a"`), the context an object, which may be missing. With a schema, its types say how the
// context is read; whether the request fits it, check_request() says. kInvalid names the part.
Result<Request> request_from_json(json::Element element, const Schema* schema = nullptr);
// `User::"a"` as text.
Result<EntityUid> uid_from_text(std::string_view text);
// Appends {"decision":"allow"|"deny","diagnostics":{"reason":[id…],"errors":[{"policyId","message"}…]}}.
void write_response(const Engine& engine, const Response& response, std::string& out);

}  // namespace proviso::cedar
