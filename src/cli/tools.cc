#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "cli/admin_client.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/output.h"
#include "gate/config.h"
#include "http/loop.h"
#include "tools/definition.h"
#include "tools/login.h"

namespace proviso::cli {
namespace {

struct ToolsOptions {
  std::string state = default_state();
  std::string config;
  std::string id;
  std::string tool_class;
  std::string keep;  // folder of an agreement that gets the definitions too
  bool as_json = false;
};

Result<std::string> ask(const ToolsOptions& options) {
  PV_TRY(std::optional<std::string> answer, ask_gate(options.state, "GET", "/tools", ""));
  if (!answer) {
    return fail(Code::kUnavailable, "no gate runs on this state; tools are what its servers list, so start it first");
  }
  return std::move(*answer);
}

int list(const ToolsOptions& options) {
  const auto answer = ask(options);
  if (!answer) return complain(answer.error());
  if (options.as_json) {
    print(*answer);
    return 0;
  }
  json::Parser parser;
  const auto rows = parser.parse(*answer);
  if (!rows) return complain(rows.error());
  print(fmt::format("{:<34} {:<12} {:<14} {:<16} {:<64}  {}", "id", "server", "state", "labels", "digest", "calls are"));
  for (const json::Element row : rows->get_array().value_unsafe()) {
    print(fmt::format("{:<34} {:<12} {:<14} {:<16} {}  {}", cell_of(row, "id"), cell_of(row, "server"), cell_of(row, "state"),
                      cells_of(row, "labels"), cell_of(row, "digest"), cell_of(row, "arguments")));
  }
  return 0;
}

// tools/NAME.json of an agreement's folder: what is proven of a tool's schema is proven of it.
Status keep_definition(const std::string& folder, std::string id, const std::string& paper) {
  for (char& c : id) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    if (!plain) c = '-';
  }
  PV_TRY_VOID(make_dirs(folder + "/tools"));
  return write_file_durable(folder + "/tools/" + id + ".json", paper, FileMode::kShared);
}

// The entries to put into agreement.toml. Who signs the agreement admits them.
int pin(const ToolsOptions& options) {
  const auto answer = ask(options);
  if (!answer) return complain(answer.error());
  json::Parser parser;
  const auto rows = parser.parse(*answer);
  if (!rows) return complain(rows.error());
  bool any = false;
  for (const json::Element row : rows->get_array().value_unsafe()) {
    const std::string entry = text_of(row, "entry");
    const std::string id = text_of(row, "id");
    const bool wanted = options.id.empty() ? text_of(row, "state") != "admitted" : options.id == id;
    if (!wanted || entry.empty()) continue;
    any = true;
    const std::string labels = cells_of(row, "labels");
    if (!labels.empty()) print(fmt::format("# its description was labelled: {}", labels));
    std::string text = entry;
    if (!options.tool_class.empty()) {
      const size_t at = text.find("class      = \"") + 14;
      text.replace(at, text.find('"', at) - at, options.tool_class);
    }
    print(text);
    const std::string paper = text_of(row, "paper");
    if (options.keep.empty() || paper.empty()) continue;
    if (const Status kept = keep_definition(options.keep, id, paper); !kept) return complain(kept.error());
  }
  if (any) return 0;
  return complain(Error{Code::kNotFound, options.id.empty() ? "nothing waits to be admitted"
                                                            : fmt::format("no server lists `{}`", options.id)});
}

// What the gate got when it called, or empty if none runs.
Result<std::string> challenge_of(const ToolsOptions& options) {
  PV_TRY(std::optional<std::string> answer, ask_gate(options.state, "GET", "/tools", ""));
  if (!answer) return std::string();
  json::Parser parser;
  PV_TRY(const json::Element rows, parser.parse(*answer));
  for (const json::Element row : rows.get_array().value_unsafe()) {
    if (text_of(row, "server") == options.id && !text_of(row, "challenge").empty()) return text_of(row, "challenge");
  }
  return std::string();
}

// The token is the gate's to read: its file belongs to whom the state folder belongs to.
Status keep(const std::string& state, const std::string& path, std::string_view text) {
  PV_TRY_VOID(write_file_durable(path, text, FileMode::kPrivate));
  struct stat folder {};
  if (::stat(state.c_str(), &folder) == 0 && ::geteuid() == 0 &&
      ::chown(path.c_str(), folder.st_uid, folder.st_gid) != 0) {
    return std::unexpected(io_error("give away", path, errno));
  }
  return {};
}

Status log_in(const ToolsOptions& options) {
  const std::string path = options.config.empty() ? options.state + "/proviso.toml" : options.config;
  PV_TRY(const std::string text, read_file(path));
  PV_TRY(const gate::Config config, gate::parse_config(text, path));
  const auto server = std::find_if(config.tool_servers.begin(), config.tool_servers.end(),
                                   [&](const tools::ServerConfig& one) { return one.id == options.id; });
  if (server == config.tool_servers.end()) {
    return fail(Code::kNotFound, fmt::format("`{}` has no [[tool_server]] `{}`", path, options.id));
  }
  if (server->url.empty() || server->token_file.empty()) {
    return fail(Code::kInvalid, fmt::format("[[tool_server]] `{}` needs `url` and `token_file`", options.id));
  }
  tools::LoginPlan plan;
  plan.server = *server;
  PV_TRY(plan.challenge, challenge_of(options));
  if (!server->client_secret_file.empty()) {
    PV_TRY(plan.client_secret, read_private_file(server->client_secret_file));
    while (plan.client_secret.ends_with('\n')) plan.client_secret.pop_back();
  }
  const std::string grant_path = server->token_file + ".login";
  if (const auto before = read_private_file(grant_path)) {
    PV_TRY(plan.before, tools::Grant::parse(*before));
  }
  plan.show = [](const std::string& url) {
    print("open this in a browser:");
    print(url);
    std::fflush(stdout);
  };
  PV_TRY(const auto loops, http::Loops::create({.count = 1}));
  PV_TRY(const auto callback, tools::Callback::listen(*loops));
  PV_TRY(const tools::Grant grant, http::block_on(loops->at(0), tools::log_in(loops->at(0), *callback, std::move(plan))));
  PV_TRY_VOID(keep(options.state, server->token_file, grant.access_token + "\n"));
  PV_TRY_VOID(keep(options.state, grant_path, grant.text()));
  print(fmt::format("logged in at {}; scope {}", grant.registration.issuer,
                    grant.scope.empty() ? "as the server gives it" : grant.scope));
  return {};
}

}  // namespace

void add_tools(CLI::App& app, int& status) {
  auto options = std::make_shared<ToolsOptions>();
  auto* command = app.add_subcommand("tools", "what tool servers offer, and what the agreement admits of it");
  command->require_subcommand(1);
  const auto common = [options](CLI::App* sub) {
    sub->add_option("--state", options->state, "state folder")->capture_default_str();
  };
  auto* show = command->add_subcommand("list", "every tool and channel: server, digest, and how it stands");
  common(show);
  show->add_flag("--json", options->as_json, "answer in JSON");
  show->callback([options, &status] { status = list(*options); });

  auto* entry = command->add_subcommand("pin", "the [[tool]] entries to put into agreement.toml");
  common(entry);
  entry->add_option("id", options->id, "one tool; without it, everything that waits");
  entry->add_option("--class", options->tool_class, "its class: read, write, spend, …");
  entry->add_option("--keep", options->keep, "folder of an agreement: put the definition into its tools/ as well");
  entry->footer("example: proviso tools pin read_file --class read");
  entry->callback([options, &status] { status = pin(*options); });

  auto* login = command->add_subcommand("login", "log in at a tool server that wants a token (OAuth)");
  common(login);
  login->add_option("id", options->id, "the [[tool_server]]")->required();
  login->add_option("--config", options->config, "configuration file; default STATE/proviso.toml");
  login->footer("example: proviso tools login crm");
  login->callback([options, &status] {
    const Status done = log_in(*options);
    status = done ? 0 : complain(done.error());
  });
}

}  // namespace proviso::cli
