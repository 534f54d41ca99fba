// A record's contents that decode are the one spelling of what they say.
#include "audit/leaf.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto contents = proviso::audit::Contents::decode(bytes);
  if (contents) PV_CHECK(contents->encode() == bytes);
  return 0;
}
