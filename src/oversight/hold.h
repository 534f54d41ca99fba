#pragma once
// A hold: an action that waits until people have signed it, and the votes that came. A value.
#include <cstdint>
#include <string>
#include <vector>

#include "agreement/decision.h"
#include "audit/approval.h"

namespace proviso::oversight {

struct Vote {
  std::string person;
  std::string role;
  bool approves = false;
  std::string key;   // fingerprint
  Digest statement;  // SHA-256 of what was signed
  UtcSeconds decided_at;
  uint64_t leaf = 0;  // where it stands in the log
};

enum class End { kNone, kDenied, kConsumed, kWithdrawn };

struct Hold {
  audit::HoldTerms terms;
  audit::Action action;
  std::string rendering;
  std::vector<std::string> clauses;  // that hold it, by number
  std::vector<std::string> awaits;   // roles whose approvals count, sorted
  agreement::Presence presence = agreement::Presence::kNone;
  std::string exchange;  // in which it was opened
  UtcSeconds opened;
  uint64_t leaf = 0;
  std::vector<Vote> votes;
  End end = End::kNone;

  // For lists: arguments and rendering stay behind.
  [[nodiscard]] Hold without_texts() const;
};

// "open", "expired", "denied", "consumed", "withdrawn".
const char* state_name(const Hold& hold, UtcSeconds now);
std::string new_hold_id();  // "h_" and 32 hex digits

}  // namespace proviso::oversight
