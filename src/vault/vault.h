#pragma once
// The vault: what leaves commit to but must not show. One encrypted record per leaf (its secret, its
// facts, its payloads), AES-256-GCM under a key of its own, which is wrapped under the key of its
// retention class and period; one segment file per class and period. Erasing one wrapping key makes
// that class and period unreadable for ever while the log stays whole. It knows nothing of leaves but
// their index. Sealing is pure and thread-safe; appending has one writer.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"

namespace proviso::vault {

inline constexpr size_t kRecordBytesMax = 64u << 20;  // a whole exchange's bodies, bounded by http

struct Sealed {
  std::string segment;  // "default/2026-11": class and period
  std::string bytes;    // nonce, wrapped key, ciphertext, tag; docs/formats.md
  Digest digest;        // SHA-256 of bytes: the ciphertext digest in the leaf
};

class Vault {
 public:
  // Opens or creates `dir` (keys/ and segments/). The root key file is private to the user.
  static Result<std::unique_ptr<Vault>> open(const std::string& dir);
  virtual ~Vault() = default;

  // Encrypts for the class and the period of `time` (months). Thread-safe; makes the wrapping key,
  // durable, on first use.
  virtual Result<Sealed> seal(std::string_view retention_class, UtcSeconds time,
                              std::string_view plaintext) const = 0;
  // Appends records for leaves first_index… in order. Durable only after sync().
  virtual Status append(uint64_t first_index, const std::vector<const Sealed*>& records) = 0;
  virtual Status sync() = 0;
  // Removes records of leaves at or beyond `log_size`: a batch that the log does not have.
  virtual Status recover(uint64_t log_size) = 0;
  // The stored ciphertext of leaf `index`, and its plaintext. kNotFound, kCorrupt (digest or tag),
  // kUnavailable when its wrapping key was erased. Thread-safe.
  virtual Result<Sealed> record(uint64_t index) const = 0;
  virtual Result<std::string> open_record(uint64_t index) const = 0;
};

}  // namespace proviso::vault
