#pragma once
// What an agreement's examples can tell: each rule struck by itself, every example run again under what is left. By
// running, not by proof. An example that comes out the same whichever rule is struck distinguishes nothing, and a rule
// that can be struck unnoticed has no example that speaks for it. One that is denied because nothing permits it hangs on
// what is not there, and is not named. None of this is a fault.
#include <cstdint>
#include <string>
#include <vector>

#include "agreement/agreement.h"

namespace proviso::prove {

struct ExampleLint {
  std::vector<agreement::ExampleOutcome> idle;  // examples that rules decide, but none of them alone
  std::vector<uint32_t> unnoticed;              // rules, by index, that no example notices
};
// `agreement` was loaded from `files`. A rule without which the agreement does not load is noticed by that.
ExampleLint lint_examples(const agreement::Agreement& agreement, const agreement::Files& files);

}  // namespace proviso::prove
