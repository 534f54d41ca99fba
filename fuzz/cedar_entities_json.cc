// Entities, requests and contexts as JSON: reading never crashes, with and without a schema; what a
// schema admits, it admits again when it is asked entity by entity.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/json.h"
#include "cedar/entities_json.h"
#include "cedar/request_check.h"
#include "cedar/request_json.h"

using namespace proviso;
using namespace proviso::cedar;

namespace {

constexpr std::string_view kSchema = R"(
  entity Group in [Group];
  entity User in [Group] = { n: Long, s?: String, ip?: ipaddr, when?: datetime, set?: Set<String>, rec?: { x?: Long, friend?: User } } tags decimal;
  entity Kind enum ["a", "b"];
  action all;
  action view in [all] appliesTo { principal: [User], resource: [User, Kind], context: { now?: datetime, kind?: Kind } };
)";

void check_entities(json::Element element, const Schema* schema) {
  auto list = entities_from_json(element, schema);
  if (!list) return;
  if (schema != nullptr) {
    for (const Entity& entity : *list) {
      if (!check_entity(*schema, entity)) std::abort();
    }
  }
  auto store = Entities::create(std::move(*list));
  if (!store) return;
  for (const Entity* entity : store->all()) {
    for (const EntityUid& parent : entity->parents) {
      if (!store->is_in(entity->uid, parent)) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Schema schema = *Schema::parse(kSchema, "schema");
  json::Parser parser;
  auto element = parser.parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!element) return 0;
  check_entities(*element, nullptr);
  check_entities(*element, &schema);
  for (const Schema* one : {static_cast<const Schema*>(nullptr), &schema}) {
    auto request = request_from_json(*element, one);
    if (request) (void)check_request(schema, *request);
    (void)context_from_json(*element, one);
  }
  return 0;
}
