#pragma once
// SHA-256 at the cost of its blocks: nothing is fetched, nothing allocated. Thread-safe.
#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

struct SHA256state_st;  // OpenSSL's

namespace proviso {

struct Digest {
  std::array<uint8_t, 32> bytes{};
  [[nodiscard]] std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] std::string hex() const { return hex_encode(view()); }
  friend auto operator<=>(const Digest&, const Digest&) = default;
};

// SHA-256 over the concatenation of the parts.
Digest sha256(std::string_view bytes);
Digest sha256(std::initializer_list<std::string_view> parts);
Digest hmac_sha256(std::string_view key, std::string_view message);

// Exactly 32 bytes, else kInvalid.
Result<Digest> digest_from_bytes(std::string_view bytes);
Result<Digest> digest_from_hex(std::string_view hex);

// Incremental, for bodies that arrive in pieces. Movable; finish() once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&& other) noexcept;
  Sha256& operator=(Sha256&& other) noexcept;
  void update(std::string_view bytes);
  [[nodiscard]] Digest finish();

 private:
  std::unique_ptr<SHA256state_st> context_;
};

// Cryptographic random bytes from the operating system; aborts if there are none.
std::string random_bytes(size_t count);

}  // namespace proviso
