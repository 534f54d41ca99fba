#include "gate/decisive.h"

#include "gate/webhook.h"

#include <fmt/format.h>

#include <algorithm>

namespace proviso::gate {
namespace {

using agreement::Outcome;
using exchange::ErrorKind;

Turned held(const agreement::Decision& decision, const std::string& hold) {
  Turned turned = refusal_of(decision);
  turned.hold = hold;
  turned.message += fmt::format("; it waits as hold {}: ask again, exactly so, once it is approved", hold);
  return turned;
}

Turned ended(std::string_view state, const std::string& hold) {
  Turned turned;
  turned.kind = ErrorKind::kDenied;
  turned.code = state == "denied" ? "hold_denied" : "hold_ended";
  turned.message = fmt::format("hold {} is {}; nothing was done", hold, state);
  turned.decided = true;
  return turned;
}

// Why no hold could be opened, in Docket::plan_hold()'s words. What is too long to be read stays too long.
Turned not_opened(Error error) {
  Turned turned;
  const bool for_good = error.code == Code::kUnsupported;
  turned.kind = for_good ? ErrorKind::kDenied : ErrorKind::kRateLimit;
  turned.code = for_good ? "hold_too_long" : "too_many_holds";
  turned.message = std::move(error.message);
  turned.decided = for_good;
  return turned;
}

std::string_view became_of(const Matter& matter, Outcome outcome) {
  switch (outcome) {
    case Outcome::kAllow: return matter.if_allowed;
    case Outcome::kHold: return matter.if_held;
    case Outcome::kRedact: return matter.if_redacted;
    case Outcome::kDeny: break;
  }
  return matter.if_denied;
}

std::string resource_words(const agreement::Agreement& agreement, const Matter& matter) {
  if (matter.resource_type == "Tool") return "a tool of class " + agreement.tool_class(matter.resource_id);
  if (matter.resource_type == "Model") {
    const agreement::Model* model = agreement.model(matter.resource_id);
    return model == nullptr ? "a model" : "a model of vendor " + model->vendor;
  }
  std::string kind = "a " + matter.resource_type;
  kind[2] = static_cast<char>(kind[2] | 0x20);
  return kind;
}

}  // namespace

Turned changed_meanwhile() {
  return Turned{ErrorKind::kUnavailable, "the agreement changed while this was decided: ask again", "agreement_changed"};
}

Turned refusal_of(const agreement::Decision& decision) {
  Turned turned;
  turned.kind = ErrorKind::kDenied;
  turned.message = denial_sentence(decision);
  turned.code = decision.outcome == Outcome::kHold ? "hold" : "clause_denied";
  turned.decided = true;
  return turned;
}

http::Task<bool> Patience::keep_alive(const std::string& hold) {
  (void)hold;
  co_return true;
}

Decisive::Judged Decisive::judge(const Matter& matter, const oversight::Approvals* approvals) const {
  Judged judged;
  judged.facts = facts_for(passage_, matter.verb, matter.resource_type, matter.resource_id, matter.content);
  if (approvals != nullptr) {
    for (const auto& [role, count] : approvals->by_role) {
      judged.facts.set("context.moment.approvals." + role, count);
    }
  }
  judged.decision = passage_.in_force->agreement->decide(matter.verb, judged.facts);
  return judged;
}

http::Task<Step<>> Decisive::write(const Matter& matter, Judged judged, Payloads payloads) {
  House& house = corridor_.house_;
  house.metrics.decision(exchange::verb_name(matter.verb), agreement::outcome_name(judged.decision.outcome));
  judged.facts.merge(matter.record);
  const std::string_view became = became_of(matter, judged.decision.outcome);
  audit::Record record =
      record_for(passage_, house.node, matter.verb, judged.decision, std::move(judged.facts), became);
  record.opened = matter.opened;
  record.payloads = std::move(payloads);
  co_return co_await corridor_.write(passage_, std::move(record));
}

http::Task<Step<agreement::Decision>> Decisive::decide(Matter matter, Patience& patience, Redaction* redaction) {
  Step<Begun> begun = co_await begin(matter);
  if (!begun) co_return std::unexpected(std::move(begun.error()));
  if (begun->decision.outcome == Outcome::kRedact && redaction != nullptr) {
    const uint64_t version = passage_.in_force->version;
    if (Step<> renewed = corridor_.renew(passage_); !renewed) {  // its leaf was waited for
      co_return std::unexpected(std::move(renewed.error()));
    }
    Step<Matter> left = co_await redaction->without(begun->decision.redacts);
    if (!left) co_return std::unexpected(std::move(left.error()));
    // Only what that decision was about may be decided without it.
    if (passage_.in_force->version != version) co_return std::unexpected(changed_meanwhile());
    matter = std::move(*left);
    begun = co_await begin(matter);
    if (!begun) co_return std::unexpected(std::move(begun.error()));
  }
  if (begun->decision.outcome == Outcome::kHold) co_return co_await wait(matter, std::move(*begun), patience);
  if (begun->decision.outcome != Outcome::kAllow) co_return std::unexpected(refusal_of(begun->decision));
  co_return std::move(begun->decision);
}

http::Task<Step<Decisive::Begun>> Decisive::begin(Matter& matter) {
  Judged judged = judge(matter, nullptr);
  Begun begun{judged.decision, ""};
  if (begun.decision.outcome == Outcome::kHold) {
    Step<std::string> held = co_await hold(matter, std::move(judged));
    if (!held) co_return std::unexpected(std::move(held.error()));
    begun.hold = std::move(*held);
    co_return begun;
  }
  Step<> written = co_await write(matter, std::move(judged), std::move(matter.payloads));
  if (!written) co_return std::unexpected(std::move(written.error()));
  co_return begun;
}

http::Task<Step<>> Decisive::record(const Matter& matter) {
  Judged judged = judge(matter, nullptr);
  co_return co_await write(matter, std::move(judged), matter.payloads);
}

oversight::HoldPlan Decisive::plan(const Matter& matter, const agreement::Decision& decision) const {
  const agreement::Agreement& agreement = *passage_.in_force->agreement;
  oversight::HoldPlan plan;
  plan.action.verb = matter.verb;
  plan.action.resource_type = matter.resource_type;
  plan.action.resource_id = matter.resource_id;
  plan.action.requester = passage_.principal.id;
  plan.action.purpose = passage_.purpose;
  plan.action.arguments = audit::canonical_arguments(matter.arguments);
  plan.action.agreement = agreement.digest();
  plan.words.agreement =
      fmt::format("{}, revision {}", agreement.terms().title, agreement.terms().revision);
  plan.words.roles = passage_.principal.roles;
  plan.words.resource = resource_words(agreement, matter);
  for (const agreement::ClauseRef& clause : decision.clauses) {
    plan.clauses.push_back(clause.number);
    plan.words.clauses.push_back(fmt::format("{} {}: {}", clause.number, clause.title, clause.hold));
  }
  plan.awaits = decision.awaits;
  plan.presence = decision.presence;
  plan.exchange = passage_.id;
  return plan;
}

http::Task<Step<std::string>> Decisive::hold(const Matter& matter, Judged judged) {
  House& house = corridor_.house_;
  oversight::HoldPlan wanted = plan(matter, judged.decision);
  if (auto open = house.oversight.docket().open_hold(wanted.action.digest(), passage_.time)) {
    // Asked before and still open: the same hold, named by this attempt's leaf too.
    oversight::put_hold_id(judged.facts, open->terms.id);
    Step<> written = co_await write(matter, std::move(judged), matter.payloads);
    if (!written) co_return std::unexpected(std::move(written.error()));
    co_return open->terms.id;
  }
  const UtcSeconds expires{passage_.time.value + house.config.oversight.hold_seconds};
  auto made = house.oversight.docket().plan_hold(std::move(wanted), passage_.time, expires);
  if (!made) {
    Step<> written = co_await write(matter, std::move(judged), matter.payloads);
    co_return std::unexpected(written ? not_opened(std::move(made.error())) : std::move(written.error()));
  }
  oversight::put_hold(judged.facts, *made);
  Payloads payloads = matter.payloads;
  payloads.emplace_back("action", made->action.text());
  payloads.emplace_back("rendering", made->rendering);
  const auto pending = house.oversight.begin();
  Step<> written = co_await write(matter, std::move(judged), std::move(payloads));
  if (!written) co_return std::unexpected(std::move(written.error()));
  house.oversight.apply(passage_.receipt.index, oversight::Opened{*made});
  if (house.webhook != nullptr) house.webhook->tell(*made);
  co_return made->terms.id;
}

http::Task<Step<agreement::Decision>> Decisive::wait(const Matter& matter, Begun waiting, Patience& patience) {
  const std::string id = waiting.hold;
  const agreement::Decision& why = waiting.decision;
  oversight::Docket& docket = corridor_.house_.oversight.docket();
  HoldWait changes(corridor_.port_.loop(), docket, id);
  while (true) {
    Step<std::optional<agreement::Decision>> executed = co_await execute(matter, id);
    if (!executed) co_return std::unexpected(std::move(executed.error()));
    if (*executed) co_return std::move(**executed);
    const http::Time now = http::Loop::now();
    if (now >= patience.until()) co_return std::unexpected(held(why, id));
    const http::Time tick = std::min(patience.until(), now + kHoldAliveMax);
    const http::Woken woken = co_await changes.changed(tick, patience.gone());
    if (woken == http::Woken::kCancelled) co_return std::unexpected(held(why, id));
    if (woken == http::Woken::kDeadline) {
      const bool alive = co_await patience.keep_alive(id);
      if (!alive) co_return std::unexpected(held(why, id));
    }
  }
}

http::Task<Step<std::optional<agreement::Decision>>> Decisive::execute(const Matter& matter,
                                                                       const std::string& id) {
  const std::optional<agreement::Decision> not_yet;
  oversight::Oversight& oversight = corridor_.house_.oversight;
  if (Step<> renewed = corridor_.renew(passage_); !renewed) {
    co_return std::unexpected(std::move(renewed.error()));
  }
  const auto found = oversight.docket().get(id);
  if (!found) co_return std::unexpected(ended("gone", id));
  const std::string_view state = oversight::state_name(*found, passage_.time);
  if (state != "open") co_return std::unexpected(ended(state, id));
  if (found->terms.agreement != passage_.in_force->agreement->digest()) {
    co_return std::unexpected(ended("void, because the agreement has changed", id));
  }
  const oversight::Approvals approvals = oversight.docket().approvals(*found, passage_.time);
  if (approvals.by_role.empty()) co_return not_yet;
  Judged judged = judge(matter, &approvals);
  const agreement::Decision decision = judged.decision;
  if (decision.outcome == Outcome::kHold) co_return not_yet;
  if (decision.outcome != Outcome::kAllow) {
    Step<> written = co_await write(matter, std::move(judged), matter.payloads);
    if (!written) co_return std::unexpected(std::move(written.error()));
    co_return std::unexpected(refusal_of(decision));
  }
  if (!oversight.docket().claim(id)) co_return std::unexpected(ended("consumed", id));
  oversight::put_hold_id(judged.facts, id);
  judged.facts.set("hold.votes", approvals.votes);
  const auto pending = oversight.begin();
  Step<> written = co_await write(matter, std::move(judged), matter.payloads);
  if (!written) {
    // It may have become durable all the same, and then it is consumed: nobody executes it again.
    co_return std::unexpected(std::move(written.error()));
  }
  oversight.apply(passage_.receipt.index, oversight::Consumed{id});
  co_return std::optional<agreement::Decision>(decision);
}

}  // namespace proviso::gate
