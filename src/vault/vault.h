#pragma once
// The vault: what leaves commit to but must not show. One encrypted record per leaf (its secret,
// its facts, its payloads), AES-256-GCM under a key of its own, which is wrapped under the key of
// its retention class and period; one segment file per class and period. Erasing one wrapping key
// makes that class and period unreadable for ever while the log stays whole. It knows nothing of
// leaves but their index: leaf 0, 1, 2 … each has exactly one record. Sealing is pure and
// thread-safe; appending has one writer (a lock file). After a failed write or sync the vault is
// failed for good: every later call says so, nothing is retried. Formats: docs/formats.md.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "vault/file_ops.h"

namespace proviso::vault {

inline constexpr size_t kRecordBytesMax = 64u << 20;  // a whole exchange's bodies, bounded by http
inline constexpr size_t kClassBytesMax = 63;          // a class stands in file names

struct Sealed {
  std::string segment;  // "default/2026-11": class and period
  std::string bytes;    // nonce, wrapped key, ciphertext, tag; docs/formats.md
  Digest digest;        // SHA-256 of bytes: the ciphertext digest in the leaf
};

// A batch of records that is ready to be written: bytes, and where in the segment files they go.
struct PreparedRecords {
  struct Write {
    std::string file;  // the segment file's name
    uint64_t offset = 0;
    std::string bytes;
    size_t segment = 0;  // the vault's own number for it
  };
  struct Place {
    size_t segment = 0;
    uint64_t offset = 0;
  };
  uint64_t first_index = 0;
  std::vector<Write> writes;
  std::vector<Place> places;  // of each record
};

class Vault {
 public:
  // Opens or creates `dir` (keys/ and segments/) and reads where every record stands. The root key
  // file is private to the user: kInvalid if group or others may read it. kConflict if another
  // process writes this vault. Damage is not an error here: recover() and faults() tell.
  static Result<std::unique_ptr<Vault>> open(const std::string& dir,
                                             const FileOps& ops = system_file_ops());
  // For reading only, beside a running writer: takes no lock, makes nothing, and finds records that
  // are appended later. Without the root key record() works and open_record() is kUnavailable.
  // seal(), append(), sync(), recover() and erase() are kConflict. kNotFound if there is no vault.
  static Result<std::unique_ptr<Vault>> open_reader(const std::string& dir);
  virtual ~Vault() = default;

  // Encrypts for the class and the period of `time` (months, UTC). A class is lower-case letters,
  // digits and dashes: kInvalid otherwise; kLimit beyond kRecordBytesMax; kUnavailable if the
  // period's key was erased. Thread-safe; makes the wrapping key, durable, on first use.
  virtual Result<Sealed> seal(std::string_view retention_class, UtcSeconds time,
                              std::string_view plaintext) const = 0;
  // Appends records for leaves first_index… in order; kConflict unless first_index is size().
  // Durable only after sync(): a log that writes its batch after sync() returned never has a leaf
  // without one. sync() may be called beside the others, from another thread.
  virtual Status append(uint64_t first_index, const std::vector<const Sealed*>& records) = 0;
  // append() in two steps, for a caller that makes the bytes durable elsewhere first: prepare() makes
  // missing segment files and reserves space, durably, so that write() changes no more than bytes.
  virtual Result<PreparedRecords> prepare(uint64_t first_index,
                                          const std::vector<const Sealed*>& records) = 0;
  virtual Status write(PreparedRecords records) = 0;
  virtual Status sync() = 0;
  // Removes records of leaves at or beyond `log_size`: a batch that the log does not have, and a
  // torn tail. kCorrupt, with nothing removed, when a leaf of the log has no record here (which is
  // named).
  virtual Status recover(uint64_t log_size) = 0;
  // The stored ciphertext of leaf `index`, and its plaintext. kNotFound, kCorrupt (digest or tag;
  // file and offset are named), kUnavailable when its wrapping key was erased. Thread-safe.
  virtual Result<Sealed> record(uint64_t index) const = 0;
  virtual Result<std::string> open_record(uint64_t index) const = 0;
  // The plaintext of what record() gave.
  virtual Result<std::string> open(const Sealed& record) const = 0;

  // Destroys the wrapping key of a segment ("default/2026-11") for ever: overwritten, removed, and
  // a mark left so that none is made again. kNotFound if there never was one.
  virtual Status erase(std::string_view segment) = 0;

  // One past the highest leaf that has a record. Thread-safe.
  [[nodiscard]] virtual uint64_t size() const = 0;
  // Places in segment files that are no records, named by file and offset. Thread-safe.
  [[nodiscard]] virtual std::vector<Error> faults() const = 0;
};

}  // namespace proviso::vault
