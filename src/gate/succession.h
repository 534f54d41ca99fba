#pragma once
// Whether one agreement may take another's place: it follows it, its red lines' custodians under the one in force
// have signed, and the detectors that it pins are this gate's. The same at a swap and at a start.
#include <memory>

#include "gate/engine.h"
#include "inspect/inspector.h"

namespace proviso::gate {

inline constexpr uint64_t kNewestLeavesMax = 50'000;  // more than are written while loops cross a swap (10 s)

// The agreement that the ledger's newest leaves stand under; null if there is none. kNotFound or kUnverified if
// its kept folder is gone or altered: then nobody can tell what may follow it.
Result<std::shared_ptr<const agreement::Agreement>> last_in_force(Engine& engine);

// kConflict, kUnverified: with what is missing and how to give it. The same agreement again may always follow.
Status may_follow(const agreement::Agreement& in_force, const agreement::Agreement& next);

// kUnverified if the agreement pins other detectors than these.
Status detectors_as_pinned(const agreement::Agreement& agreement, const inspect::Inspector& inspector);

}  // namespace proviso::gate
