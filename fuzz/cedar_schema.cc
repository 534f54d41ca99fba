// Schema text: parsing and resolving never crash; what parses has only resolved names, and as JSON it
// means the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cedar/entities.h"
#include "cedar/schema.h"

using namespace proviso::cedar;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto schema = Schema::parse(text, "input");
  if (!schema) return 0;
  for (const auto& [name, declared] : schema->entity_types()) {
    (void)to_string(declared.attributes);
    for (const auto& parent : declared.ancestors) {
      if (schema->entity_type(parent) == nullptr) std::abort();
    }
  }
  for (const auto& [uid, action] : schema->actions()) {
    if (action.context.tag() != Type::Tag::kRecord || action.ancestors.contains(uid)) std::abort();
    for (const auto& type : action.principals) {
      if (schema->entity_type(type) == nullptr) std::abort();
    }
  }
  if (!Entities::create(schema->action_entities())) std::abort();
  auto json = Schema::text_to_json(text, "input");
  auto back = json ? Schema::from_json(*json, "json") : proviso::Result<Schema>(std::unexpected(json.error()));
  if (!back && back.error().code != proviso::Code::kLimit) std::abort();
  if (back && !same_meaning(*back, *schema)) std::abort();
  return 0;
}
