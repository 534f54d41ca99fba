#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/file.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/state_holder.h"

namespace proviso::cli {
namespace {

constexpr size_t kPublicKeyFileBytesMax = 4096;

struct ApproverOptions {
  std::string state = default_state();
  std::string person;
  std::string key_file;
  std::string fingerprint;
  bool as_json = false;
};

Status change(const ApproverOptions& options, std::string_view path, const std::string& body,
              std::string_view words) {
  PV_TRY(const std::string answer, act_on_register(options.state, "POST", path, body));
  if (options.as_json) {
    print(answer);
    return {};
  }
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  print(fmt::format("`{}` {} {}", cell_of(parsed, "person"), words, cell_of(parsed, "fingerprint")));
  return {};
}

Status add(const ApproverOptions& options) {
  PV_TRY(const std::string line, read_file(options.key_file, kPublicKeyFileBytesMax));
  std::string body;
  json::Writer(body).begin_object().key("key").string(line).key("person").string(options.person).end_object();
  return change(options, "/approvers/add", body, "approves with");
}

Status remove(const ApproverOptions& options) {
  std::string body;
  json::Writer(body).begin_object().key("fingerprint").string(options.fingerprint).end_object();
  return change(options, "/approvers/remove", body, "no longer approves with");
}

Status list(const ApproverOptions& options) {
  PV_TRY(const std::string answer, act_on_register(options.state, "GET", "/approvers", ""));
  if (options.as_json) {
    print(answer);
    return {};
  }
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  json::Array keys;
  if (parsed.at_key("approvers").get(keys) != simdjson::SUCCESS) return fail(Code::kInvalid, "not a list of keys");
  print(fmt::format("{:<16} {:<52} {}", "person", "key", "roles"));
  for (const json::Element key : keys) {
    print(fmt::format("{:<16} {:<52} {}", cell_of(key, "person"), cell_of(key, "fingerprint"), cells_of(key, "roles")));
  }
  return {};
}

int done(const Status& status) { return status ? 0 : complain(status.error()); }

}  // namespace

void add_approver(CLI::App& app, int& status) {
  auto options = std::make_shared<ApproverOptions>();
  auto* command = app.add_subcommand("approver", "the ssh keys with which people sign approvals");
  command->require_subcommand(1);
  const auto common = [options](CLI::App* sub) {
    sub->add_option("--state", options->state, "state folder")->capture_default_str();
    sub->add_flag("--json", options->as_json, "answer in JSON");
  };
  auto* adding = command->add_subcommand("add", "a person of the register may approve with this key");
  common(adding);
  adding->add_option("person", options->person, "who, as the register has them")->required();
  adding->add_option("key", options->key_file, "their .pub file: ssh-ed25519, or sk-ssh-ed25519 for a security key")->required();
  adding->footer("example: proviso approver add bo ~/.ssh/id_ed25519.pub");
  adding->callback([options, &status] { status = done(add(*options)); });
  auto* removing = command->add_subcommand("remove", "what it signed counts no more, on open holds too");
  common(removing);
  removing->add_option("fingerprint", options->fingerprint, "SHA256:…, as `approver list` shows it")->required();
  removing->callback([options, &status] { status = done(remove(*options)); });
  auto* listing = command->add_subcommand("list", "every key");
  common(listing);
  listing->callback([options, &status] { status = done(list(*options)); });
}

}  // namespace proviso::cli
