#pragma once
// The part of `proviso-verify disclosure` that asks solvers: does the decision rest on facts that are withheld?
#include <optional>

#include "audit/disclosure.h"
#include "base/json.h"
#include "prove/withheld.h"

namespace proviso::audit {

// Nothing if there is nothing to ask: no fact is withheld, no agreement is given, or nothing was decided. `shown` is
// judge()'s word on the disclosure. Starts both solvers, beside this program's launcher.
std::optional<prove::Withheld> judge_withheld(const Disclosure& disclosure, const Shown& shown);

// For people, and as the member `withheld_facts` for machines.
std::string said_of(const prove::Withheld& withheld);
void put_withheld(json::Writer& writer, const prove::Withheld& withheld);

}  // namespace proviso::audit
