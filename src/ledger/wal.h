#pragma once
// Reading log.wal: in order with every check (WalCursor), and by index (WalIndex). Writer, signer,
// publisher and readers all go through here, each with a cursor of its own.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger/frame.h"
#include "ledger/io.h"
#include "ledger/log.h"

namespace proviso::ledger {

inline constexpr std::string_view kWalName = "log.wal";
inline constexpr uint64_t kPreallocateBytes = 4u << 20;  // one extension in some 6,000 leaves
// An incomplete batch lies in the last extension: a fault with more than this behind it is damage.
inline constexpr uint64_t kTailBytesMax = 2 * kPreallocateBytes + kBatchBytesMax;
inline constexpr uint64_t kIndexStride = 256;  // one remembered offset per so many entries

struct Frame {
  FrameHead head;
  uint64_t offset = 0;
  FrameBody body;  // borrows from the cursor until its next call
};

// Where batches begin, thinned out: 16 bytes per kIndexStride entries.
class WalIndex {
 public:
  void add(uint64_t first_index, uint64_t offset);
  struct Place {
    uint64_t first_index = 0;
    uint64_t offset = 0;
  };
  // The last remembered batch that begins at or before `index`. The index is not empty.
  [[nodiscard]] Place before(uint64_t index) const;
  [[nodiscard]] bool empty() const { return places_.empty(); }

 private:
  std::vector<Place> places_;
};

class WalCursor {
 public:
  // kNotFound, kCorrupt (not a log), kIo. `io` must outlive the cursor.
  static Result<WalCursor> open(Io& io, const std::string& path);

  // The next batch, every check passed; nothing at the end of what is complete, where an incomplete
  // batch may follow (tail()). kCorrupt names file and offset. May be called again after nothing: a
  // writer may have appended meanwhile.
  Result<std::optional<Frame>> next();

  [[nodiscard]] const std::string& origin() const { return origin_; }
  [[nodiscard]] uint64_t offset() const { return offset_; }  // of the next batch
  [[nodiscard]] uint64_t next_index() const { return next_index_; }
  [[nodiscard]] UtcSeconds last_time() const { return last_time_; }
  // What stood behind the last complete batch when next() gave nothing.
  [[nodiscard]] Tail tail() const { return tail_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Goes on at a batch whose place is known from elsewhere.
  void seek(WalIndex::Place place, UtcSeconds not_before);
  // Bytes read ahead at once: much for a replay, little for following a live log.
  void set_read_ahead(size_t bytes) { read_ahead_ = bytes; }

 private:
  WalCursor(Io& io, Fd fd, std::string path)
      : io_(&io), fd_(std::move(fd)), path_(std::move(path)) {}
  Result<std::string_view> need(size_t count);
  Result<std::optional<Frame>> parse_buffered();
  Result<std::optional<Frame>> end_or_damage(const Error& why);

  Io* io_;
  Fd fd_;
  std::string path_;
  std::string origin_;
  uint64_t offset_ = 0;
  uint64_t next_index_ = 0;
  UtcSeconds last_time_;
  Tail tail_ = Tail::kEmpty;
  std::string buffer_;  // bytes of the file from buffer_offset_ on
  uint64_t buffer_offset_ = 0;
  size_t read_ahead_ = 1u << 20;
};

// The batch that holds entry `index`, found by walking from `from`; `bytes` keeps what it borrows.
// kCorrupt with file and offset, also when no batch holds it.
Result<Frame> read_frame(Io& io, int fd, const std::string& path, WalIndex::Place from,
                         uint64_t index, std::string& bytes);

}  // namespace proviso::ledger
