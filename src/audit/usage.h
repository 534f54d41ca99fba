#pragma once
// "How was our model used?": requests counted by month, vendor and purpose, without content or people.
// What is shredded is still counted by vendor and month, which stand in clear in its leaf.
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "audit/replay.h"

namespace proviso::audit {

struct UsageCount {
  uint64_t allowed = 0;
  uint64_t denied = 0;
  uint64_t held = 0;
  uint64_t redacted = 0;  // decisions that it must be asked without something: what came of that is counted besides
};
// Month ("2026-11"), vendor id (a hex digest where no agreement names it), purpose ("-" where it can no
// longer be opened).
using UsageKey = std::tuple<std::string, std::string, std::string>;

struct Usage {
  std::map<UsageKey, UsageCount> rows;
  uint64_t leaves = 0;      // of the log that were looked at
  uint64_t unopened = 0;    // asks whose purpose can no longer be opened
  [[nodiscard]] std::string text() const;  // canonical JSON: an array of rows
};

// Counts the `ask` leaves with from <= time < to; with `vendor`, of that one alone. An error is one of the
// log itself, a leaf that is none, or a purpose that cannot be read.
Result<Usage> count_usage(const ledger::LogReader& log, const vault::Vault& vault,
                          AgreementShelf& agreements, UtcSeconds from, UtcSeconds to,
                          const std::string& vendor);

}  // namespace proviso::audit
