#pragma once
// What is true of every request and every store, said about the terms that a question reaches: numbers
// fit 64 bits, nobody is their own ancestor, ancestors of ancestors are ancestors. Said about these terms
// only, without quantifiers; for the rest a counterexample can be completed, because an entity that the
// question never reaches may be given no ancestors. Source: cedar-spec SymCC/Enforcer.
#include <vector>

#include "prove/encode.h"

namespace proviso::prove {

std::vector<TermId> facts_about(Terms& terms, Encoder& encoder, const std::vector<TermId>& question);

}  // namespace proviso::prove
