#include "base/bytes.h"

#include <openssl/crypto.h>
#include <simdjson.h>

#include <limits>

namespace proviso {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNoDigit = 0xff;

constexpr std::array<uint8_t, 256> reverse(std::string_view digits) {
  std::array<uint8_t, 256> table{};
  table.fill(kNoDigit);
  for (size_t i = 0; i < digits.size(); ++i) {
    table[static_cast<uint8_t>(digits[i])] = static_cast<uint8_t>(i);
  }
  return table;
}
constexpr auto kHexValues = reverse({kHexDigits, 16});
constexpr auto kBase64Values = reverse({kBase64Digits, 64});

uint8_t byte_at(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

template <class Int>
void put_big_endian(std::string& out, Int value) {
  char buffer[sizeof(Int)];
  for (size_t i = 0; i < sizeof(Int); ++i) {
    buffer[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * (sizeof(Int) - 1 - i)));
  }
  out.append(buffer, sizeof(Int));
}

template <class Int>
Result<Int> take_big_endian(ByteReader& reader) {
  PV_TRY(const std::string_view bytes, reader.bytes(sizeof(Int)));
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) value = value << 8 | byte_at(bytes, i);
  return static_cast<Int>(value);
}

}  // namespace

std::string hex_encode(std::string_view bytes) {
  std::string out(bytes.size() * 2, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) {
    out[2 * i] = kHexDigits[byte_at(bytes, i) >> 4];
    out[2 * i + 1] = kHexDigits[byte_at(bytes, i) & 15];
  }
  return out;
}

Result<std::string> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return fail(Code::kInvalid, "hex text has an odd number of digits");
  std::string out(text.size() / 2, '\0');
  for (size_t i = 0; i < out.size(); ++i) {
    const uint8_t high = kHexValues[byte_at(text, 2 * i)];
    const uint8_t low = kHexValues[byte_at(text, 2 * i + 1)];
    if (high == kNoDigit || low == kNoDigit) {
      return fail(Code::kInvalid, "hex text holds a character that is no lower-case hex digit");
    }
    out[i] = static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t group = static_cast<uint32_t>(
        byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2));
    const char four[] = {kBase64Digits[group >> 18], kBase64Digits[group >> 12 & 63],
                         kBase64Digits[group >> 6 & 63], kBase64Digits[group & 63]};
    out.append(four, 4);
  }
  const size_t left = bytes.size() - i;
  if (left == 1) {
    const uint32_t group = byte_at(bytes, i);
    const char four[] = {kBase64Digits[group >> 2], kBase64Digits[group << 4 & 63], '=', '='};
    out.append(four, 4);
  } else if (left == 2) {
    const uint32_t group = static_cast<uint32_t>(byte_at(bytes, i) << 8 | byte_at(bytes, i + 1));
    const char four[] = {kBase64Digits[group >> 10], kBase64Digits[group >> 4 & 63],
                         kBase64Digits[group << 2 & 63], '='};
    out.append(four, 4);
  }
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0)
    return fail(Code::kInvalid, "base64 text is not padded to groups of four");
  size_t pads = 0;
  while (pads < 2 && pads < text.size() && text[text.size() - 1 - pads] == '=') ++pads;
  const size_t digits = text.size() - pads;
  std::string out;
  out.reserve(digits * 3 / 4);
  uint32_t group = 0;
  for (size_t i = 0; i < digits; ++i) {
    const uint8_t value = kBase64Values[byte_at(text, i)];
    if (value == kNoDigit) {
      return fail(Code::kInvalid, "base64 text holds a character outside the alphabet");
    }
    group = group << 6 | value;
    if (i % 4 == 3) {
      const char three[] = {static_cast<char>(group >> 16), static_cast<char>(group >> 8),
                            static_cast<char>(group)};
      out.append(three, 3);
      group = 0;
    }
  }
  if (pads == 2) {
    if ((group & 15) != 0) return fail(Code::kInvalid, "base64 text has non-zero trailing bits");
    out.push_back(static_cast<char>(group >> 4));
  } else if (pads == 1) {
    if ((group & 3) != 0) return fail(Code::kInvalid, "base64 text has non-zero trailing bits");
    out.push_back(static_cast<char>(group >> 10));
    out.push_back(static_cast<char>(group >> 2));
  }
  return out;
}

void put_u8(std::string& out, uint8_t value) { out.push_back(static_cast<char>(value)); }
void put_u16(std::string& out, uint16_t value) { put_big_endian(out, value); }
void put_u32(std::string& out, uint32_t value) { put_big_endian(out, value); }
void put_u64(std::string& out, uint64_t value) { put_big_endian(out, value); }

Result<uint8_t> ByteReader::u8() { return take_big_endian<uint8_t>(*this); }
Result<uint16_t> ByteReader::u16() { return take_big_endian<uint16_t>(*this); }
Result<uint32_t> ByteReader::u32() { return take_big_endian<uint32_t>(*this); }
Result<uint64_t> ByteReader::u64() { return take_big_endian<uint64_t>(*this); }

Result<std::string_view> ByteReader::bytes(size_t count) {
  if (count > rest_.size()) return fail(Code::kCorrupt, "bytes end too early");
  const std::string_view front = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return front;
}

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

bool equal_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

Result<uint64_t> parse_u64(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) {
    return fail(Code::kInvalid, "not a decimal number without leading zeros");
  }
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return fail(Code::kInvalid, "not a decimal number");
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (std::numeric_limits<uint64_t>::max() - digit) / 10) {
      return fail(Code::kInvalid, "number is larger than 64 bits");
    }
    value = value * 10 + digit;
  }
  return value;
}

}  // namespace proviso
