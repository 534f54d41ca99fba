#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agreement/impl.h"

namespace proviso::agreement {
namespace {

void add_clause(std::vector<ClauseRef>& clauses, const ClauseRef& clause) {
  const bool there = std::any_of(clauses.begin(), clauses.end(), [&](const ClauseRef& known) {
    return known.number == clause.number && known.hold == clause.hold;
  });
  if (!there) clauses.push_back(clause);
}

void sort_without_repeats(std::vector<std::string>& words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
}

// Whose approvals a hold waits for, and what their keys must show.
void add_awaited(const Agreement::Impl& impl, const cedar::Response& response, Decision& decision) {
  for (uint32_t policy : response.forbids) {
    const PolicyNotes& notes = impl.notes[policy];
    decision.awaits.insert(decision.awaits.end(), notes.counted_roles.begin(), notes.counted_roles.end());
    decision.presence = std::max(decision.presence, notes.presence);
  }
  sort_without_repeats(decision.awaits);
}

void add_redacted(const Agreement::Impl& impl, const cedar::Response& response, Decision& decision) {
  for (uint32_t policy : response.forbids) {
    const std::vector<std::string>& labels = impl.notes[policy].redacts;
    decision.redacts.insert(decision.redacts.end(), labels.begin(), labels.end());
  }
  sort_without_repeats(decision.redacts);
}

// What the permits and forbids make of it. A hold that stands beside a redaction waits for what the redaction
// leaves, so it is decided about then.
Outcome outcome_of(const Agreement::Impl& impl, exchange::Verb verb, const cedar::Response& response) {
  if (!response.errors.empty()) return Outcome::kDeny;
  if (response.decision == cedar::Answer::kAllow) return Outcome::kAllow;
  if (response.permits.empty()) return Outcome::kDeny;
  const bool carries_text = verb == exchange::Verb::kAsk || verb == exchange::Verb::kRelease;
  bool redacts = false;
  for (uint32_t policy : response.forbids) {
    const PolicyNotes& notes = impl.notes[policy];
    const bool redacted = carries_text && !notes.redacts.empty();
    if (!redacted && !notes.hold) return Outcome::kDeny;
    redacts = redacts || redacted;
  }
  return redacts ? Outcome::kRedact : Outcome::kHold;
}

Decision judged(const Agreement::Impl& impl, exchange::Verb verb, const cedar::Response& response) {
  Decision decision;
  for (const cedar::PolicyError& error : response.errors) {
    const ClauseRef& clause = impl.notes[error.policy].clause;
    decision.errors.push_back(fmt::format("clause {}: {}", clause.number, error.message));
  }
  decision.outcome = outcome_of(impl, verb, response);
  const bool from_permits = decision.outcome == Outcome::kAllow;
  for (uint32_t policy : from_permits ? response.permits : response.forbids) {
    add_clause(decision.clauses, impl.notes[policy].clause);
  }
  if (!response.errors.empty()) {
    for (const cedar::PolicyError& error : response.errors) {
      add_clause(decision.clauses, impl.notes[error.policy].clause);
    }
  }
  if (decision.outcome == Outcome::kDeny) return decision;
  if (decision.outcome == Outcome::kHold) add_awaited(impl, response, decision);
  if (decision.outcome == Outcome::kRedact) add_redacted(impl, response, decision);
  for (uint32_t policy : response.permits) {
    const PolicyNotes& notes = impl.notes[policy];
    decision.whole = decision.whole || notes.whole;
    if (!notes.mark.empty()) decision.marks.push_back(notes.mark);
  }
  return decision;
}

const ClauseRef& clause_of_break_glass(const Agreement::Impl& impl) {
  const auto found = std::find_if(impl.notes.begin(), impl.notes.end(), [&](const PolicyNotes& notes) {
    return notes.clause.number == impl.terms.break_glass->clause;
  });
  return found->clause;  // load() has looked
}

// Nobody breaks the glass alone, whatever the rules say: what they allow waits for one signature of each approver's
// role.
void hold_for_approvers(const Agreement::Impl& impl, const exchange::Facts& facts, Decision& decision) {
  const std::vector<std::string>& approvers = impl.terms.break_glass->approvers;
  const bool all = std::all_of(approvers.begin(), approvers.end(), [&](const std::string& role) {
    const exchange::FactValue* fact = facts.find("context.moment.approvals." + role);
    const auto* count = fact == nullptr ? nullptr : std::get_if<int64_t>(fact);
    return count != nullptr && *count >= 1;
  });
  if (all) return;
  decision.outcome = Outcome::kHold;
  ClauseRef clause = clause_of_break_glass(impl);
  clause.hold = fmt::format("{}", fmt::join(approvers, " and "));
  decision.reason = fmt::format("{} {}: an emergency is declared with the signatures of {}", clause.number, clause.title,
                                clause.hold);
  decision.clauses = {std::move(clause)};
  decision.awaits = approvers;
}

// Why no emergency can be declared now, whatever the rules say; empty if nothing stands against it.
std::string against_declaring(const Agreement::Impl& impl, const exchange::Facts& facts) {
  if (!impl.terms.break_glass) return "this agreement has no [break_glass]: it knows no emergency";
  const exchange::FactValue* overdue = facts.find(kOverdueFact);
  if (overdue == nullptr) return {};
  const auto* which = std::get_if<std::string>(overdue);
  return fmt::format("the emergency of leaf {} waits for its review, which is overdue; none is declared before it",
                     which == nullptr ? "?" : *which);
}

}  // namespace

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAllow: return "allow";
    case Outcome::kDeny: return "deny";
    case Outcome::kHold: return "hold";
    case Outcome::kRedact: return "redact";
  }
  return "deny";
}

Decision Agreement::decide(exchange::Verb verb, const exchange::Facts& facts, Period period) const {
  Decision refusal;
  // A missing or mistyped time is refused with the other facts below.
  const exchange::FactValue* now = facts.find("context.moment.now");
  const int64_t* seconds = now == nullptr ? nullptr : std::get_if<int64_t>(now);
  if (seconds != nullptr && period == Period::kInForce) {
    if (Status within = check_period({*seconds}); !within) {
      refusal.reason = std::move(within.error().message);
      return refusal;
    }
  }
  if (const exchange::FactValue* stopped = facts.find(kStoppedFact); stopped != nullptr) {
    const auto* what = std::get_if<std::string>(stopped);
    refusal.reason = fmt::format("{} is stopped", what == nullptr ? "this" : *what);
    return refusal;
  }
  const bool declares = verb == exchange::Verb::kDeclare;
  if (declares) refusal.reason = against_declaring(*impl_, facts);
  if (!refusal.reason.empty()) return refusal;
  Result<Question> question = question_of(*impl_, verb, facts);
  if (!question) {
    refusal.reason = std::move(question.error().message);
    return refusal;
  }
  Result<cedar::Entities> entities =
      cedar::Entities::extend(impl_->entities, std::move(question->more));
  if (!entities) {
    refusal.reason = fmt::format("the facts contradict the agreement: {}", entities.error().message);
    return refusal;
  }
  cedar::Response response;
  impl_->engine->is_authorized(question->request, *entities, response);
  if (response.cut_short && response.errors.empty()) {  // not every rule was asked, and none says so itself
    refusal.reason = "the rules need more steps for this request than one decision may take, so nothing passes";
    return refusal;
  }
  Decision decision = judged(*impl_, verb, response);
  decision.reason = reason_of(*impl_, question->request, *entities, response, decision);
  if (declares && decision.outcome == Outcome::kAllow) hold_for_approvers(*impl_, facts, decision);
  return decision;
}

}  // namespace proviso::agreement
