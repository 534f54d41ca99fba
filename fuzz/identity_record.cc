// Stored people and keys: what reads is exactly what would have been written.
#include <cstdint>

#include "base/check.h"
#include "identity/records.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace proviso::identity;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto person = decode_person("ana.ruiz", text)) PV_CHECK(encode_person(*person) == text);
  if (const auto key = decode_key("k_0123456789abcdef", text)) PV_CHECK(encode_key(*key) == text);
  if (check_name("name", text)) PV_CHECK(text.size() <= kNameBytesMax);
  return 0;
}
