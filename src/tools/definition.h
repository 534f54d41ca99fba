#pragma once
// A tool's definition as its server lists it, and the pin that an agreement puts on it: SHA-256 over the
// canonical JSON (RFC 8785) of the whole definition and of the server that it comes from. Whatever a server
// changes, a description, a schema, an annotation, its own name, is another digest. Pure.
#include <memory>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "arguments/definition.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/result.h"
#include "exchange/form.h"
#include "tools/mirror.h"

namespace proviso::tools {

inline constexpr size_t kDefinitionBytesMax = 64 * 1024;  // real ones stay under 10 KB
inline constexpr size_t kToolsMax = 1000;                 // of one server, as an agreement's registry
inline constexpr size_t kToolNameBytesMax = 128;          // MCP 2025-11-25 server/tools, "Tool Names"
inline constexpr size_t kListPagesMax = 50;               // of one list, followed cursor by cursor

struct Definition {
  std::string name;
  std::string server;  // the configured id
  std::string json;    // as the server sent it, written back compactly
  Digest digest;
  std::vector<ParamHeader> param_headers;
  arguments::Held held;  // what calls are held to
};

// What stays the same about a server: the configured id and where it is reached, its version not. Part of
// every digest, so that a definition cannot move to another server.
using arguments::server_identity;

// kInvalid: no object, no name, a bad `x-mcp-header`; kLimit. The sentence names the tool where it can.
Result<Definition> read_definition(json::Element value, std::string_view server, std::string_view identity);

// What a client may see of it: hidden characters are written out (base/visible.h).
std::string shown_definition(std::string_view definition_json, json::Parser& parser);

// The digest of a channel of a server that is no tool: "resources", "prompts", "completions", "sampling",
// "elicitation", "roots". The agreement speaks of it as of a tool named `channel_tool()`.
Digest channel_digest(std::string_view channel, std::string_view identity);
std::string channel_tool(std::string_view server, std::string_view channel);  // "files/resources"

// What to inspect of JSON that came from outside: the whole text; each string that JSON had to escape, as
// itself; every `text` member once more, as one text that reads on across items; bytes in base64 (images,
// audio, blobs) decoded where they are text, as a piece that nobody can read where they are not.
std::vector<exchange::Piece> pieces_of_json(exchange::Channel channel, json::Element value);
// The same JSON with each string value, bytes in base64 and names aside, as `said` makes it.
std::string with_strings(json::Element value, const std::function<std::string(std::string_view)>& said);

}  // namespace proviso::tools
