#pragma once
// Policies and expressions as terms, one request environment at a time. The request and the store are
// free: a variable for every part of the context, a function for every attribute, tag and ancestor set.
// An expression becomes two terms: whether it has a value, and the value. Sorts are checked here again,
// so that whatever has no exact counterpart is kUnsupported: "not analysable", never "holds".
// Source: cedar-spec SymCC/{Env,Compiler,ExtFun,Tags}.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cedar/authorizer.h"
#include "cedar/policy_set.h"
#include "cedar/schema.h"
#include "prove/term.h"

namespace proviso::prove {

// One way in which a request can be made.
struct Environment {
  const cedar::ActionDecl* action = nullptr;
  std::string principal;  // types
  std::string resource;
  friend bool operator==(const Environment&, const Environment&) = default;
};
// kUnsupported: it cannot be put to solvers.
std::unexpected<Error> not_analysable(std::string_view why);
std::string to_string(const Environment& env);  // `Person, Action::"ask", Model`
// The variable for an attribute of `whole`: names are quoted, so that no two paths look the same.
std::string part_of(const std::string& whole, std::string_view attribute);
// Every environment of the schema, in the order of its actions.
std::vector<Environment> environments(const cedar::Schema& schema);

// A closed store has every entity that a request or an entity refers to. An open one may lack some, and
// reading from what is missing errs: proofs are about closed stores, the tests of the encoder about both.
enum class Store : uint8_t { kClosed, kOpen };

// What an expression is worth. `value` means nothing where `ok` is false.
struct Outcome {
  TermId ok = 0;
  TermId value = 0;
};

class Encoder {
 public:
  Encoder(Terms& terms, const Environment& env, Store store = Store::kClosed);

  // kUnsupported: not analysable.
  Result<Outcome> expression(const cedar::Expr& e);
  // Scope and conditions, one after the other.
  Result<Outcome> policy(const cedar::Policy& policy);

  [[nodiscard]] TermId principal() const { return principal_; }
  [[nodiscard]] TermId resource() const { return resource_; }
  [[nodiscard]] TermId context() const { return context_; }

  TermId ancestors(TermId entity, const std::string& of);

 private:
  using Sym = Result<Outcome>;
  TermId open_record(const std::string& name, SortId sort);
  TermId attributes(TermId entity);
  TermId attribute(const std::string& type, std::vector<std::string> path, SortId sort, TermId entity);
  TermId exists(TermId entity);
  TermId action_ancestors(TermId entity, const std::string& of);
  TermId scope(const cedar::Scope& scope, TermId entity);
  TermId is_in(TermId entity, TermId group);
  [[nodiscard]] bool is_action(const std::string& type) const;

  Sym literal(const cedar::Expr& e);
  Sym logic(const cedar::Expr& e);
  Sym conditional(const cedar::Expr& e);
  Sym unary(const cedar::Expr& e);
  Sym binary(const cedar::Expr& e);
  Sym equality(cedar::Op op, const Outcome& a, const Outcome& b);
  Sym order(cedar::Op op, const Outcome& a, const Outcome& b);
  Sym arithmetic(cedar::Op op, const Outcome& a, const Outcome& b);
  Sym membership(const Outcome& a, const Outcome& b);
  Sym containment(cedar::Op op, const Outcome& a, const Outcome& b);
  Sym tag(cedar::Op op, const Outcome& a, const Outcome& b);
  Sym is(const cedar::Expr& e);
  Sym has(const cedar::Expr& e);
  Sym attribute(const cedar::Expr& e);
  Sym set(const cedar::Expr& e);
  Sym record(const cedar::Expr& e);
  Sym extension(const cedar::Expr& e);
  Sym constructor(const cedar::Expr& e);
  Sym ip_method(const cedar::Expr& e, const std::vector<Outcome>& args);
  Sym time_method(const cedar::Expr& e, const std::vector<Outcome>& args);
  [[nodiscard]] Sort::Tag tag_of(TermId id) const { return terms_.sort_of(id).tag; }

  Terms& terms_;
  Store store_;
  TermId principal_ = 0;
  TermId resource_ = 0;
  TermId action_ = 0;
  TermId context_ = 0;
};

// A policy set in one environment.
struct Judgement {
  std::vector<Outcome> policies;  // in the order of the set
  TermId allowed = 0;             // by the semantics asked for
  TermId errs = 0;                // some policy errs
};
enum class Semantics : uint8_t {
  kCedar,         // a policy that errs is skipped
  kAnyErrorDenies  // ours
};
// kUnsupported names the policy.
Result<Judgement> judge(Terms& terms, Encoder& encoder, const std::vector<cedar::Policy>& policies,
                        Semantics semantics);

}  // namespace proviso::prove
