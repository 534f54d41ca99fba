// An upstream's error body is hostile text: nothing of it may appear in what we say.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "models/upstream_error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto type = proviso::models::known_error_type(body);
  for (const int status : {400, 404, 429, 500}) {
    const auto error = proviso::models::upstream_error("m", status, body);
    const auto same = proviso::models::upstream_error(
        "m", status, type.empty() ? "" : "{\"error\":{\"type\":\"" + std::string(type) + "\"}}");
    if (error.code != same.code || error.message != same.message) std::abort();
  }
  return 0;
}
