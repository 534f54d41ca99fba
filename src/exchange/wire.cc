#include "exchange/wire.h"

#include <algorithm>
#include <array>
#include <utility>

namespace proviso::exchange {
namespace {

constexpr uint64_t kTokensMax = uint64_t{1} << 40;  // no answer has more; larger is not a count

void take_count(json::Object object, std::string_view name, uint64_t& out) {
  int64_t value = 0;
  if (get_integer(object, name, value) != Got::kFound) return;
  out = value >= 0 && static_cast<uint64_t>(value) <= kTokensMax ? static_cast<uint64_t>(value) : 0;
}

}  // namespace

std::string shortened(std::string_view text) {
  constexpr size_t kShown = 60;
  if (text.size() <= kShown) return std::string(text);
  size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "…";
}

Got get_text(json::Object object, std::string_view name, std::string_view& out) {
  const auto value = object.at_key(name);
  if (value.error() != simdjson::SUCCESS || value.is_null()) return Got::kAbsent;
  if (!value.is_string()) return Got::kWrongType;
  out = value.get_string().value_unsafe();
  return Got::kFound;
}

Got get_object(json::Object object, std::string_view name, json::Object& out) {
  const auto value = object.at_key(name);
  if (value.error() != simdjson::SUCCESS || value.is_null()) return Got::kAbsent;
  if (!value.is_object()) return Got::kWrongType;
  out = value.get_object().value_unsafe();
  return Got::kFound;
}

Got get_array(json::Object object, std::string_view name, json::Array& out) {
  const auto value = object.at_key(name);
  if (value.error() != simdjson::SUCCESS || value.is_null()) return Got::kAbsent;
  if (!value.is_array()) return Got::kWrongType;
  out = value.get_array().value_unsafe();
  return Got::kFound;
}

Got get_integer(json::Object object, std::string_view name, int64_t& out) {
  const auto value = object.at_key(name);
  if (value.error() != simdjson::SUCCESS || value.is_null()) return Got::kAbsent;
  if (!value.is_int64()) return Got::kWrongType;
  out = value.get_int64().value_unsafe();
  return Got::kFound;
}

bool is_finish_reason(std::string_view word) {
  constexpr std::array<std::string_view, 4> kWords = {"stop", "length", "tool_calls",
                                                      "content_filter"};
  return std::ranges::find(kWords, word) != kWords.end();
}

bool is_stop_reason(std::string_view word) {
  constexpr std::array<std::string_view, 7> kWords = {"end_turn",
                                                      "max_tokens",
                                                      "stop_sequence",
                                                      "tool_use",
                                                      "pause_turn",
                                                      "refusal",
                                                      "model_context_window_exceeded"};
  return std::ranges::find(kWords, word) != kWords.end();
}

int32_t Runs::enter(Channel channel, std::optional<Channel>& ended) {
  ended.reset();
  // Redacted blocks are opaque, each one whole: never one text with the next.
  if (open_ == channel && channel != Channel::kFile) return group_;
  ended = open_;
  open_ = channel;
  return ++group_;
}

std::optional<Channel> Runs::leave() { return std::exchange(open_, std::nullopt); }

std::string_view stop_reason_with_tools(std::string_view reason, bool has_tools) {
  return has_tools && reason == "end_turn" ? "tool_use" : reason;
}

std::string_view undescribed_member(json::Object message) {
  for (const std::string_view name : {"function_call", "audio"}) {
    const auto value = message.at_key(name);
    if (value.error() == simdjson::SUCCESS && !value.is_null()) return name;
  }
  return {};
}

void read_openai_usage(json::Object usage, Usage& out) {
  take_count(usage, "prompt_tokens", out.input_tokens);
  take_count(usage, "completion_tokens", out.output_tokens);
  json::Object details;
  if (get_object(usage, "prompt_tokens_details", details) == Got::kFound) {
    take_count(details, "cached_tokens", out.cache_read_tokens);
  }
  if (get_object(usage, "completion_tokens_details", details) == Got::kFound) {
    take_count(details, "reasoning_tokens", out.reasoning_tokens);
  }
}

void read_anthropic_usage(json::Object usage, Usage& out) {
  take_count(usage, "input_tokens", out.input_tokens);
  take_count(usage, "output_tokens", out.output_tokens);
  take_count(usage, "cache_read_input_tokens", out.cache_read_tokens);
  take_count(usage, "cache_creation_input_tokens", out.cache_write_tokens);
}

void write_openai_usage(json::Writer& writer, const Usage& usage) {
  writer.begin_object();
  writer.key("prompt_tokens").uinteger(usage.input_tokens);
  writer.key("completion_tokens").uinteger(usage.output_tokens);
  writer.key("total_tokens").uinteger(usage.input_tokens + usage.output_tokens);
  if (usage.cache_read_tokens > 0) {
    writer.key("prompt_tokens_details").begin_object();
    writer.key("cached_tokens").uinteger(usage.cache_read_tokens).end_object();
  }
  if (usage.reasoning_tokens > 0) {
    writer.key("completion_tokens_details").begin_object();
    writer.key("reasoning_tokens").uinteger(usage.reasoning_tokens).end_object();
  }
  writer.end_object();
}

void write_anthropic_usage(json::Writer& writer, const Usage& usage) {
  writer.begin_object();
  writer.key("input_tokens").uinteger(usage.input_tokens);
  writer.key("cache_creation_input_tokens").uinteger(usage.cache_write_tokens);
  writer.key("cache_read_input_tokens").uinteger(usage.cache_read_tokens);
  writer.key("output_tokens").uinteger(usage.output_tokens);
  writer.end_object();
}

std::string known_stop_sequence(std::string_view sequence, const Frame& frame) {
  const auto found = std::ranges::find(frame.stop_sequences, sequence);
  return found == frame.stop_sequences.end() ? std::string() : *found;
}

Status check_tool_name(std::string_view what, std::string_view name) {
  if (name.empty())
    return fail(Code::kInvalid, "a tool call of the upstream has no " + std::string(what));
  if (name.size() > kToolNameBytesMax) {
    return fail(Code::kLimit, "a tool call's " + std::string(what) + " is longer than " +
                                  std::to_string(kToolNameBytesMax) + " bytes");
  }
  return {};
}

Status check_tool_call(const ToolCall& call) {
  PV_TRY_VOID(check_tool_name("id", call.id));
  PV_TRY_VOID(check_tool_name("name", call.name));
  if (call.arguments.size() > kToolArgumentsBytesMax) {
    return fail(Code::kLimit, "a tool call's arguments are longer than " +
                                  std::to_string(kToolArgumentsBytesMax) + " bytes");
  }
  return {};
}

}  // namespace proviso::exchange
