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
    // It saw more of this log than is here, or refuses (422) the checkpoint as no continuation of what it
    // saw: signing on would fork the log.
    bool contradicts = false;
  };
  std::vector<Said> said;
  ledger::Witnessed witnessed;
  // Somebody cosigned, and those who did not could not be enough among themselves: no newer checkpoint
  // with a quorum is out there, unless a witness forgot.
  bool settled = false;
  // The first that contradicts, in words; empty if none does.
  [[nodiscard]] std::string contradiction() const;
};

class Carrier {
 public:
  // kInvalid if a URL cannot be reached by this gate; kLimit beyond kWitnessAskedMax.
  static Result<std::unique_ptr<Carrier>> create(std::string log_dir, ledger::Policy policy,
                                                 note::VerifierKey log_key);
  // Asks every witness at once about the published checkpoint. kNotFound if nothing was published. One
  // thread at a time.
  Result<CosignRound> round();
  // A running round ends at once, later ones ask nobody. Any thread.
  void stop();

 private:
  struct Asked {
    ledger::Policy::Witness witness;
    uint64_t seen = 0;  // what it said it saw last
  };
  Carrier(std::string log_dir, ledger::Policy policy, note::VerifierKey log_key)
      : log_dir_(std::move(log_dir)), policy_(std::move(policy)), log_key_(std::move(log_key)) {}
  Result<std::string> ask(Asked& asked, const ledger::LogReader& log, const std::string& checkpoint);

  std::string log_dir_;
  ledger::Policy policy_;
  note::VerifierKey log_key_;
  http::Cancel stop_;  // touched on the loop, which goes before it
  std::unique_ptr<http::Loops> loops_;
  std::vector<Asked> asked_;
  bool first_ = true;
};

// Runs rounds on a thread of its own while a gate serves.
class Cosigner {
 public:
  // Both run on that thread: `heard` after every round, `tick` all the while, during a round too.
  using Heard = std::function<void(const Result<CosignRound>&)>;
  Cosigner(std::unique_ptr<Carrier> carrier, std::chrono::milliseconds interval, Heard heard,
           std::function<void()> tick);
  ~Cosigner();  // ends a running round

 private:
  void run();
  std::unique_ptr<Carrier> carrier_;
  std::chrono::milliseconds interval_;
  Heard heard_;
  std::function<void()> tick_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace proviso::gate
