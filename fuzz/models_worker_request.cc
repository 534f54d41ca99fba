// What goes to the worker is a JSON object without the dropped fields, whatever came.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/json.h"
#include "models/worker_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using proviso::exchange::Endpoint;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  proviso::json::Parser parser;
  proviso::json::Parser again;
  for (const auto endpoint : {Endpoint::kChat, Endpoint::kMessages}) {
    const auto out = proviso::models::worker_body(endpoint, body, parser);
    if (!out) continue;
    const auto parsed = again.parse(*out);
    if (!parsed || !parsed->is_object()) std::abort();
    for (const char* name : {"grammar", "lora", "id_slot", "cache_prompt"}) {
      if (parsed->get_object().value_unsafe()[name].error() == simdjson::SUCCESS) std::abort();
    }
    const auto twice = proviso::models::worker_body(endpoint, *out, parser);
    if (!twice) std::abort();
  }
  return 0;
}
