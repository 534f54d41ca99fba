#include "gate/passage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace proviso::gate {
namespace {

void put_principal(exchange::Facts& facts, const identity::Principal& principal) {
  facts.set("principal.clearance", principal.clearance);
  facts.set("principal.id", principal.id);
  facts.set("principal.nationality", principal.nationality);
  facts.set("principal.roles", principal.roles);
  facts.set("principal.training_until", principal.training_until.value);
}

// The model that a decision is about: its resource, or the one that the exchange is with.
const agreement::Model* model_of(const Passage& passage, const exchange::Facts& facts) {
  const exchange::FactValue* type = facts.find("resource.type");
  const exchange::FactValue* id = facts.find("resource.id");
  if (type != nullptr && id != nullptr && *type == exchange::FactValue(std::string("Model"))) {
    return passage.in_force->agreement->model(std::get<std::string>(*id));
  }
  return passage.in_force->agreement->model(passage.request.model);
}

audit::Leaf leaf_for(const Passage& passage, std::string_view node, exchange::Verb verb,
                     const exchange::Facts& facts) {
  audit::Leaf leaf;
  leaf.time = passage.time;
  leaf.node = std::string(node);
  leaf.verb = exchange::verb_name(verb);
  leaf.agreement = passage.in_force->agreement->digest();
  if (const agreement::Model* model = model_of(passage, facts); model != nullptr) {
    leaf.vendor = audit::vendor_digest(model->vendor);
    leaf.model = audit::model_digest(*model);
  }
  return leaf;
}

// What exchanges said goes after the agreement's period. What stays in force until somebody ends it (a stop, what
// was admitted) is read from its leaf at every start, so that leaf must not go.
std::string class_of(const Passage& passage, exchange::Verb verb) {
  using exchange::Verb;
  const bool lasts = verb == Verb::kStop || verb == Verb::kAdmit || verb == Verb::kAmend || verb == Verb::kDeclare;
  if (lasts) return std::string(agreement::kPermanentClass);
  return std::string(passage.in_force->agreement->terms().retention_class(passage.purpose));
}

void put_exchange(exchange::Facts& facts, const Passage& passage, std::string_view outcome) {
  facts.set("exchange.id", passage.id);
  facts.set("exchange.key", passage.principal.key_id);
  facts.set("exchange.protocol", std::string(exchange::protocol_name(passage.protocol)));
  facts.set("exchange.stream", passage.request.stream);
  if (!outcome.empty()) facts.set("exchange.outcome", std::string(outcome));
}

// What of this is stopped, in the words of a refusal; empty if nothing is.
std::string stopped(const Passage& passage, exchange::Verb verb, std::string_view type, std::string_view id) {
  const oversight::Stops& stops = *passage.in_force->stops;
  if (stops.all().empty()) return {};
  if (verb == exchange::Verb::kStop || verb == exchange::Verb::kAdmit) return {};
  const std::string& model_id = passage.request.model;
  const agreement::Model* model = passage.in_force->agreement->model(model_id);
  const oversight::Stop* stop = stops.find("Purpose", passage.purpose);
  if (stop == nullptr) stop = stops.find(type, id);
  if (stop == nullptr) stop = stops.find("Model", model_id);
  if (stop == nullptr && model != nullptr) stop = stops.find("Vendor", model->vendor);
  if (stop == nullptr) return {};
  std::string kind = stop->type;
  kind[0] = static_cast<char>(kind[0] | 0x20);
  return fmt::format("{} `{}`", kind, stop->id);
}

}  // namespace

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

Result<std::string> purpose_of(const http::Headers& headers, const std::string& otherwise) {
  if (headers.count("Proviso-Purpose") > 1) return fail(Code::kInvalid, "header `Proviso-Purpose` is there more than once");
  std::string purpose(headers.get_or("Proviso-Purpose", otherwise));
  if (purpose.size() <= kPurposeBytesMax && is_plain(purpose)) return purpose;
  return fail(Code::kInvalid,
              fmt::format("a purpose is a word of the agreement: at most {} printable ASCII characters", kPurposeBytesMax));
}

std::string new_exchange_id() { return "ex_" + hex_encode(random_bytes(16)); }

void put_redacted(http::Headers& headers, const std::vector<std::string>& request,
                  const std::vector<std::string>& answer) {
  std::vector<std::string> said;
  for (const std::string& label : request) said.push_back("request:" + label);
  for (const std::string& label : answer) said.push_back("answer:" + label);
  if (!said.empty()) headers.add("Proviso-Redacted", fmt::format("{}", fmt::join(said, ", ")));
}

exchange::Facts facts_for(const Passage& passage, exchange::Verb verb,
                          std::string_view resource_type, std::string_view resource_id,
                          const Content& content) {
  // In path order: each set() appends.
  exchange::Facts facts;
  const bool has_content = verb == exchange::Verb::kAsk || verb == exchange::Verb::kRelease ||
                           verb == exchange::Verb::kAct;
  if (has_content) content.put(facts);
  facts.set("context.moment.break_glass", passage.in_force->emergencies->stands(passage.purpose, passage.time));
  facts.set("context.moment.now", passage.time.value);
  facts.set("context.moment.purpose", passage.purpose);
  if (verb == exchange::Verb::kDeclare) {
    const oversight::Emergency* overdue = passage.in_force->emergencies->overdue(passage.time);
    if (overdue != nullptr) facts.set(agreement::kOverdueFact, std::to_string(overdue->leaf));
  }
  if (verb == exchange::Verb::kAsk) {
    facts.set("context.tools_offered", static_cast<int64_t>(passage.request.tools_offered));
  }
  put_principal(facts, passage.principal);
  facts.set("resource.id", std::string(resource_id));
  facts.set("resource.type", std::string(resource_type));
  const std::string what = stopped(passage, verb, resource_type, resource_id);
  if (!what.empty()) facts.set(agreement::kStoppedFact, what);
  return facts;
}

audit::Record record_for(const Passage& passage, std::string_view node, exchange::Verb verb,
                         const agreement::Decision& decision, exchange::Facts facts,
                         std::string_view outcome) {
  audit::Record record;
  record.leaf = leaf_for(passage, node, verb, facts);
  record.retention_class = class_of(passage, verb);
  record.leaf.decision = agreement::outcome_name(decision.outcome);
  std::vector<std::string> clauses;
  for (const agreement::ClauseRef& clause : decision.clauses) clauses.push_back(clause.number);
  facts.set("decision.clauses", std::move(clauses));
  put_exchange(facts, passage, outcome);
  record.facts = std::move(facts);
  return record;
}

audit::Record failure_record(const Passage& passage, std::string_view node, exchange::Facts facts,
                             std::string_view outcome) {
  audit::Record record;
  record.leaf = leaf_for(passage, node, exchange::Verb::kRelease, facts);
  record.retention_class = class_of(passage, exchange::Verb::kRelease);
  record.leaf.decision = "-";
  put_exchange(facts, passage, outcome);
  record.facts = std::move(facts);
  return record;
}

std::string denial_sentence(const agreement::Decision& decision) {
  if (!decision.reason.empty()) return decision.reason;
  return "the agreement does not allow this";
}

}  // namespace proviso::gate
