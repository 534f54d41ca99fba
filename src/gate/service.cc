#include "gate/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/file.h"
#include "gate/detectors.h"
#include "gate/journal.h"
#include "gate/succession.h"
#include "ledger/keys.h"

namespace proviso::gate {

Result<http::Listen> parse_listen(std::string_view text) {
  const size_t colon = text.rfind(':');
  const auto port = colon == std::string_view::npos ? fail(Code::kInvalid, "")
                                                    : parse_u64(text.substr(colon + 1));
  if (!port || *port > 65'535) {
    return fail(Code::kInvalid,
                fmt::format("`{}` is not a place to listen; write address:port, as 127.0.0.1:8484",
                            text));
  }
  http::Listen listen;
  listen.host = std::string(text.substr(0, colon));
  if (listen.host.starts_with('[') && listen.host.ends_with(']')) {
    listen.host = listen.host.substr(1, listen.host.size() - 2);
  }
  listen.port = static_cast<uint16_t>(*port);
  return listen;
}

Result<std::unique_ptr<Service>> Service::start(ServiceOptions options) {
  auto service = std::unique_ptr<Service>(new Service(std::move(options)));
  const Config& config = service->options_.config;
  const Layout& layout = service->options_.layout;

  PV_TRY(const inspect::Inspector inspector, load_detectors(config.inspect.encoder, config.inspect.encoder_name));
  PV_TRY(Loaded loaded, load_agreement(layout.agreement(), service->clock_.now()));
  for (const std::string& warning : loaded.agreement->warnings()) journal::warn(warning);
  prove::ProverOptions prover = prove::usual_prover(service->options_.launcher, layout.proofs());
  prover.cancelled = service->options_.cancelled;
  if (Status proven = prove::require_proven(*loaded.agreement, prover, kProofThreads); !proven) {
    return fail_at("the agreement does not take effect", std::move(proven).error());
  }
  if (loaded.agreement->red_lines().empty()) {
    journal::warn("the agreement has no red lines: nothing is proven of it, and no custodian guards what it rests on");
  }

  const std::string origin = config.origin.empty() ? "proviso.local/" + config.node : config.origin;
  PV_TRY_VOID(service->ask_witnesses_first(origin));
  PV_TRY(service->engine_, Engine::open({.layout = layout,
                                         .node = config.node,
                                         .origin = origin,
                                         .program = service->options_.program,
                                         .clock = &service->clock_,
                                         .holds_per_person = static_cast<size_t>(
                                             config.oversight.open_per_person_max)}));
  Engine& engine = *service->engine_;
  PV_TRY_VOID(service->take_over(loaded, inspector));
  PV_TRY_VOID(engine.restate_register(loaded.agreement->digest()));
  PV_TRY(models::Catalog catalog, service->catalog(*loaded.agreement));
  service->catalog_ = std::make_shared<const models::Catalog>(std::move(catalog));
  service->house_ =
      std::make_unique<House>(config, service->clock_, engine.committer(), engine.vault(),
                              engine.people(), engine.oversight(), inspector, *service->catalog_,
                              service->metrics_);
  service->house_->put_in_force(loaded.agreement);
  if (!config.oversight.webhook.empty()) {
    PV_TRY(std::string secret, read_private_file(config.oversight.webhook_secret_file));
    while (secret.ends_with('\n')) secret.pop_back();
    PV_TRY(service->webhook_, Webhook::create(config.oversight.webhook, std::move(secret)));
    service->house_->webhook = service->webhook_.get();
  }
  service->house_->quorum = service->carrier_ == nullptr;  // with witnesses: once they said so
  service->house_->quorum_asked = service->carrier_ == nullptr;
  if (!service->carrier_) service->house_->quorum_missing_ms = kNeverWitnessedMs;
  if (!service->carrier_ && loaded.agreement->terms().witnesses) {
    journal::warn("the agreement speaks of witnesses, but [witness] names none: nobody outside sees this ledger");
  }

  PV_TRY_VOID(service->start_worker());
  PV_TRY_VOID(service->start_loops());
  PV_TRY(service->routes_, Routes::create(*service->house_, *service->loops_, service->catalog_,
                                          service->worker_.get(), service->tool_surroundings()));
  service->caretaker_ = std::make_unique<Caretaker>(engine, *service->house_, prover);
  PV_TRY(service->admin_, Admin::start(engine, *service->house_, *service->caretaker_,
                                        [routes = service->routes_.get()] { return routes->tools_report(); }));
  exchange::Facts facts;
  facts.set("start.listen", config.listen);
  PV_TRY(const ledger::Receipt started,
         engine.note("start", std::move(facts), loaded.agreement->digest()));
  (void)started;
  PV_TRY(service->server_, service->listen());
  if (service->carrier_) {
    service->cosigner_ = std::make_unique<Cosigner>(
        std::move(service->carrier_), std::chrono::seconds(config.witness.interval_seconds),
        [self = service.get()](const Result<CosignRound>& round) { self->witnesses_said(round); },
        [self = service.get()] { self->check_quorum_age(); });
  }
  return service;
}

// As many threads beside the loops as there are loops.
Status Service::start_loops() {
  const auto count = static_cast<size_t>(options_.config.loops);
  PV_TRY(loops_, http::Loops::create({.count = count}));
  PV_TRY(aside_, http::Aside::create(count));
  house_->aside = aside_.get();
  return {};
}

// The agreement that stands in the folder takes the place of the one that the ledger names last.
Status Service::take_over(const Loaded& loaded, const inspect::Inspector& inspector) {
  PV_TRY(const auto before, last_in_force(*engine_));
  if (before != nullptr) {
    if (Status follows = may_follow(*before, *loaded.agreement); !follows) {
      return fail_at("the agreement does not take effect", std::move(follows).error());
    }
  }
  PV_TRY_VOID(detectors_as_pinned(*loaded.agreement, inspector));
  return engine_->adopt(*loaded.agreement, loaded.files, "start");
}

// Before anything is signed: a copy of the log that is behind what witnesses saw, as a restored backup can
// be, would sign a second history. What no witness says cannot be known; a restored copy therefore waits
// for the quorum.
Status Service::ask_witnesses_first(std::string_view origin) {
  const Layout& layout = options_.layout;
  const std::string& file = options_.config.witness.policy;
  if (file.empty()) return {};
  PV_TRY(const std::string text, read_file(file, ledger::kPolicyBytesMax));
  auto policy = ledger::Policy::parse(text);
  if (!policy) return fail_at("`" + file + "`", policy.error());
  PV_TRY_VOID(ensure_keys(layout, origin));
  PV_TRY(note::VerifierKey key, ledger::read_verifier_key(layout.log_vkey()));
  PV_TRY(carrier_, Carrier::create(layout.log(), std::move(*policy), std::move(key)));
  const auto round = carrier_->round();
  if (!round && round.error().code == Code::kNotFound) return {};  // nothing was ever published
  if (!round) return std::unexpected(round.error());
  if (const std::string against = round->contradiction(); !against.empty()) {
    return fail(Code::kConflict, against + ". Nothing is signed: restore a newer copy");
  }
  // Not while those who are silent could have cosigned something newer by themselves.
  if (round->witnessed.quorum && round->settled) std::remove(layout.restored().c_str());
  return {};
}

// A witness that saw more, or another history, means that two are signed under this log's key. Whatever the
// others say, this one is not continued.
void Service::witnesses_said(const Result<CosignRound>& round) {
  if (!round) return note_quorum(false, round.error().message);
  if (const std::string against = round->contradiction(); !against.empty()) {
    if (engine_->committer().healthy()) journal::error("nothing is recorded any more: " + against);
    engine_->fail(against);
    return note_quorum(false, against);
  }
  std::string why;
  if (!round->witnessed.quorum) {
    why = "too few witnesses cosigned";
    for (const CosignRound::Said& said : round->said) {
      if (!said.cosigned) why += fmt::format("; `{}`: {}", said.name, said.why);
    }
  }
  note_quorum(why.empty(), why);
}

// On a timer, for rounds that do not end and for the grace that runs out between two.
void Service::check_quorum_age() {
  const WitnessConfig& config = options_.config.witness;
  const auto age = http::Loop::now() - quorum_stood_;
  if (!quorum_missed_ && age > std::chrono::seconds(config.interval_seconds) + kWitnessAnswerMax) {
    note_quorum(false, "the witnesses take too long");
  }
  const int64_t age_ms = std::chrono::duration_cast<std::chrono::milliseconds>(age).count();
  house_->quorum_missing_ms = quorum_missed_ ? std::max<int64_t>(age_ms, 1) : 0;
}

void Service::note_quorum(bool quorum, const std::string& why) {
  if (quorum) quorum_stood_ = http::Loop::now();
  quorum_missed_ = !quorum;
  house_->quorum = quorum;
  house_->quorum_asked = true;
  metrics_.gauge("witness_quorum", quorum ? 1 : 0);
  check_quorum_age();
  if (why == quorum_why_) return;
  quorum_why_ = why;
  if (quorum) {
    journal::info("enough witnesses cosign the ledger");
  } else {
    journal::warn("the ledger lacks its quorum of witnesses: " + why);
  }
}

Result<models::Catalog> Service::catalog(const agreement::Agreement& agreement) const {
  std::vector<models::ModelConfig> entries;
  for (const agreement::Model& model : agreement.terms().models) {
    models::ModelConfig entry;
    entry.id = model.id;
    entry.protocols = {exchange::Protocol::kOpenAiChat, exchange::Protocol::kAnthropicMessages};
    entry.endpoint = model.local ? "worker" : model.endpoint;
    entry.head_timeout = std::chrono::seconds(options_.config.model_deadline_seconds);
    for (const ModelRoute& route : options_.config.routes) {
      if (route.id != model.id) continue;
      entry.endpoint = route.endpoint;
      entry.upstream_name = route.upstream_name;
      entry.api_key_file = route.api_key_file;
      entry.ca_file = route.ca_file;
    }
    if (!entry.endpoint.empty()) entries.push_back(std::move(entry));
  }
  return models::Catalog::create(entries, models::worker_socket(options_.layout.worker()));
}

Result<std::unique_ptr<http::Server>> Service::listen() {
  const Config& config = options_.config;
  PV_TRY(http::Listen place, parse_listen(config.listen));
  if (!config.tls_certificate.empty()) {
    place.tls = http::ServerTls{.cert_file = config.tls_certificate, .key_file = config.tls_key};
  }
  http::ServerConfig server;
  server.listeners.push_back(std::move(place));
  server.limits.body_bytes = static_cast<uint64_t>(config.body_bytes_max);
  server.limits.idle_timeout = std::chrono::seconds(config.idle_seconds);
  Routes* routes = routes_.get();
  return http::Server::create(*loops_, std::move(server),
                              [routes](http::Call& call) { return routes->handle(call); });
}

Status Service::start_worker() {
  const WorkerConfig& worker = options_.config.worker;
  const bool needed = std::any_of(
      catalog_->models().begin(), catalog_->models().end(),
      [](const auto& entry) { return entry.second.worker; });
  if (!needed || worker.binary.empty()) {
    house_->ready = true;
    return {};
  }
  models::WorkerConfig config;
  config.launcher = options_.launcher;
  config.program = worker.binary;
  config.model_file = worker.model;
  config.doorkeeper = options_.doorkeeper;
  PV_TRY(const note::VerifierKey receipt_key, ledger::read_verifier_key(options_.layout.receipt_pub()));
  config.receipt_key = receipt_key.text();
  config.run_dir = options_.layout.worker();
  config.threads = static_cast<uint32_t>(worker.threads);
  config.slots = static_cast<uint32_t>(worker.slots);
  config.context_tokens = static_cast<uint32_t>(worker.context);
  sandbox::SupervisorHooks hooks;
  hooks.on_probe = [this](const sandbox::ProbeReport& report) { return on_probe(report); };
  hooks.on_state = [this](sandbox::WorkerState state, const std::string& why) {
    on_worker_state(state, why);
  };
  PV_TRY(worker_, models::Worker::start(config, std::move(hooks)));
  return {};
}

// The worker runs only after its probe is a leaf, and only with weights that the agreement admits.
Status Service::on_probe(const sandbox::ProbeReport& report) {
  const auto in_force = house_->in_force();
  exchange::Facts facts;
  facts.set("worker.probe", report.text());
  facts.set("worker.held", report.held());
  facts.set("worker.not_shown", report.not_shown());
  facts.set("worker.landlock_abi", static_cast<int64_t>(report.landlock_abi));
  facts.set("worker.filter", report.filter.hex());
  facts.set("worker.program", report.program.hex());
  facts.set("worker.model", report.model.hex());
  auto noted = engine_->note("worker", std::move(facts), in_force->agreement->digest());
  if (!noted) return std::unexpected(std::move(noted.error()));
  for (const auto& [id, entry] : catalog_->models()) {
    if (!entry.worker) continue;
    const agreement::Model* model = in_force->agreement->model(id);
    if (model == nullptr || model->weights_sha256 == report.model.hex()) continue;
    return fail(Code::kUnverified,
                fmt::format("the agreement admits `{}` with weights {}, but {} has {}; use that file, "
                            "or amend the agreement",
                            id, model->weights_sha256, options_.config.worker.model,
                            report.model.hex()));
  }
  return {};
}

// A tool server that is a child of ours runs only after its probe is a leaf, as the worker does.
tools::Surroundings Service::tool_surroundings() {
  tools::Surroundings surroundings;
  surroundings.launcher = options_.launcher;
  surroundings.run_dir = options_.layout.worker();
  surroundings.on_probe = [this](const std::string& server, const sandbox::ProbeReport& report) -> Status {
    exchange::Facts facts;
    facts.set("worker.filter", report.filter.hex());
    facts.set("worker.held", report.held());
    facts.set("worker.landlock_abi", static_cast<int64_t>(report.landlock_abi));
    facts.set("worker.not_shown", report.not_shown());
    facts.set("worker.probe", report.text());
    facts.set("worker.program", report.program.hex());
    facts.set("worker.tool_server", server);
    auto noted = engine_->note("worker", std::move(facts), house_->in_force()->agreement->digest());
    if (!noted) return std::unexpected(std::move(noted.error()));
    return {};
  };
  return surroundings;
}

void Service::on_worker_state(sandbox::WorkerState state, const std::string& why) {
  house_->ready = state == sandbox::WorkerState::kReady;
  journal::info(fmt::format("worker: {}{}{}", sandbox::worker_state_name(state),
                            why.empty() ? "" : ": ", why));
  const std::lock_guard lock(mutex_);
  worker_trouble_ = why;
}

std::string Service::worker_trouble() const {
  const std::lock_guard lock(mutex_);
  return worker_trouble_;
}

Service::~Service() { stop(); }

void Service::stop() {
  if (stopped_) return;
  stopped_ = true;
  if (routes_) routes_->leave();
  if (server_) server_->stop(std::chrono::seconds(options_.config.drain_seconds));
  cosigner_.reset();
  admin_.reset();
  caretaker_.reset();
  server_.reset();
  // What waits on a loop keeps it running: upstream connections close first, on their loops.
  if (routes_) routes_->close();
  if (worker_) worker_->stop();
  // The committer drains into ports on the loops; then the loops end, then the ports may go.
  engine_.reset();
  loops_.reset();
  aside_.reset();
  routes_.reset();
  worker_.reset();
  house_.reset();
  webhook_.reset();
}

}  // namespace proviso::gate
