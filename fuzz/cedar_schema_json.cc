// Schemas as JSON: reading never crashes; as text and read back they mean the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cedar/schema.h"

using namespace proviso;
using namespace proviso::cedar;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  auto schema = Schema::from_json(input, "input");
  if (!schema) return 0;
  auto text = Schema::json_to_text(input, "input");
  if (!text && (text.error().code == Code::kUnsupported || text.error().code == Code::kLimit)) return 0;
  if (!text) std::abort();
  auto back = Schema::parse(*text, "text");
  if (!back && back.error().code == Code::kLimit) return 0;
  if (!back || !same_meaning(*schema, *back)) std::abort();
  return 0;
}
