#include "cedar/policy_set.h"

#include <algorithm>

#include "cedar/lexer.h"
#include "cedar/parser.h"

namespace proviso::cedar {

const std::string* Policy::annotation(std::string_view key) const {
  static const std::string kEmpty;
  auto at = std::ranges::find(annotations, key, &Annotation::key);
  if (at == annotations.end()) return nullptr;
  return at->value ? &*at->value : &kEmpty;
}

Result<PolicySet> PolicySet::parse(std::string_view text, std::string_view file_name,
                                   uint32_t first_line) {
  PolicySet out;
  PV_TRY_VOID(out.add(text, file_name, first_line));
  return out;
}

Status PolicySet::add(std::string_view text, std::string_view file_name, uint32_t first_line,
                      std::string_view id_prefix) {
  auto source = std::make_shared<const Source>(
      Source{std::string(file_name), std::string(text), first_line});
  PV_TRY(std::vector<Token> tokens, lex(*source));
  PV_TRY(std::vector<Policy> more, PolicyParser(*source, std::move(tokens)).policies());
  for (size_t i = 0; i < more.size(); ++i) more[i].id = std::string(id_prefix) + std::to_string(i);
  return add_parsed(std::move(more), source);
}

Status PolicySet::add_one(std::string_view text, std::string_view file_name, std::string_view id) {
  auto source = std::make_shared<const Source>(Source{std::string(file_name), std::string(text), 1});
  PV_TRY(std::vector<Token> tokens, lex(*source));
  PV_TRY(std::vector<Policy> more, PolicyParser(*source, std::move(tokens)).policies());
  if (more.size() != 1) {
    return fail(Code::kInvalid, "`" + std::string(id) + "` must be one policy, not " + std::to_string(more.size()));
  }
  more[0].id = id;
  return add_parsed(std::move(more), source);
}

Status PolicySet::add_parsed(std::vector<Policy> more, const SourcePtr& source) {
  for (Policy& policy : more) {
    policy.source = source;
    if (ids_.contains(policy.id)) {
      return fail_in(*source, policy.span.begin, "the policy id `" + policy.id + "` is taken", Code::kConflict);
    }
  }
  if (ids_.size() + more.size() > kPoliciesMax) {
    return fail(Code::kLimit, "more than " + std::to_string(kPoliciesMax) + " policies");
  }
  for (Policy& policy : more) {
    ids_.insert(policy.id);
    (policy.is_template() ? templates_ : policies_).push_back(std::move(policy));
  }
  return {};
}

Status PolicySet::link(std::string_view template_id, std::string_view new_id, SlotValues values) {
  const Policy* from = find_template(template_id);
  if (from == nullptr) return fail(Code::kNotFound, "there is no template `" + std::string(template_id) + "`");
  if (ids_.contains(new_id)) {
    return fail(Code::kConflict, "the policy id `" + std::string(new_id) + "` is taken");
  }
  if (ids_.size() == kPoliciesMax) {
    return fail(Code::kLimit, "more than " + std::to_string(kPoliciesMax) + " policies");
  }
  Policy out = *from;
  auto fill = [&](Scope& scope, const std::optional<EntityUid>& value, const char* slot) -> Status {
    if (scope.slot != value.has_value()) {
      return fail(Code::kInvalid, "`" + std::string(new_id) + "`: the template `" + std::string(template_id) + "` " +
                                      (scope.slot ? "needs a value for `" : "has no slot `") + slot + "`");
    }
    if (scope.slot) scope.entities = {*value};
    scope.slot = false;
    return {};
  };
  PV_TRY_VOID(fill(out.principal, values.principal, "?principal"));
  PV_TRY_VOID(fill(out.resource, values.resource, "?resource"));
  out.id = new_id;
  out.template_id = template_id;
  out.values = std::move(values);
  ids_.insert(out.id);
  policies_.push_back(std::move(out));
  return {};
}

Status PolicySet::use_id_annotations() {
  std::set<std::string, std::less<>> ids;
  for (std::vector<Policy>* family : {&templates_, &policies_}) {
    for (Policy& policy : *family) {
      const std::string* given = policy.template_id.empty() ? policy.annotation("id") : nullptr;
      if (given != nullptr) policy.id = *given;
      if (!ids.insert(policy.id).second) {
        return fail(Code::kConflict, "the policy id `" + policy.id + "` is given twice");
      }
    }
  }
  ids_ = std::move(ids);
  return {};
}

void PolicySet::annotate(size_t index, std::string_view key, std::string_view value) {
  auto& list = policies_.at(index).annotations;
  auto at = std::ranges::find(list, key, &Annotation::key);
  if (at == list.end()) {
    list.push_back({std::string(key), std::string(value)});
  } else {
    at->value = std::string(value);
  }
}

const Policy* PolicySet::find(std::string_view id) const {
  auto at = std::ranges::find(policies_, id, &Policy::id);
  return at != policies_.end() ? &*at : nullptr;
}

const Policy* PolicySet::find_template(std::string_view id) const {
  auto at = std::ranges::find(templates_, id, &Policy::id);
  return at != templates_.end() ? &*at : nullptr;
}

Result<ExprPtr> parse_expression(std::string_view text, std::string_view file_name,
                                 uint32_t first_line) {
  Source source{std::string(file_name), std::string(text), first_line};
  PV_TRY(std::vector<Token> tokens, lex(source));
  return ExprParser(source, std::move(tokens)).whole_expression();
}

}  // namespace proviso::cedar
