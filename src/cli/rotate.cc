#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/ledger.h"
#include "cli/output.h"
#include "cli/state_holder.h"
#include "gate/rotate.h"

namespace proviso::cli {
namespace {

struct RotateOptions {
  std::string state = default_state();
  std::string reason;
};

Status rotate(const RotateOptions& options) {
  return with_state(options.state, [&](const gate::EngineOptions& engine, const Digest& agreement) -> Status {
    PV_TRY(const gate::Rotated rotated, gate::rotate_keys(engine, agreement, options.reason));
    print(fmt::format("the first {} entries stand under the old keys, leaf {} says so; from now on sign\n  {}\n  {}",
                      rotated.size, rotated.index, rotated.new_log_key, rotated.new_receipt_key));
    print(fmt::format("give whoever verifies `{}`: with it they accept both keys, each in its time. Witnesses need\n"
                      "the new key in their `trusted-logs` beside the old one. The old private keys are gone.",
                      rotated.note));
    return {};
  });
}

}  // namespace

void add_ledger_rotate(CLI::App& ledger, int& status) {
  auto options = std::make_shared<RotateOptions>();
  auto* command = ledger.add_subcommand("rotate-key", "new keys for checkpoints and receipts; old proofs stay good");
  command->add_option("--state", options->state, "state folder")->capture_default_str();
  command->add_option("--reason", options->reason, "why; it stands in the leaf about this")->required();
  command->footer(
      "No gate may run. A leaf and a note signed by the old key name the new ones; what is in keys/rotations\n"
      "goes to everybody who verifies (`proviso-verify … --rotations`). Cut short, it is given again.");
  command->callback([options, &status] {
    const Status done = rotate(*options);
    status = done ? 0 : complain(done.error());
  });
}

}  // namespace proviso::cli
