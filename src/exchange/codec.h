#pragma once
// Whole bodies of the client protocols, in both directions. A request is parsed once, checked field
// by field against the protocol's table (openai_fields.cc, anthropic_fields.cc; docs/protocols.md
// shows the same tables), described as pieces, and written again for the upstream from what was
// parsed: the client's bytes never reach a model. An answer is read the same way and written again
// for the client from known fields only, under an id and a model name of ours, so that nothing an
// upstream adds can slip past inspection. One protocol is crossed to another: a Responses request
// becomes a chat completion, and its answer a Response object (responses.h). Pure functions; a Parser is reused per thread, everything returned owns its memory.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "exchange/form.h"

namespace proviso::json {
class Parser;
}

namespace proviso::exchange {

inline constexpr size_t kModelNameBytesMax = 256;  // it becomes a fact and an index key
inline constexpr size_t kListItemsMax = 8192;      // messages, parts, tools: one list's items
inline constexpr size_t kChoicesMax = 8;      // that a client may ask for, and that an answer has
inline constexpr size_t kToolCallsMax = 128;  // each takes a decision of its own
inline constexpr size_t kToolArgumentsBytesMax = 1 << 20;  // held whole until decided
inline constexpr size_t kToolNameBytesMax = 256;           // id or name of a tool call in an answer

enum class Endpoint { kChat, kResponses, kMessages, kCountTokens };
// Where a request of this endpoint goes at an upstream: kResponses is crossed to kChat.
Endpoint upstream_endpoint(Endpoint endpoint);

struct ReadOptions {
  AnthropicVersion anthropic_version = AnthropicVersion::k20230601;
  // Fields outside the table that the agreement admits: "top_k", "messages[].x" (list indices left
  // out). Such a field is carried, and inspected as JSON text on channel kOther.
  std::span<const std::string> passthrough;
  const Replacements* replacements = nullptr;  // kInvalid if one breaks the JSON that it stands in
};

// kInvalid: not JSON, a field that is unknown, refused, missing, or of the wrong type; the sentence
// names it by its path in backticks and gives the table's reason. kLimit: a list or name is too
// long. kChat goes with kOpenAiChat, kResponses with kOpenAiResponses, the other two with
// kAnthropicMessages (checked). For kResponses passthrough admits nothing: the body is written anew.
Result<Request> read_request(Protocol protocol, Endpoint endpoint, std::string_view body,
                             json::Parser& parser, const ReadOptions& options);
Result<Request> read_request(Protocol protocol, Endpoint endpoint, std::string_view body,
                             json::Parser& parser, std::span<const std::string> passthrough);

// request.upstream_body with the model under the name that the upstream knows.
std::string upstream_body(const Request& request, std::string_view upstream_model);

// What an answer of ours carries in the places where an upstream would put words of its own.
struct Frame {
  std::string id;       // ours: "chatcmpl-…", "resp_…" or "msg_…"; see frame_for()
  std::string model;    // as the client asked
  int64_t created = 0;  // Unix seconds
  bool include_usage = false;
  std::vector<std::string> stop_sequences;
  uint32_t choices = 1;  // that the client asked for: a refusal is said to each
  std::string settings = {};  // Responses: JSON members, each with a comma in front, as the client set them
};
// `exchange_id` gets the protocol's usual prefix in front.
Frame frame_for(const Request& request, std::string_view exchange_id, int64_t now_seconds);

// Reads a 200 answer of the upstream; answer.body is what the client may get, once decided.
// kInvalid: not JSON, or not an answer of this protocol; kUnsupported: it carries content that this
// room cannot describe (an unknown block, audio, a legacy function_call); kLimit.
Result<Answer> read_answer(Protocol protocol, std::string_view body, json::Parser& parser,
                           const Frame& frame, const Replacements* replacements = nullptr);

// What to inspect of a tool call: its arguments (Syntax::kJson, and again with escapes decoded
// where it has any), its name and its id. Whole answers and streams use the same function.
std::vector<Piece> pieces_of(const ToolCall& call);

// Anthropic count_tokens: the upstream's answer, and ours.
Result<uint64_t> read_token_count(std::string_view body, json::Parser& parser);
std::string token_count_body(uint64_t input_tokens);

}  // namespace proviso::exchange
