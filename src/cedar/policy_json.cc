#include "cedar/policy_json.h"

#include <algorithm>
#include <set>
#include <optional>

#include "cedar/entities_json.h"
#include "cedar/functions.h"
#include "cedar/text.h"

namespace proviso::cedar {
namespace {

using namespace deep_json;

std::optional<Op> binary_operator(std::string_view name) {
  static constexpr std::pair<std::string_view, Op> kOperators[] = {
      {"==", Op::kEq}, {"!=", Op::kNe}, {"<", Op::kLt}, {"<=", Op::kLe}, {">", Op::kGt}, {">=", Op::kGe},
      {"in", Op::kIn}, {"+", Op::kAdd}, {"-", Op::kSub}, {"*", Op::kMul}, {"&&", Op::kAnd}, {"||", Op::kOr},
      {"contains", Op::kContains}, {"containsAll", Op::kContainsAll}, {"containsAny", Op::kContainsAny},
      {"getTag", Op::kGetTag}, {"hasTag", Op::kHasTag}};
  for (const auto& [text, op] : kOperators) {
    if (text == name) return op;
  }
  return std::nullopt;
}

// JSON to tree. simdjson has bounded the depth, so that this may recurse.
class ExprReader {
 public:
  Result<ExprPtr> expr(Element element) {
    Object object;
    if (element.get_object().get(object) != simdjson::SUCCESS || object.size() != 1) {
      return invalid("an expression must be an object with one key");
    }
    auto field = *object.begin();
    auto out = one(field.key, field.value);
    if (!out && !placed_) {
      placed_ = true;
      return fail_at(tick(field.key), std::move(out).error());
    }
    return out;
  }

 private:
  static Result<ExprPtr> made(Expr e) {
    size_t depth = 0;
    for (const ExprPtr& arg : e.args) depth = std::max<size_t>(depth, arg->depth);
    if (depth + 1 > kExprDepthMax) {
      return fail(Code::kLimit, "an expression is nested more than " + std::to_string(kExprDepthMax) + " deep");
    }
    e.depth = static_cast<uint16_t>(depth + 1);
    return std::make_shared<const Expr>(std::move(e));
  }

  Result<ExprPtr> one(std::string_view key, Element body) {
    if (key == "Value") return value(body);
    if (key == "Var") return variable(body);
    if (key == "!") return unary(Op::kNot, body);
    if (key == "neg") return unary(Op::kNeg, body);
    if (key == "isEmpty") return unary(Op::kIsEmpty, body);
    if (auto op = binary_operator(key)) return binary(*op, body);
    if (key == ".") return attribute(body);
    if (key == "has") return has(body);
    if (key == "like") return like(body);
    if (key == "is") return is(body);
    if (key == "if-then-else") return conditional(body);
    if (key == "Set") return list(Op::kSet, "", body);
    if (key == "Record") return record(body);
    if (key == "Slot") return invalid("slots may stand only in the head of a template");
    if (find_extension(key) != nullptr) return list(Op::kExtension, key, body);
    return invalid("there is no such operator or function");
  }

  // A literal as a tree: sets, records and extension values are written as what makes them.
  Result<ExprPtr> value(Element element) {
    Expr e;
    Object object;
    if (element.get_object().get(object) == simdjson::SUCCESS) return object_value(object, element);
    Array array;
    if (element.get_array().get(array) == simdjson::SUCCESS) {
      e.op = Op::kSet;
      for (Element item : array) {
        PV_TRY(ExprPtr arg, value(item));
        e.args.push_back(std::move(arg));
      }
      return made(std::move(e));
    }
    PV_TRY(e.value, value_from_json(element));
    return made(std::move(e));
  }

  Result<ExprPtr> object_value(const Object& object, Element element) {
    Expr e;
    if (has_key(object, "__entity")) {
      PV_TRY(e.value, value_from_json(element));
      return made(std::move(e));
    }
    Element call;
    if (object["__extn"].get(call) == simdjson::SUCCESS) {
      PV_TRY(Object body, object_of(call, {"fn", "arg"}));
      e.op = Op::kExtension;
      PV_TRY(e.name, string_of(body["fn"].value_unsafe(), "fn"));
      const ExtInfo* ext = find_extension(e.name);
      if (ext == nullptr || !is_constructor(ext->ext)) return invalid(tick(e.name) + " is no extension constructor");
      PV_TRY(ExprPtr arg, value(body["arg"].value_unsafe()));
      e.args.push_back(std::move(arg));
      return made(std::move(e));
    }
    return members(object, [this](Element member) { return value(member); });
  }

  Result<ExprPtr> variable(Element element) {
    static constexpr std::string_view kVars[] = {"principal", "action", "resource", "context"};
    PV_TRY(std::string name, string_of(element, "Var"));
    const auto* at = std::ranges::find(kVars, name);
    if (at == std::end(kVars)) return invalid("there is no variable " + tick(name));
    Expr e;
    e.op = Op::kVar;
    e.var = static_cast<Var>(at - std::begin(kVars));
    return made(std::move(e));
  }

  Result<ExprPtr> unary(Op op, Element element) {
    PV_TRY(Object body, object_of(element, {"arg"}));
    Expr e;
    e.op = op;
    PV_TRY(ExprPtr arg, expr(body["arg"].value_unsafe()));
    e.args.push_back(std::move(arg));
    return made(std::move(e));
  }

  Status left(Expr& e, const Object& body) {
    PV_TRY(ExprPtr arg, expr(body["left"].value_unsafe()));
    e.args.push_back(std::move(arg));
    return {};
  }

  Result<ExprPtr> binary(Op op, Element element) {
    PV_TRY(Object body, object_of(element, {"left", "right"}));
    Expr e;
    e.op = op;
    PV_TRY_VOID(left(e, body));
    // Chains are flat in the tree, as text gives them.
    if ((op == Op::kAnd || op == Op::kOr) && e.args[0]->op == op) {
      std::vector<ExprPtr> chain = e.args[0]->args;
      e.args = std::move(chain);
    }
    PV_TRY(ExprPtr right, expr(body["right"].value_unsafe()));
    e.args.push_back(std::move(right));
    return made(std::move(e));
  }

  Result<ExprPtr> attribute(Element element) {
    PV_TRY(Object body, object_of(element, {"left", "attr"}));
    Expr e;
    e.op = Op::kGetAttr;
    PV_TRY_VOID(left(e, body));
    PV_TRY(e.name, string_of(body["attr"].value_unsafe(), "attr"));
    return made(std::move(e));
  }

  // SPEC Cedar JSON 4.5: `attr` of `has` is a name or a list of names that is not empty
  Result<ExprPtr> has(Element element) {
    PV_TRY(Object body, object_of(element, {"left", "attr"}));
    Expr e;
    e.op = Op::kHas;
    PV_TRY_VOID(left(e, body));
    Element attr = body["attr"].value_unsafe();
    Array names;
    if (attr.get_array().get(names) != simdjson::SUCCESS) {
      PV_TRY(std::string name, string_of(attr, "attr"));
      e.path.push_back(std::move(name));
      return made(std::move(e));
    }
    for (Element item : names) {
      PV_TRY(std::string name, string_of(item, "attr"));
      e.path.push_back(std::move(name));
    }
    if (e.path.empty()) return invalid("`attr` may not be an empty list");
    auto plain = [](const std::string& name) { return is_identifier(name) && !is_reserved(name); };
    if (e.path.size() == 1 || std::ranges::all_of(e.path, plain)) return made(std::move(e));
    return has_each(e);
  }

  // Text has no path of names in quotes: `x has "a b" && x["a b"] has c`.
  static Result<ExprPtr> has_each(const Expr& path) {
    Expr out;
    out.op = Op::kAnd;
    ExprPtr at = path.args[0];
    for (const std::string& name : path.path) {
      Expr test;
      test.op = Op::kHas;
      test.args = {at};
      test.path = {name};
      PV_TRY(ExprPtr one, made(std::move(test)));
      out.args.push_back(std::move(one));
      Expr step;
      step.op = Op::kGetAttr;
      step.args = {at};
      step.name = name;
      PV_TRY(at, made(std::move(step)));
    }
    return made(std::move(out));
  }

  Result<ExprPtr> like(Element element) {
    PV_TRY(Object body, object_of(element, {"left", "pattern"}));
    Expr e;
    e.op = Op::kLike;
    PV_TRY_VOID(left(e, body));
    Array parts;
    if (body["pattern"].get_array().get(parts) != simdjson::SUCCESS) return invalid("`pattern` must be a list");
    for (Element part : parts) {
      std::string_view text;
      if (part.get_string().get(text) == simdjson::SUCCESS) {
        if (text != "Wildcard") return invalid("a pattern has \"Wildcard\" and {\"Literal\": …}");
        e.pattern.add_wildcard();
        continue;
      }
      PV_TRY(Object literal, object_of(part, {"Literal"}));
      PV_TRY(std::string letters, string_of(literal["Literal"].value_unsafe(), "Literal"));
      for (std::string_view rest = letters; !rest.empty();) {
        size_t length = 0;
        e.pattern.add_literal(front_scalar(rest, &length));
        rest.remove_prefix(length);
      }
    }
    return made(std::move(e));
  }

  Result<ExprPtr> is(Element element) {
    PV_TRY(Object body, object_of(element, {"left", "entity_type"}, {"in"}));
    Expr e;
    e.op = has_key(body, "in") ? Op::kIsIn : Op::kIs;
    PV_TRY_VOID(left(e, body));
    PV_TRY(e.name, string_of(body["entity_type"].value_unsafe(), "entity_type"));
    if (e.op == Op::kIsIn) {
      PV_TRY(ExprPtr group, expr(body["in"].value_unsafe()));
      e.args.push_back(std::move(group));
    }
    return made(std::move(e));
  }

  Result<ExprPtr> conditional(Element element) {
    PV_TRY(Object body, object_of(element, {"if", "then", "else"}));
    Expr e;
    e.op = Op::kIf;
    for (const char* part : {"if", "then", "else"}) {
      PV_TRY(ExprPtr arg, expr(body[part].value_unsafe()));
      e.args.push_back(std::move(arg));
    }
    return made(std::move(e));
  }

  Result<ExprPtr> list(Op op, std::string_view name, Element element) {
    Array items;
    if (element.get_array().get(items) != simdjson::SUCCESS) return invalid("expected a list");
    Expr e;
    e.op = op;
    e.name = name;
    for (Element item : items) {
      PV_TRY(ExprPtr arg, expr(item));
      e.args.push_back(std::move(arg));
    }
    if (op == Op::kExtension && e.args.empty() && !is_constructor(find_extension(name)->ext)) {
      return invalid("a method needs what it is called on");
    }
    return made(std::move(e));
  }

  Result<ExprPtr> record(Element element) {
    Object object;
    if (element.get_object().get(object) != simdjson::SUCCESS) return invalid("expected an object");
    return members(object, [this](Element member) { return expr(member); });
  }

  // A record of what `read` makes of each member.
  template <class Read>
  Result<ExprPtr> members(Object object, Read read) {
    Expr e;
    e.op = Op::kRecord;
    std::set<std::string_view> seen;
    for (auto field : object) {
      if (!seen.insert(field.key).second) {
        return invalid("the key " + tick(field.key) + " is given twice");
      }
      PV_TRY(ExprPtr arg, read(field.value));
      e.path.emplace_back(field.key);
      e.args.push_back(std::move(arg));
    }
    return made(std::move(e));
  }

  bool placed_ = false;  // the error names the innermost operator
};

Status scope_entity(Scope& scope, const Object& object, std::string_view variable) {
  Element element;
  if (object["slot"].get(element) == simdjson::SUCCESS) {
    PV_TRY(std::string slot, string_of(element, "slot"));
    if (has_key(object, "entity") || variable == "action" || slot != "?" + std::string(variable)) {
      return invalid("the slot " + tick(slot) + " may not stand here");
    }
    scope.slot = true;
    return {};
  }
  if (object["entity"].get(element) != simdjson::SUCCESS) return invalid("the key `entity` is missing");
  PV_TRY(EntityUid uid, uid_from_json(element));
  scope.entities.push_back(std::move(uid));
  return {};
}

Status scope_in(Scope& scope, const Object& object, std::string_view variable) {
  scope.kind = Scope::Kind::kIn;
  Array list;
  if (object["entities"].get_array().get(list) != simdjson::SUCCESS) return scope_entity(scope, object, variable);
  if (variable != "action" || has_key(object, "entity")) return invalid("`entities` may stand only with `action`");
  scope.kind = Scope::Kind::kInSet;
  for (Element item : list) {
    PV_TRY(EntityUid uid, uid_from_json(item));
    scope.entities.push_back(std::move(uid));
  }
  return {};
}

Result<Scope> scope_from(Element element, std::string_view variable) {
  PV_TRY(Object object, object_of(element, {"op"}, {"entity", "entities", "slot", "entity_type", "in"}));
  PV_TRY(std::string op, string_of(object["op"].value_unsafe(), "op"));
  Scope out;
  size_t keys = object.size();
  if (op == "All" || op == "all") {
    if (keys != 1) return invalid("`All` has no other key");
  } else if (op == "==") {
    out.kind = Scope::Kind::kEq;
    if (keys != 2) return invalid("`==` needs one `entity` or `slot`");
    PV_TRY_VOID(scope_entity(out, object, variable));
  } else if (op == "in") {
    if (keys != 2) return invalid("`in` needs one `entity`, `entities` or `slot`");
    PV_TRY_VOID(scope_in(out, object, variable));
  } else if (op == "is" && variable != "action") {
    Element type;
    if (object["entity_type"].get(type) != simdjson::SUCCESS) return invalid("the key `entity_type` is missing");
    PV_TRY(out.type, string_of(type, "entity_type"));
    out.kind = Scope::Kind::kIs;
    Element group;
    if (object["in"].get(group) == simdjson::SUCCESS) {
      out.kind = Scope::Kind::kIsIn;
      PV_TRY(Object inner, object_of(group, {}, {"entity", "slot"}));
      PV_TRY_VOID(scope_entity(out, inner, variable));
    }
    if (keys != (out.kind == Scope::Kind::kIsIn ? 3 : 2)) return invalid("`is` has a key too many");
  } else {
    return invalid("the operator " + tick(op) + " is not known here");
  }
  return out;
}

Status annotations_from(Element element, Policy& out) {
  Object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) return invalid("`annotations` must be an object");
  for (auto field : object) {
    if (!is_identifier(field.key)) return invalid("the annotation " + tick(field.key) + " is no identifier");
    if (out.annotation(field.key) != nullptr) return invalid("the annotation " + tick(field.key) + " is given twice");
    Annotation one{std::string(field.key), std::nullopt};
    if (!field.value.is_null()) {
      PV_TRY(one.value, string_of(field.value, field.key));
    }
    out.annotations.push_back(std::move(one));
  }
  return {};
}

template <class T>
Result<T> at(std::string_view where, Result<T> result) {
  if (!result) return fail_at(where, std::move(result).error());
  return result;
}

Result<Policy> policy_from(Element element) {
  PV_TRY(Object object, object_of(element, {"effect", "principal", "action", "resource", "conditions"}, {"annotations"}));
  Policy out;
  PV_TRY(std::string effect, string_of(object["effect"].value_unsafe(), "effect"));
  if (effect != "permit" && effect != "forbid") return invalid("`effect` must be `permit` or `forbid`");
  out.effect = effect == "permit" ? Effect::kPermit : Effect::kForbid;
  PV_TRY(out.principal, at("principal", scope_from(object["principal"].value_unsafe(), "principal")));
  PV_TRY(out.action, at("action", scope_from(object["action"].value_unsafe(), "action")));
  PV_TRY(out.resource, at("resource", scope_from(object["resource"].value_unsafe(), "resource")));
  Array conditions;
  if (object["conditions"].get_array().get(conditions) != simdjson::SUCCESS) {
    return invalid("`conditions` must be a list");
  }
  for (Element item : conditions) {
    PV_TRY(Object body, at("conditions", object_of(item, {"kind", "body"})));
    PV_TRY(std::string kind, string_of(body["kind"].value_unsafe(), "kind"));
    if (kind != "when" && kind != "unless") return invalid("`kind` must be `when` or `unless`");
    Condition one;
    one.kind = kind == "when" ? Condition::Kind::kWhen : Condition::Kind::kUnless;
    PV_TRY(one.body, at("conditions", ExprReader().expr(body["body"].value_unsafe())));
    out.conditions.push_back(std::move(one));
  }
  Element annotations;
  if (object["annotations"].get(annotations) == simdjson::SUCCESS) PV_TRY_VOID(annotations_from(annotations, out));
  return out;
}

Status add_policy(PolicySet& set, std::string_view id, Element element, std::string_view file) {
  std::string_view text;
  if (element.get_string().get(text) == simdjson::SUCCESS) return set.add_one(text, file, id);
  PV_TRY(Policy policy, at(tick(id), policy_from(element)));
  return set.add_one(to_text(policy), file, id);
}

Status add_links(PolicySet& set, Element element) {
  Array list;
  if (element.get_array().get(list) != simdjson::SUCCESS) return invalid("`templateLinks` must be a list");
  for (Element item : list) {
    PV_TRY(Object link, object_of(item, {"templateId", "newId", "values"}));
    PV_TRY(std::string from, string_of(link["templateId"].value_unsafe(), "templateId"));
    PV_TRY(std::string id, string_of(link["newId"].value_unsafe(), "newId"));
    PV_TRY(Object values, object_of(link["values"].value_unsafe(), {}, {"?principal", "?resource"}));
    SlotValues slots;
    for (auto field : values) {
      PV_TRY(EntityUid uid, uid_from_json(field.value));
      (field.key == "?principal" ? slots.principal : slots.resource) = std::move(uid);
    }
    PV_TRY_VOID(set.link(from, id, std::move(slots)));
  }
  return {};
}

// `templates` says which of the two a family may hold.
Status add_family(PolicySet& set, const Object& root, std::string_view key, bool templates, std::string_view file) {
  Element family;
  if (root[key].get(family) != simdjson::SUCCESS) return {};
  Object object;
  if (family.get_object().get(object) != simdjson::SUCCESS) return invalid(tick(key) + " must be an object");
  size_t static_before = set.policies().size();
  size_t templates_before = set.templates().size();
  for (auto field : object) PV_TRY_VOID(add_policy(set, field.key, field.value, file));
  size_t stray = templates ? set.policies().size() - static_before : set.templates().size() - templates_before;
  if (stray > 0) return invalid(tick(key) + (templates ? " holds a policy without slots" : " holds a template"));
  return {};
}

}  // namespace

Result<PolicySet> policies_from_json(std::string_view json, std::string_view file_name) {
  Document document;
  PV_TRY(Element root, document.parse(json, file_name));
  PolicySet out;
  Object object;
  bool set = root.get_object().get(object) == simdjson::SUCCESS &&
             (has_key(object, "staticPolicies") || has_key(object, "templates") || has_key(object, "templateLinks"));
  Status status;
  if (set) {
    auto known = object_of(root, {}, {"staticPolicies", "templates", "templateLinks"});
    if (!known) return fail_at(file_name, std::move(known).error());
    status = add_family(out, object, "staticPolicies", false, file_name);
    if (status) status = add_family(out, object, "templates", true, file_name);
    Element links;
    if (status && object["templateLinks"].get(links) == simdjson::SUCCESS) status = add_links(out, links);
  } else {
    status = add_policy(out, "policy0", root, file_name);
  }
  if (!status) return fail_at(file_name, std::move(status).error());
  return out;
}

}  // namespace proviso::cedar
