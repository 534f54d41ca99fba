#pragma once
// LogReader::check(), apart because it is an auditor's work and not a reader's.
#include <string>
#include <string_view>
#include <vector>

#include "ledger/log.h"

namespace proviso::ledger {

// `reader` reads the log in `dir`. What every fault is called: docs/ledger.md.
std::vector<Error> check_log(const LogReader& reader, const std::string& dir,
                             std::string_view log_key);

}  // namespace proviso::ledger
