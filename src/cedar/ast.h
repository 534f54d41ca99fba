#pragma once
// The syntax tree of policies: what the parser makes and validator, compiler and prover read. Chains
// of && and || are flat (left-nested text gives one node), everything else is as written; `has a.b`
// keeps its path. Trees are immutable, shared, and no deeper than kExprDepthMax.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cedar/pattern.h"
#include "cedar/source.h"
#include "cedar/value.h"

namespace proviso::cedar {

inline constexpr size_t kExprDepthMax = 256;  // later stages recurse over trees; this bounds their stack

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

enum class Var : uint8_t { kPrincipal, kAction, kResource, kContext };

enum class Op : uint8_t {
  kLiteral,   // value: Bool, Long, String or entity
  kVar,       // var
  kAnd, kOr,  // args: two or more
  kNot, kNeg,
  kIf,  // args: test, then, else
  kEq, kNe, kLt, kLe, kGt, kGe, kIn,
  kAdd, kSub, kMul,
  kLike,    // args: subject; pattern
  kIs,      // args: subject; name = entity type
  kIsIn,    // args: subject, group; name = entity type
  kGetAttr,  // args: subject; name
  kHas,      // args: subject; path
  kContains, kContainsAll, kContainsAny, kIsEmpty, kGetTag, kHasTag,  // args: receiver first
  kExtension,  // name = function or method; args, receiver first
  kSet,        // args
  kRecord,     // args; path = keys
};

struct Expr {
  Op op = Op::kLiteral;
  Span span;
  Var var = Var::kPrincipal;
  Value value;
  std::string name;
  std::vector<std::string> path;  // kHas: one or more names; kRecord: the keys, in args order
  Pattern pattern;
  std::vector<ExprPtr> args;
  uint16_t depth = 1;  // of this tree; at most kExprDepthMax
};

// principal, action and resource in a policy's head.
struct Scope {
  enum class Kind : uint8_t { kAny, kEq, kIn, kInSet, kIs, kIsIn };
  Kind kind = Kind::kAny;
  std::string type;                 // kIs, kIsIn
  std::vector<EntityUid> entities;  // kEq, kIn, kIsIn: one; kInSet: any number; none where a slot stands
  bool slot = false;                // a template's `?principal` or `?resource` stands for the entity
  Span span;
};

struct Condition {
  enum class Kind : uint8_t { kWhen, kUnless };
  Kind kind = Kind::kWhen;
  ExprPtr body;
  Span span;
};

}  // namespace proviso::cedar
