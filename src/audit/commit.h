#pragma once
// The commit point. Event loops seal records (hashing and encryption, on their own core) and submit
// them; what has queued is taken as a batch: made durable in the redo log with one sync, written to vault
// and log, then signed, while the next is being written, then answered with one wake-up per loop. Nothing
// is answered that is not durable.
// After a failure every pending and later submission is answered with an error and healthy() is
// false for good.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "audit/leaf.h"
#include "audit/redo.h"
#include "ledger/log.h"
#include "vault/vault.h"

namespace proviso::audit {

inline constexpr size_t kCommitQueueMax = 4096;  // beyond it callers are told to wait or fail
inline constexpr size_t kCommitQueueBytesMax = 256u << 20;  // sealed bytes that wait, all together
inline constexpr int kPublishPeriodMsMax = 1000;  // a checkpoint is never older than this under load

struct Record {
  Leaf leaf;  // fact_count, fact_root and sealed are filled by seal()
  exchange::Facts facts;
  std::vector<std::pair<std::string, std::string>> payloads;
  std::string retention_class = "default";
  std::string opened;  // path of a fact that must be shown alone; empty: none
};
struct SealedRecord {
  std::string entry;  // the leaf's text
  UtcSeconds time;    // the leaf's; the log's batch is never before it
  vault::Sealed sealed;
  exchange::FactOpening opening;  // of the record's `opened`
};

// Fills the leaf from the facts under a fresh secret and encrypts the contents. Thread-safe.
Result<SealedRecord> seal(const vault::Vault& vault, Record record);

struct Committed {
  uint64_t token = 0;  // the submitter's
  Result<ledger::Receipt> receipt;
};
// Where a loop hears of its commits: called once per batch and loop, on a thread of the committer.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void deliver(std::vector<Committed> batch) = 0;
};

class Committer {
 public:
  // Recovers vault against log, then starts the threads. kConflict if `clock` stands before the
  // last leaf. `redo` was opened before `log` and `vault`; all four must outlive it.
  static Result<std::unique_ptr<Committer>> start(ledger::Log& log, vault::Vault& vault, Redo& redo,
                                                  const Clock& clock);
  virtual ~Committer() = default;  // drains, publishes a last checkpoint, leaves nothing to redo
  // The leaf's time is a value of now(); one that is more than kLeafLagSMax behind an earlier leaf
  // is answered with kConflict. True: `sink` will be told, with a receipt or an error, exactly
  // once. False if the queue is full or the ledger has failed: nothing was queued. `sink` must
  // outlive the committer. Thread-safe.
  // With Wake::kLater the record may lie in the queue until wake(): a loop that has more to submit
  // calls it once, behind the last, so that they become one batch.
  enum class Wake { kNow, kLater };
  virtual bool submit(SealedRecord record, Sink& sink, uint64_t token, Wake wake) = 0;
  bool submit(SealedRecord record, Sink& sink, uint64_t token) {
    return submit(std::move(record), sink, token, Wake::kNow);
  }
  virtual void wake() = 0;  // thread-safe
  // Blocks until durable: for commands and start-up. Never from a sink.
  virtual Result<ledger::Receipt> commit(SealedRecord record) = 0;
  [[nodiscard]] virtual bool healthy() const = 0;
  // Why not, in one sentence; empty while healthy.
  [[nodiscard]] virtual std::string failure() const = 0;
  [[nodiscard]] virtual UtcSeconds now() const = 0;  // never before the last leaf; thread-safe
  struct Figures {
    uint64_t entries, batches, queue_depth;
  };
  [[nodiscard]] virtual Figures figures() const = 0;
};

}  // namespace proviso::audit
