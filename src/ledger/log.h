#pragma once
// The log: one append-only file of framed batches, synced once per batch, from which tree, tiles and
// checkpoints are derived. It knows nothing of what an entry means. One writer at a time (a lock file).
// Signing is done by a process of its own (ledger/signer.h) that reads the batch back from disk, so a
// caller that skips the write cannot get a signature. After a failed write or sync the log is failed
// for good: every later call says so, nothing is retried.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/merkle.h"
#include "ledger/receipt.h"

namespace proviso::ledger {

class SignerClient;

inline constexpr size_t kEntryBytesMax = 65'535;  // tlog-tiles entry bundles count in 16 bits
inline constexpr size_t kBatchEntriesMax = 1024;  // bounds the time of one sync

struct LogOptions {
  std::string dir;     // holds log.wal, checkpoint, tile/…, lock
  std::string origin;  // also the name of the log's key
};

// Why a log cannot go on is an Error; where it stands is this.
struct LogState {
  uint64_t size = 0;
  Digest root;
  UtcSeconds last_time;       // of the newest batch
  uint64_t checkpoint_size = 0;  // the newest published one
};

class Log {
 public:
  // Opens or creates; recovers: cuts an incomplete last batch (nothing of it was ever signed), rebuilds
  // tiles and tree, checks the published checkpoint against them. kCorrupt names file and offset;
  // kConflict if another process holds the lock.
  static Result<std::unique_ptr<Log>> open(LogOptions options, SignerClient& signer);
  virtual ~Log() = default;

  [[nodiscard]] virtual LogState state() const = 0;  // thread-safe
  // One batch: written, synced. On return the entries are durable but unsigned.
  virtual Status append(std::span<const std::string> entries, UtcSeconds now) = 0;
  // Signs everything appended since the last call: one receipt per entry, in order.
  virtual Result<std::vector<Receipt>> sign(UtcSeconds now) = 0;
  // Writes tiles for the current size and publishes a signed checkpoint for it (atomically replaced).
  virtual Status publish() = 0;
  // Entry bytes by index, from disk. Thread-safe.
  virtual Result<std::string> entry(uint64_t index) const = 0;
};

// Reading a log that this process does not write: for verify, proof and show.
class LogReader {
 public:
  static Result<std::unique_ptr<LogReader>> open(const std::string& dir);
  virtual ~LogReader() = default;
  [[nodiscard]] virtual uint64_t size() const = 0;
  virtual Result<std::string> entry(uint64_t index) const = 0;
  virtual Result<Digest> leaf_hash(uint64_t index) const = 0;
  virtual Result<Digest> subtree(uint64_t start, uint64_t end) const = 0;  // from leaf hashes or tiles
  virtual Result<std::string> checkpoint() const = 0;                      // the published note
  // Re-reads every byte: frames, tiles against entries, checkpoint against root. Each fault is named.
  virtual std::vector<Error> check(std::string_view log_key) const = 0;
};

}  // namespace proviso::ledger
