#pragma once
// What whole answers and streams have in common on the wire: closed words, token counts, small
// readers of members. Internal to the room.
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "exchange/codec.h"
#include "exchange/form.h"

namespace proviso::exchange {

// For sentences: at most 60 bytes of `text`, whole code points, with an ellipsis where it was
// longer.
std::string shortened(std::string_view text);

enum class Got { kAbsent, kFound, kWrongType };  // null counts as absent

Got get_text(json::Object object, std::string_view name, std::string_view& out);
Got get_object(json::Object object, std::string_view name, json::Object& out);
Got get_array(json::Object object, std::string_view name, json::Array& out);
Got get_integer(json::Object object, std::string_view name, int64_t& out);

bool is_finish_reason(std::string_view word);  // OpenAI
bool is_stop_reason(std::string_view word);    // Anthropic
// Clients run tools only on "tool_use"; some upstreams end such a turn with "end_turn".
std::string_view stop_reason_with_tools(std::string_view reason, bool has_tools);

// A member that this room cannot describe, which would carry content: its name, or empty.
std::string_view undescribed_member(json::Object message);

// Numbers the texts of an Anthropic answer: a run of blocks of one channel is one text.
class Runs {
 public:
  // The group of a text on this channel; `ended` gets the channel whose text is thereby over.
  int32_t enter(Channel channel, std::optional<Channel>& ended);
  // Something that is no text came: a tool call.
  std::optional<Channel> leave();
  [[nodiscard]] int32_t group() const { return group_; }

 private:
  std::optional<Channel> open_;
  int32_t group_ = -1;
};

// Overwrites what `usage` states; negative or absurd counts are kept at 0.
void read_openai_usage(json::Object usage, Usage& out);
void read_anthropic_usage(json::Object usage, Usage& out);
void write_openai_usage(json::Writer& writer, const Usage& usage);
void write_anthropic_usage(json::Writer& writer, const Usage& usage);

// The sequence, if the client named it; else empty, so that an upstream cannot say something here.
std::string known_stop_sequence(std::string_view sequence, const Frame& frame);

Status check_tool_call(const ToolCall& call);
// A name or id of ours is ASCII; what an upstream calls a tool goes to the client as it is, so
// bound it.
Status check_tool_name(std::string_view what, std::string_view name);

}  // namespace proviso::exchange
