#include "exchange/form.h"

#include <array>

namespace proviso::exchange {

const char* protocol_name(Protocol protocol) {
  constexpr std::array<const char*, 4> kNames = {"openai.chat", "openai.responses",
                                                 "anthropic.messages", "mcp"};
  return kNames[static_cast<size_t>(protocol)];
}

Protocol upstream_protocol(Protocol protocol) {
  return protocol == Protocol::kOpenAiResponses ? Protocol::kOpenAiChat : protocol;
}

const char* channel_name(Channel channel) {
  constexpr std::array<const char*, 9> kNames = {"system",          "text",           "reasoning",
                                                 "refusal",         "tool_arguments", "tool_result",
                                                 "tool_definition", "file",           "other"};
  return kNames[static_cast<size_t>(channel)];
}

const char* anthropic_version_name(AnthropicVersion version) {
  return version == AnthropicVersion::k20230601 ? "2023-06-01" : "2026-10-21";
}

std::optional<AnthropicVersion> parse_anthropic_version(std::string_view header) {
  if (header == "2023-06-01") return AnthropicVersion::k20230601;
  if (header == "2026-10-21") return AnthropicVersion::k20261021;
  return std::nullopt;
}

}  // namespace proviso::exchange
