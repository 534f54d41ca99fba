#include "agreement/agreement.h"
#include "agreement/difference.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/sshsig.h"
#include "cli/admin_client.h"
#include "cli/command.h"
#include "cli/output.h"

namespace proviso::cli {
namespace {

using agreement::Agreement;
using agreement::Files;

struct AgreementOptions {
  std::string state = default_state();
  std::string folder, from, party, key;
  std::vector<std::string> party_keys;
  bool as_json = false;
  bool as_custodian = false;
};

Status write_tree(const std::string& dir, const Files& files) {
  for (const auto& [path, bytes] : files) {
    const std::string file = dir + "/" + path;
    PV_TRY_VOID(make_dirs(file.substr(0, file.rfind('/'))));
    PV_TRY_VOID(write_file_durable(file, bytes, FileMode::kShared));
  }
  return {};
}

// "Name=FILE.pub" -> name and the file's key line.
Result<std::pair<std::string, std::string>> read_party_key(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) {
    return fail(Code::kInvalid,
                fmt::format("`{}` is not NAME=FILE, as --party-key \"Operator=operator.pub\"", text));
  }
  PV_TRY(std::string line, read_file(text.substr(equals + 1)));
  while (!line.empty() && line.back() == '\n') line.pop_back();
  PV_TRY(const PublicKey key, sshsig::parse_public_key(line));
  (void)key;
  return std::pair(text.substr(0, equals), line);
}

Status init(const AgreementOptions& options) {
  struct stat info {};
  if (::stat(options.folder.c_str(), &info) == 0) {
    return fail(Code::kConflict, fmt::format("`{}` is there already; choose another folder", options.folder));
  }
  PV_TRY(Files files, read_tree(options.from));
  std::map<std::string, std::string> keys;
  for (const std::string& text : options.party_keys) {
    PV_TRY(auto entry, read_party_key(text));
    keys.insert(std::move(entry));
  }
  if (!keys.empty()) {
    PV_TRY(files, agreement::with_party_keys(std::move(files), keys));
  }
  std::erase_if(files, [](const auto& file) { return file.first.starts_with("signatures/"); });
  PV_TRY(const auto loaded, Agreement::load(files));
  PV_TRY_VOID(write_tree(options.folder, files));
  print(fmt::format("{}: {} revision {}, not signed yet\nnext, each party, with its own key:",
                    options.folder, loaded->terms().title, loaded->terms().revision));
  for (const agreement::Party& party : loaded->terms().parties) {
    print(fmt::format("  proviso agreement sign {} --party \"{}\" --key FILE{}", options.folder, party.name,
                      keys.contains(party.name) ? "" : "   (its key in agreement.toml is a sample's)"));
  }
  return {};
}

Status sign(const AgreementOptions& options) {
  PV_TRY(Files files, read_tree(options.folder));
  PV_TRY(const auto loaded, Agreement::load(files));
  PV_TRY(const std::string pem, read_private_file(options.key));
  PV_TRY(const PrivateKey key, sshsig::parse_private_key(pem));
  std::string path = agreement::signature_path(options.party);
  if (options.as_custodian) {
    if (const auto papers = agreement::difference_of(*loaded); !papers) {
      return fail(papers.error().code, papers.error().message + "; a custodian signs the difference from the agreement in "
                                                                "force: `proviso agreement diff IN-FORCE " +
                                           options.folder + " --write` writes it");
    } else if (papers->to != loaded->digest()) {
      return fail(Code::kConflict, fmt::format("`{}` is about other bytes of this folder; write it anew",
                                               agreement::kDifferencePath));
    }
    path = agreement::custodian_signature_path(options.party);
    files = agreement::sign_as_custodian(std::move(files), options.party, key);
  } else {
    PV_TRY(files, agreement::sign_for_party(std::move(files), options.party, key));
  }
  PV_TRY_VOID(make_dirs(options.folder + "/signatures"));
  PV_TRY_VOID(write_file_durable(options.folder + "/" + path, files.at(path), FileMode::kShared));
  print(fmt::format("{} signed revision {}, digest {}", options.party, loaded->terms().revision,
                    loaded->digest().hex()));
  return {};
}

struct Checked {
  std::shared_ptr<const Agreement> agreement;
  std::vector<agreement::ExampleOutcome> examples;
  Status signatures;
  Status period;
  size_t held = 0;
};

Result<Checked> check(const std::string& folder) {
  Checked checked;
  PV_TRY(const Files files, read_tree(folder));
  PV_TRY(checked.agreement, Agreement::load(files));
  checked.examples = checked.agreement->run_examples();
  for (const auto& example : checked.examples) checked.held += example.holds() ? 1 : 0;
  checked.signatures = checked.agreement->check_signatures();
  checked.period = checked.agreement->check_period(SystemClock().now());
  return checked;
}

void print_json(const Checked& checked) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("title").string(checked.agreement->terms().title);
  writer.key("revision").integer(checked.agreement->terms().revision);
  writer.key("digest").string(checked.agreement->digest().hex());
  writer.key("clauses").uinteger(checked.agreement->clauses().size());
  writer.key("examples").uinteger(checked.examples.size());
  writer.key("examples_held").uinteger(checked.held);
  writer.key("signatures").string(checked.signatures ? "hold" : checked.signatures.error().message);
  writer.key("period").string(checked.period ? "current" : checked.period.error().message);
  writer.key("failed").begin_array();
  for (const auto& example : checked.examples) {
    if (example.holds()) continue;
    writer.begin_object();
    writer.key("source").string(example.source);
    writer.key("line").string(example.line);
    writer.key("got").string(agreement::outcome_name(example.got.outcome));
    writer.key("reason").string(example.got.reason);
    writer.end_object();
  }
  writer.end_array();
  writer.key("warnings").begin_array();
  for (const std::string& warning : checked.agreement->warnings()) writer.string(warning);
  writer.end_array();
  writer.end_object();
  print(out);
}

int check_command(const AgreementOptions& options) {
  const auto checked = check(options.folder);
  if (!checked) return complain(checked.error());
  const bool held = checked->held == checked->examples.size();
  if (options.as_json) {
    print_json(*checked);
    return held ? 0 : 1;
  }
  print(fmt::format("{} revision {}\ndigest {}\n{} clauses, {} of {} examples as their tables say",
                    checked->agreement->terms().title, checked->agreement->terms().revision,
                    checked->agreement->digest().hex(), checked->agreement->clauses().size(),
                    checked->held, checked->examples.size()));
  for (const auto& example : checked->examples) {
    if (example.holds()) continue;
    print(fmt::format("{} {}: {}\n    expected {}, got {}: {}", red("differs"), example.source,
                      example.line, agreement::outcome_name(example.expected),
                      agreement::outcome_name(example.got.outcome), example.got.reason));
  }
  for (const std::string& warning : checked->agreement->warnings()) print("warning: " + warning);
  print(checked->signatures ? green("signed by every party")
                            : "not signed: " + checked->signatures.error().message);
  if (!checked->period) print("not in its period: " + checked->period.error().message);
  return held ? 0 : 1;
}

int status_command(const AgreementOptions& options) {
  const auto answer = ask_gate(options.state, "GET", "/status", "");
  if (!answer) return complain(answer.error());
  if (!*answer) {
    return complain({Code::kUnavailable, fmt::format("no gate runs on `{}`; `proviso agreement check "
                                                     "{}/agreement` reads the folder",
                                                     options.state, options.state)});
  }
  if (options.as_json) {
    print(**answer);
    return 0;
  }
  json::Parser parser;
  const auto parsed = parser.parse(**answer);
  if (!parsed) return complain(parsed.error());
  std::string_view title, digest, pending;
  int64_t revision = 0;
  if (parsed->at_pointer("/agreement/title").get(title) != simdjson::SUCCESS ||
      parsed->at_pointer("/agreement/digest").get(digest) != simdjson::SUCCESS ||
      parsed->at_pointer("/agreement/pending").get(pending) != simdjson::SUCCESS ||
      parsed->at_pointer("/agreement/revision").get(revision) != simdjson::SUCCESS) {
    return complain({Code::kInternal, "the gate's answer cannot be read"});
  }
  print(fmt::format("in force: {} revision {}\ndigest {}", title, revision, digest));
  if (!pending.empty()) print(fmt::format("the folder holds another one that cannot take effect: {}", pending));
  return 0;
}

int done(const Status& status) { return status ? 0 : complain(status.error()); }

}  // namespace

void add_agreement(CLI::App& app, int& status) {
  auto options = std::make_shared<AgreementOptions>();
  auto* command = app.add_subcommand("agreement", "write, sign, check and prove agreements");
  command->require_subcommand(1);

  auto* init_command = command->add_subcommand("init", "start an agreement from a sample");
  init_command->add_option("folder", options->folder, "the new folder")->required();
  init_command->add_option("--from", options->from, "a sample, as agreements/hospital")->required();
  init_command->add_option("--party-key", options->party_keys,
                           "NAME=FILE.pub: a party's ssh-ed25519 public key (repeat it)");
  init_command->callback([options, &status] { status = done(init(*options)); });

  auto* sign_command = command->add_subcommand("sign", "sign the folder's bytes for one party");
  sign_command->add_option("folder", options->folder, "the agreement")->required();
  sign_command->add_option("--party", options->party, "the party's name in agreement.toml")->required();
  sign_command->add_flag("--custodian", options->as_custodian,
                         "sign with the key that the agreement in force names, where this one names another or no such party");
  sign_command->add_option("--key", options->key, "OpenSSH ed25519 private key file")->required();
  sign_command->footer(
      "ssh-keygen does the same: `proviso agreement manifest FOLDER > manifest`, then\n"
      "`ssh-keygen -Y sign -n proviso-agreement-v1 -f KEY manifest` and put manifest.sig into signatures/.");
  sign_command->callback([options, &status] { status = done(sign(*options)); });

  auto* manifest = command->add_subcommand("manifest", "print the bytes that parties sign");
  manifest->add_option("folder", options->folder, "the agreement")->required();
  manifest->callback([options, &status] {
    const auto files = read_tree(options->folder);
    if (!files) {
      status = complain(files.error());
      return;
    }
    const std::string text = agreement::manifest_of(*files);
    std::fwrite(text.data(), 1, text.size(), stdout);
  });

  auto* check_sub = command->add_subcommand("check", "read it strictly and run its examples");
  check_sub->add_option("folder", options->folder, "the agreement")->required();
  check_sub->add_flag("--json", options->as_json, "answer in JSON");
  check_sub->footer("exit status: 0 if it reads and every example is as its table says, else 1");
  check_sub->callback([options, &status] { status = check_command(*options); });

  add_agreement_proofs(*command, status);
  add_agreement_ask(*command, status);
  add_agreement_what_if(*command, status);

  auto* status_sub = command->add_subcommand("status", "which revision is in force in the running gate");
  status_sub->add_option("--state", options->state, "state folder")->capture_default_str();
  status_sub->add_flag("--json", options->as_json, "answer in JSON");
  status_sub->callback([options, &status] { status = status_command(*options); });
}

}  // namespace proviso::cli
