#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "ledger/signer.h"

namespace proviso::cli {

void add_signer(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("signer", "the log's signer; started by the gate");
  command->group("");  // hidden
  command->prefix_command();
  command->callback([command, &status] {
    const auto options = ledger::parse_signer_args(command->remaining());
    status = options ? ledger::run_signer(ledger::kSignerFd, *options) : complain(options.error());
  });
}

}  // namespace proviso::cli
