#pragma once
// What a solver prints, read back: symbolic expressions, and the values that it names as literals of
// the sorts that were asked for. The text comes from a program that is not trusted: whatever does not
// read exactly as a value of its sort is an error. Source: SMT-LIB 2.6; cedar-spec SymCC/Decoder.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "prove/term.h"

namespace proviso::prove {

inline constexpr size_t kModelBytesMax = 4U << 20;   // a model of our questions takes some kilobytes
inline constexpr size_t kModelDepthMax = 2'000;      // sets nest once per element

// An atom or a list. Strings keep their quotes, so that `"a"` and `a` differ.
struct Sexpr {
  std::string atom;
  std::vector<Sexpr> list;
  [[nodiscard]] bool is_list() const { return atom.empty(); }
};
// Every expression of the text, one after the other. kInvalid, kLimit.
Result<std::vector<Sexpr>> parse_sexprs(std::string_view text);

// The value as a literal of that sort; kInvalid, and kUnsupported for a number outside 64 bits.
Result<TermId> value_of(Terms& terms, const Sexpr& value, SortId sort);

}  // namespace proviso::prove
