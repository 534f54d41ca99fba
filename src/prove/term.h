#pragma once
// Terms: what expressions become before they become text for a solver. Hash-consed in one table, so that
// equal terms have equal ids and arguments always stand before what uses them. The constructors fold
// constants: a term over concrete values is a literal, which is how the encoding is tested against the
// evaluator. Numbers in literals fit 64 bits. Source: cedar-spec SymCC/Factory.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cedar/ip.h"
#include "cedar/pattern.h"
#include "cedar/value.h"
#include "prove/sort.h"

namespace proviso::prove {

inline constexpr size_t kTermsMax = 1U << 20;  // one environment's table; more is not analysable

using TermId = uint32_t;

enum class TermOp : uint8_t {
  kBool, kNumber, kText, kUid, kIp,  // literals
  kVariable, kApply,                 // free: a part of the request; a function of the store
  kNot, kAnd, kOr, kIte, kEq,
  kLe, kLt, kAdd, kSub, kMul,        // on mathematical integers
  kFits,                             // is the result of operation `index` within 64 bits
  kCast,                             // the same number as another sort
  kQuotient,                         // by `number`, toward zero
  kModulo,                           // by `number`, never negative
  kLike,
  kSet, kMember, kSubset, kIntersects, kIsEmpty,
  kRecord, kField,
  kNone, kSome, kIsSome, kValue,
  kIpIsV6, kIpInRange,
};

// A function of the entity store.
struct Function {
  enum class Kind : uint8_t { kAttribute, kAncestors, kTagKeys, kTagValue, kExists };
  Kind kind = Kind::kAttribute;
  std::string type;               // of the entity it is applied to
  std::vector<std::string> path;  // kAttribute: names down nested records
  std::string of;                 // kAncestors: the ancestors' type
  SortId result = 0;
};

struct Term {
  TermOp op = TermOp::kBool;
  SortId sort = 0;
  bool ground = false;   // a literal, all the way down
  uint32_t index = 0;    // kField: which; kApply: function; kLike: pattern; kIp: address
  int64_t number = 0;    // kBool, kNumber; kQuotient, kModulo
  std::string text;      // kText; kUid: the id; kVariable: its name
  std::vector<TermId> args;
};

class Terms {
 public:
  explicit Terms(const cedar::Schema& schema);

  [[nodiscard]] const Term& at(TermId id) const { return terms_[id]; }
  [[nodiscard]] const Sort& sort_of(TermId id) const { return sorts.at(terms_[id].sort); }
  [[nodiscard]] size_t size() const { return terms_.size(); }
  [[nodiscard]] bool full() const { return terms_.size() > kTermsMax; }
  [[nodiscard]] const cedar::Pattern& pattern(const Term& term) const { return patterns_[term.index]; }
  [[nodiscard]] const cedar::IpAddr& ip(const Term& term) const { return ips_[term.index]; }
  [[nodiscard]] const Function& function(uint32_t index) const { return functions_[index]; }
  [[nodiscard]] const cedar::Schema& schema() const { return schema_; }
  [[nodiscard]] bool is_true(TermId id) const { return id == yes_; }
  [[nodiscard]] bool is_false(TermId id) const { return id == no_; }

  TermId boolean(bool value) const { return value ? yes_ : no_; }
  TermId number(int64_t value, SortId sort);
  TermId text(std::string_view value);
  TermId uid(const cedar::EntityUid& uid);
  TermId ip(const cedar::IpAddr& value);
  TermId variable(const std::string& name, SortId sort);
  TermId apply(const Function& function, std::vector<TermId> args);

  TermId negate(TermId a);
  TermId conjunction(std::vector<TermId> all);
  TermId disjunction(std::vector<TermId> any);
  TermId both(TermId a, TermId b) { return conjunction({a, b}); }
  TermId either(TermId a, TermId b) { return disjunction({a, b}); }
  TermId ite(TermId test, TermId yes, TermId no);
  TermId equal(TermId a, TermId b);
  TermId less(TermId a, TermId b);
  TermId less_equal(TermId a, TermId b);
  // Sum, difference or product as a mathematical integer. Literals whose result does not fit give 0:
  // the caller has asked fits() and guards the value with it.
  TermId arithmetic(TermOp op, TermId a, TermId b);
  TermId fits(TermOp op, TermId a, TermId b);  // the result is within 64 bits
  TermId cast(TermId a, SortId sort);
  TermId quotient(TermId a, int64_t by, SortId sort);
  TermId modulo(TermId a, int64_t by, SortId sort);
  TermId like(TermId a, const cedar::Pattern& pattern);
  TermId set(std::vector<TermId> elements, SortId element);
  TermId member(TermId element, TermId set);
  TermId subset(TermId inner, TermId outer);
  TermId intersects(TermId a, TermId b);
  TermId is_empty(TermId set);
  TermId record(std::vector<TermId> values, SortId sort);
  TermId field(TermId record, uint32_t index);
  TermId none(SortId option);
  TermId some(TermId value);
  TermId is_some(TermId option);
  TermId value(TermId option);
  TermId ip_is_v6(TermId a);
  TermId ip_in_range(TermId a, TermId range);

  // A value of that sort as a literal; kInvalid if it is not of the sort.
  Result<TermId> literal(const cedar::Value& value, SortId sort);
  // Some literal of that sort: false, 0, "", the empty set, the first id of an enumeration.
  TermId any_literal(SortId sort);
  // What a free term is worth: asked for variables and for applications to literals.
  using Meaning = std::function<TermId(TermId)>;
  // The term with every free part replaced; a literal if `meaning` gives literals.
  TermId substitute(TermId root, const Meaning& meaning);
  // Every term that the roots are made of, themselves included, in order.
  [[nodiscard]] std::vector<TermId> reachable(const std::vector<TermId>& roots) const;

  Sorts sorts;

 private:
  TermId add(Term term);
  TermId junction(TermOp op, std::vector<TermId> args);
  TermId rebuild(const Term& term, std::vector<TermId> args);
  Result<TermId> literal_record(const cedar::Record& record, SortId sort);

  const cedar::Schema& schema_;
  std::vector<Term> terms_;
  std::unordered_map<std::string, TermId> ids_;
  std::vector<cedar::Pattern> patterns_;
  std::vector<cedar::IpAddr> ips_;
  std::vector<Function> functions_;
  std::unordered_map<std::string, uint32_t> function_ids_;
  TermId no_ = 0;
  TermId yes_ = 0;
};

}  // namespace proviso::prove
