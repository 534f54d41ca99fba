// What is sent on must read the same as what was sent, under the same table. The first byte chooses
// version and endpoint.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "exchange/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  using namespace proviso::exchange;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  ReadOptions options;
  if ((data[0] & 1U) != 0) options.anthropic_version = AnthropicVersion::k20261021;
  const Endpoint endpoint = (data[0] & 2U) != 0 ? Endpoint::kCountTokens : Endpoint::kMessages;
  json::Parser parser;
  const auto first = read_request(Protocol::kAnthropicMessages, endpoint, body, parser, options);
  if (!first) return 0;
  const auto second =
      read_request(Protocol::kAnthropicMessages, endpoint, first->upstream_body, parser, options);
  PV_CHECK(second.has_value());
  PV_CHECK(second->upstream_body == first->upstream_body);
  PV_CHECK(second->model == first->model && second->stream == first->stream);
  return 0;
}
