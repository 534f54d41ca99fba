// What is sent on must read the same as what was sent, under the same table.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "exchange/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  using namespace proviso::exchange;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  json::Parser parser;
  const auto first =
      read_request(Protocol::kOpenAiChat, Endpoint::kChat, body, parser, ReadOptions{});
  if (!first) return 0;
  const auto second = read_request(Protocol::kOpenAiChat, Endpoint::kChat, first->upstream_body,
                                   parser, ReadOptions{});
  PV_CHECK(second.has_value());
  PV_CHECK(second->upstream_body == first->upstream_body);
  PV_CHECK(second->model == first->model && second->stream == first->stream);
  PV_CHECK(second->tools_offered == first->tools_offered);
  PV_CHECK(upstream_body(*first, first->model) == first->upstream_body);
  return 0;
}
