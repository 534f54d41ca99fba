#include "cli/state_holder.h"

#include "base/file.h"
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/output.h"
#include "gate/caretaker.h"
#include "gate/config.h"
#include "gate/ledger_acts.h"
#include "ledger/keys.h"

namespace proviso::cli {
namespace {

// The node that the gate of this state would write into its leaves.
Result<std::string> node_of(const gate::Layout& layout) {
  const auto text = read_file(layout.config());
  if (!text && text.error().code != Code::kNotFound) return std::unexpected(text.error());
  PV_TRY(const gate::Config config, gate::parse_config(text ? *text : "", layout.config()));
  return config.node;
}

}  // namespace

Result<std::string> act_on_ledger(const std::string& state, std::string_view path,
                                  const std::string& body) {
  PV_TRY(std::optional<std::string> answer, ask_gate(state, "POST", path, body));
  if (answer) return std::move(*answer);
  static const SystemClock clock;
  gate::EngineOptions options;
  options.layout.root = state;
  PV_TRY(options.node, node_of(options.layout));
  PV_TRY(const note::VerifierKey log_key, ledger::read_verifier_key(options.layout.log_vkey()));
  options.origin = log_key.name;
  options.program = own_path();
  options.clock = &clock;
  PV_TRY(const gate::Loaded loaded, gate::load_agreement(options.layout.agreement(), clock.now()));
  PV_TRY(const auto engine, gate::Engine::open(std::move(options)));
  json::Parser parser;
  PV_TRY(const json::Element command, parser.parse(body));
  return gate::ledger_act(*engine, loaded.agreement->digest(), path, command);
}

}  // namespace proviso::cli
