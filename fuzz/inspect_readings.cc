// Any bytes: readings are bounded, places stay inside the text, and what may_be_encoded() calls plain has no
// decoded reading.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "inspect/readings.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso::inspect;
  constexpr size_t kSizeMax = 4096;
  if (size > kSizeMax) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<uint32_t> origin;
  const std::string plain = plain_reading(text, &origin);
  PV_CHECK(plain == plain_reading(text) && origin.size() == plain.size() + 1 && origin.back() == size);
  for (size_t i = 0; i + 1 < origin.size(); ++i) PV_CHECK(origin[i] <= origin[i + 1]);
  const std::vector<Reading> readings = decoded_readings(text);
  PV_CHECK(readings.empty() || may_be_encoded(text, plain));
  return 0;
}
