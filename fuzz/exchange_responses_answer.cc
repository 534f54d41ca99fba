// A Response object describes what the chat completion behind it does, and is JSON.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "exchange/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  using namespace proviso::exchange;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const Frame frame{.id = "resp_x", .model = "m", .created = 7, .include_usage = false, .stop_sequences = {}};
  json::Parser parser;
  const auto chat = read_answer(Protocol::kOpenAiChat, body, parser, frame);
  const auto response = read_answer(Protocol::kOpenAiResponses, body, parser, frame);
  PV_CHECK(response.has_value() == (chat.has_value() && chat->finishes.size() == 1));
  if (!response) return 0;
  PV_CHECK(response->pieces.size() == chat->pieces.size());
  PV_CHECK(response->tool_calls.size() == chat->tool_calls.size());
  const auto element = parser.parse(response->body);
  PV_CHECK(element.has_value());
  const auto output = element->at_pointer("/output");
  PV_CHECK(output.error() == simdjson::SUCCESS && output.is_array());
  // One item for reasoning, one for what was said, one for each call.
  const size_t texts = chat->pieces.empty() ? 0 : chat->pieces.size() > 1 ? 2 : 1;
  const size_t items = output.get_array().value_unsafe().size();
  PV_CHECK(items >= chat->tool_calls.size() && items <= chat->tool_calls.size() + texts);
  PV_CHECK(items > chat->tool_calls.size() || texts == 0);
  return 0;
}
