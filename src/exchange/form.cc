#include "exchange/form.h"

#include <array>

namespace proviso::exchange {

const char* protocol_name(Protocol protocol) {
  return protocol == Protocol::kOpenAiChat ? "openai.chat" : "anthropic.messages";
}

const char* channel_name(Channel channel) {
  constexpr std::array<const char*, 9> kNames = {
      "system",      "text",            "reasoning", "refusal", "tool_arguments",
      "tool_result", "tool_definition", "file",      "other"};
  return kNames[static_cast<size_t>(channel)];
}

}  // namespace proviso::exchange
