#pragma once
// Types one expression in one request environment. Inner to the room; validator.cc drives it.
// Source: cedar-spec Validation/Typechecker, read side by side.
#include <list>
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
  Mode mode = Mode::kStrict;
  std::optional<uint32_t> level_max;  // of dereferences, see Typed::level
};

inline constexpr uint32_t kLiteralLevel = 1U << 20;

// What is known to exist: `text of an expression` + attribute or tag.
using Capabilities = std::set<std::string>;

struct Typed {
  Type type;
  Capabilities capabilities;  // hold when the expression is true
  // How many entities were followed from the request to get here; kLiteralLevel from a literal, which
  // may not be followed at all when levels are checked.
  uint32_t level = 0;
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

  // Following an entity: false, with a fault, if the level does not allow it.
  bool follow(const Expr& at, const Typed& entity);
  [[nodiscard]] const Type* attributes_of(const Type& type);
  [[nodiscard]] bool can_be_in(const std::string& types, const std::string& groups) const;
  [[nodiscard]] std::optional<Type> bound(const Type& a, const Type& b) const;
  [[nodiscard]] std::optional<EntityUid> as_uid(const Expr& e) const;
  [[nodiscard]] bool action_in(const EntityUid& action, const EntityUid& group) const;
  [[nodiscard]] bool is_action_type(const std::string& type) const;

  const RequestEnv& env_;
  TypeFault fault_;
  std::list<Type> unions_;  // attributes of several entity types in one
};

// The least type above both; nothing if there is none.
std::optional<Type> least_upper_bound(const Type& a, const Type& b, Mode mode = Mode::kStrict);
// The entity types in a name, `A|B`.
std::vector<std::string> entity_names(const std::string& name);
// Could an entity of `type` be in one of `group`? Reflexive.
bool type_can_be_in(const Schema& schema, const std::string& type, const std::string& group);

}  // namespace proviso::cedar
