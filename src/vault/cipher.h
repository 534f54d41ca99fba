#pragma once
// The vault's cryptography, pure: AES-256-GCM (SP 800-38D) throughout. A record is encrypted under
// a fresh key of its own; that key is wrapped under its segment's key together with the segment's
// name, and segments' keys likewise under the root key. Nonces are random: kSegmentBytesMax keeps
// what one key wraps near 2^32. (RFC 3394 key wrap takes 2.9 µs in OpenSSL 3.0, this 0.5.)
// Algorithms are fetched once and contexts reused per thread.
#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::vault {

// 32 secret bytes, wiped when they go.
class Key {
 public:
  static Key random();
  // Exactly 32 bytes, else kInvalid.
  static Result<Key> create(std::string_view bytes);
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  Key() = default;
  std::array<char, 32> bytes_{};
};

inline constexpr size_t kRecordOverhead = 1 + 12 + 48 + 16;  // version, nonce, wrapped key, tag

// A record of `segment` under its wrapping key.
std::string encrypt_record(const Key& wrapping, std::string_view segment,
                           std::string_view plaintext);
// kCorrupt unless encrypt_record() made `bytes` with the same key and segment.
Result<std::string> decrypt_record(const Key& wrapping, std::string_view segment,
                                   std::string_view bytes);

// A wrapping key as its file holds it, under the root key.
std::string encrypt_key(const Key& root, std::string_view segment, const Key& wrapping);
Result<Key> decrypt_key(const Key& root, std::string_view segment, std::string_view bytes);

}  // namespace proviso::vault
