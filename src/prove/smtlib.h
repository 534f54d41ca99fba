#pragma once
// A question as SMT-LIB 2.6 text, one definition a term, in the two dialects that differ in sets only:
// cvc5 has finite sets, z3 has arrays of booleans. Names follow cedar-spec's SymCC (`E0`, `R0`, `f0`,
// `t0`); a comment says what each stands for. The text is the whole question: an auditor may run it
// through a solver of their own. Source: cedar-spec SymCC/Encoder.
#include <string>
#include <vector>

#include "base/result.h"
#include "prove/term.h"

namespace proviso::prove {

enum class Dialect : uint8_t { kCvc5, kZ3 };

struct Question {
  std::vector<TermId> assertions;  // can they all be true? `unsat` says no
  std::vector<TermId> asked;       // whose values are wanted if they can
};

// kUnsupported: a string holds a code point that SMT-LIB cannot write (above 2FFFF).
Result<std::string> to_smtlib(const Terms& terms, const Question& question, Dialect dialect);

}  // namespace proviso::prove
