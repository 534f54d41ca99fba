// What a Responses request becomes must be a chat completion request, and say nothing that was not inspected.
#include <cstdint>
#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "exchange/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  using namespace proviso::exchange;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  json::Parser parser;
  const auto asked = read_request(Protocol::kOpenAiResponses, Endpoint::kResponses, body, parser, ReadOptions{});
  if (!asked) return 0;
  const auto sent =
      read_request(Protocol::kOpenAiChat, Endpoint::kChat, asked->upstream_body, parser, ReadOptions{});
  PV_CHECK(sent.has_value());
  PV_CHECK(sent->upstream_body == asked->upstream_body);
  PV_CHECK(sent->model == asked->model && sent->stream == asked->stream);
  PV_CHECK(sent->tools_offered == asked->tools_offered && sent->unreadable == asked->unreadable);
  PV_CHECK(sent->choices == 1 && sent->passed_through.empty());
  std::string seen;
  for (const Piece& piece : asked->pieces) seen.append(piece.text.open_for_inspection()).append("\n");
  for (const Piece& piece : sent->pieces) {
    // Reasoning is joined on the way: its parts are pieces of their own in front.
    if (piece.channel == Channel::kReasoning) continue;
    PV_CHECK(seen.find(piece.text.open_for_inspection()) != std::string::npos);
  }
  json::Parser settings;
  PV_CHECK(settings.parse("{\"a\":0" + asked->settings + "}").has_value());
  return 0;
}
