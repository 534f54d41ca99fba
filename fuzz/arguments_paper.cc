// A definition as parties keep it: any bytes. What is read as one says the same however its JSON is spelt, and
// either holds calls to a schema or says why it cannot.
#include <cstdint>
#include <string_view>

#include "arguments/definition.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto paper = arguments::read_paper(text);
  if (!paper) {
    PV_CHECK(!paper.error().message.empty());
    return 0;
  }
  PV_CHECK((paper->held.schema != nullptr) == paper->held.why.empty());
  json::Parser parser;
  const auto read = parser.parse(text);
  PV_CHECK(read.has_value());
  const auto again = arguments::read_paper(json::to_text(*read));
  PV_CHECK(again.has_value() && again->pin == paper->pin && again->tool == paper->tool && again->server == paper->server);
  PV_CHECK((again->held.schema != nullptr) == (paper->held.schema != nullptr));
  return 0;
}
