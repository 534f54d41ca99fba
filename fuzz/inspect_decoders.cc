// Any bytes, each decoder alone: it says yes exactly if it found something, leaves what was there before, grows no
// more than what it read allows, and the quick pass in front knows of everything that is found in a plain reading.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "inspect/decoders.h"
#include "inspect/readings.h"

namespace {

// Decoded text is at most three bytes for each that was read: broken bytes become U+FFFD.
constexpr size_t kGrowthMax = 3;

bool decode(const proviso::inspect::Decoder& decoder, const std::string& text) {
  std::string out = "before";
  const bool found = decoder.decode(text, out);
  PV_CHECK(out.starts_with("before"));
  PV_CHECK(found || out == "before");
  PV_CHECK(out.size() <= 16 + kGrowthMax * text.size());
  std::string again;
  PV_CHECK(decoder.decode(text, again) == found);
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso::inspect;
  constexpr size_t kSizeMax = 4096;
  if (size > kSizeMax) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const Decoder& decoder : raw_decoders()) decode(decoder, text);
  const std::string plain = plain_reading(text);
  for (const Decoder& decoder : text_decoders()) {
    if (decode(decoder, plain)) PV_CHECK(may_hold_encoding(plain));
  }
  return 0;
}
