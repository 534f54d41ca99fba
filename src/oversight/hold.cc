#include "oversight/hold.h"

#include "base/bytes.h"

namespace proviso::oversight {

const char* state_name(const Hold& hold, UtcSeconds now) {
  switch (hold.end) {
    case End::kDenied: return "denied";
    case End::kConsumed: return "consumed";
    case End::kWithdrawn: return "withdrawn";
    case End::kNone: break;
  }
  return now >= hold.terms.expires ? "expired" : "open";
}

Hold Hold::without_texts() const {
  Hold out;
  out.terms = terms;
  out.action.verb = action.verb;
  out.action.resource_type = action.resource_type;
  out.action.resource_id = action.resource_id;
  out.action.requester = action.requester;
  out.action.purpose = action.purpose;
  out.action.agreement = action.agreement;
  out.clauses = clauses;
  out.awaits = awaits;
  out.presence = presence;
  out.exchange = exchange;
  out.opened = opened;
  out.leaf = leaf;
  out.votes = votes;
  out.end = end;
  return out;
}

std::string new_hold_id() { return "h_" + hex_encode(random_bytes(16)); }

}  // namespace proviso::oversight
