#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "audit/approval.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/visible.h"
#include "cli/answer.h"
#include "cli/child.h"
#include "cli/command.h"
#include "cli/gate_client.h"
#include "cli/output.h"

namespace proviso::cli {
namespace {

constexpr size_t kKeyFileBytesMax = 64 * 1024;
constexpr std::chrono::seconds kPollEach{1};

struct HoldOptions {
  GateUser user;
  std::string id;
  std::string role;
  std::string reason;
  std::string key;
  std::string statement_file;
  std::string signature_file;
  int64_t seconds = 300;
  bool as_json = false;
  bool all = false;
};

std::string path_of(const HoldOptions& options, std::string_view what = "") {
  return fmt::format("/proviso/holds/{}{}", options.id, what);
}

// A hold as the gate shows it, checked as far as it can be here: the digests that will be signed are those of
// the texts that are read.
struct Shown {
  audit::HoldTerms terms;
  std::string rendering;
  std::string nonce;
  UtcSeconds shown_at;
  std::vector<std::string> awaits;
};

Result<Shown> shown_of(json::Element answer) {
  Shown shown;
  shown.terms.origin = text_of(answer, "origin");
  shown.terms.id = text_of(answer, "id");
  PV_TRY(const audit::Action action, audit::Action::parse(text_of(answer, "action")));
  shown.terms.action = action.digest();
  shown.terms.agreement = action.agreement;
  shown.rendering = text_of(answer, "rendering");
  if (!audit::renders(shown.rendering, action)) {
    return fail(Code::kUnverified, "what the gate gives to read is not what it gives to sign; tell your overseer");
  }
  shown.terms.rendering = sha256(shown.rendering);
  int64_t time = 0;
  if (answer.at_key("expires_at").get(time) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "the gate does not say when the hold expires");
  }
  shown.terms.expires = {time};
  shown.nonce = text_of(answer, "nonce");
  if (answer.at_key("shown_at").get(time) == simdjson::SUCCESS) shown.shown_at = {time};
  shown.awaits = texts_of(answer, "awaits");
  return shown;
}

Status list(const HoldOptions& options) {
  PV_TRY(const std::string answer, ask_as_user(options.user, "GET", "/proviso/holds", ""));
  if (options.as_json) {
    print(answer);
    return {};
  }
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  json::Array holds;
  if (parsed.at_key("holds").get(holds) != simdjson::SUCCESS) return fail(Code::kInvalid, "not a list of holds");
  print(fmt::format("{:<34} {:<10} {:<8} {:<20} {:<12} {:<21} {}", "id", "state", "verb", "of", "who asks",
                    "expires", "waits for"));
  for (const json::Element hold : holds) {
    if (!options.all && text_of(hold, "state") != "open") continue;
    print(fmt::format("{:<34} {:<10} {:<8} {:<20} {:<12} {:<21} {}", cell_of(hold, "id"), cell_of(hold, "state"),
                      cell_of(hold, "verb"), cell_of(hold, "resource"), cell_of(hold, "requester"),
                      cell_of(hold, "expires"), cells_of(hold, "awaits")));
  }
  return {};
}

Status show(const HoldOptions& options) {
  PV_TRY(const std::string answer, ask_as_user(options.user, "GET", path_of(options), ""));
  if (options.as_json) {
    print(answer);
    return {};
  }
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  PV_TRY(const Shown shown, shown_of(parsed));
  print(fmt::format("{} is {}, until {}", bold(visible_line(shown.terms.id)), cell_of(parsed, "state"),
                    cell_of(parsed, "expires")));
  print(shown.rendering);
  print(fmt::format("waits for   {}", cells_of(parsed, "awaits")));
  return {};
}

Result<std::string> reason_of(const HoldOptions& options) {
  if (!options.reason.empty()) return options.reason;
  if (::isatty(STDIN_FILENO) == 0) {
    return fail(Code::kInvalid, "say why: --reason \"…\", in your own words");
  }
  fmt::print(stderr, "why, in your own words: ");
  std::string line;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar()) line.push_back(static_cast<char>(c));
  return line;
}

Result<std::string> role_of(const HoldOptions& options, const Shown& shown) {
  if (!options.role.empty()) return options.role;
  if (shown.awaits.size() == 1) return shown.awaits.front();
  return fail(Code::kInvalid, fmt::format("in which role? --as with one of {}", fmt::join(shown.awaits, ", ")));
}

Result<std::string> statement_of(const HoldOptions& options, bool approves) {
  PV_TRY(const std::string answer, ask_as_user(options.user, "GET", path_of(options), ""));
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  PV_TRY(const Shown shown, shown_of(parsed));
  if (shown.nonce.empty()) {
    return fail(Code::kUnverified, "you have asked for this yourself: other people decide it");
  }
  fmt::print(stderr, "{}\n", shown.rendering);
  audit::Approval approval;
  approval.terms = shown.terms;
  approval.approves = approves;
  PV_TRY(approval.role, role_of(options, shown));
  PV_TRY(approval.reason, reason_of(options));
  approval.nonce = shown.nonce;
  approval.shown_at = shown.shown_at;
  approval.decided_at = {std::max(SystemClock().now().value, shown.shown_at.value)};
  PV_TRY_VOID(audit::check_approval(approval, shown.terms));
  return approval.text();
}

// By ssh-keygen, which knows agents, passphrases and security keys.
Result<std::string> sign_with_keygen(const std::string& key, const std::string& statement) {
  std::string dir = (std::filesystem::temp_directory_path() / "proviso-sign-XXXXXX").string();
  if (::mkdtemp(dir.data()) == nullptr) return fail(Code::kIo, "no folder for the statement");
  const std::string file = dir + "/statement";
  Status written = write_file_durable(file, statement, FileMode::kPrivate);
  Result<std::string> signature = fail(Code::kIo, "ssh-keygen did not sign");
  if (written) {
    const auto ran = run_program({"/usr/bin/ssh-keygen", "-Y", "sign", "-n", std::string(audit::kApprovalNamespace), "-f",
                                  key, file},
                                 dir + "/log");
    if (ran && ran->status == 0) signature = read_file(file + ".sig", kKeyFileBytesMax);
  }
  std::error_code ignored;
  std::filesystem::remove_all(dir, ignored);
  return signature;
}

Result<std::string> sign(const std::string& key, const std::string& statement) {
  PV_TRY(const std::string text, read_file(key, kKeyFileBytesMax));
  const auto plain = sshsig::parse_private_key(text);
  if (plain) return sshsig::sign(*plain, audit::kApprovalNamespace, statement);
  return sign_with_keygen(key, statement);
}

Status send_vote(const HoldOptions& options, const std::string& statement, const std::string& signature) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .key("statement")
      .string(statement)
      .key("signature")
      .string(signature)
      .end_object();
  PV_TRY(const std::string answer, ask_as_user(options.user, "POST", path_of(options, "/votes"), body));
  if (options.as_json) {
    print(answer);
    return {};
  }
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  uint64_t leaf = 0;
  (void)parsed.at_key("leaf").get(leaf);
  const bool approved = text_of(parsed, "decision") == "approve";
  print(fmt::format("{} {}: leaf {}", approved ? green("approved") : red("denied"), options.id, leaf));
  return {};
}

Status decide(const HoldOptions& options, bool approves) {
  PV_TRY(const std::string statement, statement_of(options, approves));
  PV_TRY(const std::string signature, sign(options.key, statement));
  return send_vote(options, statement, signature);
}

Status vote_by_files(HoldOptions options) {
  PV_TRY(const std::string statement, read_file(options.statement_file, audit::kStatementBytesMax));
  PV_TRY(const std::string signature, read_file(options.signature_file, kKeyFileBytesMax));
  PV_TRY(const audit::Approval approval, audit::Approval::parse(statement));
  options.id = approval.terms.id;
  return send_vote(options, statement, signature);
}

Status withdraw(const HoldOptions& options) {
  PV_TRY(const std::string answer, ask_as_user(options.user, "POST", path_of(options, "/withdraw"), ""));
  print(options.as_json ? answer : options.id + " is withdrawn");
  return {};
}

Status ask_review(const HoldOptions& options) {
  PV_TRY(const std::string why, reason_of(options));
  std::string body;
  json::Writer(body).begin_object().key("exchange").string(options.id).key("words").string(why).end_object();
  PV_TRY(const std::string answer, ask_as_user(options.user, "POST", "/proviso/reviews", body));
  print(options.as_json ? answer : "the overseers find it in the ledger: " + answer);
  return {};
}

// True once it is decided, as far as whoever asked is told: it has ended, or every role has approved.
bool settled(json::Element hold) {
  if (text_of(hold, "state") != "open") return true;
  json::Object approvals;
  if (hold.at_key("approvals").get(approvals) != simdjson::SUCCESS) return false;
  for (const std::string& role : texts_of(hold, "awaits")) {
    int64_t count = 0;
    if (approvals.at_key(role).get(count) != simdjson::SUCCESS || count < 1) return false;
  }
  return true;
}

Status wait_for(const HoldOptions& options) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(options.seconds);
  json::Parser parser;
  while (true) {
    PV_TRY(const std::string answer, ask_as_user(options.user, "GET", path_of(options), ""));
    PV_TRY(const json::Element parsed, parser.parse(answer));
    if (settled(parsed)) {
      const std::string state = text_of(parsed, "state");
      print(options.as_json ? answer
                            : fmt::format("{} {}", options.id, state == "open" ? "is approved: ask again" : "is " + state));
      if (state == "open" || state == "consumed") return {};
      return fail(Code::kUnverified, fmt::format("hold {} is {}", options.id, state));
    }
    if (std::chrono::steady_clock::now() >= until) {
      return fail(Code::kTimeout, fmt::format("hold {} still waits after {} s", options.id, options.seconds));
    }
    std::this_thread::sleep_for(kPollEach);
  }
}

int done(const Status& status) { return status ? 0 : complain(status.error()); }

}  // namespace

void add_hold(CLI::App& app, int& status) {
  auto options = std::make_shared<HoldOptions>();
  auto* command = app.add_subcommand("hold", "actions that wait for people: look, approve, deny");
  command->require_subcommand(1);
  command->footer(
      "An approval signs one exact action; any change voids it, and it works once. From any machine:\n"
      "  proviso hold list --gate https://gate.example:8484 --api-key-file ~/.proviso-key\n"
      "  proviso hold approve h_… --as commander --key ~/.ssh/id_ed25519\n"
      "With ssh-keygen alone:\n"
      "  proviso hold statement h_… --as commander --reason \"…\" > statement\n"
      "  ssh-keygen -Y sign -n proviso-approval-v1 -f ~/.ssh/id_ed25519 statement\n"
      "  proviso hold vote statement statement.sig");
  const auto sub = [&](const char* name, const char* words, bool takes_id) {
    auto* made = command->add_subcommand(name, words);
    add_gate_options(*made, options->user);
    made->add_flag("--json", options->as_json, "answer in JSON");
    if (takes_id) made->add_option("id", options->id, "the hold, as `hold list` shows it")->required();
    return made;
  };
  auto* listing = sub("list", "yours, and those that you may decide", false);
  listing->add_flag("--all", options->all, "those that have ended too");
  listing->callback([options, &status] { status = done(list(*options)); });
  sub("show", "what would be done, exactly", true)->callback([options, &status] { status = done(show(*options)); });
  for (const bool approves : {true, false}) {
    auto* made = sub(approves ? "approve" : "deny", approves ? "sign that it may happen" : "sign that it may not", true);
    made->add_option("--as", options->role, "in which of your roles");
    made->add_option("--reason", options->reason, "why, in your own words");
    made->add_option("--key", options->key, "your ssh key: the private file, or the .pub of one in an agent")->required();
    made->callback([options, approves, &status] { status = done(decide(*options, approves)); });
  }
  auto* statement = sub("statement", "print what an approval would sign", true);
  statement->add_option("--as", options->role, "in which of your roles");
  statement->add_option("--reason", options->reason, "why, in your own words");
  statement->callback([options, &status] {
    const auto text = statement_of(*options, true);
    if (text) fmt::print("{}", *text);
    status = text ? 0 : complain(text.error());
  });
  auto* vote = sub("vote", "send a statement and its signature", false);
  vote->add_option("statement", options->statement_file, "from `hold statement`")->required();
  vote->add_option("signature", options->signature_file, "from `ssh-keygen -Y sign`")->required();
  vote->callback([options, &status] { status = done(vote_by_files(*options)); });
  sub("withdraw", "take back what you have asked for", true)->callback([options, &status] {
    status = done(withdraw(*options));
  });
  auto* reviewing = app.add_subcommand("review", "ask that somebody looks again at a refusal of yours");
  add_gate_options(*reviewing, options->user);
  reviewing->add_flag("--json", options->as_json, "answer in JSON");
  reviewing->add_option("exchange", options->id, "the refusal's `Proviso-Exchange`")->required();
  reviewing->add_option("--reason", options->reason, "why, in your own words");
  reviewing->footer("example: proviso review ex_… --reason \"the parts were ordered by law\"");
  reviewing->callback([options, &status] { status = done(ask_review(*options)); });
  auto* waiting = sub("wait", "until it is decided; exit 1 if it is denied or time is up", true);
  waiting->add_option("--seconds", options->seconds, "at most so long")->capture_default_str();
  waiting->callback([options, &status] { status = done(wait_for(*options)); });
}

}  // namespace proviso::cli
