// Expressions, one operator at a time, as the evaluator has them. Errors go from left to right: an
// operand that is not reached may err, or make no sense, without consequence.
#include <algorithm>
#include <fmt/format.h>

#include "prove/encode.h"

namespace proviso::prove {

using cedar::Expr;
using cedar::Op;
using Tag = Sort::Tag;

Result<Outcome> Encoder::expression(const Expr& e) {
  if (terms_.full()) return not_analysable(fmt::format("more than {} terms", kTermsMax));
  switch (e.op) {
    case Op::kLiteral: return literal(e);
    case Op::kVar:
      switch (e.var) {
        case cedar::Var::kPrincipal: return Outcome{terms_.boolean(true), principal_};
        case cedar::Var::kAction: return Outcome{terms_.boolean(true), action_};
        case cedar::Var::kResource: return Outcome{terms_.boolean(true), resource_};
        case cedar::Var::kContext: return Outcome{terms_.boolean(true), context_};
      }
      return not_analysable("an unknown variable");
    case Op::kAnd: case Op::kOr: return logic(e);
    case Op::kIf: return conditional(e);
    case Op::kNot: case Op::kNeg: case Op::kLike: case Op::kIsEmpty: return unary(e);
    case Op::kIs: case Op::kIsIn: return is(e);
    case Op::kGetAttr: return attribute(e);
    case Op::kHas: return has(e);
    case Op::kSet: return set(e);
    case Op::kRecord: return record(e);
    case Op::kExtension: return extension(e);
    default: return binary(e);
  }
}

Result<Outcome> Encoder::literal(const Expr& e) {
  const TermId ok = terms_.boolean(true);
  if (const auto* flag = e.value.get_if<bool>()) return Outcome{ok, terms_.boolean(*flag)};
  if (const auto* number = e.value.get_if<int64_t>()) return Outcome{ok, terms_.number(*number, Sorts::kLong)};
  if (const auto* text = e.value.get_if<std::string>()) return Outcome{ok, terms_.text(*text)};
  if (const auto* uid = e.value.get_if<cedar::EntityUid>()) {
    if (terms_.schema().entity_type(uid->type) == nullptr && !is_action(uid->type)) {
      return not_analysable(fmt::format("`{}` is of no declared type", cedar::to_string(*uid)));
    }
    return Outcome{ok, terms_.uid(*uid)};
  }
  return not_analysable("an unknown literal");
}

Result<Outcome> Encoder::logic(const Expr& e) {
  const bool conjunction = e.op == Op::kAnd;
  Outcome out{terms_.boolean(true), terms_.boolean(conjunction)};
  for (const cedar::ExprPtr& arg : e.args) {
    const TermId stop = conjunction ? terms_.negate(out.value) : out.value;
    if (terms_.is_true(stop)) break;
    PV_TRY(const Outcome next, expression(*arg));
    if (tag_of(next.value) != Tag::kBool) return not_analysable("an operand of && or || is not a boolean");
    out.ok = terms_.both(out.ok, terms_.either(stop, next.ok));
    out.value = conjunction ? terms_.both(out.value, next.value) : terms_.either(out.value, next.value);
  }
  return out;
}

Result<Outcome> Encoder::conditional(const Expr& e) {
  PV_TRY(const Outcome test, expression(*e.args[0]));
  if (tag_of(test.value) != Tag::kBool) return not_analysable("the test of `if` is not a boolean");
  if (terms_.is_true(test.value) || terms_.is_false(test.value)) {
    PV_TRY(Outcome taken, expression(*e.args[terms_.is_true(test.value) ? 1 : 2]));
    taken.ok = terms_.both(test.ok, taken.ok);
    return taken;
  }
  PV_TRY(const Outcome yes, expression(*e.args[1]));
  PV_TRY(const Outcome no, expression(*e.args[2]));
  if (terms_.at(yes.value).sort != terms_.at(no.value).sort) {
    return not_analysable("the branches of `if` have different types");
  }
  return Outcome{terms_.both(test.ok, terms_.ite(test.value, yes.ok, no.ok)),
                 terms_.ite(test.value, yes.value, no.value)};
}

Result<Outcome> Encoder::unary(const Expr& e) {
  PV_TRY(const Outcome a, expression(*e.args[0]));
  const Tag tag = tag_of(a.value);
  switch (e.op) {
    case Op::kNot:
      if (tag != Tag::kBool) return not_analysable("`!` of what is not a boolean");
      return Outcome{a.ok, terms_.negate(a.value)};
    case Op::kNeg: {
      if (tag != Tag::kLong) return not_analysable("`-` of what is not a Long");
      const TermId zero = terms_.number(0, Sorts::kLong);
      return Outcome{terms_.both(a.ok, terms_.fits(TermOp::kSub, zero, a.value)),
                     terms_.arithmetic(TermOp::kSub, zero, a.value)};
    }
    case Op::kLike:
      if (tag != Tag::kString) return not_analysable("`like` on what is not a string");
      return Outcome{a.ok, terms_.like(a.value, e.pattern)};
    default:
      if (tag != Tag::kSet) return not_analysable("`isEmpty` on what is not a set");
      return Outcome{a.ok, terms_.is_empty(a.value)};
  }
}

Result<Outcome> Encoder::binary(const Expr& e) {
  PV_TRY(const Outcome a, expression(*e.args[0]));
  PV_TRY(const Outcome b, expression(*e.args[1]));
  switch (e.op) {
    case Op::kEq: case Op::kNe: return equality(e.op, a, b);
    case Op::kLt: case Op::kLe: case Op::kGt: case Op::kGe: return order(e.op, a, b);
    case Op::kAdd: case Op::kSub: case Op::kMul: return arithmetic(e.op, a, b);
    case Op::kIn: return membership(a, b);
    case Op::kContains: case Op::kContainsAll: case Op::kContainsAny: return containment(e.op, a, b);
    case Op::kGetTag: case Op::kHasTag: return tag(e.op, a, b);
    default: return not_analysable("an unknown operator");
  }
}

Result<Outcome> Encoder::equality(Op op, const Outcome& a, const Outcome& b) {
  const TermId ok = terms_.both(a.ok, b.ok);
  TermId same = terms_.boolean(false);
  if (terms_.at(a.value).sort == terms_.at(b.value).sort) {
    same = terms_.equal(a.value, b.value);
  } else if (tag_of(a.value) == tag_of(b.value) && tag_of(a.value) != Tag::kEntity) {
    // Records and sets of different sorts may still be equal as values.
    return not_analysable("`==` between different types");
  }
  return Outcome{ok, op == Op::kEq ? same : terms_.negate(same)};
}

Result<Outcome> Encoder::order(Op op, const Outcome& a, const Outcome& b) {
  const Tag tag = tag_of(a.value);
  if (tag != tag_of(b.value) || !(tag == Tag::kLong || tag == Tag::kDatetime || tag == Tag::kDuration)) {
    return not_analysable("an order between values that have none");
  }
  const TermId ok = terms_.both(a.ok, b.ok);
  switch (op) {
    case Op::kLt: return Outcome{ok, terms_.less(a.value, b.value)};
    case Op::kLe: return Outcome{ok, terms_.less_equal(a.value, b.value)};
    case Op::kGt: return Outcome{ok, terms_.less(b.value, a.value)};
    default: return Outcome{ok, terms_.less_equal(b.value, a.value)};
  }
}

Result<Outcome> Encoder::arithmetic(Op op, const Outcome& a, const Outcome& b) {
  if (tag_of(a.value) != Tag::kLong || tag_of(b.value) != Tag::kLong) {
    return not_analysable("arithmetic on what is not a Long");
  }
  const TermOp as = op == Op::kAdd ? TermOp::kAdd : op == Op::kSub ? TermOp::kSub : TermOp::kMul;
  return Outcome{terms_.conjunction({a.ok, b.ok, terms_.fits(as, a.value, b.value)}),
                 terms_.arithmetic(as, a.value, b.value)};
}

Result<Outcome> Encoder::membership(const Outcome& a, const Outcome& b) {
  if (tag_of(a.value) != Tag::kEntity) return not_analysable("`in` on what is not an entity");
  const TermId ok = terms_.both(a.ok, b.ok);
  if (tag_of(b.value) == Tag::kEntity) return Outcome{ok, is_in(a.value, b.value)};
  const Sort right = terms_.sort_of(b.value);
  if (right.tag != Tag::kSet || terms_.sorts.at(right.inner).tag != Tag::kEntity) {
    return not_analysable("`in` something that is neither an entity nor a set of entities");
  }
  const std::string of = terms_.sorts.at(right.inner).entity;
  const TermId strictly = terms_.intersects(b.value, ancestors(a.value, of));
  if (terms_.at(a.value).sort != right.inner) return Outcome{ok, strictly};
  return Outcome{ok, terms_.either(terms_.member(a.value, b.value), strictly)};
}

Result<Outcome> Encoder::containment(Op op, const Outcome& a, const Outcome& b) {
  const Sort left = terms_.sort_of(a.value);
  const SortId right = terms_.at(b.value).sort;
  if (left.tag != Tag::kSet) return not_analysable("`contains` on what is not a set");
  const TermId ok = terms_.both(a.ok, b.ok);
  if (op == Op::kContains) {
    if (left.inner != right) return not_analysable("`contains` of another type");
    return Outcome{ok, terms_.member(b.value, a.value)};
  }
  if (terms_.at(a.value).sort != right) return not_analysable("`containsAll` or `containsAny` of another type");
  return Outcome{ok, op == Op::kContainsAll ? terms_.subset(b.value, a.value)
                                            : terms_.intersects(b.value, a.value)};
}

Result<Outcome> Encoder::tag(Op op, const Outcome& a, const Outcome& b) {
  if (tag_of(a.value) != Tag::kEntity) return not_analysable("a tag of what is not an entity");
  if (tag_of(b.value) != Tag::kString) return not_analysable("a tag's name that is not a string");
  const std::string type = terms_.sort_of(a.value).entity;
  const cedar::EntityTypeDecl* declared = terms_.schema().entity_type(type);
  const TermId ok = terms_.both(a.ok, b.ok);
  if (declared == nullptr || !declared->tags) {
    if (op == Op::kHasTag) return Outcome{ok, terms_.boolean(false)};
    return not_analysable(fmt::format("entities of type `{}` have no tags", type));
  }
  const TermId keys = terms_.apply(
      {Function::Kind::kTagKeys, type, {}, {}, terms_.sorts.set(Sorts::kString)}, {a.value});
  const TermId there = terms_.both(exists(a.value), terms_.member(b.value, keys));
  if (op == Op::kHasTag) return Outcome{ok, there};
  const SortId sort = terms_.sorts.of(*declared->tags, terms_.schema());
  return Outcome{terms_.both(ok, there),
                 terms_.apply({Function::Kind::kTagValue, type, {}, {}, sort}, {a.value, b.value})};
}

Result<Outcome> Encoder::is(const Expr& e) {
  PV_TRY(const Outcome a, expression(*e.args[0]));
  if (tag_of(a.value) != Tag::kEntity) return not_analysable("`is` on what is not an entity");
  const bool same = terms_.sort_of(a.value).entity == e.name;
  if (!same || e.op == Op::kIs) return Outcome{a.ok, terms_.boolean(same)};
  PV_TRY(const Outcome group, expression(*e.args[1]));
  return membership(a, group);
}

namespace {

// Where a name stands among a record's fields, or -1.
int find_field(const Sort& record, const std::string& name) {
  for (size_t i = 0; i < record.fields.size(); ++i) {
    if (record.fields[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

Result<Outcome> Encoder::has(const Expr& e) {
  PV_TRY(const Outcome subject, expression(*e.args[0]));
  TermId at = subject.value;
  TermId there = terms_.boolean(true);
  for (const std::string& name : e.path) {
    if (tag_of(at) == Tag::kEntity) {
      there = terms_.both(there, exists(at));
      at = attributes(at);
    }
    const Sort record = terms_.sort_of(at);
    if (record.tag != Tag::kRecord) return not_analysable("`has` on what is neither a record nor an entity");
    const int index = find_field(record, name);
    if (index < 0) return Outcome{subject.ok, terms_.boolean(false)};
    at = terms_.field(at, static_cast<uint32_t>(index));
    if (tag_of(at) != Tag::kOption) continue;
    there = terms_.both(there, terms_.is_some(at));
    at = terms_.value(at);
  }
  return Outcome{subject.ok, there};
}

Result<Outcome> Encoder::attribute(const Expr& e) {
  PV_TRY(Outcome out, expression(*e.args[0]));
  if (tag_of(out.value) == Tag::kEntity) {
    out.ok = terms_.both(out.ok, exists(out.value));
    out.value = attributes(out.value);
  }
  const Sort record = terms_.sort_of(out.value);
  if (record.tag != Tag::kRecord) return not_analysable("an attribute of what is neither a record nor an entity");
  const int index = find_field(record, e.name);
  if (index < 0) return not_analysable(fmt::format("there is no attribute `{}`", e.name));
  out.value = terms_.field(out.value, static_cast<uint32_t>(index));
  if (tag_of(out.value) == Tag::kOption) {
    out.ok = terms_.both(out.ok, terms_.is_some(out.value));
    out.value = terms_.value(out.value);
  }
  return out;
}

Result<Outcome> Encoder::set(const Expr& e) {
  if (e.args.empty()) return not_analysable("an empty set has no type");
  std::vector<TermId> all_ok;
  std::vector<TermId> elements;
  for (const cedar::ExprPtr& arg : e.args) {
    PV_TRY(const Outcome one, expression(*arg));
    all_ok.push_back(one.ok);
    elements.push_back(one.value);
    if (terms_.at(one.value).sort != terms_.at(elements[0]).sort) {
      return not_analysable("a set of several types");
    }
  }
  const SortId element = terms_.at(elements[0]).sort;
  return Outcome{terms_.conjunction(std::move(all_ok)), terms_.set(std::move(elements), element)};
}

Result<Outcome> Encoder::record(const Expr& e) {
  std::vector<std::pair<std::string, TermId>> fields;
  std::vector<TermId> all_ok;
  for (size_t i = 0; i < e.args.size(); ++i) {
    PV_TRY(const Outcome one, expression(*e.args[i]));
    all_ok.push_back(one.ok);
    fields.emplace_back(e.path[i], one.value);
  }
  std::ranges::sort(fields);
  std::vector<Sort::Field> sorts;
  std::vector<TermId> values;
  for (const auto& [name, value] : fields) {
    sorts.push_back({name, terms_.at(value).sort});
    values.push_back(value);
  }
  return Outcome{terms_.conjunction(std::move(all_ok)),
                 terms_.record(std::move(values), terms_.sorts.record(std::move(sorts)))};
}

}  // namespace proviso::prove
