#pragma once
// The OpenAI Responses protocol, which no upstream of ours speaks: a request is written again as a chat
// completion, and what came back as a Response object. Both start from what the field table let
// through and described, so nothing crosses that was not inspected. Internal to the room.
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "exchange/codec.h"
#include "exchange/form.h"

namespace proviso::exchange {

// The members of a chat completion request that say what `request` says, written after `model`.
// `request` is what Walk wrote from responses_fields().
void write_chat_members(json::Writer& writer, json::Object request);

// The settings that a Response object repeats, as members of an object, each with a comma in front.
// `metadata` is the client's own, or empty. No word of a model is in them.
std::string repeated_settings(json::Object request, std::string_view metadata);

// "resp_x" gives "msg_x_0" for the first item of an answer.
std::string item_id(const Frame& frame, std::string_view prefix, size_t index);

// One content part, as JSON.
std::string part_json(Channel channel, std::string_view text);
// One item of `output`, as JSON. `parts`: JSON texts with commas between. `status`: a word of the protocol.
std::string text_item_json(std::string_view id, Channel channel, std::string_view parts,
                           std::string_view status);
std::string call_item_json(std::string_view id, const ToolCall& call, std::string_view arguments,
                           std::string_view status);

inline constexpr std::string_view kCompleted = "completed";

// How a Response object ends, from the upstream's finish_reason.
struct ResponseState {
  std::string_view status;      // "in_progress", "completed", "incomplete", "failed"
  std::string_view incomplete;  // incomplete_details.reason, or empty
  std::string_view error;       // a message of ours, for "failed"
  std::string_view error_code = {};
};
ResponseState state_of(std::string_view finish_reason);

// `output`: JSON texts with commas between. `usage`: nullptr while it is not known.
void write_response(json::Writer& writer, const Frame& frame, const ResponseState& state,
                    std::string_view output, const Usage* usage);

// The Response object that says what a whole answer of one choice says.
std::string response_body(const Frame& frame, const Answer& answer);

}  // namespace proviso::exchange
