#pragma once
// Bytes are std::string when owned and std::string_view when borrowed, whether text or binary: one
// form for hashing, JSON, files and sockets. Encodings here are strict: what decodes re-encodes to
// the same text, so two spellings of one value cannot exist.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso {

std::string hex_encode(std::string_view bytes);  // lower case
// kInvalid unless lower-case hex of even length.
Result<std::string> hex_decode(std::string_view text);

// RFC 4648 section 4, with padding.
std::string base64_encode(std::string_view bytes);
// kInvalid on a missing pad, a stray character or non-zero trailing bits.
Result<std::string> base64_decode(std::string_view text);

// Big-endian integers, appended to `out`.
void put_u8(std::string& out, uint8_t value);
void put_u16(std::string& out, uint16_t value);
void put_u32(std::string& out, uint32_t value);
void put_u64(std::string& out, uint64_t value);

// Reads big-endian integers and runs of bytes off the front of a view. Every read fails with kCorrupt
// when fewer bytes are left. The view must outlive the reader and what it returns.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  Result<uint8_t> u8();
  Result<uint16_t> u16();
  Result<uint32_t> u32();
  Result<uint64_t> u64();
  Result<std::string_view> bytes(size_t count);
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// True for well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

// Constant-time equality, for secrets and their digests. Lengths are not secret.
bool equal_secret(std::string_view a, std::string_view b);

// Decimal without sign, leading zero or trailing text; kInvalid otherwise, also on overflow.
Result<uint64_t> parse_u64(std::string_view text);

}  // namespace proviso
