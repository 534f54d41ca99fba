#include "oversight/docket.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"

namespace proviso::oversight {
namespace {

constexpr size_t kNonceBytes = 16;

std::unexpected<Error> no_hold(std::string_view id) {
  return fail(Code::kNotFound, fmt::format("there is no hold `{}` that concerns you", id.substr(0, 64)));
}

bool contains(const std::vector<std::string>& sorted, std::string_view one) {
  return std::binary_search(sorted.begin(), sorted.end(), one);
}

}  // namespace

Docket::Docket(const identity::Directory& people, std::string origin, size_t open_per_person, size_t bytes_max)
    : people_(people), origin_(std::move(origin)), open_per_person_(open_per_person), bytes_max_(bytes_max) {}

Result<Hold> Docket::plan_hold(HoldPlan plan, UtcSeconds now, UtcSeconds expires) const {
  if (plan.action.text().size() > audit::kActionBytesMax) {
    return fail(Code::kUnsupported,
                fmt::format("this waits for people to read it, and they are not asked to read more than {} KiB",
                            audit::kActionBytesMax / 1024));
  }
  {
    const std::lock_guard lock(mutex_);
    const auto open = open_of_.find(plan.action.requester);
    if (open != open_of_.end() && open->second >= open_per_person_) {
      return fail(Code::kLimit,
                  fmt::format("{} of your actions wait for approval already; withdraw one or wait", open->second));
    }
    if (holds_.size() >= kHoldsMax || bytes_ >= bytes_max_) {
      return fail(Code::kLimit, "too many actions wait for approval at this gate");
    }
  }
  Hold hold;
  hold.terms.origin = origin_;
  hold.terms.id = new_hold_id();
  hold.terms.action = plan.action.digest();
  hold.terms.agreement = plan.action.agreement;
  hold.terms.expires = expires;
  hold.rendering = audit::rendering_of(plan.action, plan.words);
  hold.terms.rendering = sha256(hold.rendering);
  hold.action = std::move(plan.action);
  hold.clauses = std::move(plan.clauses);
  hold.awaits = std::move(plan.awaits);
  hold.presence = plan.presence;
  hold.exchange = std::move(plan.exchange);
  hold.opened = now;
  return hold;
}

std::optional<Hold> Docket::open_hold(const Digest& action, UtcSeconds now) const {
  const std::lock_guard lock(mutex_);
  const auto id = by_action_.find(action.hex());
  if (id == by_action_.end()) return std::nullopt;
  const auto found = holds_.find(id->second);
  if (found == holds_.end() || found->second.claimed) return std::nullopt;
  const Hold& hold = found->second.hold;
  if (hold.end != End::kNone || now >= hold.terms.expires) return std::nullopt;
  return hold;
}

Result<const Docket::Entry*> Docket::entry(std::string_view id) const {
  const auto found = holds_.find(id);
  if (found == holds_.end()) return no_hold(id);
  return &found->second;
}

Result<Hold> Docket::get(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  PV_TRY(const Entry* found, entry(id));
  return found->hold;
}

std::vector<Hold> Docket::concerning(const identity::Person& person) const {
  std::vector<Hold> out;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : holds_) {
      const Hold& hold = entry.hold;
      if (hold.action.requester != person.id && !may_vote(hold, person)) continue;
      out.push_back(hold.without_texts());
    }
  }
  std::sort(out.begin(), out.end(), [](const Hold& a, const Hold& b) { return a.leaf < b.leaf; });
  return out;
}

bool Docket::may_vote(const Hold& hold, const identity::Person& person) {
  return person.id != hold.action.requester &&
         std::any_of(person.roles.begin(), person.roles.end(),
                     [&](const std::string& role) { return contains(hold.awaits, role); });
}

Result<Showing> Docket::show(std::string_view id, std::string_view person, UtcSeconds now) {
  PV_TRY(const identity::Person who, people_.person(person));
  const std::lock_guard lock(mutex_);
  PV_TRY(const Entry* found, entry(id));
  const bool votes = may_vote(found->hold, who);
  if (!votes && found->hold.action.requester != person) return no_hold(id);
  Showing showing{found->hold, "", now};
  if (!votes) return showing;
  forget_nonces(now);
  if (nonces_.size() >= kNoncesMax) {
    return fail(Code::kLimit, "too many holds are being looked at; try again in a moment");
  }
  showing.nonce = hex_encode(random_bytes(kNonceBytes));
  nonces_.emplace(showing.nonce, Nonce{std::string(id), std::string(person), now, found->hold.terms.expires});
  return showing;
}

Status Docket::check_voter(const Hold& hold, const audit::Approval& approval, std::string_view person) const {
  PV_TRY(const identity::Person who, people_.person(person));
  if (person == hold.action.requester) {
    return fail(Code::kUnverified, "nobody approves what they have asked for themselves");
  }
  if (!contains(hold.awaits, approval.role)) {
    return fail(Code::kUnverified, fmt::format("this hold does not wait for the role `{}` but for {}",
                                               approval.role.substr(0, 64), fmt::join(hold.awaits, ", ")));
  }
  if (!contains(who.roles, approval.role)) {
    return fail(Code::kUnverified, fmt::format("you do not hold the role `{}`", approval.role));
  }
  const bool voted = std::any_of(hold.votes.begin(), hold.votes.end(),
                                 [&](const Vote& vote) { return vote.person == person; });
  if (voted) return fail(Code::kConflict, "you have voted on this hold already; a person counts once");
  return {};
}

Result<Docket::Judged> Docket::judge_vote(std::string_view statement, std::string_view signature,
                                          std::string_view person, UtcSeconds now) {
  PV_TRY(const audit::Approval approval, audit::Approval::parse(statement));
  PV_TRY(const sshsig::PersonKey key, sshsig::person_signer(signature));
  PV_TRY(const sshsig::Presence presence, audit::verify_approval(key, statement, signature));
  const auto known = people_.approver_key(key.fingerprint());
  if (!known || known->person != person) {
    return fail(Code::kUnverified,
                fmt::format("{} is not a key with which `{}` approves here", key.fingerprint(), person));
  }
  const std::lock_guard lock(mutex_);
  PV_TRY(const Entry* found, entry(approval.terms.id));
  const Hold& hold = found->hold;
  if (hold.end != End::kNone || found->claimed || now >= hold.terms.expires) {
    return fail(Code::kConflict, fmt::format("this hold is {} and takes no more votes",
                                             found->claimed ? "consumed" : state_name(hold, now)));
  }
  PV_TRY_VOID(audit::check_approval(approval, hold.terms));
  PV_TRY_VOID(check_voter(hold, approval, person));
  const bool present = (hold.presence == agreement::Presence::kNone) ||
                       (presence.touched && (hold.presence != agreement::Presence::kPin || presence.verified));
  if (!present) {
    return fail(Code::kUnverified, fmt::format("the clause asks for a security key ({}), and this signature shows none",
                                               hold.presence == agreement::Presence::kPin ? "touch and PIN" : "touch"));
  }
  const auto nonce = nonces_.find(approval.nonce);
  if (nonce == nonces_.end() || nonce->second.hold != hold.terms.id || nonce->second.person != person ||
      nonce->second.shown_at != approval.shown_at) {
    return fail(Code::kUnverified, "the nonce is not one that was shown to you with this hold: show it again");
  }
  if (approval.decided_at.value > now.value + kClockSkewSecondsMax) {
    return fail(Code::kInvalid, "`decided_at` lies ahead of the gate's clock");
  }
  nonces_.erase(nonce);
  Vote vote;
  vote.person = std::string(person);
  vote.role = approval.role;
  vote.approves = approval.approves;
  vote.key = key.fingerprint();
  vote.statement = sha256(statement);
  vote.decided_at = approval.decided_at;
  return Judged{hold.terms.id, std::move(vote)};
}

Approvals Docket::approvals(const Hold& hold, UtcSeconds now) const {
  Approvals out;
  if (hold.end != End::kNone || now >= hold.terms.expires) return out;
  std::set<std::string_view> counted;
  for (const Vote& vote : hold.votes) {
    if (!vote.approves || vote.person == hold.action.requester) continue;
    const auto person = people_.person(vote.person);
    const auto key = people_.approver_key(vote.key);
    const bool stands = person && key && key->person == vote.person && contains(person->roles, vote.role);
    if (!stands || !counted.insert(vote.person).second) continue;
    ++out.by_role[vote.role];
    out.votes.push_back(std::to_string(vote.leaf));
  }
  return out;
}

bool Docket::claim(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto found = holds_.find(id);
  if (found == holds_.end() || found->second.claimed || found->second.hold.end != End::kNone) return false;
  found->second.claimed = true;
  return true;
}

void Docket::apply(uint64_t index, const Event& event) {
  const std::lock_guard lock(mutex_);
  take(index, event);
  const auto watchers = watchers_.find(hold_of(event));
  if (watchers == watchers_.end()) return;
  for (const auto& [token, fn] : watchers->second) fn();
}

void Docket::take(uint64_t index, const Event& event) {
  if (const auto* opened = std::get_if<Opened>(&event)) {
    Entry entry{opened->hold};
    entry.hold.leaf = index;
    const audit::HoldTerms terms = entry.hold.terms;
    const std::string requester = entry.hold.action.requester;
    if (!holds_.try_emplace(terms.id, std::move(entry)).second) return;
    by_action_[terms.action.hex()] = terms.id;
    ++open_of_[requester];
    bytes_ += bytes_of(opened->hold);
    return;
  }
  const auto found = holds_.find(hold_of(event));
  if (found == holds_.end() || found->second.hold.end != End::kNone) return;
  if (const auto* voted = std::get_if<Voted>(&event)) {
    Vote vote = voted->vote;
    vote.leaf = index;
    found->second.hold.votes.push_back(std::move(vote));
    // An execution that was claimed before this denial stood goes on.
    if (!voted->vote.approves && !found->second.claimed) end(found->second, End::kDenied);
    return;
  }
  const bool consumed = std::holds_alternative<Consumed>(event);
  if (consumed || std::holds_alternative<Withdrawn>(event)) end(found->second, consumed ? End::kConsumed : End::kWithdrawn);
}

void Docket::end(Entry& entry, End how) {
  entry.hold.end = how;
  uncount(entry);
}

void Docket::uncount(Entry& entry) {
  if (!std::exchange(entry.counted, false)) return;
  const auto open = open_of_.find(entry.hold.action.requester);
  if (open != open_of_.end() && --open->second == 0) open_of_.erase(open);
}

std::vector<std::string> Docket::sweep(UtcSeconds now) {
  std::vector<std::string> gone;
  const std::lock_guard lock(mutex_);
  forget_nonces(now);
  for (auto at = holds_.begin(); at != holds_.end();) {
    Entry& entry = at->second;
    const Hold& hold = entry.hold;
    // A claimed hold is in the hands of an exchange that is writing its intent.
    const bool busy = entry.claimed && hold.end == End::kNone;
    if (now >= hold.terms.expires && !busy) uncount(entry);
    if (busy || now.value < hold.terms.expires.value + kEndedKeptSeconds) {
      ++at;
      continue;
    }
    const auto newest = by_action_.find(hold.terms.action.hex());
    if (newest != by_action_.end() && newest->second == at->first) by_action_.erase(newest);
    gone.push_back(at->first);
    bytes_ -= bytes_of(hold);
    at = holds_.erase(at);
  }
  return gone;
}

void Docket::forget_nonces(UtcSeconds now) {
  std::erase_if(nonces_, [&](const auto& nonce) { return now >= nonce.second.expires; });
}

uint64_t Docket::watch(const std::string& hold, std::function<void()> fn) {
  const std::lock_guard lock(mutex_);
  watchers_[hold].emplace(next_watcher_, std::move(fn));
  return next_watcher_++;
}

void Docket::unwatch(const std::string& hold, uint64_t token) {
  const std::lock_guard lock(mutex_);
  const auto watchers = watchers_.find(hold);
  if (watchers == watchers_.end()) return;
  watchers->second.erase(token);
  if (watchers->second.empty()) watchers_.erase(watchers);
}

}  // namespace proviso::oversight
