#pragma once
// A draft over the ledger's history, for whoever shows it: counted, and the leaf that it was counted.
#include <string>

#include "audit/what_if.h"

namespace proviso::cli {

struct PastUnder {
  audit::WhatIf found;
  std::string origin;
  uint64_t size = 0;  // leaves that were looked at
  Digest root;        // of these
};
// The decisions with `from` <= time < `to`, each a time or empty for no bound. That it was asked is a `report` leaf, of
// the running gate or of this command, before anything is returned.
Result<PastUnder> past_under(const std::string& state, const agreement::Agreement& draft, const std::string& from,
                             const std::string& to);

}  // namespace proviso::cli
