#pragma once
// C2SP tlog-cosignature with Ed25519 (type 0x04): a witness's word that it saw this checkpoint at this
// time, and that what it saw of this log before is a beginning of it. Lines of other types are read
// past. Pure.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/note.h"
#include "ledger/keys.h"

namespace proviso::ledger {

inline constexpr uint8_t kCosignatureType = 0x04;
inline constexpr size_t kCosignatureBytes = 72;  // u64 time || Ed25519 signature

// What is signed: "cosignature/v1\ntime T\n" and the whole text of the note.
std::string cosignature_message(std::string_view note_text, UtcSeconds time);

// The verifier key of a cosigner: the same key under its own type. kInvalid for an impossible name.
Result<note::VerifierKey> cosigner_key(std::string_view name, const PublicKey& key);

// One signature line with its line feed. kInvalid if `time` is not positive, or the text or the name
// could not be read back.
Result<std::string> cosign(std::string_view note_text, const NamedKey& witness, UtcSeconds time);

struct Cosignature {
  note::VerifierKey witness;
  UtcSeconds time;
};
// The cosignatures of `known` witnesses on a note, each witness once, the newest where one signed
// twice. kUnverified if a known witness's line does not hold: the note was tampered with. Keys of
// other types among `known` are not looked for.
Result<std::vector<Cosignature>> cosignatures(const note::Note& note,
                                              std::span<const note::VerifierKey> known);

// A signature line in its one spelling, with its line feed.
std::string signature_line(const note::Signature& signature);
// The note's bytes again from its parts.
std::string note_text(const note::Note& note);

}  // namespace proviso::ledger
