#pragma once
// A draft over the ledger's own history: every decision of a time taken once more, under the draft as if it had
// been in force, and what would have come out otherwise. Counts and leaf numbers, never content or people.
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "agreement/agreement.h"
#include "ledger/log.h"
#include "vault/vault.h"

namespace proviso::audit {

inline constexpr size_t kFlipsShownMax = 10;  // leaves of one kind that are named; all are counted

struct Flips {
  uint64_t count = 0;
  std::vector<uint64_t> leaves;  // the first kFlipsShownMax
  std::string reason;            // the draft's, of the first
};
// Verb, the recorded outcome, the draft's.
using FlipKey = std::tuple<std::string, std::string, std::string>;

struct WhatIf {
  uint64_t decisions = 0;  // that were taken again
  uint64_t unopened = 0;   // whose facts are shredded
  uint64_t flipped = 0;
  std::map<FlipKey, Flips> flips;
  [[nodiscard]] std::string text() const;  // canonical JSON, one object
};

// The decisions with from <= time < to among the first `size_max` leaves. An error is one of the log itself, or a leaf
// or record that cannot be read.
Result<WhatIf> what_if(const ledger::LogReader& log, const vault::Vault& vault, const agreement::Agreement& draft,
                       UtcSeconds from, UtcSeconds to, uint64_t size_max = UINT64_MAX);

}  // namespace proviso::audit
