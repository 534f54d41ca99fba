// What the strict door lets in is written back to a text that reads the same; canonical form is a
// fixed point.
#include <cstdint>

#include "base/check.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso::json;
  static Parser first;
  static Parser second;
  const auto value = first.parse({reinterpret_cast<const char*>(data), size});
  if (!value) return 0;
  const std::string text = to_text(*value);
  const auto again = second.parse(text);
  PV_CHECK(again.has_value());
  PV_CHECK(to_text(*again) == text);
  const auto canon = canonical(*value);
  if (!canon) return 0;
  const auto third = second.parse(*canon);
  PV_CHECK(third.has_value());
  PV_CHECK(canonical(*third).value() == *canon);
  return 0;
}
