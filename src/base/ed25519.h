#pragma once
// Ed25519 (RFC 8032) by OpenSSL. Keys are values; the seed is wiped when the last owner goes.
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso {

class PublicKey {
 public:
  // 32 bytes, else kInvalid.
  static Result<PublicKey> create(std::string_view raw);
  [[nodiscard]] const std::string& raw() const { return raw_; }
  // True if `signature` (64 bytes) is valid over `message`. Thread-safe.
  [[nodiscard]] bool verify(std::string_view message, std::string_view signature) const;
  friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.raw_ == b.raw_; }

 private:
  explicit PublicKey(std::string raw);
  std::string raw_;
  std::shared_ptr<void> handle_;
};

class PrivateKey {
 public:
  static PrivateKey generate();
  // The 32-byte seed, else kInvalid.
  static Result<PrivateKey> create(std::string_view seed);
  [[nodiscard]] std::string seed() const;
  [[nodiscard]] const PublicKey& public_key() const { return public_; }
  [[nodiscard]] std::string sign(std::string_view message) const;  // 64 bytes; thread-safe

 private:
  PrivateKey(std::shared_ptr<void> handle, PublicKey public_key);
  std::shared_ptr<void> handle_;
  PublicKey public_;
};

}  // namespace proviso
