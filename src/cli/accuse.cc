#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/file.h"
#include "cli/ledger.h"
#include "cli/output.h"
#include "gate/layout.h"
#include "ledger/accuse.h"
#include "ledger/keys.h"
#include "ledger/policy.h"

namespace proviso::cli {
namespace {

constexpr int kNoCase = 3;

struct AccuseOptions {
  std::string state;
  std::string log;
  std::string log_key;
  std::string receipt_key;
  std::vector<std::string> receipts;
  std::vector<std::string> checkpoints;
  std::string policy;
  std::string out;
  int64_t delay_s = ledger::kPublicationDelayS;
};

Result<std::string> key_of(const std::string& given, const std::string& state, const char* name) {
  if (note::VerifierKey::parse(given)) return given;
  if (given.empty() && state.empty()) return std::string();
  PV_TRY(const auto key, ledger::read_verifier_key(given.empty() ? state + "/keys/" + name : given));
  return key.text();
}

Result<std::optional<ledger::Evidence>> accuse(const AccuseOptions& options) {
  ledger::Documents documents;
  documents.delay_s = options.delay_s;
  PV_TRY(documents.log_key, key_of(options.log_key, options.state, "log.vkey"));
  PV_TRY(documents.receipt_key, key_of(options.receipt_key, options.state, "receipt.pub"));
  if (documents.log_key.empty()) return fail(Code::kInvalid, "name the --log-key");
  for (const std::string& file : options.receipts) {
    PV_TRY(std::string text, read_file(file, 64u << 10));
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    documents.receipts.push_back(std::move(text));
  }
  for (const std::string& file : options.checkpoints) {
    PV_TRY(documents.checkpoints.emplace_back(), read_file(file, note::kNoteBytesMax));
  }
  if (!options.policy.empty()) {
    PV_TRY(documents.policy, read_file(options.policy, ledger::kPolicyBytesMax));
  }
  std::unique_ptr<ledger::LogReader> log;
  const std::string dir =
      options.log.empty() && !options.state.empty() ? options.state + "/log" : options.log;
  if (!dir.empty()) {
    PV_TRY(log, ledger::LogReader::open_published(dir));
  }
  documents.published = log.get();
  return ledger::accuse(documents);
}

int run(const AccuseOptions& options) {
  const auto found = accuse(options);
  if (!found) return complain(found.error());
  if (!*found) {
    print("no case: these documents can all be true");
    return kNoCase;
  }
  const auto sentence = ledger::judge(**found);
  if (!sentence) return complain(sentence.error());
  const std::string text = (*found)->text();
  if (options.out.empty()) {
    print(text);
  } else if (const Status wrote = write_file_durable(options.out, text + "\n", FileMode::kShared);
             !wrote) {
    return complain(wrote.error());
  }
  fmt::print(stderr, "{}: {}\n", ledger::charge_name((*found)->charge), *sentence);
  return 0;
}

}  // namespace

void add_ledger_accuse(CLI::App& ledger, int& status) {
  auto options = std::make_shared<AccuseOptions>();
  auto* command = ledger.add_subcommand("accuse", "evidence that a log broke its word, or no case");
  command->add_option("--state", options->state, "a state folder: its log and its keys");
  command->add_option("--log", options->log, "the log as it is published today, or a mirror of it");
  command->add_option("--log-key", options->log_key, "the log's verifier key: a file or its text");
  command->add_option("--receipt-key", options->receipt_key, "the receipt key: a file or its text");
  command->add_option("--receipt", options->receipts, "a receipt that was given out; at most two");
  command->add_option("--checkpoint", options->checkpoints,
                      "a checkpoint that was seen before; at most two");
  command->add_option("--policy", options->policy, "whose cosignatures tell the time (tlog-policy)");
  command->add_option("--delay", options->delay_s, "seconds within which a promised entry is published")
      ->capture_default_str();
  command->add_option("--out", options->out, "write the evidence here instead of printing it");
  command->footer(
      "Charges: two-leaves, back-dated, two-roots, rewritten, replaced, missing (docs/ledger.md).\n"
      "`proviso-verify evidence FILE` judges the file on any machine, under keys that the judge brings.\n"
      "Exit status: 0 evidence was made, 1 a document is not the log's own or cannot be read, 3 no case.");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace proviso::cli
