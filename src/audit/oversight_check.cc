#include "audit/oversight_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace proviso::audit {
namespace {

using exchange::Facts;

constexpr std::string_view kApprovals = "context.moment.approvals.";

template <class T>
T fact(const Facts& facts, std::string_view path) {
  const exchange::FactValue* found = facts.find(path);
  const T* value = found == nullptr ? nullptr : std::get_if<T>(found);
  return value == nullptr ? T{} : *value;
}

std::string text(const Facts& facts, std::string_view path) { return fact<std::string>(facts, path); }

std::string payload(const Contents& contents, std::string_view name) {
  for (const auto& [known, bytes] : contents.payloads) {
    if (known == name) return bytes;
  }
  return {};
}

bool contains(const std::vector<std::string>& items, std::string_view one) {
  return std::find(items.begin(), items.end(), one) != items.end();
}

std::map<std::string, int64_t> claimed_approvals(const Facts& facts) {
  std::map<std::string, int64_t> out;
  for (const auto& [path, value] : facts.items()) {
    if (!path.starts_with(kApprovals)) continue;
    const auto* count = std::get_if<int64_t>(&value);
    if (count != nullptr && *count != 0) out.emplace(path.substr(kApprovals.size()), *count);
  }
  return out;
}

std::string listed(const std::map<std::string, int64_t>& counts) {
  std::string out;
  for (const auto& [role, count] : counts) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, role);
  return out.empty() ? "nobody" : out;
}

// What the intent's own facts and payloads say of the action, in the form that was approved.
bool is_that_action(const Action& action, const Leaf& leaf, const Contents& contents) {
  const Facts& facts = contents.facts;
  if (exchange::verb_name(action.verb) != leaf.verb || action.agreement != leaf.agreement ||
      action.resource_type != text(facts, "resource.type") || action.resource_id != text(facts, "resource.id") ||
      action.requester != text(facts, "principal.id") ||
      action.purpose != text(facts, "context.moment.purpose")) {
    return false;
  }
  if (const std::string asked = payload(contents, "request"); !asked.empty()) {
    return action.arguments == canonical_arguments(request_arguments(asked, text(facts, "exchange.anthropic_version"),
                                                                     text(facts, "exchange.anthropic_beta")));
  }
  for (const char* name : {"arguments", "answer"}) {
    const std::string bytes = payload(contents, name);
    if (!bytes.empty()) return action.arguments == canonical_arguments(bytes);
  }
  const bool declares = action.verb == exchange::Verb::kDeclare;
  return action.arguments == canonical_arguments(text(facts, declares ? "declare.reason" : "stop.reason"));
}

}  // namespace

std::vector<std::string> OversightCheck::take(uint64_t index, const Leaf& leaf, const Contents& contents,
                                              const agreement::Terms* terms, bool whole) {
  check_break_glass(leaf, contents.facts, whole);
  if (leaf.verb == "emergency_review") take_review(leaf, contents.facts, terms, whole);
  if (leaf.verb == "person") take_person(leaf, contents.facts);
  if (leaf.verb == "key") take_key(leaf, contents.facts);
  if (leaf.verb == "vote") take_vote(leaf, contents, whole);
  if (leaf.decision == "hold") take_hold(leaf, contents);
  if (leaf.decision == "allow") take_intent(index, leaf, contents, whole);
  if (leaf.decision == "allow" && leaf.verb == "declare") take_declaration(index, leaf, contents.facts, terms, whole);
  return std::exchange(faults_, {});
}

void OversightCheck::take_declaration(uint64_t index, const Leaf& leaf, const Facts& facts,
                                      const agreement::Terms* terms, bool whole) {
  const int64_t now = leaf.time.value;
  const auto minutes = fact<int64_t>(facts, "declare.minutes");
  const auto hours = fact<int64_t>(facts, "declare.review_hours");
  const agreement::BreakGlass granted =
      terms != nullptr ? terms->break_glass.value_or(agreement::BreakGlass{}) : agreement::BreakGlass{};
  if (terms != nullptr && (minutes != granted.minutes || hours != granted.review_hours)) {
    wrong(fmt::format("an emergency of {} minutes, where the agreement grants {}", minutes, granted.minutes));
  }
  for (const Emergency& before : emergencies_) {
    if (!whole || before.reviewed_at || now <= before.review_due + kLeafLagSMax) continue;
    wrong(fmt::format("an emergency is declared though that of leaf {} waits for its review, which is overdue", before.leaf));
  }
  const int64_t until = now + 60 * minutes;
  emergencies_.push_back({index, text(facts, "resource.id"), text(facts, "principal.id"), now, until, until + 3600 * hours, {}});
}

bool OversightCheck::had_any(const std::string& person, const std::vector<std::string>& roles, int64_t now) const {
  return std::any_of(roles.begin(), roles.end(), [&](const std::string& role) { return had_role(person, role, now); });
}

void OversightCheck::take_review(const Leaf& leaf, const Facts& facts, const agreement::Terms* terms, bool whole) {
  const std::string which = text(facts, "review.emergency");
  const std::string person = text(facts, "review.person");
  const int64_t now = leaf.time.value;
  const auto found = std::find_if(emergencies_.begin(), emergencies_.end(),
                                  [&](const Emergency& one) { return std::to_string(one.leaf) == which; });
  if (found == emergencies_.end()) {
    if (whole) wrong(fmt::format("the review of an emergency that leaf {} did not declare", which));
    return;
  }
  found->reviewed_at = now;
  const bool known = terms != nullptr && terms->break_glass && (whole || people_.contains(person));
  const bool may = person != found->person && (!known || (had_any(person, terms->break_glass->reviewers, now) &&
                                                          !had_any(person, terms->break_glass->approvers, now)));
  if (!may) wrong(fmt::format("`{}` reviews an emergency, which is not theirs to review", person));
}

// Whether the decision was told the truth about break-glass.
void OversightCheck::check_break_glass(const Leaf& leaf, const Facts& facts, bool whole) {
  if (facts.find("context.moment.break_glass") == nullptr) return;
  const bool claimed = fact<bool>(facts, "context.moment.break_glass");
  const std::string purpose = text(facts, "context.moment.purpose");
  const int64_t now = leaf.time.value;
  bool may = false;
  bool must = false;
  for (const Emergency& one : emergencies_) {
    if (one.purpose != purpose || now >= one.until) continue;
    const int64_t end = one.reviewed_at.value_or(one.until);
    may = may || now <= end + kLeafLagSMax;
    must = must || (now > one.since + kLeafLagSMax && now < end);
  }
  if (claimed && !may && whole) wrong(fmt::format("break-glass is claimed for `{}`, but no emergency stood", purpose));
  if (!claimed && must && whole) wrong(fmt::format("break-glass is denied for `{}`, but an emergency stood", purpose));
}

void OversightCheck::take_person(const Leaf& leaf, const Facts& facts) {
  Person& person = people_[text(facts, "person.id")];
  person.roles_before = std::exchange(person.roles, {});
  person.changed_at = leaf.time.value;
  if (text(facts, "change.kind") == "person_put") person.roles = fact<std::vector<std::string>>(facts, "person.roles");
}

void OversightCheck::take_key(const Leaf& leaf, const Facts& facts) {
  const std::string kind = text(facts, "change.kind");
  const std::string fingerprint = text(facts, "approver_key.fingerprint");
  if (kind == "approver_key_removed") {
    const auto found = keys_.find(fingerprint);
    if (found != keys_.end()) found->second.removed_at = leaf.time.value;
    return;
  }
  if (kind != "approver_key_added") return;
  auto key = sshsig::parse_person_key(text(facts, "approver_key.line"));
  if (!key || key->fingerprint() != fingerprint) return wrong("an approver key that is not the one named");
  keys_.insert_or_assign(fingerprint, Key{text(facts, "approver_key.person"), std::move(*key), std::nullopt});
}

void OversightCheck::take_hold(const Leaf& leaf, const Contents& contents) {
  const Facts& facts = contents.facts;
  if (facts.find("hold.action") == nullptr) return;  // names an older hold
  auto action = Action::parse(payload(contents, "action"));
  if (!action) return wrong("the action of a hold does not read: " + action.error().message);
  Held held;
  held.action = std::move(*action);
  held.terms.origin = origin_;
  held.terms.id = text(facts, "hold.id");
  held.terms.action = held.action.digest();
  held.terms.rendering = sha256(payload(contents, "rendering"));
  held.terms.agreement = leaf.agreement;
  held.terms.expires = {fact<int64_t>(facts, "hold.expires")};
  held.awaits = fact<std::vector<std::string>>(facts, "hold.awaits");
  held.presence = text(facts, "hold.presence");
  if (held.terms.action.hex() != text(facts, "hold.action") ||
      held.terms.rendering.hex() != text(facts, "hold.rendering")) {
    return wrong("a hold whose action or rendering is not the one that its facts name");
  }
  if (!is_that_action(held.action, leaf, contents)) {
    return wrong("a hold of another action than the one that was decided about");
  }
  if (!renders(payload(contents, "rendering"), held.action)) {
    return wrong("a hold whose rendering, which people read, is not of its action");
  }
  const std::string id = held.terms.id;
  if (!holds_.emplace(id, std::move(held)).second) wrong(fmt::format("hold {} is opened twice", id));
}

bool OversightCheck::had_role(const std::string& person, const std::string& role, int64_t now) const {
  const auto found = people_.find(person);
  if (found == people_.end()) return false;
  if (contains(found->second.roles, role)) return true;
  return now <= found->second.changed_at + kLeafLagSMax && contains(found->second.roles_before, role);
}

const OversightCheck::Key* OversightCheck::key_at(const std::string& fingerprint, int64_t now) const {
  const auto found = keys_.find(fingerprint);
  if (found == keys_.end()) return nullptr;
  const auto& removed = found->second.removed_at;
  return removed && now > *removed + kLeafLagSMax ? nullptr : &found->second;
}

std::string OversightCheck::check_vote(const Held& held, const Approval& approval, const std::string& person,
                                       const std::string& statement, const std::string& signature,
                                       int64_t now) const {
  if (Status bound = check_approval(approval, held.terms); !bound) return bound.error().message;
  const auto signer = sshsig::person_signer(signature);
  if (!signer) return signer.error().message;
  const Key* key = key_at(signer->fingerprint(), now);
  if (key == nullptr || key->person != person) return "it is signed with a key that was not theirs";
  const auto presence = verify_approval(*signer, statement, signature);
  if (!presence) return presence.error().message;
  const bool present = held.presence == "none" || (presence->touched && (held.presence != "pin" || presence->verified));
  if (!present) return "the clause asks for a security key, and the signature shows none";
  if (person == held.action.requester) return "it is by whoever asked";
  if (!contains(held.awaits, approval.role) || !had_role(person, approval.role, now)) {
    return fmt::format("it is given as `{}`, which the hold does not await or the person did not hold", approval.role);
  }
  return {};
}

void OversightCheck::take_vote(const Leaf& leaf, const Contents& contents, bool whole) {
  const Facts& facts = contents.facts;
  const std::string person = text(facts, "vote.person");
  const std::string statement = payload(contents, "statement");
  const std::string signature = payload(contents, "signature");
  const auto found = holds_.find(text(facts, "vote.hold"));
  if (found == holds_.end()) {
    if (whole) wrong("a vote on a hold that was never opened");
    return;
  }
  const auto approval = Approval::parse(statement);
  if (!approval) return wrong("a vote whose statement does not read: " + approval.error().message);
  const bool same = sha256(statement).hex() == text(facts, "vote.statement") &&
                    approval->role == text(facts, "vote.role") &&
                    (approval->approves ? "approve" : "deny") == text(facts, "vote.decision");
  if (!same) return wrong("a vote whose facts are not those of its statement");
  const std::string why = check_vote(found->second, *approval, person, statement, signature, leaf.time.value);
  if (!why.empty() && (whole || people_.contains(person))) {
    return wrong(fmt::format("the vote of `{}` on hold {} does not hold: {}", person, found->first, why));
  }
  found->second.votes.push_back({person, approval->role, text(facts, "vote.key"), approval->approves, leaf.time.value});
}

std::map<std::string, int64_t> OversightCheck::counted(const Held& held, int64_t now) const {
  std::map<std::string, int64_t> out;
  std::set<std::string_view> people;
  for (const Vote& vote : held.votes) {
    if (!vote.approves || !had_role(vote.person, vote.role, now) || key_at(vote.key, now) == nullptr) continue;
    if (people.insert(vote.person).second) ++out[vote.role];
  }
  return out;
}

void OversightCheck::take_intent(uint64_t index, const Leaf& leaf, const Contents& contents, bool whole) {
  const std::map<std::string, int64_t> claimed = claimed_approvals(contents.facts);
  const std::string id = text(contents.facts, "hold.id");
  if (id.empty()) {
    if (!claimed.empty()) wrong("approvals are counted that no hold explains: " + listed(claimed));
    return;
  }
  const auto found = holds_.find(id);
  if (found == holds_.end()) {
    if (whole) wrong(fmt::format("hold {} is consumed, but was never opened", id));
    return;
  }
  Held& held = found->second;
  if (held.consumed_by) {
    return wrong(fmt::format("hold {} is executed again; leaf {} consumed it", id, *held.consumed_by));
  }
  held.consumed_by = index;
  if (!is_that_action(held.action, leaf, contents)) {
    return wrong(fmt::format("what is done is not what hold {} was approved for", id));
  }
  if (leaf.time >= held.terms.expires) return wrong(fmt::format("hold {} had expired", id));
  for (const Vote& vote : held.votes) {
    if (!vote.approves && leaf.time.value > vote.time + kLeafLagSMax) {
      return wrong(fmt::format("hold {} was denied by `{}`", id, vote.person));
    }
  }
  const auto real = counted(held, leaf.time.value);
  // With withheld leaves some votes may be unknown; more than were claimed can be neither.
  for (const auto& [role, count] : claimed) {
    const auto there = real.find(role);
    const int64_t votes = there == real.end() ? 0 : there->second;
    if (votes < count && whole) {
      return wrong(fmt::format("hold {} counts {}, but the ledger shows {}", id, listed(claimed), listed(real)));
    }
  }
}

}  // namespace proviso::audit
