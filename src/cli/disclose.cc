#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "audit/disclosure.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/ledger.h"
#include "cli/output.h"
#include "cli/state_holder.h"
#include "gate/layout.h"
#include "ledger/cosigning.h"
#include "ledger/tlog_proof.h"

namespace proviso::cli {
namespace {

struct DiscloseOptions {
  std::string state = default_state();
  uint64_t index = 0;
  std::vector<std::string> paths;
  std::vector<std::string> absent;
  std::string to;
  std::string out;
  bool everything = false;
  bool hide_names = false;
};

// Under the witnessed checkpoint where it covers the leaf, else under the log's own.
Result<std::string> best_proof(const ledger::LogReader& log, const std::string& dir, uint64_t index) {
  if (const auto witnessed = ledger::read_witnessed(dir)) {
    auto proof = ledger::tlog_proof(log, index, *witnessed);
    if (proof) return proof;
  }
  return ledger::tlog_proof(log, index);
}

Result<audit::Disclosure> make(const DiscloseOptions& options) {
  const gate::Layout layout{options.state};
  PV_TRY(const auto log, open_published(layout.log(), options.index));
  audit::Disclosure out;
  PV_TRY(out.leaf, log->entry(options.index));
  PV_TRY(const audit::Leaf leaf, audit::Leaf::parse(out.leaf));
  PV_TRY(out.proof, best_proof(*log, layout.log(), options.index));
  PV_TRY(const auto vault, vault::Vault::open_reader(layout.vault()));
  PV_TRY(const std::string bytes, vault->open_record(options.index));
  PV_TRY(const audit::Contents contents, audit::Contents::decode(bytes));
  std::set<std::string> paths(options.paths.begin(), options.paths.end());
  if (options.everything) {
    for (const auto& [path, value] : contents.facts.items()) paths.insert(path);
  }
  PV_TRY(out.facts,
         audit::open_facts(contents, paths, {options.absent.begin(), options.absent.end()},
                           options.hide_names ? audit::Naming::kChosen : audit::Naming::kAll));
  if (leaf.agreement != Digest{}) {
    PV_TRY(out.agreement, read_tree(layout.agreement_of(leaf.agreement)));
  }
  return out;
}

std::string command_body(const DiscloseOptions& options, const audit::Disclosure& disclosure,
                         const std::string& text) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("leaf").uinteger(options.index);
  writer.key("to").string(options.to);
  writer.key("opened").begin_array();
  for (const audit::DisclosedFact& fact : disclosure.facts) {
    if (fact.salt) writer.string(fact.path);
  }
  writer.end_array();
  writer.key("absent").begin_array();
  for (const std::string& path : options.absent) writer.string(path);
  writer.end_array();
  writer.key("digest").string(sha256(text).hex());
  writer.end_object();
  return body;
}

// The leaf that says so is durable before the file is.
Status disclose(const DiscloseOptions& options) {
  PV_TRY(const audit::Disclosure disclosure, make(options));
  const std::string text = disclosure.text() + "\n";
  PV_TRY(const std::string answer, act_on_ledger(options.state, "/ledger/disclosed",
                                                 command_body(options, disclosure, text)));
  PV_TRY_VOID(write_file_durable(options.out, text, FileMode::kPrivate));
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  uint64_t index = 0;
  if (parsed.at_key("index").get(index) != simdjson::SUCCESS) {
    return fail(Code::kInternal, "the gate's answer names no leaf");
  }
  print(fmt::format("leaf {} opened for {} in `{}`; that it was is leaf {}", options.index, options.to,
                    options.out, index));
  return {};
}

}  // namespace

void add_ledger_disclose(CLI::App& ledger, int& status) {
  auto options = std::make_shared<DiscloseOptions>();
  auto* command = ledger.add_subcommand("disclose", "open chosen facts of a leaf to somebody, in a file");
  command->add_option("--state", options->state, "state folder")->capture_default_str();
  command->add_option("index", options->index, "the leaf")->required();
  command->add_option("--fact", options->paths, "open this fact (repeat it)");
  command->add_flag("--all", options->everything, "open every fact: the decision can be derived again");
  command->add_option("--absent", options->absent, "show that there is no such fact (repeat it)");
  command->add_flag("--hide-names", options->hide_names, "do not even name what stays closed");
  command->add_option("--to", options->to, "for whom; it stands in the leaf about this")->required();
  command->add_option("--out", options->out, "the file")->required();
  command->footer(
      "The file holds the leaf, its proof, the agreement and what was chosen, never prompts or answers.\n"
      "`proviso-verify disclosure FILE` judges it on any machine. Making it is a leaf.");
  command->callback([options, &status] {
    const Status done = disclose(*options);
    status = done ? 0 : complain(done.error());
  });
}

}  // namespace proviso::cli
