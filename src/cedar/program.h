#pragma once
// The compiled form of conditions: one flat array of nodes for a whole policy set, in which equal
// subexpressions are one node. Constants are folded, names and literal entities numbered. A node that
// is used more than once has a slot, so that its value is computed once for a request, however many
// policies ask; that is sound because expressions have no effects. Inner to the room. Built by
// compiler.cc, run by evaluator.cc.
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "cedar/ast.h"
#include "cedar/functions.h"
#include "cedar/value.h"

namespace proviso::cedar {

inline constexpr size_t kProgramNodesMax = 1U << 20;  // bounds one policy set's memory and work

// An entity that the policies name: numbered densely, its hash computed once.
struct Literal : EntityUid {
  uint64_t hash = 0;
  uint32_t index = 0;
};

// A value during evaluation: 16 bytes, borrowed from the request, the store or the program.
struct Val {
  static constexpr uint32_t kUnresolved = UINT32_MAX - 1;  // an entity not yet looked up

  Kind kind = Kind::kBool;
  bool literal = false;            // kEntity: `uid` is a Literal of the program
  uint32_t id = kUnresolved;       // kEntity: its number in the store
  union {
    bool b;
    int64_t i;  // kLong; kDecimal units; kDatetime and kDuration milliseconds
    const std::string* s;
    const EntityUid* uid;
    const Set* set;
    const Record* record;
    const IpAddr* ip;
  };
  Val() : i(0) {}
};
Val view(const Value& value);
Value to_value(const Val& value);
std::strong_ordering compare(const Val& a, const Val& b);
// Cedar's ==: compare() == 0, but cheaper.
bool equal(const Val& a, const Val& b);
inline bool equal(const EntityUid& a, const EntityUid& b) {
  return &a == &b || (same_text(a.id, b.id) && same_text(a.type, b.type));  // ids differ more often than types
}
uint64_t fingerprint(const Val& value);

struct Node {
  static constexpr uint32_t kNoSlot = UINT32_MAX;
  Op op = Op::kLiteral;
  uint8_t sub = 0;         // kVar: Var; kExtension: Ext; kIn, kEq: Var when `on_literal`
  bool on_literal = false;  // kIn, kEq between principal, action or resource and a literal: `datum`
  uint32_t count = 0;      // children
  std::array<uint32_t, 2> kids = {};  // the children; of more than two, the first is where they begin in Program::kids
  uint32_t datum = 0;      // constant, name, path, pattern or literal, by op
  uint32_t slot = kNoSlot;
};

class Program {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  std::vector<Node> nodes;
  std::vector<uint32_t> kids;  // of nodes with more than two
  std::vector<Val> constants;
  std::deque<std::string> names;
  std::deque<std::vector<std::string>> paths;  // kHas paths and kRecord keys
  std::deque<Pattern> patterns;
  std::deque<Value> values;  // what constants borrow
  std::deque<Literal> literals;
  std::map<std::string, uint32_t, std::less<>> types;  // that scopes name, numbered
  uint32_t slots = 0;
  // A number of this program alone in this process; 0 for one that is used once.
  uint64_t serial = 0;

  // Adds a tree; returns its root. kLimit: kProgramNodesMax.
  Result<uint32_t> add(const Expr& expr);
  const Literal& add_literal(const EntityUid& uid);
  uint32_t add_type(std::string_view type);
  // The number of the literal, or kNone. `hash` is hash_uid().
  [[nodiscard]] uint32_t literal_of(uint64_t hash, std::string_view type, std::string_view id) const;
  // The number of a type that scopes name, or kNone.
  [[nodiscard]] uint32_t type_of(std::string_view type) const;
  [[nodiscard]] uint32_t kid(const Node& n, uint32_t i) const { return n.count <= 2 ? n.kids[i] : kids[n.kids[0] + i]; }

 private:
  uint32_t add_constant(Value value);
  Result<uint32_t> add_folded(const Expr& expr, const std::vector<uint32_t>& kids);
  uint32_t add_node(Node node, const std::vector<uint32_t>& kids);
  void set_datum(const Expr& expr, Node& node);
  void fuse(Node& node, const std::vector<uint32_t>& kids) const;
  uint32_t numbered(char what, std::string key, size_t next, bool& fresh);

  std::unordered_map<std::string, uint32_t> numbers_;  // of names, paths, patterns, constants, nodes
  std::vector<uint32_t> literal_table_;                // open addressing, index + 1, 0 is free
};

// Applies an extension function; the error is the run-time error.
Result<Value> apply_constructor(Ext ext, std::string_view text);

}  // namespace proviso::cedar
