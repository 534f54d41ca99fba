#pragma once
// Cedar's own errors as faults of this room. Not a face: only this room includes it.
#include <string_view>

#include "agreement/faults.h"
#include "base/result.h"
#include "cedar/source.h"

namespace proviso::agreement {

// A Cedar error starts with "file:line:column: "; one without a place is put at `line`.
void add_cedar_fault(std::string_view file, size_t line, const Error& error, Faults& faults);
void add_cedar_fault(const cedar::Diagnostic& diagnostic, Faults& faults);

}  // namespace proviso::agreement
