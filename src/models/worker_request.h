#pragma once
// A request in the dialect of llama-server. It knows only the words "auto", "none" and "required" for
// tool_choice, so a named tool becomes "required" with that tool alone on offer; and it reads many fields
// of its own beside the protocols', of which those that reach into the process or into other people's
// requests are dropped. Internal; pure.
#include <string>
#include <string_view>

#include "base/result.h"
#include "exchange/codec.h"

namespace proviso::json {
class Parser;
}

namespace proviso::models {

// `body` from exchange::upstream_body(). kInvalid: not a JSON object, or tool_choice names a tool that is
// not offered.
Result<std::string> worker_body(exchange::Endpoint endpoint, std::string_view body, json::Parser& parser);

}  // namespace proviso::models
