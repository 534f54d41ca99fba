#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/answer.h"
#include "cli/command.h"
#include "cli/gate_client.h"
#include "cli/output.h"

namespace proviso::cli {
namespace {

struct EmergencyOptions {
  GateUser user;
  std::string purpose;
  std::string reason;
  uint64_t leaf = 0;
  bool as_json = false;
};

constexpr std::string_view kPath = "/proviso/emergencies";

Status declare(const EmergencyOptions& options) {
  std::string body;
  json::Writer(body).begin_object().key("purpose").string(options.purpose).key("reason").string(options.reason).end_object();
  PV_TRY(const std::string answer, ask_as_user(options.user, "POST", kPath, body));
  if (options.as_json) {
    print(answer);
    return {};
  }
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  uint64_t leaf = 0;
  (void)parsed.at_key("leaf").get(leaf);
  print(fmt::format("an emergency stands for `{}` until {}: leaf {}\nsomebody else reviews it until {}: proviso emergency review {}",
                    options.purpose, cell_of(parsed, "until"), leaf, cell_of(parsed, "review_due"), leaf));
  return {};
}

Status list(const EmergencyOptions& options) {
  PV_TRY(const std::string answer, ask_as_user(options.user, "GET", kPath, ""));
  if (options.as_json) {
    print(answer);
    return {};
  }
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  json::Array emergencies;
  if (parsed.at_key("emergencies").get(emergencies) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "not a list of emergencies");
  }
  print(fmt::format("{:<8} {:<9} {:<16} {:<12} {:<21} {:<21} {}", "leaf", "state", "purpose", "declared by", "until",
                    "review due", "reason"));
  for (const json::Element one : emergencies) {
    uint64_t leaf = 0;
    (void)one.at_key("leaf").get(leaf);
    print(fmt::format("{:<8} {:<9} {:<16} {:<12} {:<21} {:<21} {}", leaf, cell_of(one, "state"), cell_of(one, "purpose"),
                      cell_of(one, "person"), cell_of(one, "until"), cell_of(one, "review_due"), cell_of(one, "reason")));
  }
  return {};
}

Status review(const EmergencyOptions& options) {
  std::string body;
  json::Writer(body).begin_object().key("words").string(options.reason).end_object();
  PV_TRY(const std::string answer,
         ask_as_user(options.user, "POST", fmt::format("{}/{}/review", kPath, options.leaf), body));
  print(options.as_json ? answer : fmt::format("the emergency of leaf {} is reviewed, and over", options.leaf));
  return {};
}

int done(const Status& status) { return status ? 0 : complain(status.error()); }

}  // namespace

void add_emergency(CLI::App& app, int& status) {
  auto options = std::make_shared<EmergencyOptions>();
  auto* command = app.add_subcommand("emergency", "break-glass: declare, list, review");
  command->require_subcommand(1);
  command->footer(
      "What an emergency opens stands in the agreement, as does who may declare it, who signs beside them and who\n"
      "looks at it afterwards. It ends by itself after minutes. Nothing that a red line forbids is ever opened.\n"
      "  proviso emergency declare logistics --reason \"the bridge is out, convoy stranded\"\n"
      "  proviso hold approve h_… --as security --key ~/.ssh/id_ed25519    (by somebody else)\n"
      "  proviso emergency review 412 --reason \"rightly used, nothing further\"");
  const auto sub = [&](const char* name, const char* words) {
    auto* made = command->add_subcommand(name, words);
    add_gate_options(*made, options->user);
    made->add_flag("--json", options->as_json, "answer in JSON");
    return made;
  };
  auto* declaring = sub("declare", "for one purpose; other people must sign it");
  declaring->add_option("purpose", options->purpose, "as the agreement names it")->required();
  declaring->add_option("--reason", options->reason, "why, in your own words")->required();
  declaring->callback([options, &status] { status = done(declare(*options)); });
  sub("list", "those that stand or wait for their review")->callback([options, &status] { status = done(list(*options)); });
  auto* reviewing = sub("review", "say what you found; it ends an emergency that still stands");
  reviewing->add_option("leaf", options->leaf, "as `emergency list` shows it")->required();
  reviewing->add_option("--reason", options->reason, "what you found, in your own words")->required();
  reviewing->callback([options, &status] { status = done(review(*options)); });
}

}  // namespace proviso::cli
