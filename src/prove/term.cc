#include "prove/term.h"

#include <algorithm>

#include "base/check.h"

namespace proviso::prove {
namespace {

// Everything that tells two terms apart, in one string.
std::string key_of(const Term& term) {
  std::string key;
  key.reserve(32 + term.text.size() + 4 * term.args.size());
  const auto put = [&key](uint64_t value) { key.append(reinterpret_cast<const char*>(&value), sizeof value); };
  put(static_cast<uint64_t>(term.op));
  put(term.sort);
  put(term.index);
  put(static_cast<uint64_t>(term.number));
  for (const TermId arg : term.args) put(arg);
  return key + term.text;
}

std::string pattern_key(const cedar::Pattern& pattern) {
  std::string key;
  for (const std::string& piece : pattern.pieces()) key += std::to_string(piece.size()) + ":" + piece;
  return key;
}

std::string function_key(const Function& function) {
  std::string key = std::to_string(static_cast<int>(function.kind)) + function.type + '\0' + function.of;
  for (const std::string& name : function.path) key += '\0' + std::to_string(name.size()) + name;
  return key;
}

}  // namespace

Terms::Terms(const cedar::Schema& schema) : schema_(schema) {
  no_ = add({TermOp::kBool, Sorts::kBool, true, 0, 0, {}, {}});
  yes_ = add({TermOp::kBool, Sorts::kBool, true, 0, 1, {}, {}});
}

TermId Terms::add(Term term) {
  const auto [at, fresh] = ids_.try_emplace(key_of(term), static_cast<TermId>(terms_.size()));
  if (fresh) terms_.push_back(std::move(term));
  return at->second;
}

TermId Terms::number(int64_t value, SortId sort) {
  return add({TermOp::kNumber, sort, true, 0, value, {}, {}});
}

TermId Terms::text(std::string_view value) {
  return add({TermOp::kText, Sorts::kString, true, 0, 0, std::string(value), {}});
}

TermId Terms::uid(const cedar::EntityUid& uid) {
  return add({TermOp::kUid, sorts.entity(uid.type, schema_), true, 0, 0, uid.id, {}});
}

TermId Terms::ip(const cedar::IpAddr& value) {
  auto at = std::ranges::find(ips_, value);
  if (at == ips_.end()) at = ips_.insert(ips_.end(), value);
  return add({TermOp::kIp, Sorts::kIp, true, static_cast<uint32_t>(at - ips_.begin()), 0, {}, {}});
}

TermId Terms::variable(const std::string& name, SortId sort) {
  return add({TermOp::kVariable, sort, false, 0, 0, name, {}});
}

TermId Terms::apply(const Function& function, std::vector<TermId> args) {
  const auto [at, fresh] =
      function_ids_.try_emplace(function_key(function), static_cast<uint32_t>(functions_.size()));
  if (fresh) functions_.push_back(function);
  return add({TermOp::kApply, function.result, false, at->second, 0, {}, std::move(args)});
}

TermId Terms::negate(TermId a) {
  const Term& term = terms_[a];
  if (term.op == TermOp::kBool) return boolean(term.number == 0);
  if (term.op == TermOp::kNot) return term.args[0];
  return add({TermOp::kNot, Sorts::kBool, false, 0, 0, {}, {a}});
}

TermId Terms::junction(TermOp op, std::vector<TermId> args) {
  const TermId neutral = boolean(op == TermOp::kAnd);
  const TermId zero = boolean(op != TermOp::kAnd);
  std::vector<TermId> kept;
  const auto keep = [&](TermId arg) {
    if (arg != neutral && std::ranges::find(kept, arg) == kept.end()) kept.push_back(arg);
  };
  for (const TermId arg : args) {
    if (arg == zero) return zero;
    if (terms_[arg].op == op) {
      std::ranges::for_each(terms_[arg].args, keep);
    } else {
      keep(arg);
    }
  }
  for (const TermId arg : kept) {
    const Term& term = terms_[arg];
    if (term.op == TermOp::kNot && std::ranges::find(kept, term.args[0]) != kept.end()) return zero;
  }
  if (kept.empty()) return neutral;
  if (kept.size() == 1) return kept[0];
  return add({op, Sorts::kBool, false, 0, 0, {}, std::move(kept)});
}

TermId Terms::conjunction(std::vector<TermId> all) { return junction(TermOp::kAnd, std::move(all)); }
TermId Terms::disjunction(std::vector<TermId> any) { return junction(TermOp::kOr, std::move(any)); }

TermId Terms::ite(TermId test, TermId yes, TermId no) {
  if (is_true(test) || yes == no) return yes;
  if (is_false(test)) return no;
  if (terms_[yes].sort == Sorts::kBool) {
    if (is_true(yes)) return either(test, no);
    if (is_false(yes)) return both(negate(test), no);
    if (is_true(no)) return either(negate(test), yes);
    if (is_false(no)) return both(test, yes);
  }
  return add({TermOp::kIte, terms_[yes].sort, false, 0, 0, {}, {test, yes, no}});
}

TermId Terms::equal(TermId a, TermId b) {
  if (a == b) return yes_;
  const Term x = terms_[a];
  const Term y = terms_[b];
  PV_CHECK(x.sort == y.sort);
  if (x.ground && y.ground) return no_;  // literals have one form each
  if (x.sort == Sorts::kBool) {
    if (x.ground) return x.number != 0 ? b : negate(b);
    if (y.ground) return y.number != 0 ? a : negate(a);
  }
  if (x.op == TermOp::kRecord && y.op == TermOp::kRecord) {
    std::vector<TermId> all;
    for (size_t i = 0; i < x.args.size(); ++i) all.push_back(equal(x.args[i], y.args[i]));
    return conjunction(std::move(all));
  }
  if (x.op == TermOp::kSome && y.op == TermOp::kSome) return equal(x.args[0], y.args[0]);
  if (x.op == TermOp::kSome && y.op == TermOp::kNone) return no_;
  if (x.op == TermOp::kNone && y.op == TermOp::kSome) return no_;
  return add({TermOp::kEq, Sorts::kBool, false, 0, 0, {}, {std::min(a, b), std::max(a, b)}});
}

TermId Terms::less(TermId a, TermId b) {
  if (a == b) return no_;
  if (terms_[a].ground && terms_[b].ground) return boolean(terms_[a].number < terms_[b].number);
  return add({TermOp::kLt, Sorts::kBool, false, 0, 0, {}, {a, b}});
}

TermId Terms::less_equal(TermId a, TermId b) {
  if (a == b) return yes_;
  if (terms_[a].ground && terms_[b].ground) return boolean(terms_[a].number <= terms_[b].number);
  return add({TermOp::kLe, Sorts::kBool, false, 0, 0, {}, {a, b}});
}

namespace {

bool overflows(TermOp op, int64_t a, int64_t b, int64_t* out) {
  return op == TermOp::kAdd   ? __builtin_add_overflow(a, b, out)
         : op == TermOp::kSub ? __builtin_sub_overflow(a, b, out)
                              : __builtin_mul_overflow(a, b, out);
}

}  // namespace

TermId Terms::arithmetic(TermOp op, TermId a, TermId b) {
  const Term& x = terms_[a];
  const Term& y = terms_[b];
  if (x.ground && y.ground) {
    int64_t result = 0;
    return number(overflows(op, x.number, y.number, &result) ? 0 : result, x.sort);
  }
  return add({op, x.sort, false, 0, 0, {}, {a, b}});
}

TermId Terms::fits(TermOp op, TermId a, TermId b) {
  const Term& x = terms_[a];
  const Term& y = terms_[b];
  if (x.ground && y.ground) {
    int64_t result = 0;
    return boolean(!overflows(op, x.number, y.number, &result));
  }
  return add({TermOp::kFits, Sorts::kBool, false, static_cast<uint32_t>(op), 0, {}, {a, b}});
}

TermId Terms::cast(TermId a, SortId sort) {
  const Term& term = terms_[a];
  if (term.sort == sort) return a;
  if (term.ground) return number(term.number, sort);
  return add({TermOp::kCast, sort, false, 0, 0, {}, {a}});
}

TermId Terms::quotient(TermId a, int64_t by, SortId sort) {
  if (terms_[a].ground) return number(terms_[a].number / by, sort);
  return add({TermOp::kQuotient, sort, false, 0, by, {}, {a}});
}

TermId Terms::modulo(TermId a, int64_t by, SortId sort) {
  if (terms_[a].ground) return number(((terms_[a].number % by) + by) % by, sort);
  return add({TermOp::kModulo, sort, false, 0, by, {}, {a}});
}

TermId Terms::like(TermId a, const cedar::Pattern& pattern) {
  if (terms_[a].ground) return boolean(pattern.matches(terms_[a].text));
  if (pattern.pieces().size() == 1) return equal(a, text(pattern.pieces()[0]));
  auto at = std::ranges::find(patterns_, pattern);
  if (at == patterns_.end()) at = patterns_.insert(patterns_.end(), pattern);
  const auto index = static_cast<uint32_t>(at - patterns_.begin());
  return add({TermOp::kLike, Sorts::kBool, false, index, 0, pattern_key(pattern), {a}});
}

TermId Terms::set(std::vector<TermId> elements, SortId element) {
  std::ranges::sort(elements);
  const auto repeats = std::ranges::unique(elements);
  elements.erase(repeats.begin(), repeats.end());
  const bool ground = std::ranges::all_of(elements, [this](TermId id) { return terms_[id].ground; });
  const SortId sort = sorts.set(element);
  return add({TermOp::kSet, sort, ground, 0, 0, {}, std::move(elements)});
}

TermId Terms::member(TermId element, TermId set) {
  if (terms_[set].op == TermOp::kSet) {
    const std::vector<TermId> elements = terms_[set].args;
    std::vector<TermId> any;
    for (const TermId one : elements) any.push_back(equal(element, one));
    return disjunction(std::move(any));
  }
  return add({TermOp::kMember, Sorts::kBool, false, 0, 0, {}, {element, set}});
}

TermId Terms::subset(TermId inner, TermId outer) {
  if (inner == outer) return yes_;
  if (terms_[inner].op == TermOp::kSet) {
    const std::vector<TermId> elements = terms_[inner].args;
    std::vector<TermId> all;
    for (const TermId one : elements) all.push_back(member(one, outer));
    return conjunction(std::move(all));
  }
  return add({TermOp::kSubset, Sorts::kBool, false, 0, 0, {}, {inner, outer}});
}

TermId Terms::intersects(TermId a, TermId b) {
  if (terms_[a].op != TermOp::kSet) std::swap(a, b);
  if (terms_[a].op == TermOp::kSet) {
    const std::vector<TermId> elements = terms_[a].args;
    std::vector<TermId> any;
    for (const TermId one : elements) any.push_back(member(one, b));
    return disjunction(std::move(any));
  }
  return add({TermOp::kIntersects, Sorts::kBool, false, 0, 0, {}, {std::min(a, b), std::max(a, b)}});
}

TermId Terms::is_empty(TermId set) {
  if (terms_[set].op == TermOp::kSet) return boolean(terms_[set].args.empty());
  return add({TermOp::kIsEmpty, Sorts::kBool, false, 0, 0, {}, {set}});
}

TermId Terms::record(std::vector<TermId> values, SortId sort) {
  const bool ground = std::ranges::all_of(values, [this](TermId id) { return terms_[id].ground; });
  return add({TermOp::kRecord, sort, ground, 0, 0, {}, std::move(values)});
}

TermId Terms::field(TermId record, uint32_t index) {
  const Term& term = terms_[record];
  if (term.op == TermOp::kRecord) return term.args[index];
  return add({TermOp::kField, sorts.at(term.sort).fields[index].sort, false, index, 0, {}, {record}});
}

TermId Terms::none(SortId option) { return add({TermOp::kNone, option, true, 0, 0, {}, {}}); }

TermId Terms::some(TermId value) {
  const SortId sort = sorts.option(terms_[value].sort);
  return add({TermOp::kSome, sort, terms_[value].ground, 0, 0, {}, {value}});
}

TermId Terms::is_some(TermId option) {
  const Term& term = terms_[option];
  if (term.op == TermOp::kSome) return yes_;
  if (term.op == TermOp::kNone) return no_;
  return add({TermOp::kIsSome, Sorts::kBool, false, 0, 0, {}, {option}});
}

TermId Terms::value(TermId option) {
  const Term& term = terms_[option];
  if (term.op == TermOp::kSome) return term.args[0];
  // Nobody looks at the value of what is absent; a literal keeps folding whole.
  if (term.op == TermOp::kNone) return any_literal(sorts.at(term.sort).inner);
  return add({TermOp::kValue, sorts.at(term.sort).inner, false, 0, 0, {}, {option}});
}

TermId Terms::ip_is_v6(TermId a) {
  if (terms_[a].ground) return boolean(ip(terms_[a]).v6);
  return add({TermOp::kIpIsV6, Sorts::kBool, false, 0, 0, {}, {a}});
}

TermId Terms::ip_in_range(TermId a, TermId range) {
  if (terms_[a].ground && terms_[range].ground) return boolean(ip(terms_[a]).in_range(ip(terms_[range])));
  return add({TermOp::kIpInRange, Sorts::kBool, false, 0, 0, {}, {a, range}});
}

}  // namespace proviso::prove
