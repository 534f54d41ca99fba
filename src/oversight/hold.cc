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

std::string new_hold_id() { return "h_" + hex_encode(random_bytes(16)); }

}  // namespace proviso::oversight
