#include "gate/succession.h"

#include <fmt/format.h>

#include "agreement/custody.h"
#include "audit/leaf.h"
#include "audit/replay.h"

namespace proviso::gate {

Result<std::shared_ptr<const agreement::Agreement>> last_in_force(Engine& engine) {
  for (uint64_t index = engine.log().state().size; index > 0; --index) {
    PV_TRY(const std::string entry, engine.log().entry(index - 1));
    PV_TRY(const audit::Leaf leaf, audit::Leaf::parse(entry));
    if (leaf.verb != "agreement") continue;
    auto found = audit::AgreementShelf(engine.options().layout.agreements()).get(leaf.agreement);
    if (!found) {
      return fail_at("the agreement last in force cannot be read, so nobody can tell what may follow it; restore it "
                     "from a backup", std::move(found).error());
    }
    return *found;
  }
  return nullptr;
}

Status may_follow(const agreement::Agreement& in_force, const agreement::Agreement& next) {
  if (in_force.digest() == next.digest()) return {};
  PV_TRY_VOID(agreement::check_follows(in_force, next));
  Status custodians = agreement::check_custodians(in_force, next);
  if (custodians) return {};
  return fail(custodians.error().code,
              custodians.error().message + "\nA custodian signs with `proviso agreement sign FOLDER --party NAME "
                                           "--custodian --key FILE`, its key of the agreement in force");
}

Status detectors_as_pinned(const agreement::Agreement& agreement, const inspect::Inspector& inspector) {
  const std::string& pinned = agreement.terms().detectors;
  if (pinned.empty() || pinned == inspector.digest().hex()) return {};
  return fail(Code::kUnverified, fmt::format("the agreement pins the detectors {}, this gate's are {}; use the gate that "
                                             "it was made for, or amend `detectors` in agreement.toml, which the "
                                             "custodians of lines about labels sign",
                                             pinned, inspector.digest().hex()));
}

}  // namespace proviso::gate
