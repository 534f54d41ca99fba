// A definition that reads keeps its digest when it is written back, and every string of it is described for
// inspection; what a client is shown holds no hidden character and stays JSON.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/visible.h"
#include "tools/definition.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  json::Parser parser;
  const auto value = parser.parse({reinterpret_cast<const char*>(data), size});
  if (!value) return 0;
  PV_CHECK(!tools::pieces_of_json(exchange::Channel::kToolResult, *value).empty());
  const auto definition = tools::read_definition(*value, "s", "i");
  if (!definition) return 0;
  json::Parser again;
  const auto written = again.parse(definition->json);
  PV_CHECK(written.has_value());
  const auto same = tools::read_definition(*written, "s", "i");
  PV_CHECK(same.has_value() && same->digest == definition->digest);
  const std::string shown = tools::shown_definition(definition->json, again);
  PV_CHECK(visible(shown) == shown);
  return 0;
}
