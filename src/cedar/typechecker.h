#pragma once
// Types one expression in one request environment. Inner to the room; validator.cc drives it.
// Source: cedar-spec Validation/Typechecker, read side by side.
#include <optional>
#include <set>
#include <string>

#include "cedar/ast.h"
#include "cedar/schema.h"
#include "cedar/type.h"

namespace proviso::cedar {

// One way in which a request can be made: an action with a principal and a resource type.
struct RequestEnv {
  const Schema* schema = nullptr;
  const ActionDecl* action = nullptr;
  std::string principal;
  std::string resource;
};

// What is known to exist: `text of an expression` + attribute or tag.
using Capabilities = std::set<std::string>;

struct Typed {
  Type type;
  Capabilities capabilities;  // hold when the expression is true
};

// Why an expression has no type.
struct TypeFault {
  Span span;
  std::string message;
  std::string help;
};

class Typechecker {
 public:
  explicit Typechecker(const RequestEnv& env) : env_(env) {}
  // Nothing: see fault(). `known` are the capabilities in force.
  std::optional<Typed> check(const Expr& e, const Capabilities& known);
  [[nodiscard]] const TypeFault& fault() const { return fault_; }

 private:
  using Outcome = std::optional<Typed>;
  Outcome bad(const Expr& at, std::string message, std::string help = {});
  Outcome wrong(const Expr& at, const Type& found, std::string_view wanted);

  Outcome literal(const Expr& e);
  Outcome variable(const Expr& e);
  Outcome conditional(const Expr& e, const Capabilities& known);
  Outcome conjunction(const Expr& e, const Capabilities& known);
  Outcome disjunction(const Expr& e, const Capabilities& known);
  Outcome unary(const Expr& e, const Capabilities& known);
  Outcome equality(const Expr& e, const Capabilities& known);
  Outcome order(const Expr& e, const Capabilities& known);
  Outcome arithmetic(const Expr& e, const Capabilities& known);
  Outcome membership(const Expr& e, const Capabilities& known);
  Outcome containment(const Expr& e, const Capabilities& known);
  Outcome tag(const Expr& e, const Capabilities& known);
  Outcome has(const Expr& e, const Capabilities& known);
  Outcome attribute(const Expr& e, const Capabilities& known);
  Outcome set(const Expr& e, const Capabilities& known);
  Outcome record(const Expr& e, const Capabilities& known);
  Outcome extension(const Expr& e, const Capabilities& known);
  Outcome constructor(const Expr& e);

  [[nodiscard]] std::optional<EntityUid> as_uid(const Expr& e) const;
  [[nodiscard]] bool action_in(const EntityUid& action, const EntityUid& group) const;
  [[nodiscard]] bool is_action_type(const std::string& type) const;

  const RequestEnv& env_;
  TypeFault fault_;
};

// The least type above both; nothing if there is none.
std::optional<Type> least_upper_bound(const Type& a, const Type& b);
// Could an entity of `type` be in one of `group`? Reflexive.
bool type_can_be_in(const Schema& schema, const std::string& type, const std::string& group);

}  // namespace proviso::cedar
