#include "cedar/validator.h"

#include <algorithm>

#include "cedar/confusable.h"
#include "cedar/typechecker.h"

namespace proviso::cedar {
namespace {

class PolicyValidator {
 public:
  PolicyValidator(const Schema& schema, const Policy& policy, const ValidationOptions& options,
                  std::vector<Diagnostic>& out)
      : schema_(schema), policy_(policy), options_(options), out_(out) {}

  void run() {
    check_texts();
    size_t before = out_.size();
    check_scope_names(policy_.principal);
    check_scope_names(policy_.action);
    check_scope_names(policy_.resource);
    for (const Condition& condition : policy_.conditions) check_names(*condition.body);
    if (out_.size() > before) return;
    check_environments();
  }

 private:
  void report(Severity severity, Span span, std::string message, std::string help = {}) {
    Position at = policy_.source->position(span.begin);
    Diagnostic one{severity, policy_.file(), at.line, at.column, std::move(message), std::move(help),
                   policy_.id};
    // The same fault shows in many environments; it is said once.
    bool said = std::ranges::any_of(out_, [&](const Diagnostic& d) {
      return d.file == one.file && d.line == one.line && d.column == one.column && d.message == one.message;
    });
    if (!said) out_.push_back(std::move(one));
  }

  [[nodiscard]] bool is_action_type(const std::string& type) const {
    return std::ranges::any_of(schema_.actions(), [&](const auto& a) { return a.first.type == type; });
  }

  void check_type(const std::string& type, Span span) {
    if (schema_.entity_type(type) == nullptr && !is_action_type(type)) {
      report(Severity::kError, span, "the entity type `" + type + "` is not declared");
    }
  }

  void check_uid(const EntityUid& uid, Span span) {
    if (schema_.action(uid) != nullptr) return;
    const EntityTypeDecl* declared = schema_.entity_type(uid.type);
    if (declared == nullptr) {
      bool action = uid.type == "Action" || uid.type.ends_with("::Action");
      report(Severity::kError, span,
             action ? "the action `" + to_string(uid) + "` is not declared"
                    : "the entity type `" + uid.type + "` is not declared");
    } else if (!declared->enum_ids.empty() &&
               std::ranges::find(declared->enum_ids, uid.id) == declared->enum_ids.end()) {
      report(Severity::kError, span, "`" + to_string(uid) + "` is not one of the ids of `" + uid.type + "`");
    }
  }

  void check_scope_names(const Scope& scope) {
    if (scope.kind == Scope::Kind::kIs || scope.kind == Scope::Kind::kIsIn) check_type(scope.type, scope.span);
    for (const EntityUid& uid : scope.entities) check_uid(uid, scope.span);
  }

  // Warnings about text that reads as something else. A link's own values are not text.
  void check_texts() {
    if (!policy_.template_id.empty()) return;
    for (const Scope* scope : {&policy_.principal, &policy_.action, &policy_.resource}) {
      for (const EntityUid& uid : scope->entities) check_text(uid.id, TextRole::kName, scope->span);
    }
    for (const Condition& condition : policy_.conditions) check_texts(*condition.body);
  }

  void check_texts(const Expr& e) {
    if (const auto* text = e.value.get_if<std::string>()) check_text(*text, TextRole::kString, e.span);
    if (const auto* uid = e.value.get_if<EntityUid>()) check_text(uid->id, TextRole::kName, e.span);
    if (e.op == Op::kLike) {
      std::string whole;
      for (const std::string& piece : e.pattern.pieces()) whole += piece;
      check_text(whole, TextRole::kString, e.span);
    }
    if (e.op == Op::kGetAttr) check_text(e.name, TextRole::kName, e.span);
    for (const std::string& name : e.path) check_text(name, TextRole::kName, e.span);
    for (const ExprPtr& arg : e.args) check_texts(*arg);
  }

  void check_text(std::string_view text, TextRole role, Span span) {
    bool plain = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
    if (plain) return;
    std::string odd = oddity(text, role);
    if (!odd.empty()) report(Severity::kWarning, span, std::move(odd), "check that it says what it seems to say");
  }

  // SPEC Cedar validation: every name in the text must be declared, in branches never taken as well
  void check_names(const Expr& e) {
    if (e.op == Op::kIs || e.op == Op::kIsIn) check_type(e.name, e.span);
    if (e.op == Op::kLiteral) {
      if (const EntityUid* uid = e.value.get_if<EntityUid>()) check_uid(*uid, e.span);
    }
    for (const ExprPtr& arg : e.args) check_names(*arg);
  }

  // Can the scope hold for an entity of this type?
  [[nodiscard]] bool scope_allows(const Scope& scope, const std::string& type) const {
    switch (scope.kind) {
      case Scope::Kind::kAny: return true;
      case Scope::Kind::kEq: return scope.slot || scope.entities[0].type == type;
      case Scope::Kind::kIs: return scope.type == type;
      case Scope::Kind::kIsIn:
        return scope.type == type && (scope.slot || type_can_be_in(schema_, type, scope.entities[0].type));
      case Scope::Kind::kIn:
        if (scope.slot) return true;
        [[fallthrough]];
      case Scope::Kind::kInSet:
        return std::ranges::any_of(scope.entities, [&](const EntityUid& uid) {
          return type_can_be_in(schema_, type, uid.type);
        });
    }
    return false;
  }

  [[nodiscard]] bool action_allows(const ActionDecl& action) const {
    const Scope& scope = policy_.action;
    if (scope.kind == Scope::Kind::kAny) return true;
    return std::ranges::any_of(scope.entities, [&](const EntityUid& uid) {
      return uid == action.uid || (scope.kind != Scope::Kind::kEq && action.ancestors.contains(uid));
    });
  }

  void check_environments() {
    bool applicable = false;
    bool possible = false;
    for (const auto& [uid, action] : schema_.actions()) {
      if (!action_allows(action)) continue;
      for (const std::string& principal : action.principals) {
        if (!scope_allows(policy_.principal, principal)) continue;
        for (const std::string& resource : action.resources) {
          if (!scope_allows(policy_.resource, resource)) continue;
          applicable = true;
          RequestEnv env{&schema_, &action, principal, resource, options_.mode, options_.level_max};
          if (check_conditions(env)) possible = true;
        }
      }
    }
    if (!applicable) {
      report(options_.no_applicable_action, policy_.span,
             "no action applies: no declared action takes such a principal and resource",
             "compare the head of the policy with `appliesTo` in the schema");
    } else if (!possible) {
      report(Severity::kWarning, policy_.span, "this policy can never apply");
    }
  }

  // True if the conditions could hold in this environment, or are faulty.
  bool check_conditions(const RequestEnv& env) {
    Typechecker checker(env);
    Capabilities known;
    for (const Condition& condition : policy_.conditions) {
      auto typed = checker.check(*condition.body, known);
      if (!typed) {
        const TypeFault& fault = checker.fault();
        report(Severity::kError, fault.span, fault.message, fault.help);
        return true;
      }
      if (!typed->type.is_bool()) {
        report(Severity::kError, condition.body->span,
               "a condition must be a boolean, found `" + to_string(typed->type) + "`");
        return true;
      }
      bool when = condition.kind == Condition::Kind::kWhen;
      if (typed->type.tag() == (when ? Type::Tag::kFalse : Type::Tag::kTrue)) return false;
      if (when) known.insert(typed->capabilities.begin(), typed->capabilities.end());
    }
    return true;
  }

  const Schema& schema_;
  const Policy& policy_;
  const ValidationOptions& options_;
  std::vector<Diagnostic>& out_;
};

}  // namespace

std::vector<Diagnostic> validate(const Schema& schema, const PolicySet& policies,
                                 const ValidationOptions& options) {
  std::vector<Diagnostic> out;
  for (const Policy& policy : policies.templates()) {
    PolicyValidator(schema, policy, options, out).run();
  }
  for (const Policy& policy : policies.policies()) {
    PolicyValidator(schema, policy, options, out).run();
  }
  return out;
}

bool has_errors(const std::vector<Diagnostic>& diagnostics) {
  return std::ranges::any_of(diagnostics, [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

}  // namespace proviso::cedar
