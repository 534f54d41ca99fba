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
// not offered. With `call_opening`, the answer to a request that must call a tool begins with that text:
// llama-server's grammar would let a model talk on before it calls.
Result<std::string> worker_body(exchange::Endpoint endpoint, std::string_view body, json::Parser& parser,
                                std::string_view call_opening = {});

}  // namespace proviso::models
