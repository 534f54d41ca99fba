// proviso-verify: judges what a gate left behind, without the gate. Links audit, prove and what is below
// them.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>

#include "audit/verify.h"
#include "audit/verify_papers.h"
#include "audit/verify_proofs.h"
#include "base/json.h"

namespace proviso::audit {
namespace {

constexpr int kUsage = 2;
constexpr int64_t kSilenceShown = 3600;  // seconds; the default heartbeat

struct Options {
  std::string state;
  std::string log, vault, agreements, log_key, receipt_key, receipt, rotations, redo;
  bool no_vault = false;
  bool json = false;
  std::string prove;
};

constexpr const char* kFooter = R"(
What is checked: every batch, tile and bundle against the entries; the checkpoint against the tree and
the log's key; every vault record against its leaf; every agreement against its digest and its parties'
signatures; and each decision, derived again from its opened facts.

Examples:
  proviso-verify /var/lib/proviso
  proviso-verify /var/lib/proviso --log-key 'log.example/gate+1a2b3c4d+AX…'   a key you got elsewhere
  proviso-verify --log DIR --agreements DIR --log-key FILE --no-vault         without opening anything
  proviso-verify --prove /var/lib/proviso      the red lines, by solvers, without believing any record
  proviso-verify receipt receipt.json --log DIR --receipt-key FILE
  proviso-verify proof leaf.tlog-proof --policy POLICY --receipt receipt.json
  proviso-verify disclosure opened.json --policy POLICY --agreement DIGEST
  proviso-verify evidence evidence.json --log-key FILE --receipt-key FILE
  curl -si … | sed -n 's/^proviso-receipt: //ip' | proviso-verify receipt - --receipt-key FILE

Exit status: 0 all verified, 1 something does not verify (each on a line: what, where, why),
2 wrong usage or nothing to judge, 3 what could be opened verifies, but facts are withheld or shredded.)";

int complain(const Error& error) {
  fmt::print(stderr, "proviso-verify: {}\n", error.message);
  return kUsage;
}

// Whoever gave the command named the approvers; nobody signed.
void print_tombstone(const Tombstone& stone) {
  std::string names;
  for (const std::string& name : stone.claimed_approvers) {
    names += (names.empty() ? "" : ", ") + json::quoted(name);
  }
  if (stone.by_agreement) {
    fmt::print("  {} was shredded: {} records of leaves {} to {}; its period in the agreement was over (leaf {})\n",
               json::quoted(stone.segment), stone.records, stone.first, stone.last, stone.index);
    return;
  }
  fmt::print("  {} was shredded: {} records of leaves {} to {}; authority {}; approvers, as claimed: {} "
             "(leaf {})\n",
             json::quoted(stone.segment), stone.records, stone.first, stone.last,
             json::quoted(stone.authority), names.empty() ? "none" : names, stone.index);
}

void put_tombstones(json::Writer& writer, const std::vector<Tombstone>& stones) {
  writer.key("tombstones").begin_array();
  for (const Tombstone& stone : stones) {
    writer.begin_object();
    writer.key("leaf").uinteger(stone.index);
    writer.key("segment").string(stone.segment);
    writer.key("first").uinteger(stone.first);
    writer.key("last").uinteger(stone.last);
    writer.key("records").uinteger(stone.records);
    writer.key("authority").string(stone.authority);
    writer.key("by_agreement").boolean(stone.by_agreement);
    writer.key("claimed_approvers").begin_array();
    for (const std::string& name : stone.claimed_approvers) writer.string(name);
    writer.end_array();
    writer.end_object();
  }
  writer.end_array();
}

void print_json(const Verdict& verdict, const std::string& log_key) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("verified").boolean(verdict.finding_count == 0 && !verdict.nothing_opened());
  writer.key("origin").string(verdict.origin);
  writer.key("log_key").string(log_key);
  writer.key("leaves").uinteger(verdict.replay.leaves);
  writer.key("checkpoint_size").uinteger(verdict.checkpoint_size);
  writer.key("decisions").uinteger(verdict.replay.decisions);
  writer.key("others").uinteger(verdict.replay.others);
  writer.key("withheld").uinteger(verdict.replay.withheld);
  writer.key("open_intents").uinteger(verdict.replay.open_intents);
  writer.key("silence_seconds").integer(verdict.replay.silence_s);
  put_tombstones(writer, verdict.replay.tombstones);
  writer.key("fault_count").uinteger(verdict.finding_count);
  writer.key("faults").begin_array();
  for (const auto& finding : verdict.findings) {
    writer.begin_object();
    writer.key("what").string(finding.what);
    writer.key("where").string(finding.where);
    writer.key("why").string(finding.why);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  fmt::print("{}\n", out);
}

void print_text(const Verdict& verdict, const std::string& log_key, bool key_from_state) {
  for (const auto& finding : verdict.findings) {
    fmt::print("{}: {}: {}\n", finding.what, finding.where, finding.why);
  }
  if (verdict.finding_count > verdict.findings.size()) {
    fmt::print("and {} more\n", verdict.finding_count - verdict.findings.size());
  }
  const auto& replay = verdict.replay;
  fmt::print("{}: {} leaves, checkpoint over {}\n", verdict.origin, replay.leaves,
             verdict.checkpoint_size);
  fmt::print("  {} decisions derived again and found the same, {} other leaves opened and right\n",
             replay.decisions, replay.others);
  if (replay.withheld > 0) fmt::print("  {} leaves not replayable: withheld\n", replay.withheld);
  if (replay.open_intents > 0)
    fmt::print("  {} allowed requests without an outcome\n", replay.open_intents);
  if (replay.silence_s >= kSilenceShown) {
    fmt::print("  the longest silence while a gate ran: {} s\n", replay.silence_s);
  }
  for (const Tombstone& stone : replay.tombstones) print_tombstone(stone);
  fmt::print("{}\n", verdict.finding_count != 0    ? "NOT VERIFIED"
                     : verdict.nothing_opened() ? "the log holds; no decision was judged, for nothing "
                                                  "could be opened"
                                                : "verified");
  if (key_from_state) {
    fmt::print(
        "The log's key was taken from the state folder. Compare it with the one you were given:\n"
        "  {}\n",
        log_key);
  }
}

int run_state(Options options) {
  const bool key_from_state = options.log_key.empty();
  if (!options.state.empty()) {
    const auto fill = [&](std::string& place, const char* name) {
      if (place.empty()) place = options.state + "/" + name;
    };
    fill(options.log, "log");
    fill(options.vault, "vault");
    fill(options.agreements, "agreements");
    fill(options.log_key, "keys/log.vkey");
    fill(options.rotations, "keys/rotations");
    options.redo = options.state + "/redo";
  }
  if (options.no_vault) options.vault.clear();
  if (options.log.empty() || options.agreements.empty() || options.log_key.empty()) {
    return complain({Code::kInvalid,
                     "name a state folder, or --log, --agreements and --log-key "
                     "(`proviso-verify --help` shows how)"});
  }
  const auto key = key_text(options.log_key);
  if (!key) return complain(key.error());
  const auto verdict = verify_state({options.log, options.vault, options.agreements, *key, options.rotations, options.redo});
  if (!verdict) return complain(verdict.error());
  if (options.json)
    print_json(*verdict, *key);
  else
    print_text(*verdict, *key, key_from_state);
  return verdict->exit_code();
}

void print_receipt(const Options& options, const ledger::Receipt& receipt, const Status& holds) {
  const bool in_log = !options.log.empty();
  if (!options.json) {
    if (!holds)
      fmt::print("receipt: {}: {}\n", options.receipt, holds.error().message);
    else
      fmt::print("{}: entry {} was recorded at {}{}\n", receipt.origin, receipt.index,
                 format_time(receipt.time),
                 in_log ? " and stands in the log" : "; the log was not looked at");
    return fmt::print("{}\n", holds ? "verified" : "NOT VERIFIED");
  }
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("verified").boolean(holds.has_value());
  writer.key("origin").string(receipt.origin);
  writer.key("index").uinteger(receipt.index);
  writer.key("time").string(format_time(receipt.time));
  writer.key("log_checked").boolean(in_log);
  if (!holds) writer.key("why").string(holds.error().message);
  writer.end_object();
  fmt::print("{}\n", out);
}

int run_receipt(Options options) {
  if (!options.state.empty()) {
    if (options.log.empty()) options.log = options.state + "/log";
    if (options.receipt_key.empty()) options.receipt_key = options.state + "/keys/receipt.pub";
    if (options.rotations.empty()) options.rotations = options.state + "/keys/rotations";
  }
  if (options.receipt_key.empty()) return complain({Code::kInvalid, "name the --receipt-key"});
  const auto key = key_text(options.receipt_key);
  if (!key) return complain(key.error());
  const auto keys = chain_of(*key, options.rotations);
  if (!keys) return complain(keys.error());
  const auto text = read_line(options.receipt, 64u << 10);
  if (!text) return complain(text.error());
  std::unique_ptr<ledger::LogReader> log;
  if (!options.log.empty()) {
    auto opened = ledger::LogReader::open(options.log);
    if (!opened) return complain(opened.error());
    log = std::move(*opened);
  }
  const auto receipt = ledger::Receipt::parse(*text);
  const Status holds =
      receipt ? verify_receipt(*receipt, *keys, log.get()) : std::unexpected(receipt.error());
  print_receipt(options, receipt ? *receipt : ledger::Receipt{}, holds);
  return holds ? 0 : 1;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app{"Verifies what a Proviso gate recorded, without trusting the gate."};
  app.footer(kFooter);
  app.add_option("STATE_DIR", options.state,
                 "the gate's state folder: log, vault, agreements, keys");
  const auto shared = [&options](CLI::App& command) {
    command.add_option("--log", options.log, "the log's folder");
    command.add_option("--receipt-key", options.receipt_key, "the receipt key: a file or its text");
    command.add_option("--rotations", options.rotations,
                       "the log's changes of keys: a note or a folder of them");
    command.add_flag("--json", options.json, "one JSON object instead of lines");
  };
  shared(app);
  app.add_option("--vault", options.vault, "the vault's folder");
  app.add_option("--agreements", options.agreements, "agreements by digest");
  app.add_option("--log-key", options.log_key, "the log's verifier key: a file or its text");
  app.add_option("--prove", options.prove,
                 "a state folder or an agreement: prove its red lines again with cvc5 and z3");
  app.add_flag("--no-vault", options.no_vault, "open nothing: check log and leaves only");
  auto* receipt =
      app.add_subcommand("receipt", "verify one receipt, and that the log holds its entry");
  receipt->add_option("FILE", options.receipt, "the receipt, or - for standard input")->required();
  receipt->add_option("--state", options.state, "the gate's state folder");
  shared(*receipt);
  int papers = kUsage;
  add_papers(app, papers);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : kUsage;
  }
  if (receipt->parsed()) return run_receipt(options);
  if (!options.prove.empty()) return prove_place(options.prove, options.json);
  return app.get_subcommands().empty() ? run_state(options) : papers;
}

}  // namespace
}  // namespace proviso::audit

int main(int argc, char** argv) { return proviso::audit::run(argc, argv); }
