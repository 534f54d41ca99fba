#pragma once
// A tool's input schema as the keywords that we accept, references put in place. What the validator is given is
// written from these nodes, and proofs read them: both speak of the same schema. Immutable, shared.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace proviso::arguments {

enum TypeBit : uint8_t {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,  // also a bit of "number"
  kFraction = 8, // numbers that are no integers
  kString = 16,
  kArray = 32,
  kObject = 64,
};
inline constexpr uint8_t kNumber = kInteger | kFraction;
inline constexpr uint8_t kAnyType = 127;

struct Node;
using NodePtr = std::shared_ptr<const Node>;

// An absent member asserts nothing, as in JSON Schema.
struct Node {
  bool never = false;  // the schema `false`
  uint8_t types = kAnyType;
  std::optional<std::vector<std::string>> choices;  // `enum` or `const`, each as compact JSON text
  std::map<std::string, NodePtr> properties;
  std::vector<std::string> required;
  NodePtr additional;  // additionalProperties
  NodePtr items;
  std::optional<uint64_t> items_min, items_max, length_min, length_max, properties_min, properties_max;
  bool unique = false;
  std::optional<double> minimum, maximum, above, below;  // above, below: the exclusive ones
  std::optional<int64_t> multiple_of;
  std::vector<NodePtr> all_of, any_of, one_of;
  NodePtr negated, condition, consequence, alternative;  // not, if, then, else
};

}  // namespace proviso::arguments
