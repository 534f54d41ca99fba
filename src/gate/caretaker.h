#pragma once
// What a serving gate looks after by itself, on one thread: the agreement's folder (a new, signed
// revision is seen within a second and takes effect after its proof, anything else changes nothing and says
// why), a leaf a minute for refused keys, a heartbeat so that silence shows, contents whose period in the
// agreement is over, gauges. Proofs have a thread of their own.
#include <atomic>
#include <mutex>
#include <string>
#include <thread>

#include "gate/engine.h"
#include "gate/house.h"
#include "gate/proof_desk.h"
#include "http/loop.h"

namespace proviso::gate {

inline constexpr int kWatchMillis = 200;               // so that a change is seen within a second
inline constexpr int kRetryMillis = 1000;  // an agreement that could not take effect is looked at again
inline constexpr int kDocketMillis = 1000;  // how often the docket's index is written
inline constexpr int64_t kPeriodLookSeconds = 60;        // between two looks at what the agreement lets go
inline constexpr int64_t kRefusalSummarySeconds = 60;  // one leaf a minute, whatever is tried

// A folder's agreement, ready to be put in force: loaded, signed by every party, in its period, its
// examples as the tables say. Errors say what, where, and what to do.
struct Loaded {
  std::shared_ptr<const agreement::Agreement> agreement;
  agreement::Files files;
};
Result<Loaded> load_agreement(const std::string& dir, UtcSeconds now);

class Caretaker {
 public:
  // Starts its thread. All outlive it.
  Caretaker(Engine& engine, House& house, prove::ProverOptions prover);
  ~Caretaker();
  // Why the folder's agreement is not the one in force; empty if it is.
  [[nodiscard]] std::string pending() const;

 private:
  void run();
  void watch_agreement();
  Status swap_to(const Loaded& loaded);
  void summarise_refusals();
  void beat();
  void keep_periods();
  void update_gauges();
  void keep_docket();

  Engine& engine_;
  House& house_;
  ProofDesk desk_;
  bool proving_ = false;  // what stands in the folder waits for its proof
  std::string seen_;  // the folder's fingerprint
  int ticks_since_try_ = 0;
  int ticks_since_flush_ = 0;
  std::string docket_trouble_;
  int64_t last_summary_ = 0;
  uint64_t entries_seen_ = 0;
  int64_t entries_grew_ = 0;  // when
  http::Time started_;
  http::Time periods_seen_;       // when they were last looked at
  bool announced_ = false;        // what will be erased was said
  mutable std::mutex mutex_;
  std::string pending_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace proviso::gate
