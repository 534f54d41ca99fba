#include "oversight/records.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"

namespace proviso::oversight {
namespace {

using exchange::Facts;

// Reads facts of one leaf; whatever is missing or of another type makes it fail.
class Reader {
 public:
  explicit Reader(const Facts& facts) : facts_(facts) {}

  template <class T>
  T take(std::string_view path) {
    const exchange::FactValue* fact = facts_.find(path);
    const T* value = fact == nullptr ? nullptr : std::get_if<T>(fact);
    if (value != nullptr) return *value;
    if (missing_.empty()) missing_ = path;
    return {};
  }
  Digest digest(std::string_view path) {
    const auto value = digest_from_hex(take<std::string>(path));
    if (value) return *value;
    if (missing_.empty()) missing_ = path;
    return {};
  }
  UtcSeconds time(std::string_view path) { return {take<int64_t>(path)}; }
  [[nodiscard]] bool has(std::string_view path) const { return facts_.find(path) != nullptr; }
  [[nodiscard]] const std::string& missing() const { return missing_; }

 private:
  const Facts& facts_;
  std::string missing_;
};

std::string payload(const audit::Contents& contents, std::string_view name) {
  for (const auto& [known, bytes] : contents.payloads) {
    if (known == name) return bytes;
  }
  return {};
}

const char* presence_name(agreement::Presence presence) {
  switch (presence) {
    case agreement::Presence::kNone: return "none";
    case agreement::Presence::kTouch: return "touch";
    case agreement::Presence::kPin: return "pin";
  }
  return "none";
}

agreement::Presence presence_of(std::string_view name) {
  if (name == "touch") return agreement::Presence::kTouch;
  return name == "pin" ? agreement::Presence::kPin : agreement::Presence::kNone;
}

std::unexpected<Error> unreadable(uint64_t index, std::string_view what) {
  return fail(Code::kCorrupt, fmt::format("leaf {} does not read as what it says it is: {}", index, what));
}

Result<Event> hold_at(const std::string& origin, uint64_t index, const audit::Leaf& leaf,
                                     const audit::Contents& contents) {
  Reader facts(contents.facts);
  Hold hold;
  hold.terms.origin = origin;
  hold.terms.id = facts.take<std::string>("hold.id");
  hold.terms.action = facts.digest("hold.action");
  hold.terms.rendering = facts.digest("hold.rendering");
  hold.terms.expires = facts.time("hold.expires");
  hold.terms.agreement = leaf.agreement;
  hold.awaits = facts.take<std::vector<std::string>>("hold.awaits");
  hold.presence = presence_of(facts.take<std::string>("hold.presence"));
  hold.clauses = facts.take<std::vector<std::string>>("decision.clauses");
  hold.exchange = facts.take<std::string>("exchange.id");
  if (!facts.missing().empty()) return unreadable(index, facts.missing());
  hold.rendering = payload(contents, "rendering");
  auto action = audit::Action::parse(payload(contents, "action"));
  if (!action) return unreadable(index, action.error().message);
  hold.action = std::move(*action);
  if (hold.action.digest() != hold.terms.action || sha256(hold.rendering) != hold.terms.rendering) {
    return unreadable(index, "the action or its rendering is not the one that the leaf commits to");
  }
  hold.opened = leaf.time;
  hold.leaf = index;
  return Opened{std::move(hold)};
}

Result<Event> vote_at(uint64_t index, const audit::Contents& contents) {
  Reader facts(contents.facts);
  Voted voted;
  voted.hold = facts.take<std::string>("vote.hold");
  voted.vote.person = facts.take<std::string>("vote.person");
  voted.vote.role = facts.take<std::string>("vote.role");
  voted.vote.approves = facts.take<std::string>("vote.decision") == "approve";
  voted.vote.key = facts.take<std::string>("vote.key");
  voted.vote.statement = facts.digest("vote.statement");
  voted.vote.decided_at = facts.time("vote.decided_at");
  voted.vote.leaf = index;
  if (!facts.missing().empty()) return unreadable(index, facts.missing());
  return voted;
}

Result<Event> stop_at(uint64_t index, const audit::Leaf& leaf, const Facts& all) {
  Reader facts(all);
  const auto type = facts.take<std::string>("resource.type");
  const auto id = facts.take<std::string>("resource.id");
  const auto person = facts.take<std::string>("principal.id");
  const auto reason = facts.take<std::string>("stop.reason");
  if (!facts.missing().empty()) return unreadable(index, facts.missing());
  if (leaf.verb == exchange::verb_name(exchange::Verb::kAdmit)) return Lifted{type, id};
  return Stopped{Stop{type, id, person, reason, leaf.time, index}};
}

bool stops_or_admits(const audit::Leaf& leaf) {
  return leaf.verb == exchange::verb_name(exchange::Verb::kStop) ||
         leaf.verb == exchange::verb_name(exchange::Verb::kAdmit);
}

bool declares(const audit::Leaf& leaf) { return leaf.verb == exchange::verb_name(exchange::Verb::kDeclare); }

}  // namespace

std::string hold_of(const Event& event) {
  if (const auto* opened = std::get_if<Opened>(&event)) return opened->hold.terms.id;
  if (const auto* voted = std::get_if<Voted>(&event)) return voted->hold;
  if (const auto* consumed = std::get_if<Consumed>(&event)) return consumed->hold;
  if (const auto* withdrawn = std::get_if<Withdrawn>(&event)) return withdrawn->hold;
  return {};
}

void put_hold(exchange::Facts& facts, const Hold& hold) {
  put_hold_id(facts, hold.terms.id);
  facts.set("hold.action", hold.terms.action.hex());
  facts.set("hold.rendering", hold.terms.rendering.hex());
  facts.set("hold.expires", hold.terms.expires.value);
  facts.set("hold.awaits", hold.awaits);
  facts.set("hold.presence", std::string(presence_name(hold.presence)));
}

void put_hold_id(exchange::Facts& facts, const std::string& hold) { facts.set("hold.id", hold); }

void put_emergency(exchange::Facts& facts, const std::string& reason, const agreement::BreakGlass& terms) {
  facts.set("declare.minutes", terms.minutes);
  facts.set("declare.reason", reason);
  facts.set("declare.review_hours", terms.review_hours);
}

exchange::Facts review_facts(uint64_t emergency, const std::string& person, const std::string& words) {
  Facts facts;
  facts.set("review.emergency", std::to_string(emergency));
  facts.set("review.person", person);
  facts.set("review.words", words);
  return facts;
}

Result<Emergency> emergency_of(uint64_t index, UtcSeconds time, const Facts& all) {
  Reader facts(all);
  Emergency out;
  out.purpose = facts.take<std::string>("resource.id");
  out.person = facts.take<std::string>("principal.id");
  out.reason = facts.take<std::string>("declare.reason");
  out.since = time;
  out.until = {time.value + 60 * facts.take<int64_t>("declare.minutes")};
  out.review_due = {out.until.value + 3600 * facts.take<int64_t>("declare.review_hours")};
  out.leaf = index;
  if (!facts.missing().empty()) return fail(Code::kInvalid, fmt::format("a declaration does not say `{}`", facts.missing()));
  return out;
}

exchange::Facts facts_of(const std::string& hold, const Vote& vote) {
  Facts facts;
  facts.set("vote.decided_at", vote.decided_at.value);
  facts.set("vote.decision", std::string(vote.approves ? "approve" : "deny"));
  facts.set("vote.hold", hold);
  facts.set("vote.key", vote.key);
  facts.set("vote.person", vote.person);
  facts.set("vote.role", vote.role);
  facts.set("vote.statement", vote.statement.hex());
  return facts;
}

bool can_matter(const audit::Leaf& leaf, bool holds_are_open) {
  if (leaf.verb == kVoteVerb || leaf.verb == kWithdrawVerb || leaf.verb == kReviewVerb) return true;
  if (leaf.decision == "hold") return true;
  return leaf.decision == "allow" && (holds_are_open || stops_or_admits(leaf) || declares(leaf));
}

Result<std::vector<Event>> events_of(const std::string& origin, uint64_t index, const audit::Leaf& leaf,
                                     const audit::Contents& contents) {
  const exchange::Facts& facts = contents.facts;
  std::vector<Event> events;
  if (leaf.verb == kVoteVerb) {
    PV_TRY(events.emplace_back(), vote_at(index, contents));
    return events;
  }
  if (leaf.decision == "hold" && facts.find("hold.action") != nullptr) {
    PV_TRY(events.emplace_back(), hold_at(origin, index, leaf, contents));
    return events;
  }
  Reader reader(facts);
  if (leaf.verb == kReviewVerb) {
    const auto of = parse_u64(reader.take<std::string>("review.emergency"));
    if (!of) return unreadable(index, "review.emergency");
    events.emplace_back(Reviewed{*of});
    return events;
  }
  const bool withdrawn = leaf.verb == kWithdrawVerb;
  if (!withdrawn && leaf.decision != "allow") return events;
  if (withdrawn || reader.has("hold.id")) {
    auto hold = reader.take<std::string>("hold.id");
    if (!reader.missing().empty()) return unreadable(index, reader.missing());
    events.push_back(withdrawn ? Event(Withdrawn{std::move(hold)}) : Event(Consumed{std::move(hold)}));
  }
  if (stops_or_admits(leaf)) {
    PV_TRY(events.emplace_back(), stop_at(index, leaf, facts));
  }
  if (declares(leaf)) {
    auto emergency = emergency_of(index, leaf.time, facts);
    if (!emergency) return unreadable(index, emergency.error().message);
    events.emplace_back(Declared{std::move(*emergency)});
  }
  return events;
}

}  // namespace proviso::oversight
