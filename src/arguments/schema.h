#pragma once
// The arguments of a tool call, held to the tool's pinned input schema. Compiled once a definition; what a schema
// uses beyond the closed list of keywords in docs/arguments.md makes it too open to tell: it is not compiled, and
// says which keyword where. Numbers are what they stand for (1.0 is an integer); beyond 2^53 they are doubles.
// Compiled schemas are immutable; threads share them.
#include <memory>
#include <string>
#include <string_view>

#include "arguments/node.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/result.h"

namespace proviso::arguments {

inline constexpr size_t kNodesMax = 2'000;       // subschemas and choices of one schema, references put in place
inline constexpr size_t kSchemaDepthMax = 32;    // of subschemas in subschemas
inline constexpr size_t kValuesMax = 20'000;     // values and names in the arguments of one call
inline constexpr size_t kStepsMax = 2'000'000;   // nodes times values: a second of the loop at most

class InputSchema {
 public:
  // kUnsupported: too open to tell, with the place as a JSON pointer into the schema; kInvalid: no schema.
  static Result<std::shared_ptr<const InputSchema>> compile(json::Element schema);
  ~InputSchema();

  // kInvalid: the arguments do not conform; the sentence says what and where (a JSON pointer), no value and no name
  // that the schema does not have. kLimit: more than can be looked at.
  [[nodiscard]] Status check(json::Element arguments) const;
  [[nodiscard]] Status check_text(std::string_view arguments) const;  // the same for JSON text; kInvalid if it is none

  [[nodiscard]] const Node& root() const;
  [[nodiscard]] const Digest& digest() const;  // SHA-256 of the schema's canonical JSON (RFC 8785)

  struct Impl;
  explicit InputSchema(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

// Whether `null` for that property of the argument object says that it is left out.
bool may_be_left_out(const Node& root, const std::string& name);

}  // namespace proviso::arguments
