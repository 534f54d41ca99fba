#include <algorithm>

#include "cedar/parser.h"
#include "cedar/text.h"

namespace proviso::cedar {

Result<std::vector<Policy>> PolicyParser::policies() {
  std::vector<Policy> out;
  while (peek().kind != Token::Kind::kEnd) {
    PV_TRY(Policy one, policy());
    if (out.size() == kPoliciesMax) {
      return error(one.span.begin, "more than " + std::to_string(kPoliciesMax) + " policies", Code::kLimit);
    }
    out.push_back(std::move(one));
  }
  return out;
}

Result<Policy> PolicyParser::policy() {
  Policy out;
  uint32_t begin = peek().span.begin;
  PV_TRY_VOID(annotations(out));
  if (accept("permit")) {
    out.effect = Effect::kPermit;
  } else if (accept("forbid")) {
    out.effect = Effect::kForbid;
  } else {
    return unexpected("`permit` or `forbid`");
  }
  PV_TRY_VOID(expect("("));
  PV_TRY(out.principal, scope("principal"));
  PV_TRY_VOID(expect(","));
  PV_TRY(out.action, action_scope());
  PV_TRY_VOID(expect(","));
  PV_TRY(out.resource, scope("resource"));
  accept(",");
  PV_TRY_VOID(expect(")"));
  while (peek().is("when") || peek().is("unless")) {
    PV_TRY(Condition one, condition());
    out.conditions.push_back(std::move(one));
  }
  if (!peek().is(";")) return unexpected("`when`, `unless` or `;`");
  take();
  out.span = {begin, last_end()};
  return out;
}

Status PolicyParser::annotations(Policy& policy) {
  while (accept("@")) {
    if (peek().kind != Token::Kind::kIdent) return unexpected("the name of an annotation");
    const Token& name = take();
    Annotation one{std::string(name.text), std::nullopt};
    if (policy.annotation(one.key) != nullptr) {
      return error(name.span.begin, "the annotation `@" + one.key + "` is given twice");
    }
    if (accept("(")) {
      PV_TRY(one.value, string_literal("a string as the annotation's value"));
      PV_TRY_VOID(expect(")"));
    }
    policy.annotations.push_back(std::move(one));
  }
  return {};
}

Status PolicyParser::scope_entity(Scope& scope, std::string_view variable) {
  if (peek().is("?")) {
    bool named = peek(1).is(variable) && peek(1).span.begin == peek().span.end && variable != "action";
    if (!named) {
      return error(peek().span.begin, "a slot must be `?principal` or `?resource`, in the place of its own name");
    }
    take();
    take();
    scope.slot = true;
    return {};
  }
  if (peek().is("[")) {
    return error(peek().span.begin, "a set may stand only after `action in`");
  }
  PV_TRY(EntityUid uid, entity_uid());
  scope.entities.push_back(std::move(uid));
  return {};
}

Result<Scope> PolicyParser::scope(std::string_view variable) {
  Scope out;
  uint32_t begin = peek().span.begin;
  PV_TRY_VOID(expect(variable));
  if (accept("==")) {
    out.kind = Scope::Kind::kEq;
    PV_TRY_VOID(scope_entity(out, variable));
  } else if (accept("in")) {
    out.kind = Scope::Kind::kIn;
    PV_TRY_VOID(scope_entity(out, variable));
  } else if (accept("is")) {
    out.kind = Scope::Kind::kIs;
    PV_TRY(out.type, path("an entity type"));
    if (accept("in")) {
      out.kind = Scope::Kind::kIsIn;
      PV_TRY_VOID(scope_entity(out, variable));
    }
  } else if (peek().is(":") || peek().is("=")) {
    return unexpected("`==`, `in`, `is` or `,`");
  }
  out.span = {begin, last_end()};
  return out;
}

Result<Scope> PolicyParser::action_scope() {
  Scope out;
  uint32_t begin = peek().span.begin;
  PV_TRY_VOID(expect("action"));
  if (accept("==")) {
    out.kind = Scope::Kind::kEq;
    PV_TRY_VOID(scope_entity(out, "action"));
  } else if (accept("in")) {
    if (accept("[")) {
      out.kind = Scope::Kind::kInSet;
      while (!accept("]")) {
        PV_TRY_VOID(scope_entity(out, "action"));
        if (!peek().is("]") && !accept(",")) return unexpected("`,` or `]`");
      }
    } else {
      out.kind = Scope::Kind::kIn;
      PV_TRY_VOID(scope_entity(out, "action"));
    }
  } else if (peek().is("is")) {
    return error(peek().span.begin, "`is` may not stand after `action`");
  }
  out.span = {begin, last_end()};
  for (const EntityUid& uid : out.entities) {
    if (uid.type != "Action" && !uid.type.ends_with("::Action")) {
      return error(begin, "`" + to_string(uid) + "` is not an action: its type must end in `Action`");
    }
  }
  return out;
}

Result<Condition> PolicyParser::condition() {
  Condition out;
  uint32_t begin = peek().span.begin;
  out.kind = take().is("when") ? Condition::Kind::kWhen : Condition::Kind::kUnless;
  PV_TRY_VOID(expect("{"));
  if (peek().is("}")) return error(peek().span.begin, "a condition may not be empty");
  PV_TRY(out.body, expression());
  PV_TRY_VOID(expect("}"));
  out.span = {begin, last_end()};
  return out;
}

}  // namespace proviso::cedar
