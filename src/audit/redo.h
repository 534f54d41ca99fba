#pragma once
// The redo log: where a batch becomes durable, whole and with one sync, before its bytes go to log.wal
// and to the vault's segment files. Those are synced later, in the background; a start first writes
// again what stands here. Two files take turns, so that one can be let go while the other fills. Every
// batch names places that only ever get these bytes, so to write them twice changes nothing.
// One writer (a lock file). After a failed write or sync its owner gives up for good. Format:
// docs/formats.md. Not thread-safe, but release() may be called beside write().
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "ledger/io.h"

namespace proviso::audit {

inline constexpr size_t kRedoFileBytesMax = 32u << 20;  // of each of the two: 200 ms at 150 MB a second

struct RedoPlaces {
  std::string dir;       // of the two files
  std::string log;       // the folder of log.wal
  std::string segments;  // the folder of the vault's segment files
};
struct RedoWrite {
  std::string_view file;  // a name without a folder: log.wal, or a segment file
  uint64_t offset = 0;
  std::string_view bytes;
};

class Redo {
 public:
  // Takes the lock, writes every batch that stands here to its place again, synced, and then forgets it.
  // To be called before log and vault are opened. kConflict if another process holds the lock;
  // kCorrupt if a batch lies behind damage: it may have been answered, so nothing is thrown away.
  static Result<std::unique_ptr<Redo>> open(RedoPlaces places, ledger::Io& io = ledger::Io::system());

  // The number of the oldest batch whose bytes are not in their place, 0 if all are. Reads only, beside a
  // running writer too, where a batch may be on its way for a moment. Errors as of open().
  static Result<uint64_t> first_outstanding(const RedoPlaces& places);

  [[nodiscard]] uint64_t redone() const { return redone_; }  // batches that open() found
  // Whether write() has room for such a batch.
  [[nodiscard]] bool fits(std::span<const RedoWrite> batch) const;
  // One batch, durable on return. It must fit.
  Status write(std::span<const RedoWrite> batch);
  // Batches go to the other file from now on, if any came since the last turn. False, and nothing happens,
  // while that file was not released.
  bool turn();
  // All that was written before the last turn() is durable in its place: it may be overwritten.
  void release();
  // So is everything: a start has nothing to do.
  Status forget();

 private:
  struct File {
    std::string path;
    Fd fd;
    uint64_t end = 0;        // where the next batch goes
    uint64_t allocated = 0;  // written before, so that a sync changes only bytes
  };
  Redo(RedoPlaces places, ledger::Io& io) : places_(std::move(places)), io_(io) {}
  Status take_over();
  Status open_file_number(size_t number);
  Status redo_all();
  Status put(File& file, std::string_view record);

  const RedoPlaces places_;
  ledger::Io& io_;
  Fd lock_;
  File files_[2];
  size_t current_ = 0;  // where the next batch goes
  size_t newest_ = 0;   // where the last one went
  bool other_free_ = true;
  bool turned_ = true;  // nothing was written since the last turn
  uint64_t next_sequence_ = 1;
  uint64_t redone_ = 0;
};

}  // namespace proviso::audit
