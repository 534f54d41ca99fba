#pragma once
// The parts of `proviso ledger`, one file each; each adds its commands to the parser of `ledger`.
#include <chrono>
#include <memory>
#include <string>

#include "ledger/log.h"

namespace CLI {
class App;
}

namespace proviso::cli {

inline constexpr std::chrono::seconds kPublishWaitMax{2};  // a running gate publishes a leaf within 0.2 s

// The log, opened once its checkpoint covers leaf `index`, for which it waits; after kPublishWaitMax as it
// stands. A leaf that is not in the log is not waited for.
Result<std::unique_ptr<ledger::LogReader>> open_published(const std::string& dir, uint64_t index);

void add_ledger_accuse(CLI::App& ledger, int& status);
void add_ledger_backup(CLI::App& ledger, int& status);
void add_ledger_cosign(CLI::App& ledger, int& status);
void add_ledger_disclose(CLI::App& ledger, int& status);
void add_ledger_report(CLI::App& ledger, int& status);
void add_ledger_rotate(CLI::App& ledger, int& status);
void add_ledger_shred(CLI::App& ledger, int& status);

}  // namespace proviso::cli
