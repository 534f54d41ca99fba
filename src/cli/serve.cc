#include "cli/serve.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/output.h"
#include "gate/journal.h"
#include "gate/privileges.h"

namespace proviso::cli {
namespace {

// Root follows only a configuration that nobody else can write: it names whom to become and what to open.
Result<std::string> read_config_file(const std::string& path) {
  struct stat info {};
  if (::geteuid() == 0 && ::stat(path.c_str(), &info) == 0 &&
      (info.st_uid != 0 || (info.st_mode & 022) != 0)) {
    return fail(Code::kInvalid, fmt::format("`{}` can be written by others than root, and root is asked to "
                                            "follow it: chown root and chmod go-w",
                                            path));
  }
  return read_file(path);
}

Result<gate::Config> read_config(const ServeOptions& options, const gate::Layout& layout) {
  const std::string path = options.config.empty() ? layout.config() : options.config;
  auto text = read_config_file(path);
  if (!text && (text.error().code != Code::kNotFound || !options.config.empty())) {
    return std::unexpected(std::move(text.error()));
  }
  PV_TRY(gate::Config config, gate::parse_config(text ? *text : "", path));
  if (!options.listen.empty()) config.listen = options.listen;
  if (!options.model.empty()) config.worker.model = options.model;
  if (!options.worker.empty()) config.worker.binary = options.worker;
  if (!options.encoder.empty()) config.inspect.encoder = options.encoder;
  if (options.no_worker) config.worker.binary.clear();
  return config;
}

Result<std::string> digest_of(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return std::unexpected(io_error("open", path, errno));
  Sha256 hash;
  std::string buffer(1 << 20, '\0');
  size_t count = 0;
  while ((count = std::fread(buffer.data(), 1, buffer.size(), file)) > 0) {
    hash.update({buffer.data(), count});
  }
  std::fclose(file);
  return hash.finish().hex();
}

void say_ready_json(const Started& started) {
  std::string line;
  json::Writer writer(line);
  writer.begin_object();
  writer.key("event").string("ready");
  writer.key("port").integer(started.service->port());
  writer.key("agreement").string(started.service->agreement().digest().hex());
  writer.key("keys").begin_array();
  for (const gate::SampleKey& key : started.keys) {
    writer.begin_object();
    writer.key("role").string(key.role);
    writer.key("person").string(key.person);
    writer.key("key").string(key.key);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  print(line);
}

void say_ready(const Started& started, const ServeOptions& options) {
  const gate::Service& service = *started.service;
  const std::string host = started.config.listen.substr(0, started.config.listen.rfind(':'));
  const std::string scheme = started.config.tls_certificate.empty() ? "http" : "https";
  const std::string base = fmt::format("{}://{}:{}", scheme, host, service.port());
  print(fmt::format("{} {}\n  agreement  {} revision {}\n  state      {}", bold("listening on"), base,
                    service.agreement().terms().title, service.agreement().terms().revision,
                    options.state));
  if (started.keys.empty()) {
    print("  keys       `proviso key new --person NAME --role ROLE` gives one");
    return;
  }
  std::string analyst = started.keys.front().key;
  print("  keys, one per sample role:");
  for (const gate::SampleKey& key : started.keys) {
    print(fmt::format("    {:<12} {}", key.role, key.key));
    if (key.role == "analyst") analyst = key.key;
  }
  const auto curl = [&](std::string_view purpose, std::string_view more, std::string_view text) {
    return fmt::format(
        "  curl -sS{} {}/v1/chat/completions -H 'Authorization: Bearer {}' \\\n"
        "    -H 'Proviso-Purpose: {}' -H 'Content-Type: application/json' \\\n"
        "    -d '{{\"model\":\"local\",{}\"max_tokens\":60,\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}]}}'",
        more.empty() ? "" : "N", base, analyst, purpose, more, text);
  };
  print(bold("\nallowed:"));
  print(curl("analysis", "", "Say hello in one sentence."));
  print(bold("denied, with its clause:"));
  print(curl("targeting", "", "Rank these targets."));
  print(bold("a stream:"));
  print(curl("analysis", "\"stream\":true,", "Count from one to ten."));
  print("\nstop with Ctrl-C; check everything with: proviso-verify " + options.state);
}

// Waits for the model, saying so where somebody looks. False if the gate was told to stop meanwhile.
void wait_for_model(const gate::Service& service) {
  std::string last;
  for (int tenths = 0; !service.ready(); ++tenths) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::string trouble = service.worker_trouble();
    if (!trouble.empty() && trouble != last) {
      fmt::print(stderr, "the model does not serve: {}\n", trouble);
      last = std::move(trouble);
      return;  // the gate serves and says 502 until the worker comes up
    }
    if (tenths == 50) fmt::print(stderr, "loading the model …\n");
  }
}

int serve(const ServeOptions& options, bool as_json) {
  // Signals are waited for on this thread; blocked before any other thread starts, so all inherit it.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  auto started = start_gate(options);
  if (!started) return complain(started.error());
  wait_for_model(*started->service);
  as_json ? say_ready_json(*started) : say_ready(*started, options);

  int signal = 0;
  sigwait(&signals, &signal);
  gate::journal::info("stopping: running exchanges finish first");
  started->service->stop();
  return 0;
}

// What only the starting user may reach is opened before that user is given up.
Result<gate::Pinned> give_up_privileges(gate::ServiceOptions& service, const std::string& state) {
  gate::Config& config = service.config;
  config.inspect.encoder_name = config.inspect.encoder;
  std::vector<std::string*> reached = {&service.program,     &service.launcher,
                                       &service.doorkeeper,
                                       &config.worker.binary, &config.worker.model,
                                       &config.inspect.encoder,
                                       &config.tls_certificate, &config.tls_key};
  for (gate::ModelRoute& route : config.routes) {
    reached.push_back(&route.api_key_file);
    reached.push_back(&route.ca_file);
  }
  std::vector<std::string> files;
  for (const std::string* path : reached) files.push_back(*path);
  PV_TRY(gate::Pinned pinned, gate::drop_privileges(config.user, state, files));
  for (size_t i = 0; i < reached.size(); ++i) *reached[i] = pinned.path(i);
  return pinned;
}

}  // namespace

Result<Started> start_gate(const ServeOptions& options) {
  gate::ServiceOptions service;
  service.layout.root = options.state;
  PV_TRY_VOID(make_dirs(options.state));
  PV_TRY(service.config, read_config(options, service.layout));
  gate::journal::set_level(service.config.log_level);
  service.program = own_path();
  service.launcher = beside("proviso-launch");
  service.doorkeeper = beside("proviso-doorkeeper");
  // These wait to be taken by serve(); that one of them is there stops a proof that goes on.
  service.cancelled = [] {
    sigset_t waiting;
    sigemptyset(&waiting);
    return sigpending(&waiting) == 0 && (sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1);
  };

  gate::Config& config = service.config;
  std::string weights;
  if (!config.worker.binary.empty() && !options.sample.empty()) {
    PV_TRY(weights, digest_of(config.worker.model));
  }
  agreement::Files sample;
  if (!options.sample.empty()) {
    PV_TRY(sample, read_tree(options.sample));
  }
  PV_TRY(gate::Pinned pinned, give_up_privileges(service, options.state));
  if (!options.sample.empty()) {
    PV_TRY_VOID(gate::make_sample_agreement(service.layout, std::move(sample), weights, service.launcher));
  }

  Started started;
  started.config = config;
  started.pinned = std::move(pinned);
  PV_TRY(started.service, gate::Service::start(std::move(service)));
  PV_TRY(started.keys, gate::sample_keys(started.service->engine(), started.service->agreement()));
  return started;
}

void add_serve(CLI::App& app, int& status) {
  auto options = std::make_shared<ServeOptions>();
  auto as_json = std::make_shared<bool>(false);
  options->state = default_state();
  auto* command = app.add_subcommand("serve", "start the gate and serve until told to stop");
  command->add_option("--state", options->state, "state folder: keys, ledger, vault, agreement")
      ->capture_default_str();
  command->add_option("--config", options->config, "configuration (default STATE/proviso.toml)");
  command->add_option("--listen", options->listen, "address:port; port 0 takes a free one");
  command->add_option("--sample", options->sample,
                      "on a first start, sign a copy of this agreement with sample keys");
  command->add_option("--model", options->model, "GGUF file for the local model")
      ->envname("PROVISO_MODEL");
  command->add_option("--worker", options->worker, "llama-server for the local model")
      ->envname("PROVISO_WORKER");
  command->add_option("--encoder", options->encoder, "file of the encoder that classifiers ask where they are unsure")
      ->envname("PROVISO_ENCODER");
  command->add_flag("--no-worker", options->no_worker, "serve without a local model");
  command->add_flag("--json", *as_json, "say when it is ready in one line of JSON");
  command->footer(
      "The gate serves the signed agreement in STATE/agreement. A new revision there, signed by every\n"
      "party, takes effect after its proof by cvc5 and z3. Started as root it becomes another user first.");
  command->callback([options, as_json, &status] { status = serve(*options, *as_json); });
}

}  // namespace proviso::cli
