// `proviso agreement what-if`: a draft over the ledger's history.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/what_if.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/visible.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/state_holder.h"
#include "cli/what_if.h"
#include "gate/layout.h"

namespace proviso::cli {
namespace {

constexpr int64_t kMonthSeconds = 31 * 86'400;
constexpr int kFlipped = 3;

struct WhatIfOptions {
  std::string state = default_state();
  std::string draft, from, to;
  bool as_json = false;
};

std::string command_body(const std::string& from, const std::string& to, const Digest& draft, const std::string& text) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object().key("from").string(from).key("to").string(to);
  writer.key("about").string("the draft " + draft.hex()).key("digest").string(sha256(text).hex()).end_object();
  return body;
}

void print_table(const audit::WhatIf& found) {
  print(fmt::format("{} of {} past decisions would flip", found.flipped, found.decisions));
  if (found.unopened > 0) print(fmt::format("{} more cannot be opened: their facts are shredded", found.unopened));
  for (const auto& [key, each] : found.flips) {
    const auto& [verb, was, now] = key;
    print(fmt::format("  {:>7}  {}: {} becomes {}   leaves {}{}", each.count, verb, was, now, fmt::join(each.leaves, ", "),
                      each.count > each.leaves.size() ? ", …" : ""));
    if (!each.reason.empty()) print("           " + visible(each.reason));
  }
}

Result<audit::WhatIf> ask(const WhatIfOptions& options) {
  const UtcSeconds now = SystemClock().now();
  PV_TRY(const agreement::Files files, read_tree(options.draft));
  PV_TRY(const auto draft, agreement::Agreement::load(files));
  PV_TRY(PastUnder past,
         past_under(options.state, *draft,
                    options.from.empty() ? format_time({now.value - kMonthSeconds}) : options.from,
                    options.to.empty() ? format_time({now.value + 1}) : options.to));
  return std::move(past.found);
}

int what_if(const WhatIfOptions& options) {
  const auto found = ask(options);
  if (!found) return complain(found.error());
  if (options.as_json) {
    print(found->text());
  } else {
    print_table(*found);
  }
  return found->flipped == 0 ? 0 : kFlipped;
}

}  // namespace

// That it was counted is a leaf before anything is shown, as for any count over people's requests.
Result<PastUnder> past_under(const std::string& state, const agreement::Agreement& draft, const std::string& from,
                             const std::string& to) {
  const gate::Layout layout{state};
  UtcSeconds first{0};
  UtcSeconds last{INT64_MAX};
  if (!from.empty()) {
    PV_TRY(first, parse_time(from));
  }
  if (!to.empty()) {
    PV_TRY(last, parse_time(to));
  }
  PV_TRY(const auto log, ledger::LogReader::open(layout.log()));
  PV_TRY(const auto vault, vault::Vault::open_reader(layout.vault()));
  PastUnder past{.found = {}, .origin = log->origin(), .size = log->size(), .root = {}};
  PV_TRY(past.root, log->subtree(0, past.size));
  PV_TRY(past.found, audit::what_if(*log, *vault, draft, first, last, past.size));
  const std::string from_word = from.empty() ? "the beginning" : from;
  PV_TRY(const std::string noted,
         act_on_ledger(state, "/ledger/reported",
                       command_body(from_word, to.empty() ? "now" : to, draft.digest(), past.found.text())));
  return past;
}

void add_agreement_what_if(CLI::App& command, int& status) {
  auto options = std::make_shared<WhatIfOptions>();
  auto* sub = command.add_subcommand("what-if", "which past decisions a draft would have turned");
  sub->add_option("draft", options->draft, "the draft's folder; it need not be signed")->required();
  sub->add_option("--from", options->from, "first day or time; else 31 days ago");
  sub->add_option("--to", options->to, "day or time after the last; else now");
  sub->add_option("--state", options->state, "state folder")->capture_default_str();
  sub->add_flag("--json", options->as_json, "answer in JSON, whose digest the leaf holds");
  sub->footer("The draft judges the recorded facts as if it had been in force, whatever period it names. Counts and leaf\n"
              "numbers are shown, no content and no people; that it was asked is a `report` leaf.\n"
              "exit status: 0 nothing would flip, 3 something would, 1 it cannot be said");
  sub->callback([options, &status] { status = what_if(*options); });
}

}  // namespace proviso::cli
