#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/output.h"
#include "gate/service.h"
#include "http/server.h"
#include "ledger/witness.h"

namespace proviso::cli {
namespace {

struct WitnessCommand {
  std::string dir = "witness";
  std::string name;
  std::string log;
  std::string listen = "127.0.0.1:8485";
  bool as_json = false;

  [[nodiscard]] std::string key_file() const { return dir + "/witness.key"; }
  [[nodiscard]] std::string vkey_file() const { return dir + "/witness.vkey"; }
  [[nodiscard]] std::string trusted_file() const { return dir + "/trusted-logs"; }
};

Status make(const WitnessCommand& command) {
  PV_TRY_VOID(make_dirs(command.dir));
  struct stat found{};
  if (::stat(command.key_file().c_str(), &found) == 0) {
    return fail(Code::kConflict,
                fmt::format("`{}` exists: a witness's key is made once", command.key_file()));
  }
  const ledger::NamedKey key{command.name, PrivateKey::generate()};
  PV_TRY(const note::VerifierKey vkey, ledger::cosigner_key(key.name, key.key.public_key()));
  PV_TRY_VOID(write_file_durable(command.key_file(), ledger::format_private_key(key) + "\n",
                                 FileMode::kPrivate));
  PV_TRY_VOID(write_file_durable(command.vkey_file(), vkey.text() + "\n", FileMode::kShared));
  print(vkey.text());
  return {};
}

// One verifier key a line; empty lines and lines that begin with `#` are comments.
Result<std::vector<note::VerifierKey>> trusted_logs(const WitnessCommand& command) {
  std::vector<note::VerifierKey> logs;
  const auto text = read_file(command.trusted_file(), 1 << 20);
  if (!text && text.error().code == Code::kNotFound) return logs;
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line.starts_with('#')) continue;
    auto key = note::VerifierKey::parse(line);
    if (!key) return fail_at("`" + command.trusted_file() + "`", key.error());
    logs.push_back(std::move(*key));
  }
  return logs;
}

Status trust(const WitnessCommand& command) {
  PV_TRY(const note::VerifierKey key, note::VerifierKey::parse(command.log));
  if (key.type != 0x01) return fail(Code::kUnsupported, "only logs with Ed25519 keys are witnessed");
  PV_TRY(const auto logs, trusted_logs(command));
  auto text = read_file(command.trusted_file(), 1 << 20).value_or("");
  for (const note::VerifierKey& log : logs) {
    if (log.text() == key.text()) return {};
  }
  PV_TRY_VOID(
      write_file_durable(command.trusted_file(), text + key.text() + "\n", FileMode::kShared));
  print(fmt::format("`{}` is trusted from the next start on", key.name));
  return {};
}

http::Task<void> answer(http::Call& call, ledger::Witness& witness) {
  constexpr std::string_view kAdd = "/add-checkpoint";
  constexpr std::string_view kLatest = "/checkpoint";
  const std::string method = call.head().method;
  const std::string path = call.head().path;
  ledger::WitnessAnswer said{404, "text/plain; charset=utf-8", "there is nothing here\n"};
  if (path == kAdd && method == "POST") {
    Result<std::string> body = co_await call.read_body();
    if (body) {
      said = witness.add_checkpoint(*body);
    } else {
      said = {body.error().code == Code::kLimit ? 413 : 400, said.content_type,
              body.error().message + "\n"};
    }
  } else if (path == kAdd) {
    said = {405, said.content_type, "send POST here\n"};
  } else if (method == "GET" && path.size() == 1 + 64 + kLatest.size() && path.ends_with(kLatest)) {
    said = witness.latest(std::string_view(path).substr(1, 64));
  }
  http::Response response;
  response.status = said.status;
  response.headers.add("Content-Type", said.content_type);
  response.body = std::move(said.body);
  co_await call.respond(std::move(response));
}

Result<ledger::NamedKey> own_key(const WitnessCommand& command) {
  auto key = ledger::read_private_key(command.key_file());
  if (!key && key.error().code == Code::kNotFound) {
    return fail(Code::kNotFound, fmt::format("`{}` holds no witness; `proviso witness new --dir {} "
                                             "--name NAME` makes one",
                                             command.dir, command.dir));
  }
  return key;
}

Status serve(const WitnessCommand& command) {
  // Signals are waited for on this thread; blocked before any other thread starts, so all inherit it.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const SystemClock clock;
  PV_TRY(ledger::NamedKey key, own_key(command));
  PV_TRY(std::vector<note::VerifierKey> logs, trusted_logs(command));
  const size_t known = logs.size();
  const std::string name = key.name;
  PV_TRY(const auto witness,
         ledger::Witness::open({command.dir, std::move(key), std::move(logs), &clock}));
  PV_TRY(http::Listen place, gate::parse_listen(command.listen));
  const std::string host = place.host;
  PV_TRY(const auto loops, http::Loops::create({.count = 1}));
  http::ServerConfig config;
  config.listeners.push_back(std::move(place));
  config.limits.body_bytes = ledger::kWitnessBodyBytesMax;
  ledger::Witness* self = witness.get();
  PV_TRY(const auto server,
         http::Server::create(*loops, std::move(config),
                              [self](http::Call& call) { return answer(call, *self); }));
  if (command.as_json) {
    print(fmt::format(R"({{"event":"ready","port":{}}})", server->bound_port()));
  } else {
    print(fmt::format("witness `{}` for {} logs on http://{}:{}", name, known, host,
                      server->bound_port()));
  }
  int signal = 0;
  sigwait(&signals, &signal);
  server->stop(std::chrono::seconds(5));
  return {};
}

int done(const Status& status) { return status ? 0 : complain(status.error()); }

}  // namespace

void add_witness(CLI::App& app, int& status) {
  auto options = std::make_shared<WitnessCommand>();
  auto* command = app.add_subcommand("witness", "vouch for other people's logs (C2SP tlog-witness)");
  command->require_subcommand(1);
  command->footer(
      "A witness cosigns what continues what it cosigned before, and nothing else. Run it on a machine\n"
      "of the overseer, not of the operator:\n"
      "  proviso witness new --dir W --name overseer.example/w1     prints its verifier key\n"
      "  proviso witness trust --dir W \"$(cat STATE/keys/log.vkey)\"\n"
      "  proviso witness serve --dir W --listen 127.0.0.1:8485");
  const auto common = [options](CLI::App* sub) {
    sub->add_option("--dir", options->dir, "the witness's folder")->capture_default_str();
  };
  auto* new_command = command->add_subcommand("new", "make a key; print the verifier key");
  common(new_command);
  new_command->add_option("--name", options->name, "as it stands in its cosignatures")->required();
  new_command->callback([options, &status] { status = done(make(*options)); });

  auto* trust_command = command->add_subcommand("trust", "know one more log");
  common(trust_command);
  trust_command->add_option("VKEY", options->log, "the log's verifier key")->required();
  trust_command->callback([options, &status] { status = done(trust(*options)); });

  auto* serve_command = command->add_subcommand("serve", "answer until told to stop");
  common(serve_command);
  serve_command->add_option("--listen", options->listen, "address:port; port 0 takes a free one")
      ->capture_default_str();
  serve_command->add_flag("--json", options->as_json, "say when it is ready in one line of JSON");
  serve_command->callback([options, &status] { status = done(serve(*options)); });
}

}  // namespace proviso::cli
