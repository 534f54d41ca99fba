#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/usage.h"
#include "base/json.h"
#include "cli/ledger.h"
#include "cli/output.h"
#include "cli/state_holder.h"
#include "gate/layout.h"

namespace proviso::cli {
namespace {

struct ReportOptions {
  std::string state = default_state();
  std::string from = "1970-01-01";
  std::string to = "9999-12-31";
  std::string vendor;
  bool as_json = false;
};

std::string command_body(const ReportOptions& options, const std::string& text) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("from").string(options.from);
  writer.key("to").string(options.to);
  writer.key("about").string(options.vendor.empty() ? "every vendor" : options.vendor);
  writer.key("digest").string(sha256(text).hex());
  writer.end_object();
  return body;
}

void print_table(const audit::Usage& usage) {
  print(fmt::format("{:<8} {:<24} {:<20} {:>9} {:>9} {:>9} {:>9}", "month", "vendor", "purpose", "allowed", "denied",
                    "held", "redacted"));
  for (const auto& [key, count] : usage.rows) {
    print(fmt::format("{:<8} {:<24} {:<20} {:>9} {:>9} {:>9} {:>9}", std::get<0>(key),
                      std::get<1>(key).substr(0, 24), std::get<2>(key), count.allowed, count.denied,
                      count.held, count.redacted));
  }
  if (usage.unopened > 0) {
    print(fmt::format("{} requests stand without purpose: their facts are shredded", usage.unopened));
  }
}

// The leaf that says so is durable before anything is shown.
Status report(const ReportOptions& options) {
  const gate::Layout layout{options.state};
  PV_TRY(const UtcSeconds from, parse_time(options.from));
  PV_TRY(const UtcSeconds to, parse_time(options.to));
  PV_TRY(const auto log, ledger::LogReader::open(layout.log()));
  PV_TRY(const auto vault, vault::Vault::open_reader(layout.vault()));
  audit::AgreementShelf agreements(layout.agreements());
  PV_TRY(const audit::Usage usage,
         audit::count_usage(*log, *vault, agreements, from, to, options.vendor));
  const std::string text = usage.text();
  PV_TRY(const std::string noted,
         act_on_ledger(options.state, "/ledger/reported", command_body(options, text)));
  if (options.as_json) {
    print(text);
  } else {
    print_table(usage);
  }
  fmt::print(stderr, "from {} leaves; that this was counted is a leaf: {}\n", usage.leaves, noted);
  return {};
}

}  // namespace

void add_ledger_report(CLI::App& ledger, int& status) {
  auto options = std::make_shared<ReportOptions>();
  auto* command =
      ledger.add_subcommand("report", "how models were used: by month, vendor and purpose, without content");
  command->add_option("--state", options->state, "state folder")->capture_default_str();
  command->add_option("--vendor", options->vendor, "of one vendor");
  command->add_option("--from", options->from, "first day")->capture_default_str();
  command->add_option("--to", options->to, "day after the last")->capture_default_str();
  command->add_flag("--json", options->as_json, "the rows as JSON, whose digest the leaf holds");
  command->callback([options, &status] {
    const Status done = report(*options);
    status = done ? 0 : complain(done.error());
  });
}

}  // namespace proviso::cli
