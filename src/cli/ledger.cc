#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <thread>

#include "audit/leaf.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/ledger.h"
#include "cli/output.h"
#include "gate/layout.h"
#include "ledger/cosigning.h"
#include "ledger/keys.h"
#include "ledger/log.h"
#include "ledger/tlog_proof.h"
#include "vault/vault.h"

namespace proviso::cli {
namespace {

struct LedgerOptions {
  std::string state = default_state();
  int64_t index = -1;
  uint64_t last = 20;
  bool facts = false;
  bool as_json = false;
  bool witnessed = false;
  std::string receipt;
  std::string payload;
};

void print_leaf(uint64_t index, const audit::Leaf& leaf) {
  const std::string decision = leaf.decision == "deny"   ? red(leaf.decision)
                               : leaf.decision == "allow" ? green(leaf.decision)
                                                          : leaf.decision;
  print(fmt::format("{:>8}  {}  {:<12} {:<6} {:>3} facts  {}", index, format_time(leaf.time), leaf.verb,
                    decision, leaf.fact_count, leaf.fact_root.hex().substr(0, 16)));
}

Status print_facts(const vault::Vault& vault, uint64_t index) {
  PV_TRY(const std::string bytes, vault.open_record(index));
  PV_TRY(const audit::Contents contents, audit::Contents::decode(bytes));
  for (const auto& [path, value] : contents.facts.items()) {
    print(fmt::format("            {:<34} {}", path, exchange::canonical_value(value)));
  }
  for (const auto& [name, payload] : contents.payloads) {
    print(fmt::format("            payload {:<26} {} bytes", name, payload.size()));
  }
  return {};
}

// {"facts":{…},"index":7,"leaf":"…"}, for programs.
Status print_json(const vault::Vault& vault, uint64_t index, const std::string& entry) {
  PV_TRY(const std::string bytes, vault.open_record(index));
  PV_TRY(const audit::Contents contents, audit::Contents::decode(bytes));
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("facts").begin_object();
  for (const auto& [path, value] : contents.facts.items()) {
    writer.key(path).raw(exchange::canonical_value(value));
  }
  writer.end_object();
  writer.key("index").uinteger(index);
  writer.key("leaf").string(entry);
  writer.end_object();
  print(out);
  return {};
}

Status show(const LedgerOptions& options) {
  const gate::Layout layout{options.state};
  PV_TRY(const auto reader, ledger::LogReader::open(layout.log()));
  std::unique_ptr<vault::Vault> vault;
  if (options.facts) {
    PV_TRY(vault, vault::Vault::open_reader(layout.vault()));
  }
  uint64_t first = reader->size() > options.last ? reader->size() - options.last : 0;
  uint64_t end = reader->size();
  if (options.index >= 0) {
    first = static_cast<uint64_t>(options.index);
    end = first + 1;
  }
  if (first >= reader->size() && reader->size() > 0) {
    return fail(Code::kNotFound, fmt::format("there is no leaf {}; the log has {}", first, reader->size()));
  }
  for (uint64_t index = first; index < end && index < reader->size(); ++index) {
    PV_TRY(const std::string entry, reader->entry(index));
    if (options.as_json) {
      if (vault) {
        PV_TRY_VOID(print_json(*vault, index, entry));
      } else {
        print(entry);
      }
      continue;
    }
    PV_TRY(const audit::Leaf leaf, audit::Leaf::parse(entry));
    print_leaf(index, leaf);
    if (vault) PV_TRY_VOID(print_facts(*vault, index));
  }
  return {};
}

// One payload's own bytes. To a terminal, what could command it is spelt out.
Status payload(const LedgerOptions& options) {
  PV_TRY(const auto vault, vault::Vault::open_reader(gate::Layout{options.state}.vault()));
  PV_TRY(const std::string bytes, vault->open_record(static_cast<uint64_t>(options.index)));
  PV_TRY(const audit::Contents contents, audit::Contents::decode(bytes));
  std::string names;
  for (const auto& [name, text] : contents.payloads) {
    if (name == options.payload) {
      print_bytes(text);
      return {};
    }
    names += (names.empty() ? "" : ", ") + name;
  }
  return fail(Code::kNotFound, fmt::format("leaf {} has no payload `{}`; it has {}", options.index, options.payload,
                                           names.empty() ? "none" : names));
}

// The leaf asked for, by its place or by the receipt that promised it.
Result<uint64_t> place_of(const LedgerOptions& options, const ledger::LogReader& reader) {
  if (options.receipt.empty()) {
    if (options.index < 0) return fail(Code::kInvalid, "name a leaf, or a --receipt");
    return static_cast<uint64_t>(options.index);
  }
  PV_TRY(std::string text, read_file(options.receipt, 64u << 10));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  PV_TRY(const ledger::Receipt receipt, ledger::Receipt::parse(text));
  PV_TRY(const Digest leaf, reader.leaf_hash(receipt.index));
  if (receipt.origin != reader.origin() || leaf != receipt.leaf) {
    return fail(Code::kUnverified,
                fmt::format("the log holds another leaf at {} than the receipt promises: "
                            "`proviso ledger accuse` makes evidence of that",
                            receipt.index));
  }
  return receipt.index;
}

// Under the witnessed checkpoint where it covers the leaf; the log's own word otherwise, unless
// --witnessed asks for no less.
Status proof(const LedgerOptions& options) {
  const std::string dir = gate::Layout{options.state}.log();
  PV_TRY(auto reader, ledger::LogReader::open(dir));
  PV_TRY(const uint64_t index, place_of(options, *reader));
  PV_TRY(reader, open_published(dir, index));
  auto witnessed = ledger::read_witnessed(dir);
  auto made = witnessed ? ledger::tlog_proof(*reader, index, *witnessed)
                        : Result<std::string>(std::unexpected(witnessed.error()));
  const bool plain = !made && made.error().code == Code::kNotFound && !options.witnessed;
  if (plain) made = ledger::tlog_proof(*reader, index);
  PV_TRY(const std::string text, std::move(made));
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

int verify(const LedgerOptions& options) {
  const gate::Layout layout{options.state};
  const auto reader = ledger::LogReader::open(layout.log());
  if (!reader) return complain(reader.error());
  const auto key = ledger::read_verifier_key(layout.log_vkey());
  if (!key) return complain(key.error());
  const std::vector<Error> faults = (*reader)->check(key->text());
  for (const Error& fault : faults) print(red("fault: ") + fault.message);
  if (faults.empty()) {
    print(fmt::format("{} leaves: every frame, tile and the checkpoint hold", (*reader)->size()));
    fmt::print(stderr, "`proviso-verify {}` also re-derives every decision\n", options.state);
  }
  return faults.empty() ? 0 : 1;
}

int done(const Status& status) { return status ? 0 : complain(status.error()); }

}  // namespace

Result<std::unique_ptr<ledger::LogReader>> open_published(const std::string& dir, uint64_t index) {
  const auto end = std::chrono::steady_clock::now() + kPublishWaitMax;
  for (;;) {
    auto reader = ledger::LogReader::open(dir);
    if (!reader || index >= (*reader)->size() || ledger::tlog_proof(**reader, index) ||
        std::chrono::steady_clock::now() >= end) {
      return reader;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void add_ledger(CLI::App& app, int& status) {
  auto options = std::make_shared<LedgerOptions>();
  auto* command = app.add_subcommand("ledger", "what was decided, and proof of it");
  command->require_subcommand(1);
  const auto common = [options](CLI::App* sub) {
    sub->add_option("--state", options->state, "state folder")->capture_default_str();
  };

  auto* show_command = command->add_subcommand("show", "the newest leaves, or one");
  common(show_command);
  show_command->add_option("index", options->index, "one leaf");
  show_command->add_option("--last", options->last, "how many")->capture_default_str();
  show_command->add_flag("--facts", options->facts, "open the facts from the vault");
  show_command->add_flag("--json", options->as_json, "the leaves' own bytes, one a line; with --facts an object a line");
  show_command->callback([options, &status] { status = done(show(*options)); });

  auto* payload_command = command->add_subcommand("payload", "the bytes of one payload of a leaf, from the vault");
  common(payload_command);
  payload_command->add_option("index", options->index, "the leaf")->required()->check(CLI::NonNegativeNumber);
  payload_command->add_option("name", options->payload, "`show INDEX --facts` lists a leaf's: request, answer, redacted …")->required();
  payload_command->callback([options, &status] { status = done(payload(*options)); });

  auto* proof_command = command->add_subcommand("proof", "a C2SP tlog-proof for one leaf");
  common(proof_command);
  proof_command->add_option("index", options->index, "the leaf")->check(CLI::NonNegativeNumber);
  proof_command->add_option("--receipt", options->receipt, "the leaf that this receipt promises");
  proof_command->add_flag("--witnessed", options->witnessed,
                          "only under a checkpoint that the quorum cosigned");
  proof_command->footer(
      "Check it with `proviso-verify proof FILE --policy POLICY --receipt RECEIPT`, or with any other\n"
      "program that reads C2SP tlog-proof.");
  proof_command->callback([options, &status] { status = done(proof(*options)); });

  add_ledger_cosign(*command, status);
  add_ledger_accuse(*command, status);
  add_ledger_disclose(*command, status);
  add_ledger_report(*command, status);
  add_ledger_rotate(*command, status);
  add_ledger_shred(*command, status);
  add_ledger_backup(*command, status);

  auto* verify_command = command->add_subcommand("verify", "re-read every byte of the log");
  common(verify_command);
  verify_command->footer("exit status: 0 if all of it holds, 1 with each fault named");
  verify_command->callback([options, &status] { status = verify(*options); });
}

}  // namespace proviso::cli
