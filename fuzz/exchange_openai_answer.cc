// What the client gets must be an answer of the protocol that describes the same content.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "exchange/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  using namespace proviso::exchange;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const Frame frame{
      .id = "x", .model = "m", .created = 7, .include_usage = true, .stop_sequences = {"END"}};
  json::Parser parser;
  const auto first = read_answer(Protocol::kOpenAiChat, body, parser, frame);
  if (!first) return 0;
  const auto second = read_answer(Protocol::kOpenAiChat, first->body, parser, frame);
  PV_CHECK(second.has_value());
  PV_CHECK(second->body == first->body);
  PV_CHECK(second->pieces.size() == first->pieces.size());
  PV_CHECK(second->tool_calls.size() == first->tool_calls.size());
  return 0;
}
