#include <algorithm>

#include "base/json.h"
#include "cedar/functions.h"
#include "cedar/policy_json.h"
#include "cedar/text.h"

namespace proviso::cedar {
namespace {

const char* operator_name(Op op) {
  switch (op) {
    case Op::kAnd: return "&&";
    case Op::kOr: return "||";
    case Op::kNot: return "!";
    case Op::kNeg: return "neg";
    case Op::kEq: return "==";
    case Op::kNe: return "!=";
    case Op::kLt: return "<";
    case Op::kLe: return "<=";
    case Op::kGt: return ">";
    case Op::kGe: return ">=";
    case Op::kIn: return "in";
    case Op::kAdd: return "+";
    case Op::kSub: return "-";
    case Op::kMul: return "*";
    case Op::kContains: return "contains";
    case Op::kContainsAll: return "containsAll";
    case Op::kContainsAny: return "containsAny";
    case Op::kGetTag: return "getTag";
    case Op::kHasTag: return "hasTag";
    default: return "isEmpty";
  }
}

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : w_(out) {}

  void policy(const Policy& p) {
    w_.begin_object();
    w_.key("effect").string(p.effect == Effect::kPermit ? "permit" : "forbid");
    scope("principal", p.principal);
    scope("action", p.action);
    scope("resource", p.resource);
    w_.key("conditions").begin_array();
    for (const Condition& c : p.conditions) {
      w_.begin_object();
      w_.key("kind").string(c.kind == Condition::Kind::kWhen ? "when" : "unless");
      w_.key("body");
      expr(*c.body);
      w_.end_object();
    }
    w_.end_array();
    if (!p.annotations.empty()) {
      w_.key("annotations").begin_object();
      for (const Annotation& a : p.annotations) {
        w_.key(a.key);
        if (a.value) {
          w_.string(*a.value);
        } else {
          w_.null();
        }
      }
      w_.end_object();
    }
    w_.end_object();
  }

  void uid(const EntityUid& u) {
    w_.begin_object();
    w_.key("type").string(u.type);
    w_.key("id").string(u.id);
    w_.end_object();
  }

  json::Writer& writer() { return w_; }

 private:
  void scope(const char* variable, const Scope& s) {
    using Kind = Scope::Kind;
    w_.key(variable).begin_object();
    auto entity = [&] {
      if (s.slot) {
        w_.key("slot").string("?" + std::string(variable));
      } else {
        w_.key("entity");
        uid(s.entities[0]);
      }
    };
    switch (s.kind) {
      case Kind::kAny: w_.key("op").string("All"); break;
      case Kind::kEq: w_.key("op").string("=="); entity(); break;
      case Kind::kIn: w_.key("op").string("in"); entity(); break;
      case Kind::kInSet: entities(s); break;
      case Kind::kIs:
      case Kind::kIsIn:
        w_.key("op").string("is").key("entity_type").string(s.type);
        if (s.kind == Kind::kIs) break;
        w_.key("in").begin_object();
        entity();
        w_.end_object();
    }
    w_.end_object();
  }

  // SPEC Cedar JSON: a set of one action is written as that action
  void entities(const Scope& s) {
    w_.key("op").string("in");
    if (s.entities.size() == 1) {
      w_.key("entity");
      return uid(s.entities[0]);
    }
    w_.key("entities").begin_array();
    for (const EntityUid& u : s.entities) uid(u);
    w_.end_array();
  }

  // Long chains of && and || nest to the left.
  void chain(const Expr& e, size_t count) {
    if (count == 1) return expr(*e.args[0]);
    w_.begin_object().key(operator_name(e.op)).begin_object();
    w_.key("left");
    chain(e, count - 1);
    w_.key("right");
    expr(*e.args[count - 1]);
    w_.end_object().end_object();
  }

  void literal(const Value& v) {
    w_.begin_object().key("Value");
    if (const bool* b = v.get_if<bool>()) w_.boolean(*b);
    if (const int64_t* i = v.get_if<int64_t>()) w_.integer(*i);
    if (const std::string* s = v.get_if<std::string>()) w_.string(*s);
    if (const EntityUid* u = v.get_if<EntityUid>()) {
      w_.begin_object().key("__entity");
      uid(*u);
      w_.end_object();
    }
    w_.end_object();
  }

  void pattern(const Pattern& p) {
    w_.key("pattern").begin_array();
    for (size_t i = 0; i < p.pieces().size(); ++i) {
      if (i > 0) w_.string("Wildcard");
      std::string_view rest = p.pieces()[i];
      while (!rest.empty()) {
        size_t length = 0;
        (void)front_scalar(rest, &length);
        w_.begin_object().key("Literal").string(rest.substr(0, length)).end_object();
        rest.remove_prefix(length);
      }
    }
    w_.end_array();
  }

  void has_path(const Expr& e) {
    if (e.path.size() == 1) {
      w_.key("attr").string(e.path[0]);
      return;
    }
    w_.key("attr").begin_array();
    for (const std::string& name : e.path) w_.string(name);
    w_.end_array();
  }

  // {name: {"left": …, and what `rest` adds}}
  template <class Rest>
  void on_left(const char* name, const Expr& e, Rest&& rest) {
    w_.begin_object().key(name).begin_object();
    w_.key("left");
    expr(*e.args[0]);
    rest();
    w_.end_object().end_object();
  }

  void list(const char* name, const std::vector<ExprPtr>& args) {
    w_.begin_object().key(name).begin_array();
    for (const ExprPtr& arg : args) expr(*arg);
    w_.end_array().end_object();
  }

  void conditional(const Expr& e) {
    w_.begin_object().key("if-then-else").begin_object();
    static constexpr const char* kParts[] = {"if", "then", "else"};
    for (size_t i = 0; i < 3; ++i) {
      w_.key(kParts[i]);
      expr(*e.args[i]);
    }
    w_.end_object().end_object();
  }

  void record(const Expr& e) {
    w_.begin_object().key("Record").begin_object();
    for (size_t i = 0; i < e.args.size(); ++i) {
      w_.key(e.path[i]);
      expr(*e.args[i]);
    }
    w_.end_object().end_object();
  }

  void expr(const Expr& e) {
    static constexpr const char* kVars[] = {"principal", "action", "resource", "context"};
    switch (e.op) {
      case Op::kLiteral: return literal(e.value);
      case Op::kVar:
        w_.begin_object().key("Var").string(kVars[static_cast<size_t>(e.var)]).end_object();
        return;
      case Op::kAnd: case Op::kOr: return chain(e, e.args.size());
      case Op::kNot: case Op::kNeg: case Op::kIsEmpty:
        w_.begin_object().key(operator_name(e.op)).begin_object().key("arg");
        expr(*e.args[0]);
        w_.end_object().end_object();
        return;
      case Op::kIf: return conditional(e);
      case Op::kGetAttr: return on_left(".", e, [&] { w_.key("attr").string(e.name); });
      case Op::kHas: return on_left("has", e, [&] { has_path(e); });
      case Op::kLike: return on_left("like", e, [&] { pattern(e.pattern); });
      case Op::kIs: case Op::kIsIn:
        return on_left("is", e, [&] {
          w_.key("entity_type").string(e.name);
          if (e.op == Op::kIs) return;
          w_.key("in");
          expr(*e.args[1]);
        });
      case Op::kExtension: return list(e.name.c_str(), e.args);
      case Op::kSet: return list("Set", e.args);
      case Op::kRecord: return record(e);
      default:
        return on_left(operator_name(e.op), e, [&] {
          w_.key("right");
          expr(*e.args[1]);
        });
    }
  }

  json::Writer w_;
};

}  // namespace

std::string to_json(const Policy& policy) {
  std::string out;
  JsonWriter(out).policy(policy);
  return out;
}

std::string to_json(const PolicySet& policies) {
  std::string out;
  JsonWriter writer(out);
  json::Writer& w = writer.writer();
  w.begin_object().key("staticPolicies").begin_object();
  for (const Policy& p : policies.policies()) {
    if (!p.template_id.empty()) continue;
    w.key(p.id);
    writer.policy(p);
  }
  w.end_object().key("templates").begin_object();
  for (const Policy& p : policies.templates()) {
    w.key(p.id);
    writer.policy(p);
  }
  w.end_object().key("templateLinks").begin_array();
  for (const Policy& p : policies.policies()) {
    if (p.template_id.empty()) continue;
    w.begin_object().key("templateId").string(p.template_id).key("newId").string(p.id);
    w.key("values").begin_object();
    if (p.values.principal) {
      w.key("?principal");
      writer.uid(*p.values.principal);
    }
    if (p.values.resource) {
      w.key("?resource");
      writer.uid(*p.values.resource);
    }
    w.end_object().end_object();
  }
  w.end_array().end_object();
  return out;
}

}  // namespace proviso::cedar
