#pragma once
// Keeps one confined worker running: starts it, waits until it is ready, starts it again with a growing
// pause when it ends, stops it. It owns one thread; callbacks run on that thread and must not call stop().
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "sandbox/sandbox.h"

namespace proviso::sandbox {

inline constexpr int kBackoffMillisMin = 200;
inline constexpr int kBackoffMillisMax = 30'000;   // a broken worker costs two starts a minute
inline constexpr int kReadyMillisMax = 600'000;    // a large model is slow to load, never this slow
inline constexpr int kSteadyMillis = 60'000;       // ready this long: the next pause is the shortest again
inline constexpr size_t kOutputTailMax = 4096;     // of what it said before it was ready, for errors

enum class WorkerState { kStarting, kReady, kBackingOff, kStopped };
const char* worker_state_name(WorkerState state);  // "starting", "ready", "backing_off", "stopped"

struct SupervisorHooks {
  // Is it serving? Asked with growing pauses, at most 250 ms, until it says yes.
  std::function<bool()> ready;
  // Called with each start's report before the worker runs. An error keeps it from running.
  std::function<Status(const ProbeReport&)> on_probe;
  // Called on every change; `why` says what ended it, or is empty.
  std::function<void(WorkerState, const std::string& why)> on_state;
};

class Supervisor {
 public:
  static Result<std::unique_ptr<Supervisor>> start(Spec spec, SupervisorHooks hooks);
  ~Supervisor();  // stop()
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Any thread.
  [[nodiscard]] WorkerState state() const { return state_.load(); }
  [[nodiscard]] uint32_t starts() const { return starts_.load(); }
  [[nodiscard]] pid_t pid() const { return pid_.load(); }  // -1 while none runs
  // Ends the worker (SIGTERM, then SIGKILL after `grace_ms`) and the thread. Idempotent.
  void stop(int grace_ms = 3000);

 private:
  struct Impl;
  Supervisor() = default;
  void run();
  std::string live(bool& steady);
  void change(WorkerState state, const std::string& why);
  std::atomic<WorkerState> state_{WorkerState::kStopped};
  std::atomic<uint32_t> starts_{0};
  std::atomic<pid_t> pid_{-1};
  std::unique_ptr<Impl> impl_;
};

}  // namespace proviso::sandbox
