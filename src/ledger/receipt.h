#pragma once
// A receipt: the log's signed word that an entry stands at an index, given only after the entry was
// durable. One signature covers the interval of entries committed together; a path of a few hashes
// ties one entry to it. docs/formats.md gives it byte for byte. Pure values.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/ed25519.h"

namespace proviso::ledger {

inline constexpr size_t kReceiptPathMax = 10;         // an interval has at most 1024 entries
inline constexpr size_t kReceiptTextBytesMax = 2048;  // fits a header line with every proxy's limit
inline constexpr size_t kOriginBytesMax = 255;        // tlog-cosignature counts origins in one byte

struct Receipt {
  std::string origin;
  uint64_t index = 0;  // of the entry
  Digest leaf;         // RFC 6962 leaf hash of the entry
  uint64_t start = 0;  // the interval [start, end) that was committed together
  uint64_t end = 0;
  UtcSeconds time;           // of the batch, as written in the log
  std::vector<Digest> path;  // from the leaf to the RFC 6962 root over the interval's leaf hashes
  std::string signature;     // 64 bytes, by the receipt key over receipt_message()

  [[nodiscard]] std::string text() const;  // one line of canonical JSON, fit for a header
  // kInvalid unless text() gives the same bytes back; kLimit beyond kReceiptTextBytesMax.
  static Result<Receipt> parse(std::string_view text);
  // kUnverified unless the path and the signature hold under `key`; kInvalid if the shape is
  // impossible.
  [[nodiscard]] Status verify(const PublicKey& key) const;
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

// What the receipt key signs: a domain that no signed note can begin with (it holds a NUL), then
// origin, start, end, the interval's root and the time, one a line.
std::string receipt_message(std::string_view origin, uint64_t start, uint64_t end,
                            const Digest& interval_root, UtcSeconds time);

// The tree over one interval's leaf hashes, built once for all its receipts.
class IntervalTree {
 public:
  // At least one leaf.
  explicit IntervalTree(std::vector<Digest> leaf_hashes);
  [[nodiscard]] size_t size() const { return levels_.front().size(); }
  [[nodiscard]] const Digest& root() const { return levels_.back().front(); }
  [[nodiscard]] const Digest& leaf(size_t i) const { return levels_.front()[i]; }
  [[nodiscard]] std::vector<Digest> path(size_t i) const;
  // Node `i` of those over 2^height leaves each; it lies within the tree.
  [[nodiscard]] const Digest& node(size_t height, size_t i) const { return levels_[height][i]; }  // leaf to root

 private:
  std::vector<std::vector<Digest>> levels_;
};

// Printable ASCII without space or `+`, 1 to kOriginBytesMax bytes: a key name that fits a header.
Status check_origin(std::string_view origin);

}  // namespace proviso::ledger
