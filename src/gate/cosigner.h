#pragma once
// Carries the published checkpoint to the witnesses of a tlog-policy and keeps it with their cosignatures
// once they are enough (ledger/cosigning.h). A witness that is down or slow holds up no other, and no
// decision: what happens to requests while the quorum is missing is decided in House.
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/loop.h"
#include "ledger/cosigning.h"

namespace proviso::gate {

inline constexpr std::chrono::seconds kWitnessAnswerMax{5};  // a witness answers in milliseconds
inline constexpr size_t kWitnessAskedMax = 32;               // of one policy; each is asked on a thread

// One round over all witnesses that have a URL.
struct CosignRound {
  struct Said {
    std::string name;
    bool cosigned = false;
    std::string why;  // if it did not
    // It saw more of this log than is here, or another history: signing on would fork the log.
    bool contradicts = false;
  };
  std::vector<Said> said;
  ledger::Witnessed witnessed;
};

class Carrier {
 public:
  // kInvalid if a URL cannot be reached by this gate; kLimit beyond kWitnessAskedMax.
  static Result<std::unique_ptr<Carrier>> create(std::string log_dir, ledger::Policy policy,
                                                 note::VerifierKey log_key);
  // Asks every witness at once about the published checkpoint. kNotFound if nothing was published. One
  // thread at a time.
  Result<CosignRound> round();

 private:
  struct Asked {
    ledger::Policy::Witness witness;
    uint64_t seen = 0;  // what it said it saw last
  };
  Carrier(std::string log_dir, ledger::Policy policy, note::VerifierKey log_key)
      : log_dir_(std::move(log_dir)), policy_(std::move(policy)), log_key_(std::move(log_key)) {}
  Result<std::string> ask(Asked& asked, const ledger::LogReader& log);

  std::string log_dir_;
  ledger::Policy policy_;
  note::VerifierKey log_key_;
  std::unique_ptr<http::Loops> loops_;
  std::vector<Asked> asked_;
  bool first_ = true;
};

// Runs rounds on a thread of its own while a gate serves.
class Cosigner {
 public:
  // `changed` is told after every round, on that thread, whether the quorum stands and why not.
  using Changed = std::function<void(bool quorum, const std::string& why)>;
  Cosigner(std::unique_ptr<Carrier> carrier, std::chrono::milliseconds interval, Changed changed);
  ~Cosigner();

 private:
  void run();
  std::unique_ptr<Carrier> carrier_;
  std::chrono::milliseconds interval_;
  Changed changed_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace proviso::gate
