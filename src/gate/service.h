#pragma once
// The gate as a running service: opens the engine, puts the signed agreement in force, starts the worker,
// serves, and stops in order. Nothing listens before everything that it needs stands.
#include <functional>
#include <memory>
#include <string>

#include "gate/admin.h"
#include "gate/caretaker.h"
#include "gate/config.h"
#include "gate/cosigner.h"
#include "gate/engine.h"
#include "gate/house.h"
#include "gate/routes.h"
#include "gate/webhook.h"
#include "models/worker.h"

namespace proviso::gate {

struct ServiceOptions {
  Layout layout;
  Config config;
  std::string program;   // proviso itself, for the signer
  std::string launcher;  // proviso-launch, for the worker
  std::string doorkeeper;  // proviso-doorkeeper, in front of the worker
  // Asked while the red lines are proven, from any thread; true: start() gives up. May be empty.
  std::function<bool()> cancelled;
};

class Service {
 public:
  // kUnverified: the agreement's signatures or examples do not hold; other codes as the rooms give them.
  // Returns when it listens; the model may still be loading (ready()).
  static Result<std::unique_ptr<Service>> start(ServiceOptions options);
  ~Service();  // stop()

  [[nodiscard]] uint16_t port() const { return server_->bound_port(); }
  [[nodiscard]] bool ready() const { return house_->ready.load(); }
  // Why the worker does not serve, or empty.
  [[nodiscard]] std::string worker_trouble() const;
  [[nodiscard]] const agreement::Agreement& agreement() const { return *house_->in_force()->agreement; }
  [[nodiscard]] Engine& engine() { return *engine_; }

  // Stops listening, lets running exchanges finish for the configured time, then closes the ledger with
  // a last checkpoint. Idempotent.
  void stop();

 private:
  explicit Service(ServiceOptions options) : options_(std::move(options)) {}
  Status take_over(const Loaded& loaded, const inspect::Inspector& inspector);
  Status ask_witnesses_first(std::string_view origin);
  void witnesses_said(const Result<CosignRound>& round);
  void check_quorum_age();
  void note_quorum(bool quorum, const std::string& why);
  Status start_worker();
  Status start_loops();
  Status on_probe(const sandbox::ProbeReport& report);
  tools::Surroundings tool_surroundings();
  void on_worker_state(sandbox::WorkerState state, const std::string& why);
  Result<models::Catalog> catalog(const agreement::Agreement& agreement) const;
  Result<std::unique_ptr<http::Server>> listen();

  ServiceOptions options_;
  SystemClock clock_;
  Metrics metrics_;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<const models::Catalog> catalog_;
  std::unique_ptr<Webhook> webhook_;
  std::unique_ptr<House> house_;
  std::unique_ptr<models::Worker> worker_;
  std::unique_ptr<http::Aside> aside_;
  std::unique_ptr<http::Loops> loops_;
  std::unique_ptr<Routes> routes_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<Caretaker> caretaker_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Carrier> carrier_;
  std::unique_ptr<Cosigner> cosigner_;
  http::Time quorum_stood_ = http::Loop::now();  // the cosigner's thread, as the next two
  bool quorum_missed_ = true;                    // since then a round went without, or never ended
  std::string quorum_why_;
  mutable std::mutex mutex_;
  std::string worker_trouble_;
  bool stopped_ = false;
};

// "host:port" with a numeric host, or kInvalid.
Result<http::Listen> parse_listen(std::string_view text);

}  // namespace proviso::gate
