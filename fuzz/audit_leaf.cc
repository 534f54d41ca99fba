// A leaf that parses is the one spelling of what it says.
#include "audit/leaf.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto leaf = proviso::audit::Leaf::parse(bytes);
  if (leaf) PV_CHECK(leaf->text() == bytes);
  return 0;
}
