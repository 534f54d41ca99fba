#pragma once
// Which entities a rule may name for a proof to be about stores that a gate can have. Inner to the room.
#include "agreement/agreement.h"
#include "cedar/ast.h"

namespace proviso::prove {

// Proofs take whatever is read to be in the store. A literal with attributes that no gate has there would make
// them speak of stores that never are. kUnsupported names it.
Status check_literals(const agreement::Agreement& agreement, const cedar::Expr& expression);
// The same for the conditions of every rule.
Status check_rules(const agreement::Agreement& agreement);

}  // namespace proviso::prove
