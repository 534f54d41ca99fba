#include "prove/concrete.h"

#include <set>

namespace proviso::prove {

using cedar::EntityUid;
using cedar::Value;

Result<Concrete> Concrete::create(Terms& terms, const Environment& env, const cedar::Request& request,
                                  const cedar::Entities& entities) {
  Concrete out(terms, entities);
  if (request.principal.type != env.principal || request.resource.type != env.resource ||
      !(request.action == env.action->uid)) {
    return fail(Code::kInvalid, "the request is of another environment");
  }
  out.variables_["principal"] = terms.uid(request.principal);
  out.variables_["resource"] = terms.uid(request.resource);
  const Value context = Value::record(request.context);
  PV_TRY_VOID(out.open("context", &context, terms.sorts.of(env.action->context, terms.schema())));
  std::map<std::string, std::set<EntityUid>> seen;
  for (const cedar::Entity* entity : entities.all()) {
    seen[entity->uid.type].insert(entity->uid);
    for (const EntityUid& parent : entity->parents) seen[parent.type].insert(parent);
  }
  for (const auto& [type, uids] : seen) out.by_type_[type] = {uids.begin(), uids.end()};
  return out;
}

Status Concrete::open(const std::string& name, const Value* value, SortId sort) {
  const Sort wanted = terms_->sorts.at(sort);
  if (wanted.tag == Sort::Tag::kOption) {
    if (value == nullptr) {
      variables_[name] = terms_->none(sort);
      return {};
    }
    PV_TRY(const TermId inner, terms_->literal(*value, wanted.inner));
    variables_[name] = terms_->some(inner);
    return {};
  }
  if (value == nullptr) return fail(Code::kInvalid, "`" + name + "` is missing");
  if (wanted.tag != Sort::Tag::kRecord) {
    PV_TRY(variables_[name], terms_->literal(*value, sort));
    return {};
  }
  const auto* record = value->get_if<cedar::Record>();
  if (record == nullptr) return fail(Code::kInvalid, "`" + name + "` is not a record");
  for (const Sort::Field& field : wanted.fields) {
    PV_TRY_VOID(open(part_of(name, field.name), record->find(field.name), field.sort));
  }
  return {};
}

TermId Concrete::attribute(const cedar::Entity* entity, const Function& function) {
  const TermId nothing = terms_->any_literal(function.result);
  if (entity == nullptr) return nothing;
  const cedar::Record* at = &entity->attrs;
  const Value* value = nullptr;
  for (const std::string& name : function.path) {
    value = at != nullptr ? at->find(name) : nullptr;
    if (value == nullptr) return nothing;
    at = value->get_if<cedar::Record>();
  }
  const Sort wanted = terms_->sorts.at(function.result);
  const bool optional = wanted.tag == Sort::Tag::kOption;
  const auto literal = terms_->literal(*value, optional ? wanted.inner : function.result);
  if (!literal) return nothing;
  return optional ? terms_->some(*literal) : *literal;
}

TermId Concrete::ancestors(const EntityUid& uid, const Function& function) {
  std::vector<TermId> found;
  for (const EntityUid& other : by_type_[function.of]) {
    if (!(other == uid) && entities_->is_in(uid, other)) found.push_back(terms_->uid(other));
  }
  return terms_->set(std::move(found), terms_->sorts.at(function.result).inner);
}

TermId Concrete::operator()(TermId free) {
  const Term term = terms_->at(free);
  if (term.op == TermOp::kVariable) {
    const auto found = variables_.find(term.text);
    return found != variables_.end() ? found->second : terms_->any_literal(term.sort);
  }
  const Function function = terms_->function(term.index);
  const EntityUid uid{terms_->sort_of(term.args[0]).entity, terms_->at(term.args[0]).text};
  const cedar::Entity* entity = entities_->find(uid);
  switch (function.kind) {
    case Function::Kind::kExists: return terms_->boolean(entity != nullptr);
    case Function::Kind::kAttribute: return attribute(entity, function);
    case Function::Kind::kAncestors: return ancestors(uid, function);
    case Function::Kind::kTagKeys: {
      std::vector<TermId> keys;
      if (entity != nullptr) {
        for (const cedar::Field& tag : entity->tags.fields()) keys.push_back(terms_->text(tag.name));
      }
      return terms_->set(std::move(keys), Sorts::kString);
    }
    case Function::Kind::kTagValue: {
      const Value* value = entity != nullptr ? entity->tags.find(terms_->at(term.args[1]).text) : nullptr;
      const auto literal = value != nullptr ? terms_->literal(*value, function.result)
                                            : Result<TermId>(terms_->any_literal(function.result));
      return literal ? *literal : terms_->any_literal(function.result);
    }
  }
  return terms_->any_literal(function.result);
}

}  // namespace proviso::prove
