#pragma once
// The difference that custodians sign (agreement/difference.h), written: what the solvers say of an amendment, and what
// it would have turned in the ledger's own history. Canonical JSON, so that its digest says all of it.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "prove/amendment.h"

namespace proviso::prove {

// The first `size` leaves of a log, judged once more under the amended agreement.
struct History {
  std::string origin;
  uint64_t size = 0;
  Digest root;
  std::string what_if;  // audit::WhatIf::text(): decisions, flipped, unopened and which
};

std::string difference_text(const Amendment& amendment, const agreement::Agreement& from, const agreement::Agreement& to,
                            const std::optional<History>& history);

// What such a text claims apart from solvers' examples and history, a sentence each, sorted: two that were written of
// the same agreements, whenever and with whichever versions of the solvers, claim the same. kInvalid for other text.
Result<std::vector<std::string>> claims_of(std::string_view difference);

// The history that such a text tells of; nothing if none was looked at.
Result<std::optional<History>> history_of(std::string_view difference);

}  // namespace proviso::prove
