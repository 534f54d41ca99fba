#include "gate/succession.h"

#include <algorithm>
#include <fmt/format.h>

#include "agreement/custody.h"
#include "audit/leaf.h"
#include "audit/replay.h"

namespace proviso::gate {

// Every leaf names the agreement that it stands under, so the newest ones tell; those of a swap can cross, and then
// the swap's own leaf is among them.
Result<std::shared_ptr<const agreement::Agreement>> last_in_force(Engine& engine) {
  const uint64_t size = engine.log().state().size;
  Digest named;
  bool adopted = false;
  PV_TRY_VOID(engine.log().scan(size - std::min(size, kNewestLeavesMax), [&](uint64_t, std::string_view entry) -> Status {
    PV_TRY(const audit::Leaf leaf, audit::Leaf::parse(entry));
    const bool adopts = leaf.verb == "agreement";
    if (adopts || (!adopted && leaf.agreement != Digest{})) named = leaf.agreement;
    adopted = adopted || adopts;
    return {};
  }));
  if (named == Digest{}) return nullptr;
  auto found = audit::AgreementShelf(engine.options().layout.agreements()).get(named);
  if (found) return *found;
  return fail_at("the agreement last in force cannot be read, so nobody can tell what may follow it; restore it "
                 "from a backup", std::move(found).error());
}

Status may_follow(const agreement::Agreement& in_force, const agreement::Agreement& next) {
  if (in_force.digest() == next.digest()) return {};
  PV_TRY_VOID(agreement::check_follows(in_force, next));
  Status custodians = agreement::check_custodians(in_force, next);
  if (custodians) return {};
  return fail(custodians.error().code,
              custodians.error().message + "\nA custodian signs what `proviso agreement diff IN-FORCE FOLDER --write` "
                                           "found, with `proviso agreement sign FOLDER --party NAME --custodian --key "
                                           "FILE`, its key of the agreement in force");
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
