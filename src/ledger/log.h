#pragma once
// The log: one append-only file of framed batches, synced once per batch, from which tree, tiles
// and checkpoints are derived. It knows nothing of what an entry means. One writer at a time (a
// lock file). Signing is done by a process of its own (ledger/signer.h) that reads the batch back
// from disk, so a caller that skips the write cannot get a signature. After a failed write or sync
// the log is failed for good: every later call says so, nothing is retried.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/merkle.h"
#include "base/note.h"
#include "ledger/receipt.h"

namespace proviso::ledger {

class Io;
class SignerClient;

inline constexpr size_t kEntryBytesMax = 65'535;    // tlog-tiles entry bundles count in 16 bits
inline constexpr size_t kBatchEntriesMax = 1024;    // bounds the time of one sync
inline constexpr size_t kBatchBytesMax = 8u << 20;  // lengths and entries of one batch together
inline constexpr size_t kUnsignedBatchesMax = 64;   // appended, not yet collected; beyond it kLimit

struct LogOptions {
  std::string dir;     // holds log.wal, checkpoint, tile/…, lock
  std::string origin;  // also the name of the log's key
  Io* io = nullptr;    // tests put faults here; null is the system
  // Keys that signed before the signer's: the published checkpoint may be theirs, and is then signed again.
  std::vector<note::VerifierKey> former_keys = {};
};

using EntryVisit = std::function<Status(uint64_t index, std::string_view entry)>;

// Why a log cannot go on is an Error; where it stands is this.
struct LogState {
  uint64_t size = 0;
  Digest root;
  UtcSeconds last_time;          // of the newest batch
  uint64_t checkpoint_size = 0;  // the newest published one
};

// A batch that is ready to be written: its bytes, and where in log.wal they go.
struct PreparedBatch {
  uint64_t start = 0;  // index of its first entry
  UtcSeconds time;
  uint64_t offset = 0;
  std::string frame;
  IntervalTree tree;
};

class Log {
 public:
  // Opens or creates; recovers: cuts an incomplete last batch (nothing of it was ever signed),
  // writes the tiles that a crash lost, checks root and published checkpoint against what the
  // signer replayed on its own. kCorrupt names file and offset; kConflict if another process holds
  // the lock. `signer` must outlive the log.
  static Result<std::unique_ptr<Log>> open(LogOptions options, SignerClient& signer);
  virtual ~Log() = default;

  [[nodiscard]] virtual LogState state() const = 0;  // thread-safe
  // One batch: prepared, written, synced. On return the entries are durable but unsigned. kLimit and
  // kInvalid (empty batch, time before the last batch's) leave the log as it was; kIo fails it for
  // good. One thread at a time.
  virtual Status append(std::span<const std::string> entries, UtcSeconds now) = 0;
  // The steps of append(), for a caller that makes the bytes durable elsewhere first. prepare()
  // reserves the space on disk, so that write() changes no more than bytes; the batch counts from
  // write() on, kConflict if another came between. sync() may be called from another thread.
  virtual Result<PreparedBatch> prepare(std::span<const std::string> entries, UtcSeconds now) = 0;
  virtual Status write(PreparedBatch batch) = 0;
  virtual Status sync() = 0;
  // Asks for the signature of the oldest appended batch that was not yet asked for, without
  // waiting. kConflict if there is none. Same thread as append().
  virtual Status request_signature() = 0;
  // Waits for the oldest asked-for batch: one receipt per entry, in order. kConflict if none is
  // asked for. Any one thread, beside append(); so batch k+1 is written while batch k is signed.
  virtual Result<std::vector<Receipt>> collect() = 0;
  // Asks for everything appended since the last call and collects it, batch by batch.
  virtual Result<std::vector<Receipt>> sign() = 0;
  // Writes tiles for the current size and publishes a signed checkpoint for it (atomically
  // replaced). Nothing happens if it is published already. Any one thread, beside append() and
  // collect().
  virtual Status publish() = 0;
  // Entry bytes by index, from disk. Thread-safe.
  virtual Result<std::string> entry(uint64_t index) const = 0;
  // Every entry from `from` on, in order, each batch read once; stops at the first error that `visit`
  // returns. Thread-safe; what is appended meanwhile may be seen or not.
  virtual Status scan(uint64_t from, const EntryVisit& visit) const = 0;
  // The receipt of any signed entry again, bit for bit as it was first given. Thread-safe.
  virtual Result<Receipt> receipt(uint64_t index) const = 0;
};

// Reading a log that this process does not write: for verify, proof and show. Also opens a folder
// that holds only what tlog-tiles publishes (checkpoint and tile/…), such as a mirror's. A
// snapshot: what is appended after open() is not seen. Thread-safe.
class LogReader {
 public:
  // kNotFound if there is neither log.wal nor checkpoint; kCorrupt names file and offset.
  static Result<std::unique_ptr<LogReader>> open(const std::string& dir);
  // Only what tlog-tiles publishes, even where log.wal is there: opens in constant time, and its size
  // is the published checkpoint's. kNotFound if nothing was published.
  static Result<std::unique_ptr<LogReader>> open_published(const std::string& dir);
  virtual ~LogReader() = default;
  [[nodiscard]] virtual const std::string& origin() const = 0;
  [[nodiscard]] virtual uint64_t size() const = 0;
  virtual Result<std::string> entry(uint64_t index) const = 0;
  virtual Result<Digest> leaf_hash(uint64_t index) const = 0;
  virtual Result<Digest> subtree(uint64_t start, uint64_t end) const = 0;  // from tiles or entries
  virtual Result<std::string> checkpoint() const = 0;                      // the published note
  // Every entry from `from` on, in order; stops at the first error that `visit` returns.
  using Visit = EntryVisit;
  virtual Status scan(uint64_t from, const Visit& visit) const = 0;
  // Re-reads every byte: frames, tiles and bundles against entries, checkpoint against root and
  // `log_key` (a verifier key's text). Each fault is named by file, place and what is wrong.
  virtual std::vector<Error> check(std::string_view log_key) const = 0;
};

}  // namespace proviso::ledger
