#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/ledger.h"
#include "cli/output.h"
#include "gate/cosigner.h"
#include "gate/layout.h"
#include "ledger/keys.h"

namespace proviso::cli {
namespace {

struct CosignOptions {
  std::string state = default_state();
  std::string policy;
  bool as_json = false;
};

void print_json(const gate::CosignRound& round) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("quorum").boolean(round.witnessed.quorum);
  writer.key("size").uinteger(round.witnessed.checkpoint.size);
  writer.key("witnesses").begin_array();
  for (const gate::CosignRound::Said& said : round.said) {
    writer.begin_object();
    writer.key("name").string(said.name);
    writer.key("cosigned").boolean(said.cosigned);
    writer.key("why").string(said.why);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  print(out);
}

Result<bool> cosign(const CosignOptions& options) {
  const gate::Layout layout{options.state};
  PV_TRY(const std::string text, read_file(options.policy, ledger::kPolicyBytesMax));
  PV_TRY(ledger::Policy policy, ledger::Policy::parse(text));
  PV_TRY(note::VerifierKey key, ledger::read_verifier_key(layout.log_vkey()));
  PV_TRY(const auto carrier, gate::Carrier::create(layout.log(), std::move(policy), std::move(key)));
  PV_TRY(const gate::CosignRound round, carrier->round());
  if (options.as_json) {
    print_json(round);
    return round.witnessed.quorum;
  }
  for (const gate::CosignRound::Said& said : round.said) {
    print(said.cosigned ? green("cosigned  ") + said.name
                        : red("not       ") + said.name + ": " + said.why);
  }
  print(fmt::format("{} leaves: {}", round.witnessed.checkpoint.size,
                    round.witnessed.quorum ? "the quorum stands" : red("no quorum")));
  return round.witnessed.quorum;
}

}  // namespace

void add_ledger_cosign(CLI::App& ledger, int& status) {
  auto options = std::make_shared<CosignOptions>();
  auto* command =
      ledger.add_subcommand("cosign", "ask the witnesses of a policy to cosign the checkpoint");
  command->add_option("--state", options->state, "state folder")->capture_default_str();
  command->add_option("--policy", options->policy, "a C2SP tlog-policy with the witnesses' URLs")
      ->required();
  command->add_flag("--json", options->as_json, "one JSON object");
  command->footer(
      "With the quorum the checkpoint and its cosignatures stand in STATE/log/checkpoint.witnessed.\n"
      "Exit status: 0 with the quorum, 1 without. A running gate does this by itself: [witness] in\n"
      "proviso.toml.");
  command->callback([options, &status] {
    const Result<bool> quorum = cosign(*options);
    status = !quorum ? complain(quorum.error()) : *quorum ? 0 : 1;
  });
}

}  // namespace proviso::cli
