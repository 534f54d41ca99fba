#pragma once
// C2SP tlog-proof: one entry's inclusion proof and the checkpoint it leads to, as one text file
// that any C2SP client verifies. Pure but for reading through a LogReader.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/note.h"
#include "ledger/log.h"

namespace proviso::ledger {

inline constexpr size_t kProofHashesMax = 63;        // a tree of 2^63 leaves
inline constexpr size_t kProofBytesMax = 1'100'000;  // the largest note and every hash

struct TlogProof {
  std::optional<std::string> extra;  // opaque, not authenticated
  uint64_t index = 0;
  std::vector<Digest> hashes;  // leaf to root
  std::string checkpoint;      // the signed note, verbatim

  [[nodiscard]] std::string text() const;
  // kInvalid if malformed, kLimit beyond the limits. The checkpoint is not looked into.
  static Result<TlogProof> parse(std::string_view text);
  // kUnverified unless a known key signed the checkpoint and the proof leads from `leaf` to its
  // root; with `origin`, the checkpoint's must be that.
  [[nodiscard]] Status verify(const Digest& leaf, std::span<const note::VerifierKey> known,
                              std::string_view origin) const;
};

// The proof of entry `index` under the published checkpoint, or under another one of the same log, such
// as the witnessed one. kNotFound if that is smaller; kCorrupt if the tiles do not lead to its root.
Result<std::string> tlog_proof(const LogReader& reader, uint64_t index);
Result<std::string> tlog_proof(const LogReader& reader, uint64_t index, std::string checkpoint);

}  // namespace proviso::ledger
