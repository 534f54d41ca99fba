#pragma once
// Proves agreements while the gate serves, on a thread of its own, one at a time. What was shown not to hold is
// remembered for those bytes; what could not be told, for a solver failed, is tried again after a while. Asked from
// one thread.
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "prove/red_lines.h"

namespace proviso::gate {

inline constexpr unsigned kProofThreads = 2;       // solvers at once, beside a serving gate
inline constexpr int kProofRetryMillis = 30'000;   // after a solver failed: seldom, for a proof costs both cores

class ProofDesk {
 public:
  explicit ProofDesk(prove::ProverOptions options);
  ~ProofDesk();  // stops the proof at once

  // Nothing while it is being proven, which the first question begins; another agreement stops the one before.
  std::optional<Status> ask(const std::shared_ptr<const agreement::Agreement>& agreement);
  // False as well when a verdict waits to be asked for.
  [[nodiscard]] bool working() const { return thread_.joinable() && !done_; }

 private:
  void begin(std::shared_ptr<const agreement::Agreement> agreement);
  void end();
  using Moment = std::chrono::steady_clock::time_point;

  prove::ProverOptions options_;
  std::shared_ptr<const agreement::Agreement> agreement_;  // the one that is, or was last, proven
  std::atomic<bool> stop_ = false;
  std::atomic<bool> done_ = false;  // verdict_ and ended_ are written
  Status verdict_;
  Moment ended_;
  std::thread thread_;
};

}  // namespace proviso::gate
