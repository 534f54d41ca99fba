#pragma once
// A log's change of keys, and what it means for papers. A rotation is a signed note by the old log key and the
// new one: the old key signed so many entries, with this root, and from now on the new keys sign. Whoever holds
// one key of a log and the notes between accepts what every other key of the chain signed in its own time, and
// nothing that it signed outside it: a key that was retired because it leaked signs nothing new. Pure values;
// docs/formats.md has the note.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/note.h"
#include "ledger/keys.h"
#include "ledger/receipt.h"

namespace proviso::ledger {

inline constexpr size_t kRotationsMax = 1000;            // of one log; a key a month lasts eighty years
inline constexpr size_t kRotationBytesMax = 16 * 1024;   // of one note; ours have 1 KB

struct Rotation {
  std::string origin;
  uint64_t size = 0;  // entries that the old keys signed
  Digest root;        // of those
  UtcSeconds time;
  note::VerifierKey old_log, old_receipt;
  note::VerifierKey new_log, new_receipt;

  [[nodiscard]] std::string text() const;  // of the note, without signatures
  // kInvalid: no such note; kUnverified unless both log keys that it names signed it.
  static Result<Rotation> open(std::string_view note);
};
// The note. kInvalid unless the keys are those that the rotation names.
Result<std::string> sign_rotation(const Rotation& rotation, const NamedKey& old_log, const NamedKey& new_log);

class KeyChain {
 public:
  // `held` is a log key or a receipt key that somebody trusts; `notes` are the log's rotations in any order.
  // kUnverified if they are not one chain, or `held` is none of its keys. Without notes the chain is `held`.
  static Result<KeyChain> create(const note::VerifierKey& held, std::span<const std::string> notes);

  [[nodiscard]] std::vector<note::VerifierKey> log_keys() const;
  [[nodiscard]] const std::vector<Rotation>& rotations() const { return rotations_; }
  // The key that signed a checkpoint in its own time. kUnverified if none did, or one out of its time.
  [[nodiscard]] Result<note::VerifierKey> signer_of(std::string_view checkpoint_note) const;
  // As Receipt::verify(), under whichever receipt key of the chain gave it in its time.
  [[nodiscard]] Status verify(const Receipt& receipt) const;

 private:
  struct Epoch {
    std::optional<note::VerifierKey> log, receipt;
    uint64_t from = 0;   // entries when it began
    std::optional<uint64_t> until;  // and when it ended
    Digest root;         // at `until`
  };
  std::vector<Epoch> epochs_;  // in time
  std::vector<Rotation> rotations_;
};

// The notes in a folder, or in one file, `NAME` as given; a folder that is not there has none.
Result<std::vector<std::string>> read_rotations(const std::string& place);

}  // namespace proviso::ledger
