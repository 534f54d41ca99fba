// Strict encodings: what decodes re-encodes to the same text, and bytes survive the round trip.
#include <cstdint>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  PV_CHECK(base64_decode(base64_encode(text)).value() == text);
  PV_CHECK(hex_decode(hex_encode(text)).value() == text);
  if (const auto bytes = base64_decode(text)) PV_CHECK(base64_encode(*bytes) == text);
  if (const auto bytes = hex_decode(text)) PV_CHECK(hex_encode(*bytes) == text);
  if (const auto number = parse_u64(text)) PV_CHECK(std::to_string(*number) == text);
  if (const auto time = parse_time(text)) PV_CHECK(format_time(*time).starts_with(text));
  return 0;
}
