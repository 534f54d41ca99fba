#pragma once
// One segment file: read by scanning its headers, written at its end. Space is allocated in chunks
// ahead of need, so that a sync writes bytes and not the file's length; what is not written yet
// reads as zero.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "vault/file_ops.h"
#include "vault/frame.h"

namespace proviso::vault {

// 4 TiB: what one wrapping key seals stays near 2^32 records, where random nonces of 96 bits may
// end (SP 800-38D section 8.3). Offsets below it share a word with a segment's number.
inline constexpr uint64_t kSegmentBytesMax = uint64_t{1} << 42;

struct Found {
  uint64_t index = 0;
  uint64_t offset = 0;  // of the header
};
struct Fault {
  uint64_t offset = 0;
  Error error;  // names file and offset
};
struct Scan {
  std::vector<Found> records;
  std::vector<Fault> faults;  // places between records that are none
  uint64_t end = 0;           // behind the last record
  bool tail = false;          // something other than zeros stands behind it
};
// Every record at or behind `from`, which is 0 or the end of an earlier scan. kCorrupt if the file
// is no segment; kNotFound, kIo.
Result<Scan> scan_segment(const std::string& path, uint64_t from);

// The record whose header stands at `offset`; kCorrupt, naming file and offset, if it is not that
// of leaf `index` or its digest does not hold.
struct Stored {
  std::string bytes;
  Digest digest;
};
Result<Stored> read_stored(const Fd& fd, const std::string& path, uint64_t offset, uint64_t index);

// The segment file, for reading.
Result<Fd> open_segment(const std::string& path);

class SegmentWriter {
 public:
  // Opens, or creates durably (file and folder synced), to write at `end`; 0 for a file without
  // records.
  static Result<std::shared_ptr<SegmentWriter>> open(const std::string& path, uint64_t end, const FileOps& ops);
  // Space for `count` more bytes, so that append() finds it.
  Status reserve(uint64_t count);
  Status append(std::string_view bytes);
  Status sync();  // beside the others, from any thread
  // Cuts everything at and behind `offset` off, durably.
  Status cut(uint64_t offset);
  [[nodiscard]] uint64_t end() const { return end_; }
  [[nodiscard]] bool dirty() const { return dirty_.load(); }

 private:
  SegmentWriter(Fd fd, std::string path, const FileOps& ops)
      : fd_(std::move(fd)), path_(std::move(path)), ops_(&ops) {}
  Status allocate(uint64_t needed);
  Status put(std::string_view bytes, uint64_t at);
  Status start();

  Fd fd_;
  std::string path_;
  const FileOps* ops_;
  uint64_t end_ = 0;
  uint64_t allocated_ = 0;
  std::atomic<bool> dirty_ = false;
};

}  // namespace proviso::vault
