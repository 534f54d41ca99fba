#pragma once
// What oversight writes into leaves and reads back: the ledger is the truth, everything else in this room
// can be made again from it. Formats: docs/formats.md, "holds". Pure.
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "audit/leaf.h"
#include "oversight/emergencies.h"
#include "oversight/hold.h"
#include "oversight/stops.h"

namespace proviso::oversight {

inline constexpr std::string_view kVoteVerb = "vote";          // leaves that decide nothing
inline constexpr std::string_view kWithdrawVerb = "withdraw";
inline constexpr std::string_view kReviewVerb = "emergency_review";

struct Opened {
  Hold hold;
};
struct Voted {
  std::string hold;
  Vote vote;
};
struct Consumed {  // by the intent that names it
  std::string hold;
};
struct Withdrawn {
  std::string hold;
};
struct Stopped {
  Stop stop;
};
struct Lifted {
  std::string type;
  std::string id;
};
struct Declared {
  Emergency emergency;
};
struct Reviewed {
  uint64_t leaf = 0;  // of the emergency
};
using Event = std::variant<Opened, Voted, Consumed, Withdrawn, Stopped, Lifted, Declared, Reviewed>;

// The hold that an event is about; empty for stops and emergencies.
std::string hold_of(const Event& event);

// What the leaf of a decision that holds says beside the decision's own facts. Its payloads are "action" and
// "rendering".
void put_hold(exchange::Facts& facts, const Hold& hold);
// The vote's leaf; its payloads are "statement" and "signature".
exchange::Facts facts_of(const std::string& hold, const Vote& vote);
// What the leaf of a `declare` says beside the decision's own facts, and that of a review.
void put_emergency(exchange::Facts& facts, const std::string& reason, const agreement::BreakGlass& terms);
exchange::Facts review_facts(uint64_t emergency, const std::string& person, const std::string& words);
// The emergency that `leaf` declares, once it is durable. kInvalid if its facts do not say so.
Result<Emergency> emergency_of(uint64_t index, UtcSeconds time, const exchange::Facts& facts);
// For the intent that consumes a hold, and for leaves that only name one.
void put_hold_id(exchange::Facts& facts, const std::string& hold);

// True if the leaf can hold an event; contents need not be opened otherwise. A consumption looks like any
// decision that allows, so it is asked for only while holds are open.
bool can_matter(const audit::Leaf& leaf, bool holds_are_open);
// What the leaf at `index` of the log of `origin` says; nothing for any other leaf, two things for an
// `admit` or a `declare` that was held. kCorrupt for one of ours that does not read.
Result<std::vector<Event>> events_of(const std::string& origin, uint64_t index, const audit::Leaf& leaf,
                                     const audit::Contents& contents);

}  // namespace proviso::oversight
