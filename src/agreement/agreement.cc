#include "agreement/agreement.h"

#include <algorithm>
#include <fmt/format.h>

#include "agreement/impl.h"

namespace proviso::agreement {

Agreement::Agreement(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Agreement::~Agreement() = default;

const Terms& Agreement::terms() const { return impl_->terms; }
const std::vector<Clause>& Agreement::clauses() const { return impl_->clauses; }
const std::vector<RedLine>& Agreement::red_lines() const { return impl_->red_lines; }
const std::vector<std::string>& Agreement::warnings() const { return impl_->warnings; }
const Digest& Agreement::digest() const { return impl_->digest; }
const std::string& Agreement::manifest() const { return impl_->manifest; }

const cedar::Schema& Agreement::schema() const { return *impl_->schema; }
const cedar::Engine& Agreement::rules() const { return *impl_->engine; }
const ClauseRef& Agreement::clause_of(uint32_t rule) const { return impl_->notes[rule].clause; }

Status Agreement::check_period(UtcSeconds now) const {
  constexpr int64_t kDaySeconds = 86'400;
  PV_TRY(const UtcSeconds effective, parse_time(impl_->terms.effective));
  PV_TRY(const UtcSeconds expires, parse_time(impl_->terms.expires));
  if (now < effective) {
    return fail(Code::kUnverified, fmt::format("the agreement takes effect on {}, and it is {}",
                                               impl_->terms.effective, format_time(now)));
  }
  if (now.value >= expires.value + kDaySeconds) {
    return fail(Code::kUnverified, fmt::format("the agreement expired on {}, and it is {}",
                                               impl_->terms.expires, format_time(now)));
  }
  return {};
}

std::vector<ExampleOutcome> Agreement::run_examples() const {
  std::vector<ExampleOutcome> out;
  out.reserve(impl_->examples.size());
  for (const Example& example : impl_->examples) {
    out.push_back({fmt::format("{}:{}", example.file, example.line), example.row, example.expected,
                   decide(example.verb, example.facts)});
  }
  return out;
}

Result<Decision> Agreement::ask(const Asked& asked) const {
  PV_TRY(const Example example, parse_question(asked, impl_->cast, impl_->terms));
  return decide(example.verb, example.facts);
}

std::map<std::string, std::vector<std::string>> Agreement::example_people() const {
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& [name, facts] : impl_->cast.people) {
    const exchange::FactValue* roles = facts.find("principal.roles");
    const auto* list = roles != nullptr ? std::get_if<std::vector<std::string>>(roles) : nullptr;
    out[name] = list != nullptr ? *list : std::vector<std::string>();
  }
  return out;
}

const Model* Agreement::model(std::string_view id) const {
  const auto& models = impl_->terms.models;
  const auto found = std::find_if(models.begin(), models.end(),
                                  [&](const Model& model) { return model.id == id; });
  return found == models.end() ? nullptr : &*found;
}

bool Agreement::redacts() const {
  return std::ranges::any_of(impl_->notes, [](const PolicyNotes& notes) { return !notes.redacts.empty(); });
}

bool Agreement::guarded(std::string_view tool) const {
  const std::string of_class = tool_class(tool);
  return std::ranges::any_of(impl_->red_lines, [&](const RedLine& line) { return line.absent && line.absent->covers(tool, of_class); });
}

const arguments::Paper* Agreement::paper(std::string_view tool) const {
  const auto found = impl_->papers.find(tool);
  return found == impl_->papers.end() ? nullptr : &found->second;
}

const Tool* Agreement::tool(std::string_view id) const {
  const auto& tools = impl_->terms.tools;
  const auto found =
      std::find_if(tools.begin(), tools.end(), [&](const Tool& tool) { return tool.id == id; });
  return found == tools.end() ? nullptr : &*found;
}

std::string Agreement::tool_class(std::string_view id) const {
  const Tool* known = tool(id);
  return known ? known->tool_class : std::string(kClientClass);
}

}  // namespace proviso::agreement
