#pragma once
// redlines.md: a table in words and the same lines as Cedar conditions in a `redlines` fence. Both
// must name the same lines. Not a face: only this room includes it.
#include <string_view>
#include <vector>

#include "agreement/agreement.h"
#include "agreement/faults.h"
#include "cedar/schema.h"

namespace proviso::agreement {

inline constexpr std::string_view kRedLinesFile = "redlines.md";
inline constexpr size_t kRedLinesMax = 200;  // each is a proof per request environment

// With a schema, each condition is also validated in the environments of its verbs.
std::vector<RedLine> parse_red_lines(std::string_view markdown, const Terms& terms,
                                     const cedar::Schema* schema, Faults& faults);

}  // namespace proviso::agreement
