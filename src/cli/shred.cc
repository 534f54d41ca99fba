#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json.h"
#include "cli/ledger.h"
#include "cli/output.h"
#include "cli/state_holder.h"
#include "gate/layout.h"
#include "vault/survey.h"

namespace proviso::cli {
namespace {

struct ShredOptions {
  std::string state = default_state();
  std::string segment;
  std::string authority;
  std::vector<std::string> approvers;
  bool even_this_month = false;
  bool as_json = false;
};

Status list(const ShredOptions& options) {
  PV_TRY(const auto segments, vault::survey_all(gate::Layout{options.state}.vault()));
  print(fmt::format("{:<28} {:>10} {:>12}  {:<20} {}", "segment", "records", "bytes", "leaves", "key"));
  for (const vault::SegmentSurvey& each : segments) {
    print(fmt::format("{:<28} {:>10} {:>12}  {:<20} {}", each.segment, each.records, each.bytes_on_disk,
                      each.records == 0 ? "" : fmt::format("{} to {}", each.first, each.last),
                      each.erased ? "destroyed" : each.has_key ? "there" : "missing"));
  }
  return {};
}

Status shred(const ShredOptions& options) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("segment").string(options.segment);
  writer.key("authority").string(options.authority);
  writer.key("approvers").begin_array();
  for (const std::string& approver : options.approvers) writer.string(approver);
  writer.end_array();
  writer.key("even_this_month").boolean(options.even_this_month);
  writer.end_object();
  PV_TRY(const std::string answer, act_on_ledger(options.state, "/ledger/shred", body));
  if (options.as_json) {
    print(answer);
    return {};
  }
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  const auto number = [&](const char* name) {
    uint64_t value = 0;
    (void)parsed.at_key(name).get(value);
    return value;
  };
  print(fmt::format("`{}` is shredded: {} records of leaves {} to {} can never be opened again",
                    options.segment, number("records"), number("first"), number("last")));
  print(fmt::format("  tombstone: leaf {}; bytes freed on disk: {} of {} (ciphertext stays, so that every "
                    "leaf still verifies)",
                    number("index"), number("bytes_before") - number("bytes_after"),
                    number("bytes_before")));
  return {};
}

int done(const Status& status) { return status ? 0 : complain(status.error()); }

}  // namespace

void add_ledger_shred(CLI::App& ledger, int& status) {
  auto options = std::make_shared<ShredOptions>();
  auto* command = ledger.add_subcommand("shred", "destroy the key of a class and month, for ever");
  command->add_option("--state", options->state, "state folder")->capture_default_str();
  command->add_option("segment", options->segment, "class/month, as `ledger segments` lists it")->required();
  command->add_option("--authority", options->authority, "on whose authority: law, order, retention rule")
      ->required();
  command->add_option("--approver", options->approvers, "who approved it; two different ones")->required();
  command->add_flag("--even-this-month", options->even_this_month,
                    "although nothing more of the class can then be recorded until the month is over");
  command->add_flag("--json", options->as_json, "answer in JSON");
  command->footer(
      "Payloads, facts and salts of that class and month are gone; every leaf and proof still verifies. A\n"
      "tombstone leaf says what was shredded and on whose authority. Backups of STATE/vault/keys keep what\n"
      "they kept: destroy them too.\n"
      "example: proviso ledger shred default/2026-01 --authority 'records act s. 12' --approver ana --approver ben");
  command->callback([options, &status] { status = done(shred(*options)); });

  auto* segments = ledger.add_subcommand("segments", "classes and months of the vault, and what they hold");
  segments->add_option("--state", options->state, "state folder")->capture_default_str();
  segments->callback([options, &status] { status = done(list(*options)); });
}

}  // namespace proviso::cli
