#pragma once
// The parts of `proviso ledger`, one file each; each adds its commands to the parser of `ledger`.
namespace CLI {
class App;
}

namespace proviso::cli {

void add_ledger_accuse(CLI::App& ledger, int& status);
void add_ledger_backup(CLI::App& ledger, int& status);
void add_ledger_cosign(CLI::App& ledger, int& status);
void add_ledger_disclose(CLI::App& ledger, int& status);
void add_ledger_report(CLI::App& ledger, int& status);
void add_ledger_shred(CLI::App& ledger, int& status);

}  // namespace proviso::cli
