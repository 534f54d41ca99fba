// Policy text: parsing never crashes, what parses prints to text that parses to the same text,
// validates and compiles, and deciding never crashes.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cedar/authorizer.h"
#include "cedar/policy_set.h"
#include "cedar/validator.h"

using namespace proviso;
using namespace proviso::cedar;

namespace {

constexpr std::string_view kSchema = R"(
  entity Group in [Group];
  entity User in [Group] = { age: Long, name?: String, ip: ipaddr, set: Set<String>, rec: { x?: Long } } tags String;
  entity Kind enum ["a", "b"];
  action view, edit appliesTo { principal: [User], resource: [User, Kind],
    context: { now: datetime, n: Long, d: duration, m?: decimal } };
)";

Entities store() {
  Entity user{{"User", "a"}, {}, {{"Group", "g"}}, {{"t", Value::string("v")}}};
  user.attrs.set("age", Value::integer(3));
  user.attrs.set("ip", Value::ip(*IpAddr::parse("10.0.0.1/8")));
  user.attrs.set("set", Value::set(Set::of_strings({"a", "b"})));
  user.attrs.set("rec", Value::record({{"x", Value::integer(1)}}));
  return *Entities::create({user});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Schema schema = *Schema::parse(kSchema, "schema");
  static const Entities entities = store();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto policies = PolicySet::parse(text, "input");
  if (!policies) return 0;
  std::string printed;
  for (const Policy& policy : policies->policies()) printed += to_text(policy) + "\n";
  auto again = PolicySet::parse(printed, "printed");
  // Parentheses may nest one deeper in print than in the tree's own measure.
  if (!again && again.error().code == Code::kLimit) return 0;
  if (!again || again->size() != policies->size()) std::abort();
  std::string twice;
  for (const Policy& policy : again->policies()) twice += to_text(policy) + "\n";
  if (twice != printed) std::abort();

  (void)validate(schema, *policies);
  Request request{{"User", "a"}, {"Action", "view"}, {"User", "b"}, {}};
  request.context.set("now", Value::datetime_ms(0));
  request.context.set("n", Value::integer(7));
  request.context.set("d", Value::duration_ms(-1));
  auto plain = Engine::compile(*policies);
  auto indexed = Engine::compile(*policies, &schema);
  auto reprinted = Engine::compile(*again);
  if (!plain || !indexed || !reprinted) return 0;
  Response a = plain->is_authorized(request, entities);
  Response b = indexed->is_authorized(request, entities);
  Response c = reprinted->is_authorized(request, entities);
  if (a.decision != b.decision || a.permits != b.permits || a.errors.size() != b.errors.size()) std::abort();
  if (a.decision != c.decision || a.permits != c.permits || a.errors.size() != c.errors.size()) std::abort();
  (void)plain->explain(request, entities);
  return 0;
}
