#include "cedar/typechecker.h"

#include <algorithm>
#include <iterator>

#include "cedar/policy_set.h"

namespace proviso::cedar {
namespace {

using Tag = Type::Tag;

std::string tag_key(const Expr& subject, const Expr& key) {
  return "#" + to_text(key) + '\0' + to_text(subject);
}

Capabilities joined(const Capabilities& a, const Capabilities& b) {
  Capabilities out = a;
  out.insert(b.begin(), b.end());
  return out;
}
Capabilities common(const Capabilities& a, const Capabilities& b) {
  Capabilities out;
  std::ranges::set_intersection(a, b, std::inserter(out, out.end()));
  return out;
}

}  // namespace

std::vector<std::string> entity_names(const std::string& name) {
  std::vector<std::string> out;
  for (size_t from = 0; from <= name.size();) {
    size_t end = std::min(name.find('|', from), name.size());
    out.push_back(name.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

namespace {

bool can_be(const Type& entity, const std::string& name) {
  auto names = entity_names(entity.entity_name());
  return std::ranges::find(names, name) != names.end();
}

// No value is of both types, as far as the language says so: entities of different types.
bool disjoint(const Type& a, const Type& b) {
  if (a.tag() != Tag::kEntity || b.tag() != Tag::kEntity) return false;
  return std::ranges::none_of(entity_names(a.entity_name()), [&](const std::string& name) { return can_be(b, name); });
}

Type entity_union(const Type& a, const Type& b) {
  std::set<std::string> names;
  for (const Type* type : {&a, &b}) names.merge([&] {
    auto list = entity_names(type->entity_name());
    return std::set<std::string>(list.begin(), list.end());
  }());
  std::string joined_names;
  for (const std::string& name : names) joined_names += (joined_names.empty() ? "" : "|") + name;
  return Type::entity(joined_names);
}

// Permissive: what both have; the record is open where one has more.
Type common_record(const Type& a, const Type& b) {
  Type::Attributes out;
  for (const Attribute& x : a.attributes()) {
    const Attribute* y = b.attribute(x.name);
    if (y == nullptr) continue;
    if (auto type = least_upper_bound(x.type, y->type, Mode::kPermissive)) {
      out.push_back({x.name, std::move(*type), x.required && y->required});
    }
  }
  bool all = out.size() == a.attributes().size() && out.size() == b.attributes().size();
  return all && !a.is_open() && !b.is_open() ? Type::record(std::move(out)) : Type::open_record(std::move(out));
}

}  // namespace

std::optional<Type> least_upper_bound(const Type& a, const Type& b, Mode mode) {
  if (a.is_bool() && b.is_bool()) return a.tag() == b.tag() ? a : Type(Tag::kBool);
  if (a.tag() == Tag::kNever) return b;
  if (b.tag() == Tag::kNever) return a;
  if (a.tag() != b.tag()) return std::nullopt;
  if (a.tag() == Tag::kSet) {
    auto element = least_upper_bound(a.element(), b.element(), mode);
    if (!element) return std::nullopt;
    return Type::set(std::move(*element));
  }
  if (mode == Mode::kPermissive && a.tag() == Tag::kEntity) return entity_union(a, b);
  if (a.tag() != Tag::kRecord) return a == b ? std::optional(a) : std::nullopt;
  const auto& x = a.attributes();
  const auto& y = b.attributes();
  if (&x == &y) return a;
  if (mode == Mode::kPermissive) return common_record(a, b);
  if (x.size() != y.size()) return std::nullopt;
  Type::Attributes out;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i].name != y[i].name || x[i].required != y[i].required) return std::nullopt;
    auto type = least_upper_bound(x[i].type, y[i].type);
    if (!type) return std::nullopt;
    out.push_back({x[i].name, std::move(*type), x[i].required});
  }
  return Type::record(std::move(out));
}

bool type_can_be_in(const Schema& schema, const std::string& type, const std::string& group) {
  if (type == group) return true;
  if (const EntityTypeDecl* declared = schema.entity_type(type)) return declared->ancestors.contains(group);
  return std::ranges::any_of(schema.actions(), [&](const auto& entry) {
    return entry.first.type == type &&
           std::ranges::any_of(entry.second.ancestors,
                               [&](const EntityUid& uid) { return uid.type == group; });
  });
}

Typechecker::Outcome Typechecker::bad(const Expr& at, std::string message, std::string help) {
  fault_ = {at.span, std::move(message), std::move(help)};
  return std::nullopt;
}

Typechecker::Outcome Typechecker::wrong(const Expr& at, const Type& found, std::string_view wanted) {
  return bad(at, "expected " + std::string(wanted) + ", found `" + to_string(found) + "`");
}

std::optional<Type> Typechecker::bound(const Type& a, const Type& b) const {
  return least_upper_bound(a, b, env_.mode);
}

bool Typechecker::can_be_in(const std::string& types, const std::string& groups) const {
  auto all = entity_names(groups);
  return std::ranges::any_of(entity_names(types), [&](const std::string& type) {
    return std::ranges::any_of(all, [&](const std::string& group) { return type_can_be_in(*env_.schema, type, group); });
  });
}

// SPEC Cedar RFC 76: a policy of level n follows at most n entities from the request, and no literal
bool Typechecker::follow(const Expr& at, const Typed& entity) {
  if (!env_.level_max || entity.level < *env_.level_max) return true;
  if (entity.level >= kLiteralLevel) {
    bad(at, "an entity that the policy names may not be followed when levels are checked");
  } else {
    bad(at, "this follows " + std::to_string(entity.level + 1) + " entities from the request; the level allows " +
                std::to_string(*env_.level_max));
  }
  return false;
}

std::optional<EntityUid> Typechecker::as_uid(const Expr& e) const {
  if (e.op == Op::kVar && e.var == Var::kAction) return env_.action->uid;
  const EntityUid* uid = e.op == Op::kLiteral ? e.value.get_if<EntityUid>() : nullptr;
  return uid != nullptr ? std::optional(*uid) : std::nullopt;
}

bool Typechecker::action_in(const EntityUid& action, const EntityUid& group) const {
  return action == group || env_.schema->action(action)->ancestors.contains(group);
}

bool Typechecker::is_action_type(const std::string& type) const {
  return std::ranges::any_of(env_.schema->actions(),
                             [&](const auto& entry) { return entry.first.type == type; });
}

std::optional<Typed> Typechecker::check(const Expr& e, const Capabilities& known) {
  switch (e.op) {
    case Op::kLiteral: return literal(e);
    case Op::kVar: return variable(e);
    case Op::kAnd: return conjunction(e, known);
    case Op::kOr: return disjunction(e, known);
    case Op::kIf: return conditional(e, known);
    case Op::kNot: case Op::kNeg: case Op::kLike: case Op::kIs: case Op::kIsEmpty: return unary(e, known);
    case Op::kEq: case Op::kNe: return equality(e, known);
    case Op::kLt: case Op::kLe: case Op::kGt: case Op::kGe: return order(e, known);
    case Op::kAdd: case Op::kSub: case Op::kMul: return arithmetic(e, known);
    case Op::kIn: case Op::kIsIn: return membership(e, known);
    case Op::kContains: case Op::kContainsAll: case Op::kContainsAny: return containment(e, known);
    case Op::kGetTag: case Op::kHasTag: return tag(e, known);
    case Op::kHas: return has(e, known);
    case Op::kGetAttr: return attribute(e, known);
    case Op::kSet: return set(e, known);
    case Op::kRecord: return record(e, known);
    case Op::kExtension: return extension(e, known);
  }
  return std::nullopt;
}

Typechecker::Outcome Typechecker::literal(const Expr& e) {
  switch (e.value.kind()) {
    case Kind::kBool: return Typed{Type::boolean(*e.value.get_if<bool>()), {}};
    case Kind::kLong: return Typed{Tag::kLong, {}};
    case Kind::kString: return Typed{Tag::kString, {}};
    // Undeclared entities were found before typing (validator.cc).
    case Kind::kEntity: return Typed{Type::entity(e.value.get_if<EntityUid>()->type), {}, kLiteralLevel};
    default: return bad(e, "not a literal");
  }
}

Typechecker::Outcome Typechecker::variable(const Expr& e) {
  switch (e.var) {
    case Var::kPrincipal: return Typed{Type::entity(env_.principal), {}};
    case Var::kAction: return Typed{Type::entity(env_.action->uid.type), {}};
    case Var::kResource: return Typed{Type::entity(env_.resource), {}};
    case Var::kContext: return Typed{env_.action->context, {}};
  }
  return std::nullopt;
}

Typechecker::Outcome Typechecker::conditional(const Expr& e, const Capabilities& known) {
  auto test = check(*e.args[0], known);
  if (!test) return test;
  if (!test->type.is_bool()) return wrong(*e.args[0], test->type, "a boolean");
  if (test->type.tag() == Tag::kFalse) return check(*e.args[2], known);
  auto yes = check(*e.args[1], joined(known, test->capabilities));
  if (!yes) return yes;
  yes->capabilities = joined(yes->capabilities, test->capabilities);
  if (test->type.tag() == Tag::kTrue) return yes;
  auto no = check(*e.args[2], known);
  if (!no) return no;
  auto type = bound(yes->type, no->type);
  if (!type) {
    return bad(e, "the branches have different types, `" + to_string(yes->type) + "` and `" +
                      to_string(no->type) + "`");
  }
  return Typed{std::move(*type), common(yes->capabilities, no->capabilities), std::max(yes->level, no->level)};
}

Typechecker::Outcome Typechecker::conjunction(const Expr& e, const Capabilities& known) {
  auto left = check(*e.args[0], known);
  if (!left) return left;
  if (!left->type.is_bool()) return wrong(*e.args[0], left->type, "a boolean");
  for (size_t i = 1; i < e.args.size(); ++i) {
    if (left->type.tag() == Tag::kFalse) return Typed{Tag::kFalse, {}};
    auto right = check(*e.args[i], joined(known, left->capabilities));
    if (!right) return right;
    if (!right->type.is_bool()) return wrong(*e.args[i], right->type, "a boolean");
    switch (right->type.tag()) {
      case Tag::kFalse: *left = {Tag::kFalse, {}}; break;
      case Tag::kTrue: left->capabilities = joined(left->capabilities, right->capabilities); break;
      default: *left = {Tag::kBool, joined(left->capabilities, right->capabilities)};
    }
  }
  return left;
}

Typechecker::Outcome Typechecker::disjunction(const Expr& e, const Capabilities& known) {
  auto left = check(*e.args[0], known);
  if (!left) return left;
  if (!left->type.is_bool()) return wrong(*e.args[0], left->type, "a boolean");
  for (size_t i = 1; i < e.args.size(); ++i) {
    if (left->type.tag() == Tag::kTrue) return Typed{Tag::kTrue, {}};
    auto right = check(*e.args[i], known);
    if (!right) return right;
    if (!right->type.is_bool()) return wrong(*e.args[i], right->type, "a boolean");
    if (left->type.tag() == Tag::kFalse) {
      left = right;
    } else if (right->type.tag() == Tag::kTrue) {
      *left = {Tag::kTrue, {}};
    } else if (right->type.tag() == Tag::kBool) {
      *left = {Tag::kBool, common(left->capabilities, right->capabilities)};
    }
  }
  return left;
}

Typechecker::Outcome Typechecker::unary(const Expr& e, const Capabilities& known) {
  auto arg = check(*e.args[0], known);
  if (!arg) return arg;
  const Type& type = arg->type;
  switch (e.op) {
    case Op::kNot:
      if (!type.is_bool()) return wrong(*e.args[0], type, "a boolean");
      if (type.tag() == Tag::kBool) return Typed{Tag::kBool, {}};
      return Typed{Type::boolean(type.tag() == Tag::kFalse), {}};
    case Op::kNeg:
      if (type.tag() != Tag::kLong) return wrong(*e.args[0], type, "`Long`");
      return Typed{Tag::kLong, {}};
    case Op::kLike:
      if (type.tag() != Tag::kString) return wrong(*e.args[0], type, "`String`");
      return Typed{Tag::kBool, {}};
    case Op::kIs:
      if (type.tag() != Tag::kEntity) return wrong(*e.args[0], type, "an entity");
      if (type.entity_name() == e.name) return Typed{Tag::kTrue, {}};
      return Typed{can_be(type, e.name) ? Tag::kBool : Tag::kFalse, {}};
    default:
      if (type.tag() != Tag::kSet) return wrong(*e.args[0], type, "a set");
      return Typed{Tag::kBool, {}};
  }
}

Typechecker::Outcome Typechecker::equality(const Expr& e, const Capabilities& known) {
  auto left = check(*e.args[0], known);
  if (!left) return left;
  auto right = check(*e.args[1], known);
  if (!right) return right;
  auto known_value = [&](bool equal) { return Typed{Type::boolean(equal == (e.op == Op::kEq)), {}}; };
  auto value_of = [this](const Expr& x) -> std::optional<Value> {
    if (auto uid = as_uid(x)) return Value::entity(std::move(*uid));
    return x.op == Op::kLiteral ? std::optional(x.value) : std::nullopt;
  };
  auto a = value_of(*e.args[0]);
  auto b = value_of(*e.args[1]);
  if (a && b) return known_value(*a == *b);
  if (disjoint(left->type, right->type)) return known_value(false);
  if (env_.mode == Mode::kPermissive || bound(left->type, right->type)) return Typed{Tag::kBool, {}};
  return bad(e, "`" + to_string(left->type) + "` and `" + to_string(right->type) + "` are never equal",
             "compare values of one type");
}

Typechecker::Outcome Typechecker::order(const Expr& e, const Capabilities& known) {
  auto left = check(*e.args[0], known);
  if (!left) return left;
  auto right = check(*e.args[1], known);
  if (!right) return right;
  Tag tag = left->type.tag();
  if (tag != Tag::kLong && tag != Tag::kDatetime && tag != Tag::kDuration) {
    return wrong(*e.args[0], left->type, "`Long`, `datetime` or `duration`");
  }
  if (right->type.tag() != tag) return wrong(*e.args[1], right->type, "`" + to_string(left->type) + "`");
  return Typed{Tag::kBool, {}};
}

Typechecker::Outcome Typechecker::arithmetic(const Expr& e, const Capabilities& known) {
  for (const ExprPtr& arg : e.args) {
    auto typed = check(*arg, known);
    if (!typed) return typed;
    if (typed->type.tag() != Tag::kLong) return wrong(*arg, typed->type, "`Long`");
  }
  return Typed{Tag::kLong, {}};
}

// `x is T in g` is `x is T && x in g`.
Typechecker::Outcome Typechecker::membership(const Expr& e, const Capabilities& known) {
  auto left = check(*e.args[0], known);
  if (!left) return left;
  if (left->type.tag() != Tag::kEntity) return wrong(*e.args[0], left->type, "an entity");
  if (e.op == Op::kIsIn && !can_be(left->type, e.name)) return Typed{Tag::kFalse, {}};
  auto right = check(*e.args[1], known);
  if (!right) return right;
  bool of_set = right->type.tag() == Tag::kSet;
  const Type& group = of_set ? right->type.element() : right->type;
  if (!follow(e, *left)) return std::nullopt;
  if (of_set && group.tag() == Tag::kNever) return Typed{Tag::kFalse, {}};
  if (group.tag() != Tag::kEntity) return wrong(*e.args[1], right->type, "an entity or a set of entities");

  auto uid = as_uid(*e.args[0]);
  if (uid && env_.schema->action(*uid) != nullptr) {
    std::vector<std::optional<EntityUid>> groups;
    if (!of_set) {
      groups.push_back(as_uid(*e.args[1]));
    } else if (e.args[1]->op == Op::kSet) {
      for (const ExprPtr& arg : e.args[1]->args) groups.push_back(as_uid(*arg));
    }
    bool literal = !groups.empty() && std::ranges::all_of(groups, [](const auto& g) { return g.has_value(); });
    if (literal) {
      bool in = std::ranges::any_of(groups, [&](const auto& g) { return action_in(*uid, *g); });
      return Typed{Type::boolean(in), {}};
    }
  }
  if (!can_be_in(left->type.entity_name(), group.entity_name())) return Typed{Tag::kFalse, {}};
  return Typed{Tag::kBool, {}};
}

Typechecker::Outcome Typechecker::containment(const Expr& e, const Capabilities& known) {
  auto left = check(*e.args[0], known);
  if (!left) return left;
  auto right = check(*e.args[1], known);
  if (!right) return right;
  if (left->type.tag() != Tag::kSet) return wrong(*e.args[0], left->type, "a set");
  bool single = e.op == Op::kContains;
  if (!single && right->type.tag() != Tag::kSet) return wrong(*e.args[1], right->type, "a set");
  const Type& element = single ? right->type : right->type.element();
  if (env_.mode == Mode::kStrict && !bound(left->type.element(), element)) {
    return bad(e, "a set of `" + to_string(left->type.element()) + "` never holds `" + to_string(element) + "`");
  }
  return Typed{Tag::kBool, {}};
}

Typechecker::Outcome Typechecker::tag(const Expr& e, const Capabilities& known) {
  auto left = check(*e.args[0], known);
  if (!left) return left;
  auto right = check(*e.args[1], known);
  if (!right) return right;
  if (left->type.tag() != Tag::kEntity) return wrong(*e.args[0], left->type, "an entity");
  if (right->type.tag() != Tag::kString) return wrong(*e.args[1], right->type, "`String`");
  if (!follow(e, *left)) return std::nullopt;
  std::optional<Type> tags;
  bool some = false;
  bool all = true;
  for (const std::string& name : entity_names(left->type.entity_name())) {
    const EntityTypeDecl* declared = env_.schema->entity_type(name);
    if (declared == nullptr || !declared->tags) {
      all = false;
      continue;
    }
    tags = some ? (tags ? bound(*tags, *declared->tags) : std::nullopt) : declared->tags;
    some = true;
  }
  std::string key = tag_key(*e.args[0], *e.args[1]);
  if (e.op == Op::kHasTag) {
    if (!some) return Typed{Tag::kFalse, {}};
    if (known.contains(key)) return Typed{Tag::kTrue, {}};
    return Typed{Tag::kBool, {key}};
  }
  if (!all || !tags) return bad(e, "entities of type `" + left->type.entity_name() + "` have no tags");
  if (!known.contains(key)) {
    return bad(e, "this tag may be missing",
               "test `" + to_text(*e.args[0]) + ".hasTag(" + to_text(*e.args[1]) + ")` first");
  }
  return Typed{*tags, {}, left->level + 1};
}

}  // namespace proviso::cedar
