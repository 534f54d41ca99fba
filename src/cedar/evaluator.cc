#include "cedar/evaluator.h"

#include <algorithm>
#include <bit>

namespace proviso::cedar {
namespace {

constexpr size_t kScanMax = 8;          // elements of a set, or keys, that are compared one by one
constexpr uint64_t kBytesPerStep = 32;  // bytes compared or searched in the time of one step
constexpr uint64_t kErrorSteps = 32;    // making the sentence of an error
constexpr uint64_t kLookupSteps = 8;    // finding an entity in the store by its uid, and whether it is in another
constexpr uint64_t kCopySteps = 32;     // copying a value into a new set or record

bool set_bool(Val& out, bool value) {
  out.kind = Kind::kBool;
  out.b = value;
  return true;
}

bool set_number(Val& out, Kind kind, int64_t value) {
  out.kind = kind;
  out.i = value;
  return true;
}

// Comparisons in which one element of so many is found, or its place.
uint64_t looks_of(size_t count) {
  return count <= kScanMax ? (count + 1) / 2 : static_cast<uint64_t>(std::bit_width(count));
}
uint64_t looks(const Set& set) { return looks_of(set.elements().size()); }
// Finding a field of a large record; one of a small record is part of the operator's own step.
uint64_t find_steps(const Record& record) { return record.size() <= kScanMax ? 0 : looks_of(record.size()); }

bool holds(const Set& set, const Val& wanted) {
  if ((set.fingerprints() & fingerprint(wanted)) == 0) return false;
  const auto& elements = set.elements();
  if (elements.size() <= kScanMax) {  // a few comparisons for equality are cheaper than an ordered search
    return std::ranges::any_of(elements, [&](const Value& v) { return equal(view(v), wanted); });
  }
  auto at = std::ranges::lower_bound(elements, wanted,
                                     [](const Val& a, const Val& b) { return compare(a, b) < 0; }, view);
  return at != elements.end() && compare(view(*at), wanted) == 0;
}

// What comparing a value costs, in steps: every part of it may be visited. Walks no further than `most`.
uint64_t weight(const Val& value, uint64_t most);

uint64_t text_weight(std::string_view text) { return text.size() / kBytesPerStep; }

uint64_t part_weight(const Value& value, uint64_t most) { return 1 + weight(view(value), most); }

uint64_t weight(const Val& value, uint64_t most) {
  uint64_t sum = 0;
  switch (value.kind) {
    case Kind::kString: return text_weight(*value.s);
    case Kind::kEntity: return text_weight(value.uid->id) + text_weight(value.uid->type);
    case Kind::kSet:
      for (const Value& element : value.set->elements()) {
        if (sum > most) break;
        sum += part_weight(element, most - sum);
      }
      return sum;
    case Kind::kRecord:
      for (const Field& field : value.record->fields()) {
        if (sum > most) break;
        sum += part_weight(field.value, most - sum) + text_weight(field.name);
      }
      return sum;
    default: return 0;
  }
}

bool has_weight(const Val& value) { return value.kind != Kind::kBool && value.kind != Kind::kLong; }

Val entity_val(const EntityUid& uid) {
  Val out;
  out.kind = Kind::kEntity;
  out.uid = &uid;
  return out;
}

}  // namespace

Evaluator::Evaluator(const Program& program, const Request& request, const Entities& entities,
                     const Entities* actions, Workspace& workspace, uint64_t steps_max)
    : p_(program), entities_(entities), actions_(actions), w_(workspace), steps_max_(steps_max) {
  w_.begin(program, entities);
  place(Var::kPrincipal, request.principal);
  place(Var::kAction, request.action);
  place(Var::kResource, request.resource);
  vars_[3].kind = Kind::kRecord;
  vars_[3].record = &request.context;
  spend(w_.placement.steps());
}

bool Evaluator::spend_weight(const Val& value, uint64_t times) {
  return spend(weight(value, steps_max_ - std::min(steps_, steps_max_)) * times);
}

void Evaluator::place(Var which, const EntityUid& uid) {
  auto variable = static_cast<size_t>(which);
  spend(text_weight(uid.type) + text_weight(uid.id));
  uint64_t hash = hash_uid(uid.type, uid.id);
  Val& value = vars_[variable];
  value = entity_val(uid);
  value.id = entities_.id_of(hash, uid.type, uid.id);
  places_[variable] = w_.placement.of(uid, hash, value.id, actions_);
}

bool Evaluator::is_inside(Var which, uint32_t literal) const {
  std::span<const ScopeIndex::Key> keys = w_.placement.keys(place_of(which));
  ScopeIndex::Key wanted = ScopeIndex::inside(literal);
  if (keys.size() > kScanMax) return std::ranges::binary_search(keys, wanted);
  return std::ranges::find(keys, wanted) != keys.end();
}

bool Evaluator::fail(std::string message) {
  error_ = std::move(message);
  spend(kErrorSteps + text_weight(error_));
  return false;
}

bool Evaluator::wrong_kind(const Val& found, const char* wanted) {
  return fail(std::string("expected ") + wanted + ", found " + kind_name(found.kind));
}

bool Evaluator::out_of_steps() {
  return fail("the decision needs more than " + std::to_string(steps_max_) + " steps");
}

void Evaluator::resolve(Val& entity) {
  if (entity.id != Val::kUnresolved) return;
  const EntityUid& uid = *entity.uid;
  if (!entity.literal) {
    spend(kLookupSteps + text_weight(uid.id));
    entity.id = entities_.id_of(hash_uid(uid.type, uid.id), uid.type, uid.id);
    return;
  }
  const auto& literal = static_cast<const Literal&>(uid);
  Workspace::Found& found = w_.found[literal.index];
  if (found.epoch != w_.epoch) {
    spend(kLookupSteps + text_weight(uid.id));
    found = {w_.epoch, entities_.id_of(literal.hash, uid.type, uid.id)};
  }
  entity.id = found.id;
}

const Entity* Evaluator::lookup(Val& entity) {
  resolve(entity);
  return entities_.at(entity.id);
}

bool Evaluator::keep(Value value, Val& out) {
  w_.arena.push_back(std::make_unique<Value>(std::move(value)));
  out = view(*w_.arena.back());
  return true;
}

// `left` is resolved. Where it is in few others, their names are compared sooner than `right` is found in
// the store.
bool Evaluator::is_in(const Val& left, Val right) {
  std::span<const Entities::Id> above = entities_.ancestors(left.id);
  if (right.id == Val::kUnresolved && !right.literal && above.size() <= kScanMax) {
    const EntityUid& wanted = *right.uid;
    spend(1 + text_weight(wanted.id) * (1 + above.size()));
    auto is_wanted = [&](const EntityUid& uid) { return uid.id.size() == wanted.id.size() && equal(uid, wanted); };
    if (is_wanted(*left.uid)) return true;
    for (Entities::Id id : above) {
      if (is_wanted(entities_.uid_of(id))) return true;
    }
    return is_in_by_schema(left, right);
  }
  resolve(right);
  if (left.id != Entities::kNone && right.id != Entities::kNone) {
    if (left.id == right.id || entities_.has_ancestor(left.id, right.id)) return true;
  } else if (equal(*left.uid, *right.uid)) {
    return true;
  }
  return is_in_by_schema(left, right);
}

bool Evaluator::is_in_by_schema(const Val& left, const Val& right) {
  if (actions_ == nullptr || entities_.at(left.id) != nullptr) return false;
  spend(kLookupSteps + text_weight(left.uid->id) + text_weight(right.uid->id));
  return actions_->is_in(*left.uid, *right.uid);
}

bool Evaluator::eval_bool(uint32_t node, bool& out) {
  Val value;
  if (!eval(node, value)) return false;
  if (value.kind != Kind::kBool) return wrong_kind(value, "bool");
  out = value.b;
  return true;
}

bool Evaluator::eval_node(const Node& n, Val& out) {
  if (!spend(1)) return out_of_steps();
  switch (n.op) {
    case Op::kLiteral: out = p_.constants[n.datum]; return true;
    case Op::kVar: out = vars_[n.sub]; return true;
    case Op::kAnd: return eval_logic(n, false, out);
    case Op::kOr: return eval_logic(n, true, out);
    case Op::kIf: {
      bool test = false;
      return eval_bool(p_.kid(n, 0), test) && eval(p_.kid(n, test ? 1 : 2), out);
    }
    case Op::kNot: case Op::kNeg: case Op::kLike: case Op::kIsEmpty: return eval_unary(n, out);
    case Op::kIs: case Op::kIsIn: return eval_is(n, out);
    case Op::kGetAttr: return eval_attribute(n, out);
    case Op::kHas: return eval_has(n, out);
    case Op::kSet: return eval_set(n, out);
    case Op::kRecord: return eval_record(n, out);
    case Op::kExtension: return eval_extension(n, out);
    default: return eval_binary(n, out);
  }
}

// && stops at the first false, || at the first true; only what was reached must be Bool.
bool Evaluator::eval_logic(const Node& n, bool stop_at, Val& out) {
  for (uint32_t i = 0; i < n.count; ++i) {
    bool value = false;
    if (!eval_bool(p_.kid(n, i), value)) return false;
    if (value == stop_at) return set_bool(out, stop_at);
  }
  return set_bool(out, !stop_at);
}

bool Evaluator::eval_unary(const Node& n, Val& out) {
  Val a;
  if (!eval(n.kids[0], a)) return false;
  switch (n.op) {
    case Op::kNot:
      if (a.kind != Kind::kBool) return wrong_kind(a, "bool");
      return set_bool(out, !a.b);
    case Op::kNeg:
      if (a.kind != Kind::kLong) return wrong_kind(a, "long");
      if (a.i == INT64_MIN) return fail("overflow while negating `" + std::to_string(a.i) + "`");
      return set_number(out, Kind::kLong, -a.i);
    case Op::kLike:
      if (a.kind != Kind::kString) return wrong_kind(a, "string");
      return eval_like(n, a, out);
    default:
      if (a.kind != Kind::kSet) return wrong_kind(a, "set");
      return set_bool(out, a.set->elements().empty());
  }
}

bool Evaluator::eval_like(const Node& n, const Val& a, Val& out) {
  const Pattern& pattern = p_.patterns[n.datum];
  if (!spend(text_weight(*a.s) * 4 + pattern.pieces().size() * 3)) return out_of_steps();
  return set_bool(out, pattern.matches(*a.s));
}

bool Evaluator::eval_binary(const Node& n, Val& out) {
  if (n.on_literal) {
    Var which = static_cast<Var>(n.sub);
    return set_bool(out, n.op == Op::kEq ? is_literal(which, n.datum) : is_inside(which, n.datum));
  }
  Val a;
  Val b;
  if (!eval(n.kids[0], a) || !eval(n.kids[1], b)) return false;
  switch (n.op) {
    case Op::kEq: return eval_equal(a, b, true, out);
    case Op::kNe: return eval_equal(a, b, false, out);
    case Op::kLt: case Op::kLe: case Op::kGt: case Op::kGe: return eval_order(n.op, a, b, out);
    case Op::kAdd: case Op::kSub: case Op::kMul: return eval_arithmetic(n.op, a, b, out);
    case Op::kIn: return eval_in(a, b, out);
    case Op::kContains: case Op::kContainsAll: case Op::kContainsAny:
      return eval_contains(n.op, a, b, out);
    default: return eval_tag(n.op, a, b, out);
  }
}

bool Evaluator::eval_equal(const Val& a, const Val& b, bool wanted, Val& out) {
  if (a.kind == b.kind && has_weight(a) && !spend_weight(a, 1)) return out_of_steps();
  return set_bool(out, equal(a, b) == wanted);
}

bool Evaluator::eval_order(Op op, const Val& a, const Val& b, Val& out) {
  if (a.kind != Kind::kLong && a.kind != Kind::kDatetime && a.kind != Kind::kDuration) {
    return wrong_kind(a, "long, datetime or duration");
  }
  if (b.kind != a.kind) return wrong_kind(b, kind_name(a.kind));
  switch (op) {
    case Op::kLt: return set_bool(out, a.i < b.i);
    case Op::kLe: return set_bool(out, a.i <= b.i);
    case Op::kGt: return set_bool(out, a.i > b.i);
    default: return set_bool(out, a.i >= b.i);
  }
}

bool Evaluator::eval_arithmetic(Op op, const Val& a, const Val& b, Val& out) {
  if (a.kind != Kind::kLong) return wrong_kind(a, "long");
  if (b.kind != Kind::kLong) return wrong_kind(b, "long");
  int64_t result = 0;
  bool overflow = op == Op::kAdd   ? __builtin_add_overflow(a.i, b.i, &result)
                  : op == Op::kSub ? __builtin_sub_overflow(a.i, b.i, &result)
                                   : __builtin_mul_overflow(a.i, b.i, &result);
  if (overflow) {
    const char* sign = op == Op::kAdd ? " + " : op == Op::kSub ? " - " : " * ";
    return fail("overflow in `" + std::to_string(a.i) + sign + std::to_string(b.i) + "`");
  }
  return set_number(out, Kind::kLong, result);
}

bool Evaluator::eval_in(Val& left, const Val& right, Val& out) {
  if (left.kind != Kind::kEntity) return wrong_kind(left, "entity");
  resolve(left);
  if (right.kind == Kind::kEntity) return set_bool(out, is_in(left, right));
  if (right.kind != Kind::kSet) return wrong_kind(right, "entity or set of entities");
  // SPEC Cedar in: every element of the set is checked, also after one that matches. They are sorted by kind.
  const std::vector<Value>& elements = right.set->elements();
  if (elements.empty()) return set_bool(out, false);
  if (elements.front().kind() != Kind::kEntity) return wrong_kind(view(elements.front()), "entity");
  if (elements.back().kind() != Kind::kEntity) return wrong_kind(view(elements.back()), "entity");
  bool found = is_in_one(left, *right.set);
  return exhausted() ? out_of_steps() : set_bool(out, found);
}

// `left` is resolved. What `left` is in is looked for among the elements, or each element in the store if they are
// fewer by far.
bool Evaluator::is_in_one(const Val& left, const Set& set) {
  std::span<const Entities::Id> above = entities_.ancestors(left.id);
  if (above.size() > std::max(kScanMax, set.elements().size())) {
    return std::ranges::any_of(set.elements(), [&](const Value& element) {
      return spend(1) && is_in(left, view(element));
    });
  }
  auto held = [&](const EntityUid& uid) {
    if ((fingerprint(uid.id) & set.fingerprints()) == 0) return spend(1) && false;
    Val value = entity_val(uid);
    return spend_weight(value, looks(set)) && spend(looks(set)) && holds(set, value);
  };
  auto above_held = [&](const Entities& store, Entities::Id id) {
    if ((store.reach(id) & set.fingerprints()) == 0) return false;
    return std::ranges::any_of(store.ancestors(id), [&](Entities::Id each) { return held(store.uid_of(each)); });
  };
  if (held(*left.uid) || above_held(entities_, left.id)) return true;
  if (actions_ == nullptr || entities_.at(left.id) != nullptr) return false;
  const EntityUid& uid = *left.uid;
  return above_held(*actions_, actions_->id_of(hash_uid(uid.type, uid.id), uid.type, uid.id));
}

bool Evaluator::eval_contains(Op op, const Val& a, const Val& b, Val& out) {
  if (a.kind != Kind::kSet) return wrong_kind(a, "set");
  if (op == Op::kContains) {
    if (!spend_weight(b, looks(*a.set)) || !spend(looks(*a.set) / 2)) return out_of_steps();
    return set_bool(out, holds(*a.set, b));
  }
  if (b.kind != Kind::kSet) return wrong_kind(b, "set");
  uint64_t in_a_bits = a.set->fingerprints();
  uint64_t in_b_bits = b.set->fingerprints();
  if (op == Op::kContainsAny && (in_a_bits & in_b_bits) == 0) return set_bool(out, false);
  if (op == Op::kContainsAll && (in_b_bits & ~in_a_bits) != 0) return set_bool(out, false);
  if (!spend_weight(b, looks(*a.set))) return out_of_steps();
  auto in_a = [&](const Value& v) { return holds(*a.set, view(v)); };
  return set_bool(out, op == Op::kContainsAll ? std::ranges::all_of(b.set->elements(), in_a)
                                              : std::ranges::any_of(b.set->elements(), in_a));
}

bool Evaluator::eval_tag(Op op, Val& a, const Val& b, Val& out) {
  if (a.kind != Kind::kEntity) return wrong_kind(a, "entity");
  if (b.kind != Kind::kString) return wrong_kind(b, "string");
  if (!spend(text_weight(*b.s) * kScanMax)) return out_of_steps();
  const Entity* entity = lookup(a);
  if (entity != nullptr && !spend(find_steps(entity->tags))) return out_of_steps();
  const Value* tag = entity != nullptr ? entity->tags.find(*b.s) : nullptr;
  if (op == Op::kHasTag) return set_bool(out, tag != nullptr);
  if (entity == nullptr) return fail("entity `" + to_string(*a.uid) + "` does not exist");
  if (tag == nullptr) return fail("`" + to_string(*a.uid) + "` has no tag `" + *b.s + "`");
  out = view(*tag);
  return true;
}

bool Evaluator::eval_is(const Node& n, Val& out) {
  Val a;
  if (!eval(n.kids[0], a)) return false;
  if (a.kind != Kind::kEntity) return wrong_kind(a, "entity");
  bool same = same_text(a.uid->type, p_.names[n.datum]);
  if (!same || n.op == Op::kIs) return set_bool(out, same);
  Val group;
  return eval(n.kids[1], group) && eval_in(a, group, out);
}

bool Evaluator::eval_attribute(const Node& n, Val& out) {
  Val a;
  if (!eval(n.kids[0], a)) return false;
  const std::string& name = p_.names[n.datum];
  const Value* found = nullptr;
  if (a.kind == Kind::kRecord) {
    if (!spend(find_steps(*a.record))) return out_of_steps();
    found = a.record->find(name, w_.places[n.datum]);
    if (found == nullptr) return fail("the record has no attribute `" + name + "`");
  } else if (a.kind == Kind::kEntity) {
    const Entity* entity = lookup(a);
    if (entity == nullptr) return fail("entity `" + to_string(*a.uid) + "` does not exist");
    if (!spend(find_steps(entity->attrs))) return out_of_steps();
    found = entity->attrs.find(name, w_.places[n.datum]);
    if (found == nullptr) return fail("`" + to_string(*a.uid) + "` has no attribute `" + name + "`");
  } else {
    return wrong_kind(a, "record or entity");
  }
  out = view(*found);
  return true;
}

bool Evaluator::eval_has(const Node& n, Val& out) {
  Val at;
  if (!eval(n.kids[0], at)) return false;
  for (const std::string& name : p_.paths[n.datum]) {
    const Record* record = nullptr;
    if (at.kind == Kind::kRecord) {
      record = at.record;
    } else if (at.kind == Kind::kEntity) {
      const Entity* entity = lookup(at);
      record = entity != nullptr ? &entity->attrs : nullptr;
    } else {
      return wrong_kind(at, "record or entity");
    }
    if (record != nullptr && !spend(find_steps(*record))) return out_of_steps();
    const Value* found = record != nullptr ? record->find(name) : nullptr;
    if (found == nullptr) return set_bool(out, false);
    at = view(*found);
  }
  return set_bool(out, true);
}

bool Evaluator::eval_set(const Node& n, Val& out) {
  std::vector<Value> elements;
  elements.reserve(n.count);
  for (uint32_t i = 0; i < n.count; ++i) {
    Val element;
    if (!eval(p_.kid(n, i), element)) return false;
    if (!spend_weight(element, 1 + looks_of(n.count)) || !spend(kCopySteps)) return out_of_steps();
    elements.push_back(to_value(element));
  }
  return keep(Value::set(Set(std::move(elements))), out);
}

bool Evaluator::eval_record(const Node& n, Val& out) {
  Record record;
  for (uint32_t i = 0; i < n.count; ++i) {
    Val value;
    if (!eval(p_.kid(n, i), value)) return false;
    if (!spend_weight(value, 1) || !spend(kCopySteps)) return out_of_steps();
    record.set(p_.paths[n.datum][i], to_value(value));
  }
  return keep(Value::record(std::move(record)), out);
}

Result<Value> evaluate(const Expr& expr, const Request& request, const Entities& entities) {
  Program program;
  PV_TRY(uint32_t root, program.add(expr));
  Workspace workspace;
  Evaluator evaluator(program, request, entities, nullptr, workspace, kDecisionStepsMax);
  Val out;
  if (!evaluator.eval(root, out)) return proviso::fail(Code::kInvalid, evaluator.error());
  return to_value(out);
}

}  // namespace proviso::cedar
