#include "cli/state_holder.h"

#include "base/file.h"
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/output.h"
#include "gate/caretaker.h"
#include "gate/config.h"
#include "gate/ledger_acts.h"
#include "gate/register.h"
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

Result<gate::EngineOptions> engine_options(const std::string& state) {
  static const SystemClock clock;
  gate::EngineOptions options;
  options.layout.root = state;
  PV_TRY(options.node, node_of(options.layout));
  PV_TRY(const note::VerifierKey log_key, ledger::read_verifier_key(options.layout.log_vkey()));
  options.origin = log_key.name;
  options.program = own_path();
  options.clock = &clock;
  return options;
}

// The gate's own engine, held by this command because no gate runs, and the agreement of the state.
struct Held {
  std::unique_ptr<gate::Engine> engine;
  Digest agreement;
};
Result<Held> hold_state(const std::string& state) {
  PV_TRY(gate::EngineOptions options, engine_options(state));
  PV_TRY(const gate::Loaded loaded,
         gate::load_agreement(options.layout.agreement(), options.clock->now()));
  Held held;
  held.agreement = loaded.agreement->digest();
  PV_TRY(held.engine, gate::Engine::open(std::move(options)));
  return held;
}

}  // namespace

Status with_state(const std::string& state,
                  const std::function<Status(const gate::EngineOptions&, const Digest& agreement)>& act) {
  PV_TRY(const auto running, ask_gate(state, "GET", "/status", ""));
  if (running) return fail(Code::kConflict, "a gate runs on this state: stop it first");
  PV_TRY(const gate::EngineOptions options, engine_options(state));
  PV_TRY(const gate::Loaded loaded,
         gate::load_agreement(options.layout.agreement(), options.clock->now()));
  return act(options, loaded.agreement->digest());
}

Result<std::string> act_on_ledger(const std::string& state, std::string_view path,
                                  const std::string& body) {
  PV_TRY(std::optional<std::string> answer, ask_gate(state, "POST", path, body));
  if (answer) return std::move(*answer);
  PV_TRY(const Held held, hold_state(state));
  json::Parser parser;
  PV_TRY(const json::Element command, parser.parse(body));
  return gate::ledger_act(*held.engine, held.agreement, path, command);
}

Result<std::string> act_on_register(const std::string& state, std::string_view method,
                                    std::string_view path, const std::string& body) {
  PV_TRY(std::optional<std::string> answer, ask_gate(state, method, path, body));
  if (answer) return std::move(*answer);
  PV_TRY(const Held held, hold_state(state));
  if (method == "GET") return gate::register_list(*held.engine, path);
  json::Parser parser;
  PV_TRY(const json::Element command, parser.parse(body));
  return gate::register_act(*held.engine, held.agreement, path, command);
}

}  // namespace proviso::cli
