#include "audit/verify_papers.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <optional>

#include "audit/disclosure.h"
#include "base/file.h"
#include "base/json.h"
#include "base/merkle.h"
#include "ledger/accuse.h"
#include "audit/verify.h"
#include "audit/verify_withheld.h"
#include "ledger/keys.h"
#include "ledger/policy.h"
#include "ledger/tlog_proof.h"

namespace proviso::audit {
namespace {

constexpr int kUsage = 2;

struct Options {
  std::string file, policy, log_key, receipt_key, receipt, leaf, agreement, rotations;
  std::vector<std::string> absent;
  std::optional<int64_t> delay_s;
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

// The log key under which a checkpoint counts: of those that the given one leads to, the one that signed it in
// its time. Without one given, the policy names the logs.
Result<std::vector<note::VerifierKey>> logs_for(const Options& options, std::string_view checkpoint) {
  if (options.log_key.empty()) return std::vector<note::VerifierKey>();
  PV_TRY(const std::string key, key_text(options.log_key));
  PV_TRY(const ledger::KeyChain chain, chain_of(key, options.rotations));
  PV_TRY(auto signer, chain.signer_of(checkpoint));
  return std::vector<note::VerifierKey>{std::move(signer)};
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
  PV_TRY(const auto logs, logs_for(options, out.proof.checkpoint));
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
  std::optional<prove::Withheld> withheld;
  [[nodiscard]] bool contradicts() const {
    return withheld && withheld->answer == prove::Withheld::Answer::kContradicts;
  }
};

Result<Opened> judge_disclosure(const Options& options, const ledger::Policy& policy) {
  Opened out;
  PV_TRY(const std::string text, read_line(options.file, kDisclosureBytesMax));
  PV_TRY(out.disclosure, Disclosure::parse(text));
  PV_TRY(const ledger::TlogProof proof, ledger::TlogProof::parse(out.disclosure.proof));
  PV_TRY(const auto logs, logs_for(options, proof.checkpoint));
  PV_TRY(out.shown, judge(out.disclosure, policy, logs));
  if (!options.agreement.empty() && options.agreement != out.shown.leaf.agreement.hex()) {
    return fail(Code::kUnverified, fmt::format("it is under the agreement {}, another than the one given",
                                               out.shown.leaf.agreement.hex()));
  }
  for (const std::string& path : options.absent) {
    if (shows_absent(out.disclosure, out.shown.leaf, path)) continue;
    return fail(Code::kUnverified, fmt::format("it does not show that there is no fact `{}`", path));
  }
  out.withheld = judge_withheld(out.disclosure, out.shown);
  return out;
}

// Without what would steer a terminal: an agreement's words and a leaf's node are other people's.
std::string plain(std::string_view text) {
  std::string out(text);
  for (size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    if (byte < 0x20 || byte == 0x7f) out[i] = '?';
    const bool c1 = byte == 0xc2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xa0;
    if (c1) out[i] = out[i + 1] = '?';
  }
  return out;
}

const char* replay_said(Replayed replay) {
  switch (replay) {
    case Replayed::kNoAgreement: return "verified, but not replayable: no agreement was given";
    case Replayed::kFactsWithheld: return "verified, but not replayable: facts are withheld";
    case Replayed::kNothingDecided: return "every fact is open; nothing was decided\nverified";
    case Replayed::kSame: return "the decision was derived again and is the same\nverified";
  }
  return "";
}

void print_agreement(const Shown& shown) {
  fmt::print("  agreement {}\n", shown.leaf.agreement.hex());
  if (shown.agreement == nullptr) return;
  const auto& terms = shown.agreement->terms();
  fmt::print("    `{}`, revision {}, signed by\n", plain(terms.title), terms.revision);
  for (const auto& party : terms.parties) {
    fmt::print("    {} ({}), {}\n", plain(party.name), plain(party.role), plain(party.key));
  }
}

void print_disclosure(const Options& options, const Opened& opened) {
  const Shown& shown = opened.shown;
  fmt::print("{}: leaf {} of {}, {}: {} {}\n", shown.witnessed.checkpoint.origin, shown.index,
             shown.witnessed.checkpoint.size, format_time(shown.leaf.time), shown.leaf.verb,
             shown.leaf.decision);
  print_agreement(shown);
  for (const DisclosedFact& fact : opened.disclosure.facts) {
    if (fact.salt) fmt::print("  {} = {}\n", fact.path, plain(fact.value));
  }
  for (const std::string& path : options.absent) fmt::print("  {} is not there\n", path);
  if (!options.absent.empty() && shown.unnamed > 0) {
    fmt::print("    if the gate that made the leaf put its facts in the order of their paths\n");
  }
  for (const std::string& path : shown.withheld) fmt::print("  withheld: {}\n", path);
  if (shown.unnamed > 0) fmt::print("  withheld: {} facts that are not named\n", shown.unnamed);
  fmt::print("{}\n", opened.withheld ? said_of(*opened.withheld) : replay_said(shown.replay));
  if (options.agreement.empty()) {
    fmt::print("Whether these parties are yours: compare the agreement's digest, or give --agreement.\n");
  }
}

void put_shown(json::Writer& writer, const Options& options, const Opened& opened) {
  const Shown& shown = opened.shown;
  writer.key("origin").string(shown.witnessed.checkpoint.origin);
  writer.key("index").uinteger(shown.index);
  writer.key("size").uinteger(shown.witnessed.checkpoint.size);
  writer.key("time").string(format_time(shown.leaf.time));
  writer.key("verb").string(shown.leaf.verb);
  writer.key("decision").string(shown.leaf.decision);
  writer.key("agreement").string(shown.leaf.agreement.hex());
  if (shown.agreement != nullptr) {
    writer.key("title").string(shown.agreement->terms().title);
    writer.key("parties").begin_array();
    for (const auto& party : shown.agreement->terms().parties) writer.string(party.name);
    writer.end_array();
  }
  writer.key("facts").begin_object();
  for (const DisclosedFact& fact : opened.disclosure.facts) {
    if (fact.salt) writer.key(fact.path).string(fact.value);
  }
  writer.end_object();
  writer.key("absent").begin_array();
  for (const std::string& path : options.absent) writer.string(path);
  writer.end_array();
  writer.key("withheld").begin_array();
  for (const std::string& path : shown.withheld) writer.string(path);
  writer.end_array();
  writer.key("unnamed").uinteger(shown.unnamed);
  writer.key("nothing_decided").boolean(shown.replay == Replayed::kNothingDecided);
  writer.key("derived_again").boolean(shown.replay == Replayed::kSame);
  if (opened.withheld) put_withheld(writer, *opened.withheld);
}

void print_disclosure_json(const Options& options, const Result<Opened>& opened) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("verified").boolean(opened.has_value() && !opened->contradicts());
  if (opened) {
    put_shown(writer, options, *opened);
  } else {
    writer.key("why").string(opened.error().message);
  }
  writer.end_object();
  fmt::print("{}\n", out);
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
  if (options.json) {
    print_disclosure_json(options, opened);
  } else if (opened) {
    print_disclosure(options, *opened);
  } else {
    fmt::print("{}: {}\nNOT VERIFIED\n", options.file, opened.error().message);
  }
  if (!opened || opened->contradicts()) return 1;
  if (opened->withheld && opened->withheld->answer == prove::Withheld::Answer::kSame) return 0;
  const Replayed replay = opened->shown.replay;
  return replay == Replayed::kSame || replay == Replayed::kNothingDecided ? 0 : kWithheld;
}

// The key that the evidence speaks of, if the judge's key leads to it; else the judge's own.
Result<std::string> key_in_chain(const std::string& held, const std::string& rotations, const std::string& wanted) {
  PV_TRY(const ledger::KeyChain chain, chain_of(held, rotations));
  for (const ledger::Rotation& each : chain.rotations()) {
    for (const auto* key : {&each.old_log, &each.new_log, &each.old_receipt, &each.new_receipt}) {
      if (key->text() == wanted) return wanted;
    }
  }
  return held;
}

// What the judge brought, as texts.
Result<ledger::Brought> brought_of(const Options& options, const ledger::Evidence& evidence) {
  ledger::Brought out;
  if (!options.log_key.empty()) {
    PV_TRY(out.log_key, key_text(options.log_key));
    PV_TRY(out.log_key, key_in_chain(out.log_key, options.rotations, evidence.log_key));
  }
  if (!options.receipt_key.empty()) {
    PV_TRY(out.receipt_key, key_text(options.receipt_key));
    PV_TRY(out.receipt_key, key_in_chain(out.receipt_key, options.rotations, evidence.receipt_key));
  }
  if (!options.policy.empty()) {
    PV_TRY(out.policy, read_file(options.policy, ledger::kPolicyBytesMax));
  }
  out.delay_s = options.delay_s;
  return out;
}

constexpr int kOnItsOwnWord = 3;
constexpr int kNotShown = 4;

void print_evidence(const ledger::Evidence& evidence, const ledger::Judgement& judged) {
  const char* charge = ledger::charge_name(evidence.charge);
  switch (judged.finding) {
    case ledger::Finding::kProven:
      fmt::print("proven, {}: {}\n  from {} receipts, {} checkpoints{}\n", charge, judged.sentence,
                 evidence.receipts.size(), evidence.checkpoints.size(),
                 evidence.proof.empty() ? "" : ", 1 proof");
      return;
    case ledger::Finding::kNotShown:
      fmt::print("not shown in time, {}: {}\n"
                 "This convicts nobody alone: a log that could not reach its witnesses looks the same.\n",
                 charge, judged.sentence);
      return;
    case ledger::Finding::kOnItsOwnWord:
      fmt::print("NOT PROVEN, {}: it holds only under the keys in the file, and anybody can make keys.\n"
                 "  Under them: {}\n  Bring your own: {}\n",
                 charge, judged.sentence, fmt::join(judged.unbrought, ", "));
      return;
  }
}

void print_evidence_json(const ledger::Evidence& evidence, const Result<ledger::Judgement>& judged) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("proven").boolean(judged && judged->finding == ledger::Finding::kProven);
  writer.key("not_shown_in_time").boolean(judged && judged->finding == ledger::Finding::kNotShown);
  writer.key("charge").string(ledger::charge_name(evidence.charge));
  writer.key("log_key").string(evidence.log_key);
  writer.key("why").string(judged ? judged->sentence : judged.error().message);
  writer.key("not_brought").begin_array();
  if (judged) {
    for (const std::string& what : judged->unbrought) writer.string(what);
  }
  writer.end_array();
  writer.end_object();
  fmt::print("{}\n", out);
}

int run_evidence(const Options& options) {
  const auto text = read_line(options.file, ledger::kEvidenceBytesMax);
  if (!text) return complain(text.error());
  const auto evidence = ledger::Evidence::parse(*text);
  if (!evidence) return complain(evidence.error());
  const auto brought = brought_of(options, *evidence);
  if (!brought) return complain(brought.error());
  const auto judged = ledger::judge(*evidence, *brought);
  if (options.json) {
    print_evidence_json(*evidence, judged);
  } else if (judged) {
    print_evidence(*evidence, *judged);
  } else {
    fmt::print("NOT PROVEN: {}\n", judged.error().message);
  }
  if (!judged) return 1;
  switch (judged->finding) {
    case ledger::Finding::kProven: return 0;
    case ledger::Finding::kNotShown: return kNotShown;
    case ledger::Finding::kOnItsOwnWord: return kOnItsOwnWord;
  }
  return 1;
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
    text.resize(bytes_max + 1);
    std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(std::cin.gcount()));
    if (text.size() > bytes_max) {
      return fail(Code::kLimit, fmt::format("standard input is more than {} bytes", bytes_max));
    }
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
    command->add_option("--rotations", options->rotations,
                        "the log's changes of keys: a note or a folder of them");
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
  disclosure->add_option("--agreement", options->agreement,
                         "the digest (hex) of the agreement that it must be under");
  shared(disclosure);
  disclosure->callback([options, &status] { status = run_disclosure(*options); });

  auto* evidence = app.add_subcommand(
      "evidence", "judge what `proviso ledger accuse` made, or what a witness kept, under your own keys");
  evidence->add_option("FILE", options->file, "the evidence, or - for standard input")->required();
  evidence->add_option("--receipt-key", options->receipt_key, "the receipt key: a file or its text");
  evidence->add_option("--delay", options->delay_s,
                       "seconds after a receipt within which witnesses must be shown its entry");
  evidence->footer(
      "Exit status: 0 proven, 1 not proven, 2 wrong usage, 3 it holds only under what the file itself says\n"
      "(give --log-key; where receipts count --receipt-key; for `missing` --policy and --delay),\n"
      "4 `missing`: the witnesses were not shown the entry in time, which convicts nobody alone.");
  shared(evidence);
  evidence->callback([options, &status] { status = run_evidence(*options); });
}

}  // namespace proviso::audit
