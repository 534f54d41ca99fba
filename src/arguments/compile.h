#pragma once
// Reads a schema into nodes. Not a face: only this room includes it.
#include "arguments/node.h"
#include "base/json.h"
#include "base/result.h"

namespace proviso::arguments {

inline constexpr int64_t kExactMax = 1LL << 53;  // whole numbers below are exact in a double

struct Compiled {
  NodePtr root;
  size_t nodes = 0;
  bool unique = false;   // some `uniqueItems`
  bool divides = false;  // some `multipleOf`
};

// Errors as InputSchema::compile().
Result<Compiled> compile_schema(json::Element schema);

}  // namespace proviso::arguments
