#include "prove/encode.h"

#include <algorithm>
#include <fmt/format.h>

#include "cedar/text.h"

namespace proviso::prove {

using cedar::Expr;
using cedar::Op;

std::unexpected<Error> not_analysable(std::string_view why) {
  return fail(Code::kUnsupported, fmt::format("not analysable: {}", why));
}

std::string to_string(const Environment& env) {
  return fmt::format("{}, {}, {}", env.principal, cedar::to_string(env.action->uid), env.resource);
}

std::string part_of(const std::string& whole, std::string_view attribute) {
  return whole + "." + cedar::quoted(attribute);
}

std::vector<Environment> environments(const cedar::Schema& schema) {
  std::vector<Environment> out;
  for (const auto& [uid, action] : schema.actions()) {
    for (const std::string& principal : action.principals) {
      for (const std::string& resource : action.resources) out.push_back({&action, principal, resource});
    }
  }
  return out;
}

Encoder::Encoder(Terms& terms, const Environment& env, Store store)
    : terms_(terms), store_(store) {
  const cedar::Schema& schema = terms_.schema();
  principal_ = terms_.variable("principal", terms_.sorts.entity(env.principal, schema));
  resource_ = terms_.variable("resource", terms_.sorts.entity(env.resource, schema));
  action_ = terms_.uid(env.action->uid);
  context_ = open_record("context", terms_.sorts.of(env.action->context, schema));
}

// A record of variables, so that solvers see no record where none is compared as a whole.
TermId Encoder::open_record(const std::string& name, SortId sort) {
  const Sort record = terms_.sorts.at(sort);
  if (record.tag != Sort::Tag::kRecord) return terms_.variable(name, sort);
  std::vector<TermId> values;
  for (const Sort::Field& field : record.fields) {
    values.push_back(open_record(part_of(name, field.name), field.sort));
  }
  return terms_.record(std::move(values), sort);
}

TermId Encoder::attribute(const std::string& type, std::vector<std::string> path, SortId sort,
                          TermId entity) {
  const Sort record = terms_.sorts.at(sort);
  if (record.tag != Sort::Tag::kRecord) {
    return terms_.apply({Function::Kind::kAttribute, type, std::move(path), {}, sort}, {entity});
  }
  std::vector<TermId> values;
  for (const Sort::Field& field : record.fields) {
    std::vector<std::string> inner = path;
    inner.push_back(field.name);
    values.push_back(attribute(type, std::move(inner), field.sort, entity));
  }
  return terms_.record(std::move(values), sort);
}

// The entity's attributes as a record; of an action, an empty one.
TermId Encoder::attributes(TermId entity) {
  const std::string type = terms_.sort_of(entity).entity;
  const cedar::EntityTypeDecl* declared = terms_.schema().entity_type(type);
  if (declared == nullptr) return terms_.record({}, terms_.sorts.record({}));
  return attribute(type, {}, terms_.sorts.of(declared->attributes, terms_.schema()), entity);
}

bool Encoder::is_action(const std::string& type) const {
  return std::ranges::any_of(terms_.schema().actions(),
                             [&](const auto& entry) { return entry.first.type == type; });
}

TermId Encoder::exists(TermId entity) {
  const std::string type = terms_.sort_of(entity).entity;
  if (store_ == Store::kClosed || is_action(type)) return terms_.boolean(true);
  return terms_.apply({Function::Kind::kExists, type, {}, {}, Sorts::kBool}, {entity});
}

// Actions and their groups are all known: a table of constants.
TermId Encoder::action_ancestors(TermId entity, const std::string& of) {
  const SortId element = terms_.sorts.entity(of, terms_.schema());
  TermId out = terms_.set({}, element);
  for (const auto& [uid, action] : terms_.schema().actions()) {
    if (uid.type != terms_.sort_of(entity).entity) continue;
    std::vector<TermId> groups;
    for (const cedar::EntityUid& group : action.ancestors) {
      if (group.type == of) groups.push_back(terms_.uid(group));
    }
    const TermId groups_of_it = terms_.set(std::move(groups), element);
    out = terms_.ite(terms_.equal(entity, terms_.uid(uid)), groups_of_it, out);
  }
  return out;
}

// Strict ancestors of one type; the empty set where the schema allows none.
TermId Encoder::ancestors(TermId entity, const std::string& of) {
  const std::string type = terms_.sort_of(entity).entity;
  const SortId element = terms_.sorts.entity(of, terms_.schema());
  if (is_action(type)) return action_ancestors(entity, of);
  const cedar::EntityTypeDecl* declared = terms_.schema().entity_type(type);
  if (declared == nullptr || !declared->ancestors.contains(of)) return terms_.set({}, element);
  return terms_.apply({Function::Kind::kAncestors, type, {}, of, terms_.sorts.set(element)}, {entity});
}

TermId Encoder::is_in(TermId entity, TermId group) {
  const std::string of = terms_.sort_of(group).entity;
  const TermId strictly = terms_.member(group, ancestors(entity, of));
  if (terms_.at(entity).sort != terms_.at(group).sort) return strictly;
  return terms_.either(terms_.equal(entity, group), strictly);
}

TermId Encoder::scope(const cedar::Scope& scope, TermId entity) {
  using Kind = cedar::Scope::Kind;
  const std::string type = terms_.sort_of(entity).entity;
  switch (scope.kind) {
    case Kind::kAny: return terms_.boolean(true);
    case Kind::kEq:
      if (scope.entities[0].type != type) return terms_.boolean(false);
      return terms_.equal(entity, terms_.uid(scope.entities[0]));
    case Kind::kIs: return terms_.boolean(scope.type == type);
    case Kind::kIsIn:
      if (scope.type != type) return terms_.boolean(false);
      return is_in(entity, terms_.uid(scope.entities[0]));
    case Kind::kIn:
    case Kind::kInSet: {
      std::vector<TermId> any;
      for (const cedar::EntityUid& uid : scope.entities) any.push_back(is_in(entity, terms_.uid(uid)));
      return terms_.disjunction(std::move(any));
    }
  }
  return terms_.boolean(false);
}

Result<Outcome> Encoder::policy(const cedar::Policy& policy) {
  if (policy.is_template()) return not_analysable("a template decides nothing until it is linked");
  const TermId head = terms_.conjunction({scope(policy.principal, principal_),
                                          scope(policy.action, action_),
                                          scope(policy.resource, resource_)});
  Outcome out{terms_.boolean(true), head};
  for (const cedar::Condition& condition : policy.conditions) {
    // What cannot be reached is not typed by the validator, so it may not fit any sort.
    if (terms_.is_false(out.value)) break;
    PV_TRY(const Outcome body, expression(*condition.body));
    if (tag_of(body.value) != Sort::Tag::kBool) return not_analysable("a condition is not a boolean");
    const bool when = condition.kind == cedar::Condition::Kind::kWhen;
    out.ok = terms_.both(out.ok, terms_.either(terms_.negate(out.value), body.ok));
    out.value = terms_.both(out.value, when ? body.value : terms_.negate(body.value));
  }
  if (terms_.full()) return not_analysable(fmt::format("more than {} terms", kTermsMax));
  return out;
}

Result<Judgement> judge(Terms& terms, Encoder& encoder, const std::vector<cedar::Policy>& policies,
                        Semantics semantics) {
  Judgement out;
  std::vector<TermId> permits;
  std::vector<TermId> forbids;
  std::vector<TermId> errors;
  for (const cedar::Policy& policy : policies) {
    auto one = encoder.policy(policy);
    if (!one) return fail_at(fmt::format("policy `{}`", policy.id), std::move(one).error());
    out.policies.push_back(*one);
    (policy.effect == cedar::Effect::kPermit ? permits : forbids)
        .push_back(terms.both(one->ok, one->value));
    errors.push_back(terms.negate(one->ok));
  }
  out.errs = terms.disjunction(std::move(errors));
  out.allowed = terms.both(terms.disjunction(std::move(permits)),
                           terms.negate(terms.disjunction(std::move(forbids))));
  if (semantics == Semantics::kAnyErrorDenies) out.allowed = terms.both(out.allowed, terms.negate(out.errs));
  return out;
}

}  // namespace proviso::prove
