// Schema text: parsing and resolving never crash; what parses has only resolved names.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cedar/entities.h"
#include "cedar/schema.h"

using namespace proviso::cedar;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto schema = Schema::parse(std::string_view(reinterpret_cast<const char*>(data), size), "input");
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
  return 0;
}
