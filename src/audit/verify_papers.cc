#include "audit/verify_papers.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <iterator>

#include "audit/disclosure.h"
#include "base/file.h"
#include "base/json.h"
#include "base/merkle.h"
#include "ledger/accuse.h"
#include "ledger/keys.h"
#include "ledger/policy.h"
#include "ledger/tlog_proof.h"

namespace proviso::audit {
namespace {

constexpr int kUsage = 2;

struct Options {
  std::string file, policy, log_key, receipt_key, receipt, leaf;
  std::vector<std::string> absent;
  bool json = false;
};

int complain(const Error& error) {
  fmt::print(stderr, "proviso-verify: {}\n", error.message);
  return kUsage;
}

Result<ledger::Policy> read_policy(const std::string& file) {
  if (file.empty()) return ledger::Policy::parse("quorum none\n");
  PV_TRY(const std::string text, read_file(file, ledger::kPolicyBytesMax));
  return ledger::Policy::parse(text);
}

// The leaf that the proof is about: from a receipt (whose word is then checked too), or its own bytes.
Result<Digest> wanted_leaf(const Options& options, uint64_t index, std::string_view origin) {
  if (options.receipt.empty()) {
    PV_TRY(const std::string bytes, read_file(options.leaf, ledger::kEntryBytesMax));
    return merkle::leaf_hash(bytes);
  }
  PV_TRY(const std::string text, read_line(options.receipt, 64u << 10));
  PV_TRY(const ledger::Receipt receipt, ledger::Receipt::parse(text));
  if (receipt.origin != origin || receipt.index != index) {
    return fail(Code::kUnverified, fmt::format("the receipt is for entry {} of `{}`, the proof for entry "
                                               "{} of `{}`",
                                               receipt.index, receipt.origin, index, origin));
  }
  return receipt.leaf;
}

struct Proven {
  ledger::TlogProof proof;
  ledger::Witnessed witnessed;
};

Result<Proven> judge_proof(const Options& options, const ledger::Policy& policy) {
  Proven out;
  PV_TRY(const std::string text, read_file(options.file, ledger::kProofBytesMax));
  PV_TRY(out.proof, ledger::TlogProof::parse(text));
  std::vector<note::VerifierKey> logs;
  if (!options.log_key.empty()) {
    PV_TRY(const std::string key, key_text(options.log_key));
    PV_TRY(logs.emplace_back(), note::VerifierKey::parse(key));
  }
  PV_TRY(out.witnessed, ledger::open_witnessed(out.proof.checkpoint, policy, logs));
  const note::Checkpoint& checkpoint = out.witnessed.checkpoint;
  PV_TRY(const Digest leaf, wanted_leaf(options, out.proof.index, checkpoint.origin));
  PV_TRY_VOID(merkle::verify_inclusion(out.proof.index, checkpoint.size, leaf, out.proof.hashes,
                                       checkpoint.root));
  if (!out.witnessed.quorum) {
    return fail(Code::kUnverified, fmt::format("the log signed it, but only {} of the policy's witnesses "
                                               "cosigned: no quorum",
                                               out.witnessed.cosignatures.size()));
  }
  return out;
}

void print_proof(const Options& options, const Result<Proven>& proven) {
  if (!options.json) {
    if (!proven) {
      fmt::print("{}: {}\nNOT VERIFIED\n", options.file, proven.error().message);
      return;
    }
    const auto& witnessed = proven->witnessed;
    fmt::print("{}: entry {} stands in the log of {} entries\n", witnessed.checkpoint.origin,
               proven->proof.index, witnessed.checkpoint.size);
    for (const auto& each : witnessed.cosignatures) {
      fmt::print("  cosigned by `{}` at {}\n", each.witness.name, format_time(each.time));
    }
    fmt::print("verified\n");
    return;
  }
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("verified").boolean(proven.has_value());
  if (!proven) {
    writer.key("why").string(proven.error().message);
  } else {
    writer.key("origin").string(proven->witnessed.checkpoint.origin);
    writer.key("index").uinteger(proven->proof.index);
    writer.key("size").uinteger(proven->witnessed.checkpoint.size);
    writer.key("witnesses").uinteger(proven->witnessed.cosignatures.size());
  }
  writer.end_object();
  fmt::print("{}\n", out);
}

int run_proof(const Options& options) {
  if (options.receipt.empty() == options.leaf.empty()) {
    return complain({Code::kInvalid, "name the --receipt or the --leaf that the proof is about"});
  }
  if (options.policy.empty() && options.log_key.empty()) {
    return complain({Code::kInvalid, "name a --policy or a --log-key: whose word is this?"});
  }
  const auto policy = read_policy(options.policy);
  if (!policy) return complain(policy.error());
  const auto proven = judge_proof(options, *policy);
  if (!proven && (proven.error().code == Code::kNotFound || proven.error().code == Code::kIo)) {
    return complain(proven.error());
  }
  print_proof(options, proven);
  return proven ? 0 : 1;
}

struct Opened {
  Disclosure disclosure;
  Shown shown;
};

Result<Opened> judge_disclosure(const Options& options, const ledger::Policy& policy) {
  Opened out;
  PV_TRY(const std::string text, read_line(options.file, kDisclosureBytesMax));
  PV_TRY(out.disclosure, Disclosure::parse(text));
  std::vector<note::VerifierKey> logs;
  if (!options.log_key.empty()) {
    PV_TRY(const std::string key, key_text(options.log_key));
    PV_TRY(logs.emplace_back(), note::VerifierKey::parse(key));
  }
  PV_TRY(out.shown, judge(out.disclosure, policy, logs));
  for (const std::string& path : options.absent) {
    if (shows_absent(out.disclosure, out.shown.leaf, path)) continue;
    return fail(Code::kUnverified, fmt::format("it does not show that there is no fact `{}`", path));
  }
  return out;
}

void print_disclosure(const Options& options, const Opened& opened) {
  const Shown& shown = opened.shown;
  fmt::print("{}: leaf {} of {}, {}: {} {}\n", shown.witnessed.checkpoint.origin, shown.index,
             shown.witnessed.checkpoint.size, format_time(shown.leaf.time), shown.leaf.verb,
             shown.leaf.decision);
  for (const DisclosedFact& fact : opened.disclosure.facts) {
    if (fact.salt) fmt::print("  {} = {}\n", fact.path, fact.value);
  }
  for (const std::string& path : options.absent) fmt::print("  {} is not there\n", path);
  for (const std::string& path : shown.withheld) fmt::print("  withheld: {}\n", path);
  if (shown.unnamed > 0) fmt::print("  withheld: {} facts that are not named\n", shown.unnamed);
  if (shown.replayed) {
    fmt::print("the decision was derived again and is the same\nverified\n");
  } else {
    fmt::print("verified, but not replayable: {}\n",
               shown.withheld.empty() && shown.unnamed == 0 ? "no agreement was given"
                                                            : "facts are withheld");
  }
}

constexpr int kWithheld = 3;

int run_disclosure(const Options& options) {
  if (options.policy.empty() && options.log_key.empty()) {
    return complain({Code::kInvalid, "name a --policy or a --log-key: whose word is this?"});
  }
  const auto policy = read_policy(options.policy);
  if (!policy) return complain(policy.error());
  const auto opened = judge_disclosure(options, *policy);
  if (!opened && (opened.error().code == Code::kNotFound || opened.error().code == Code::kIo)) {
    return complain(opened.error());
  }
  if (!opened) {
    fmt::print("{}: {}\nNOT VERIFIED\n", options.file, opened.error().message);
    return 1;
  }
  print_disclosure(options, *opened);
  return opened->shown.replayed ? 0 : kWithheld;
}

// The keys in the file are the accused log's as the accuser says; a judge brings their own.
Status check_keys(const Options& options, const ledger::Evidence& evidence) {
  const auto same = [](const std::string& given, const std::string& stands, const char* which) -> Status {
    if (given.empty()) return {};
    PV_TRY(const std::string key, key_text(given));
    if (key == stands) return {};
    return fail(Code::kUnverified, fmt::format("the evidence is under another {} key, `{}`", which, stands));
  };
  PV_TRY_VOID(same(options.log_key, evidence.log_key, "log"));
  if (!evidence.receipt_key.empty()) {
    PV_TRY_VOID(same(options.receipt_key, evidence.receipt_key, "receipt"));
  }
  if (options.policy.empty() || evidence.policy.empty()) return {};
  PV_TRY(const std::string policy, read_file(options.policy, ledger::kPolicyBytesMax));
  if (policy == evidence.policy) return {};
  return fail(Code::kUnverified, "the evidence is under another policy");
}

Result<std::string> judge_evidence(const Options& options, const ledger::Evidence& evidence) {
  PV_TRY_VOID(check_keys(options, evidence));
  return ledger::judge(evidence);
}

int run_evidence(const Options& options) {
  const auto text = read_line(options.file, ledger::kEvidenceBytesMax);
  if (!text) return complain(text.error());
  const auto evidence = ledger::Evidence::parse(*text);
  if (!evidence) return complain(evidence.error());
  const auto sentence = judge_evidence(options, *evidence);
  if (options.json) {
    std::string out;
    json::Writer writer(out);
    writer.begin_object();
    writer.key("proven").boolean(sentence.has_value());
    writer.key("charge").string(ledger::charge_name(evidence->charge));
    writer.key("log_key").string(evidence->log_key);
    writer.key("why").string(sentence ? *sentence : sentence.error().message);
    writer.end_object();
    fmt::print("{}\n", out);
  } else if (sentence) {
    fmt::print("proven, {}: {}\n  from {} receipts, {} checkpoints{}\n",
               ledger::charge_name(evidence->charge), *sentence, evidence->receipts.size(),
               evidence->checkpoints.size(), evidence->proof.empty() ? "" : ", 1 proof");
    if (options.log_key.empty()) {
      fmt::print("The log's key was taken from the evidence. Compare it with the one you were given:\n"
                 "  {}\n",
                 evidence->log_key);
    }
  } else {
    fmt::print("NOT PROVEN: {}\n", sentence.error().message);
  }
  return sentence ? 0 : 1;
}

}  // namespace

Result<std::string> key_text(const std::string& given) {
  struct stat found{};
  if (::stat(given.c_str(), &found) != 0 && note::VerifierKey::parse(given)) return given;
  PV_TRY(const auto key, ledger::read_verifier_key(given));
  return key.text();
}

Result<std::string> read_line(const std::string& name, size_t bytes_max) {
  std::string text;
  if (name == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    PV_TRY(text, read_file(name, bytes_max));
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

void add_papers(CLI::App& app, int& status) {
  auto options = std::make_shared<Options>();
  const auto shared = [options](CLI::App* command) {
    command->add_option("--policy", options->policy, "whose cosignatures count: a C2SP tlog-policy");
    command->add_option("--log-key", options->log_key, "the log's verifier key: a file or its text");
    command->add_flag("--json", options->json, "one JSON object instead of lines");
  };
  auto* proof = app.add_subcommand("proof", "verify a C2SP tlog-proof under a policy");
  proof->add_option("FILE", options->file, "the proof")->required();
  proof->add_option("--receipt", options->receipt, "the receipt whose leaf it is about");
  proof->add_option("--leaf", options->leaf, "the leaf itself, its exact bytes");
  shared(proof);
  proof->callback([options, &status] { status = run_proof(*options); });

  auto* disclosure =
      app.add_subcommand("disclosure", "verify what `proviso ledger disclose` opened, field by field");
  disclosure->add_option("FILE", options->file, "the disclosure, or - for standard input")->required();
  disclosure->add_option("--absent", options->absent, "it must show that there is no such fact");
  shared(disclosure);
  disclosure->callback([options, &status] { status = run_disclosure(*options); });

  auto* evidence = app.add_subcommand("evidence", "judge what `proviso ledger accuse` made");
  evidence->add_option("FILE", options->file, "the evidence, or - for standard input")->required();
  evidence->add_option("--receipt-key", options->receipt_key, "the receipt key: a file or its text");
  shared(evidence);
  evidence->callback([options, &status] { status = run_evidence(*options); });
}

}  // namespace proviso::audit
