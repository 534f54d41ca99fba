// proviso.toml: whatever the bytes, parse_config() answers.
#include <cstdint>
#include <string_view>

#include "gate/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)proviso::gate::parse_config({reinterpret_cast<const char*>(data), size}, "fuzz");
  return 0;
}
