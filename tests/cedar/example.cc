// The policy engine by itself: the room `cedar` needs only `base`. Reads a policy, checks it against a
// schema, decides two requests and says why. Exits 0 if all of it is as it should be.
#include <cstdio>

#include "cedar/authorizer.h"
#include "cedar/validator.h"

using namespace proviso;
using namespace proviso::cedar;

namespace {

constexpr std::string_view kSchema = R"(
entity User { clearance: Long };
entity Document { marking: Long };
action read appliesTo { principal: User, resource: Document };
)";

constexpr std::string_view kPolicies = R"(
permit (principal, action == Action::"read", resource)
when { principal.clearance >= resource.marking };
)";

int run() {
  auto schema = Schema::parse(kSchema, "schema");
  auto policies = PolicySet::parse(kPolicies, "policies");
  if (!schema || !policies || has_errors(validate(*schema, *policies))) return 1;
  auto entities = Entities::create({{{"User", "ann"}, {{"clearance", Value::integer(2)}}, {}, {}},
                                    {{"Document", "plan"}, {{"marking", Value::integer(2)}}, {}, {}},
                                    {{"Document", "secret"}, {{"marking", Value::integer(3)}}, {}, {}}});
  auto engine = Engine::compile(*policies, &*schema);
  if (!entities || !engine) return 1;
  Request request{{"User", "ann"}, {"Action", "read"}, {"Document", "plan"}, {}};
  bool plan = engine->is_authorized(request, *entities).decision == Answer::kAllow;
  request.resource.id = "secret";
  bool secret = engine->is_authorized(request, *entities).decision == Answer::kAllow;
  std::string why = engine->explain(request, *entities)[0].failed.text;
  std::printf("plan: %s, secret: %s, because `%s` is false\n", plan ? "allow" : "deny", secret ? "allow" : "deny", why.c_str());
  return plan && !secret && why == "principal.clearance >= resource.marking" ? 0 : 1;
}

}  // namespace

int main() { return run(); }
