#pragma once
// The compiled form of conditions: trees in one flat array, constants folded, literals hashed once.
// Inner to the room. Built by compiler.cc, run by evaluator.cc.
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cedar/ast.h"
#include "cedar/functions.h"
#include "cedar/value.h"

namespace proviso::cedar {

inline constexpr size_t kProgramNodesMax = 1U << 20;  // bounds one policy set's memory and work

// A literal uid with its hash, so that a store lookup costs one probe.
struct HashedUid : EntityUid {
  uint64_t hash = 0;
};

// A value during evaluation: 16 bytes, borrowed from the request, the store or the program.
struct Val {
  static constexpr uint32_t kUnresolved = UINT32_MAX - 1;  // an entity not yet looked up

  Kind kind = Kind::kBool;
  bool hashed = false;             // kEntity: `uid` is a HashedUid
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
  return &a == &b || (a.id == b.id && a.type == b.type);  // ids differ more often than types
}

struct Node {
  Op op = Op::kLiteral;
  uint8_t sub = 0;      // kVar: Var; kExtension: Ext
  uint32_t kids = 0;    // first child in Program::kids
  uint32_t count = 0;   // children
  uint32_t datum = 0;   // constant, name, path or pattern, by op
  Span span;
};

struct Program {
  std::vector<Node> nodes;
  std::vector<uint32_t> kids;
  std::vector<Val> constants;
  std::deque<std::string> names;
  std::deque<std::vector<std::string>> paths;  // kHas paths and kRecord keys
  std::deque<Pattern> patterns;
  std::deque<Value> values;      // what constants borrow
  std::deque<HashedUid> uids;    // the same for entities

  // Adds a tree; returns its root. kLimit: kProgramNodesMax.
  Result<uint32_t> add(const Expr& expr);
  const HashedUid* add_uid(const EntityUid& uid);

 private:
  uint32_t add_constant(Value value, Span span);
  Result<uint32_t> add_folded(const Expr& expr, const std::vector<uint32_t>& kids);
};

// Applies an extension function; the error is the run-time error.
Result<Value> apply_constructor(Ext ext, std::string_view text);

}  // namespace proviso::cedar
