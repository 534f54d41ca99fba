#include "audit/rederive.h"

#include <fmt/format.h>

namespace proviso::audit {
namespace {

std::string joined(const std::vector<std::string>& set) {
  return set.empty() ? "none" : fmt::format("`{}`", fmt::join(set, "`, `"));
}

void compare_clauses(const agreement::Decision& decision, const exchange::Facts& facts,
                     std::vector<Disagreement>& out) {
  std::vector<std::string> derived;
  for (const auto& clause : decision.clauses) derived.push_back(clause.number);
  exchange::Facts as_set;  // sorted and without repeats, as the fact is
  as_set.set("decision.clauses", derived);
  const auto* recorded = facts.find("decision.clauses");
  if (recorded != nullptr && *recorded == *as_set.find("decision.clauses")) return;
  const auto* set = recorded ? std::get_if<std::vector<std::string>>(recorded) : nullptr;
  out.push_back({"clauses", fmt::format("the facts give the clauses {}, the record says {}",
                                        joined(derived), set ? joined(*set) : "nothing")});
}

bool same_model(const Leaf& leaf, const exchange::Facts& facts, const agreement::Agreement& in_force) {
  const auto* type = facts.find("resource.type");
  const auto* id = facts.find("resource.id");
  if (type == nullptr || id == nullptr || *type != exchange::FactValue(std::string("Model"))) return true;
  const auto* name = std::get_if<std::string>(id);
  const auto* model = name ? in_force.model(*name) : nullptr;
  const Digest vendor = model ? vendor_digest(model->vendor) : Digest{};
  const Digest digest = model ? model_digest(*model) : Digest{};
  return leaf.vendor == vendor && leaf.model == digest;
}

bool same_moment(const Leaf& leaf, const exchange::Facts& facts) {
  const auto* now = facts.find("context.moment.now");
  return now == nullptr || *now == exchange::FactValue(leaf.time.value);
}

}  // namespace

std::vector<Disagreement> rederive(const Leaf& leaf, const exchange::Facts& facts,
                                   const agreement::Agreement& in_force) {
  std::vector<Disagreement> out;
  const auto verb = exchange::parse_verb(leaf.verb);
  if (!verb) return {{"decision", fmt::format("`{}` is no verb that is decided about", leaf.verb)}};
  const agreement::Decision decision = in_force.decide(*verb, facts);
  const std::string_view outcome = agreement::outcome_name(decision.outcome);
  if (outcome != leaf.decision) {
    out.push_back({"decision",
                   fmt::format("the facts give `{}`, the leaf says `{}`{}", outcome, leaf.decision,
                               decision.reason.empty() ? "" : ": " + decision.reason)});
  }
  if (leaf.decision == "allow") {
    if (const auto period = in_force.check_period(leaf.time); !period) {
      out.push_back({"agreement", "allowed outside the agreement's period: " + period.error().message});
    }
  }
  compare_clauses(decision, facts, out);
  if (!same_model(leaf, facts, in_force)) {
    out.push_back({"decision", "the leaf names another vendor or model than its facts"});
  }
  if (!same_moment(leaf, facts)) {
    out.push_back({"time", "the decision was taken at another time than the leaf says"});
  }
  return out;
}

}  // namespace proviso::audit
