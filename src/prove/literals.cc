#include "prove/literals.h"

#include <algorithm>
#include <fmt/format.h>

#include "cedar/authorizer.h"
#include "cedar/schema.h"

namespace proviso::prove {
namespace {

using agreement::Agreement;

bool registered(const Agreement& agreement, const cedar::EntityUid& uid) {
  const auto& terms = agreement.terms();
  if (uid.type == "Model") return agreement.model(uid.id) != nullptr;
  if (uid.type == "Tool") return agreement.tool(uid.id) != nullptr;
  return uid.type == "Vendor" && std::ranges::find(terms.vendors, uid.id, &agreement::Vendor::id) != terms.vendors.end();
}

}  // namespace

Status check_literals(const Agreement& agreement, const cedar::Expr& expression) {
  const bool literal = expression.op == cedar::Op::kLiteral;
  if (const auto* uid = literal ? expression.value.get_if<cedar::EntityUid>() : nullptr) {
    const cedar::EntityTypeDecl* declared = agreement.schema().entity_type(uid->type);
    const bool has_more = declared != nullptr && (!declared->attributes.attributes().empty() || declared->tags);
    if (has_more && !registered(agreement, *uid)) {
      return fail(Code::kUnsupported, fmt::format("not analysable: a rule or line names `{}`, which the agreement "
                                                  "does not register", cedar::to_string(*uid)));
    }
  }
  for (const cedar::ExprPtr& arg : expression.args) PV_TRY_VOID(check_literals(agreement, *arg));
  return {};
}

Status check_rules(const Agreement& agreement) {
  for (const cedar::Policy& rule : agreement.rules().policies()) {
    for (const cedar::Condition& condition : rule.conditions) PV_TRY_VOID(check_literals(agreement, *condition.body));
  }
  return {};
}

}  // namespace proviso::prove
