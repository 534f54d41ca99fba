#pragma once
// A receipt: the log's signed word that an entry stands at an index, given only after the entry was
// durable. One signature covers the interval of entries committed together; a path of a few hashes
// ties one entry to it. docs/formats.md gives it byte for byte. Pure values.
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/ed25519.h"

namespace proviso::ledger {

struct Receipt {
  std::string origin;
  uint64_t index = 0;   // of the entry
  Digest leaf;          // RFC 6962 leaf hash of the entry
  uint64_t start = 0;   // the interval [start, end) that was committed together
  uint64_t end = 0;
  UtcSeconds time;      // the signer's
  std::vector<Digest> path;  // from the leaf to the RFC 6962 root over the interval's leaf hashes
  std::string signature;     // 64 bytes, by the receipt key over receipt_message()

  [[nodiscard]] std::string text() const;  // one line of canonical JSON, fit for a header
  static Result<Receipt> parse(std::string_view text);
  // kUnverified unless the path and the signature hold under `key`.
  [[nodiscard]] Status verify(const PublicKey& key) const;
};

// What the receipt key signs: a domain line that no checkpoint can begin with, then origin, start,
// end, the interval's root and the time, one a line.
std::string receipt_message(std::string_view origin, uint64_t start, uint64_t end,
                            const Digest& interval_root, UtcSeconds time);

}  // namespace proviso::ledger
