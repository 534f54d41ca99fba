// Terms from values, and terms with their free parts replaced.
#include <algorithm>

#include "base/check.h"
#include "prove/term.h"

namespace proviso::prove {

using cedar::Value;

Result<TermId> Terms::literal_record(const cedar::Record& record, SortId sort) {
  const std::vector<Sort::Field> fields = sorts.at(sort).fields;
  std::vector<TermId> values;
  size_t used = 0;
  for (const Sort::Field& field : fields) {
    const Value* value = record.find(field.name);
    const Sort wanted = sorts.at(field.sort);
    const bool optional = wanted.tag == Sort::Tag::kOption;
    if (value == nullptr) {
      if (!optional) return fail(Code::kInvalid, "the attribute `" + field.name + "` is missing");
      values.push_back(none(field.sort));
      continue;
    }
    ++used;
    PV_TRY(const TermId inner, literal(*value, optional ? wanted.inner : field.sort));
    values.push_back(optional ? some(inner) : inner);
  }
  if (used != record.size()) return fail(Code::kInvalid, "a record has an attribute that its type lacks");
  return this->record(std::move(values), sort);
}

Result<TermId> Terms::literal(const Value& value, SortId sort) {
  const Sort wanted = sorts.at(sort);
  const auto mismatch = [] { return fail(Code::kInvalid, "a value is not of its declared type"); };
  using Tag = Sort::Tag;
  switch (wanted.tag) {
    case Tag::kBool:
      if (const auto* flag = value.get_if<bool>()) return boolean(*flag);
      return mismatch();
    case Tag::kLong:
      if (const auto* number = value.get_if<int64_t>()) return this->number(*number, sort);
      return mismatch();
    case Tag::kDecimal:
      if (const auto* decimal = value.get_if<cedar::Decimal>()) return number(decimal->units, sort);
      return mismatch();
    case Tag::kDatetime:
      if (const auto* time = value.get_if<cedar::Datetime>()) return number(time->ms, sort);
      return mismatch();
    case Tag::kDuration:
      if (const auto* span = value.get_if<cedar::Duration>()) return number(span->ms, sort);
      return mismatch();
    case Tag::kString:
      if (const auto* text = value.get_if<std::string>()) return this->text(*text);
      return mismatch();
    case Tag::kIp:
      if (const auto* address = value.get_if<cedar::IpAddr>()) return ip(*address);
      return mismatch();
    case Tag::kEntity: {
      const auto* uid = value.get_if<cedar::EntityUid>();
      if (uid == nullptr || uid->type != wanted.entity) return mismatch();
      return this->uid(*uid);
    }
    case Tag::kSet: {
      const auto* set = value.get_if<cedar::Set>();
      if (set == nullptr) return mismatch();
      std::vector<TermId> elements;
      for (const Value& element : set->elements()) {
        PV_TRY(const TermId one, literal(element, wanted.inner));
        elements.push_back(one);
      }
      return this->set(std::move(elements), wanted.inner);
    }
    case Tag::kRecord:
      if (const auto* record = value.get_if<cedar::Record>()) return literal_record(*record, sort);
      return mismatch();
    case Tag::kOption: break;
  }
  return mismatch();
}

TermId Terms::any_literal(SortId sort) {
  const Sort wanted = sorts.at(sort);
  switch (wanted.tag) {
    case Sort::Tag::kBool: return boolean(false);
    case Sort::Tag::kString: return text("");
    case Sort::Tag::kIp: return ip(cedar::IpAddr{false, 32, {}});
    case Sort::Tag::kEntity: return uid({wanted.entity, wanted.ids.empty() ? "" : wanted.ids[0]});
    case Sort::Tag::kSet: return set({}, wanted.inner);
    case Sort::Tag::kOption: return none(sort);
    case Sort::Tag::kRecord: {
      std::vector<TermId> values;
      for (const Sort::Field& field : wanted.fields) values.push_back(any_literal(field.sort));
      return record(std::move(values), sort);
    }
    default: return number(0, sort);
  }
}

TermId Terms::rebuild(const Term& term, std::vector<TermId> args) {
  switch (term.op) {
    case TermOp::kNot: return negate(args[0]);
    case TermOp::kAnd: return conjunction(std::move(args));
    case TermOp::kOr: return disjunction(std::move(args));
    case TermOp::kIte: return ite(args[0], args[1], args[2]);
    case TermOp::kEq: return equal(args[0], args[1]);
    case TermOp::kLe: return less_equal(args[0], args[1]);
    case TermOp::kLt: return less(args[0], args[1]);
    case TermOp::kAdd: case TermOp::kSub: case TermOp::kMul: return arithmetic(term.op, args[0], args[1]);
    case TermOp::kFits: return fits(static_cast<TermOp>(term.index), args[0], args[1]);
    case TermOp::kCast: return cast(args[0], term.sort);
    case TermOp::kQuotient: return quotient(args[0], term.number, term.sort);
    case TermOp::kModulo: return modulo(args[0], term.number, term.sort);
    case TermOp::kLike: return like(args[0], cedar::Pattern(patterns_[term.index]));
    case TermOp::kSet: return set(std::move(args), sorts.at(term.sort).inner);
    case TermOp::kMember: return member(args[0], args[1]);
    case TermOp::kSubset: return subset(args[0], args[1]);
    case TermOp::kIntersects: return intersects(args[0], args[1]);
    case TermOp::kIsEmpty: return is_empty(args[0]);
    case TermOp::kRecord: return record(std::move(args), term.sort);
    case TermOp::kField: return field(args[0], term.index);
    case TermOp::kSome: return some(args[0]);
    case TermOp::kIsSome: return is_some(args[0]);
    case TermOp::kValue: return value(args[0]);
    case TermOp::kIpIsV6: return ip_is_v6(args[0]);
    case TermOp::kIpInRange: return ip_in_range(args[0], args[1]);
    case TermOp::kApply: return apply(Function(functions_[term.index]), std::move(args));
    default: break;
  }
  PV_CHECK(false);  // literals and variables have no arguments
  return 0;
}

std::vector<TermId> Terms::reachable(const std::vector<TermId>& roots) const {
  std::vector<bool> seen(terms_.size());
  std::vector<TermId> todo = roots;
  std::vector<TermId> out;
  while (!todo.empty()) {
    const TermId id = todo.back();
    todo.pop_back();
    if (seen[id]) continue;
    seen[id] = true;
    out.push_back(id);
    todo.insert(todo.end(), terms_[id].args.begin(), terms_[id].args.end());
  }
  std::ranges::sort(out);
  return out;
}

TermId Terms::substitute(TermId root, const Meaning& meaning) {
  const std::vector<TermId> order = reachable({root});
  std::unordered_map<TermId, TermId> replaced;
  for (const TermId id : order) {
    const Term term = terms_[id];
    if (term.ground) {
      replaced[id] = id;
      continue;
    }
    if (term.op == TermOp::kVariable) {
      replaced[id] = meaning(id);
      continue;
    }
    std::vector<TermId> args;
    bool ground = true;
    for (const TermId arg : term.args) {
      args.push_back(replaced.at(arg));
      ground = ground && terms_[args.back()].ground;
    }
    TermId fresh = rebuild(term, std::move(args));
    if (term.op == TermOp::kApply && ground) fresh = meaning(fresh);
    replaced[id] = fresh;
  }
  return replaced.at(root);
}

}  // namespace proviso::prove
