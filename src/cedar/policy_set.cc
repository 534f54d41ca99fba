#include "cedar/policy_set.h"

#include <algorithm>
#include <set>

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
  std::set<std::string_view> taken;
  for (const Policy& policy : policies_) taken.insert(policy.id);
  for (size_t i = 0; i < more.size(); ++i) {
    more[i].id = std::string(id_prefix) + std::to_string(i);
    more[i].source = source;
    if (taken.contains(more[i].id)) {
      return fail_in(*source, more[i].span.begin, "the policy id `" + more[i].id + "` is taken",
                     Code::kConflict);
    }
  }
  if (policies_.size() + more.size() > kPoliciesMax) {
    return fail(Code::kLimit, "more than " + std::to_string(kPoliciesMax) + " policies");
  }
  std::ranges::move(more, std::back_inserter(policies_));
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

Result<ExprPtr> parse_expression(std::string_view text, std::string_view file_name,
                                 uint32_t first_line) {
  Source source{std::string(file_name), std::string(text), first_line};
  PV_TRY(std::vector<Token> tokens, lex(source));
  return ExprParser(source, std::move(tokens)).whole_expression();
}

}  // namespace proviso::cedar
