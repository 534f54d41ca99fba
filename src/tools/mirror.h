#pragma once
// The headers of the modern era that repeat what stands in the body, so that whatever routes by headers sees
// what the server executes: checked on the way in, made anew on the way out. Source: MCP 2026-07-28,
// basic/transports/streamable-http, "Request Metadata". Pure.
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "http/message.h"
#include "tools/message.h"

namespace proviso::tools {

inline constexpr size_t kParamHeadersMax = 32;  // x-mcp-header of one tool; heads have a limit

// One `x-mcp-header` of an input schema: the header's name behind "Mcp-Param-", and where its value stands.
struct ParamHeader {
  std::string name;
  std::vector<std::string> path;  // of `properties` keys
  std::string type;               // "string", "integer" or "boolean"
};

// kInvalid if an annotation breaks a rule of "Schema Extension": such a tool is not offered.
Result<std::vector<ParamHeader>> param_headers(json::Element input_schema);

// A value as a header carries it: as it is, or "=?base64?…?=".
std::string header_value(std::string_view text);
// The reverse; kInvalid for base64 that does not decode.
Result<std::string> decoded_header(std::string_view value);

// What Mcp-Name repeats: params.name, params.uri or params.taskId, where the method has one.
std::string mirrored_name(std::string_view method, json::Object params);

// The headers of a request of the modern era.
http::Headers mirrored_headers(const Message& message, const std::vector<ParamHeader>& param_headers,
                               json::Parser& parser);
// kInvalid, naming the header, if the head does not repeat what stands in the body. The headers of
// parameters are checked where `param_headers` lists them.
Status check_mirrored(const http::Headers& head, const Message& message,
                      const std::vector<ParamHeader>& param_headers, json::Parser& parser);

}  // namespace proviso::tools
