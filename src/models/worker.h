#pragma once
// The local model: llama-server from the pinned source package, as a supervised child in the sandbox, behind
// a doorkeeper (models/doorkeeper.h) that listens on a unix socket in a folder of its own. Options are fixed here, because several of its
// own would open a way out (sandbox/sandbox.h says what it may do; docs/models.md why each option).
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sandbox/supervisor.h"

namespace proviso::models {

inline constexpr uint32_t kWorkerSlotsMax = 64;     // requests decoded together
inline constexpr uint32_t kWorkerThreadsMax = 256;

struct WorkerConfig {
  std::string launcher;      // proviso-launch
  std::string program;       // llama-server
  std::string model_file;    // GGUF
  // proviso-doorkeeper, and the receipt key (a verifier key line) that it pins. Without it the model takes a
  // prompt from whoever reaches its socket: for negative controls only.
  std::string doorkeeper;
  std::string receipt_key;
  std::string run_dir;       // a folder of ours; the socket is made below it
  uint32_t threads = 2;
  uint32_t slots = 4;
  uint32_t context_tokens = 8192;  // shared by the slots
  uint64_t memory_bytes = 0;       // 0: no limit
  uint32_t run_as = 65534;
};

// Where a worker in `run_dir` listens.
std::string worker_socket(const std::string& run_dir);

class Worker {
 public:
  // Makes the folders and starts supervision; on_probe and on_state are passed through, readiness is
  // GET /health. Returns before the worker is ready. kInvalid, kNotFound, kIo.
  static Result<std::unique_ptr<Worker>> start(const WorkerConfig& config,
                                               sandbox::SupervisorHooks hooks);
  [[nodiscard]] sandbox::WorkerState state() const { return supervisor_->state(); }
  [[nodiscard]] const sandbox::Supervisor& supervisor() const { return *supervisor_; }
  // With what an answer that must be a tool call begins; empty where the model's own template decides.
  [[nodiscard]] std::string_view call_opening() const { return call_opening_; }
  // It takes no prompt without a pass.
  [[nodiscard]] bool demands_receipt() const { return demands_receipt_; }
  void stop(int grace_ms = 3000) { supervisor_->stop(grace_ms); }

 private:
  Worker() = default;
  std::unique_ptr<sandbox::Supervisor> supervisor_;
  std::string_view call_opening_;
  bool demands_receipt_ = false;
};

}  // namespace proviso::models
