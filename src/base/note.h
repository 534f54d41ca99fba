#pragma once
// C2SP signed-note v1.0.0 and tlog-checkpoint. Ed25519 lines (type 0x01) are signed and verified;
// lines of other types are read past as the specification says. Pure.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/ed25519.h"

namespace proviso::note {

inline constexpr size_t kSignaturesMax = 100;      // Go's reader stops there too
inline constexpr size_t kNoteBytesMax = 1'000'000;  // as golang.org/x/mod/sumdb/note

// A verifier key: `name+hash+base64(type||key)`.
struct VerifierKey {
  std::string name;
  uint32_t id = 0;
  uint8_t type = 0x01;
  std::string key;  // raw, after the type byte
  // kInvalid if malformed or if the id is not the one that the name and key give.
  static Result<VerifierKey> parse(std::string_view text);
  static Result<VerifierKey> ed25519(std::string_view name, const PublicKey& key);
  [[nodiscard]] std::string text() const;
};

struct Signature {
  std::string name;
  uint32_t id = 0;
  std::string bytes;
};
struct Note {
  std::string text;  // ends with a line feed
  std::vector<Signature> signatures;
};

// kInvalid if malformed, kLimit beyond the limits.
Result<Note> parse(std::string_view bytes);
// The note if at least one known key signed it; kUnverified if a known key's line fails or none is
// there. `verified`, if given, gets the names of the keys that hold.
Result<Note> open(std::string_view bytes, std::span<const VerifierKey> known,
                  std::vector<std::string>* verified = nullptr);
// Text (ending in a line feed) with one Ed25519 signature line.
Result<std::string> sign(std::string_view text, std::string_view name, const PrivateKey& key);

struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  Digest root;
  std::vector<std::string> extensions;
  static Result<Checkpoint> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
};

}  // namespace proviso::note
