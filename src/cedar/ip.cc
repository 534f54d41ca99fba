#include "cedar/ip.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace proviso::cedar {
namespace {

constexpr size_t kIpTextBytesMax = 43;  // SPEC Cedar ipaddr: the longest address with a prefix

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Decimal without leading zeros, at most `max`.
std::optional<int> parse_small(std::string_view text, int max) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  int value = 0;
  for (char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value <= max ? std::optional(value) : std::nullopt;
}

bool parse_v4(std::string_view text, std::array<uint8_t, 16>& bytes) {
  for (size_t i = 0; i < 4; ++i) {
    size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (i == 3)) return false;
    auto part = parse_small(text.substr(0, dot), 255);
    if (!part) return false;
    bytes[i] = static_cast<uint8_t>(*part);
    if (i < 3) text.remove_prefix(dot + 1);
  }
  return true;
}

// Colon-separated groups, at most eight; an empty text is no groups.
std::optional<std::vector<uint16_t>> parse_groups(std::string_view text) {
  std::vector<uint16_t> groups;
  if (text.empty()) return groups;
  while (true) {
    size_t colon = text.find(':');
    std::string_view group = text.substr(0, colon);
    if (group.empty() || group.size() > 4 || groups.size() == 8) return std::nullopt;
    unsigned value = 0;
    for (char c : group) {
      unsigned digit = 0;
      if (is_digit(c)) digit = static_cast<unsigned>(c - '0');
      else if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
      else if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A') + 10;
      else return std::nullopt;
      value = value * 16 + digit;
    }
    groups.push_back(static_cast<uint16_t>(value));
    if (colon == std::string_view::npos) return groups;
    text.remove_prefix(colon + 1);
  }
}

bool parse_v6(std::string_view text, std::array<uint8_t, 16>& bytes) {
  std::vector<uint16_t> groups;
  size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    auto all = parse_groups(text);
    if (!all || all->size() != 8) return false;
    groups = *all;
  } else {
    auto head = parse_groups(text.substr(0, gap));
    auto tail = parse_groups(text.substr(gap + 2));
    // SPEC Cedar ipaddr: `::` stands for at least one group
    if (!head || !tail || head->size() + tail->size() > 7) return false;
    groups = *head;
    groups.resize(8 - tail->size(), 0);
    groups.insert(groups.end(), tail->begin(), tail->end());
  }
  for (size_t i = 0; i < 8; ++i) {
    bytes[2 * i] = static_cast<uint8_t>(groups[i] >> 8);
    bytes[2 * i + 1] = static_cast<uint8_t>(groups[i] & 0xFFU);
  }
  return true;
}

bool same_prefix(const std::array<uint8_t, 16>& a, const std::array<uint8_t, 16>& b, unsigned bits) {
  size_t whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) return false;
  unsigned rest = bits % 8;
  if (rest == 0) return true;
  auto mask = static_cast<uint8_t>(0xFF00U >> rest);
  return (a[whole] & mask) == (b[whole] & mask);
}

}  // namespace

Result<IpAddr> IpAddr::parse(std::string_view text) {
  auto malformed = [text] {
    return fail(Code::kInvalid, "`" + std::string(text) + "` is not an IP address or range");
  };
  if (text.size() > kIpTextBytesMax) return malformed();
  size_t slash = text.find('/');
  std::string_view address = text.substr(0, slash);
  IpAddr out;
  out.v6 = address.find(':') != std::string_view::npos;
  out.prefix = out.v6 ? 128 : 32;
  if (out.v6 ? !parse_v6(address, out.bytes) : !parse_v4(address, out.bytes)) return malformed();
  if (slash != std::string_view::npos) {
    auto prefix = parse_small(text.substr(slash + 1), out.prefix);
    if (!prefix) return malformed();
    out.prefix = static_cast<uint8_t>(*prefix);
  }
  return out;
}

std::string IpAddr::to_string() const {
  std::string out;
  static constexpr std::string_view kHex = "0123456789abcdef";
  if (v6) {
    for (size_t i = 0; i < 8; ++i) {
      unsigned group = static_cast<unsigned>(bytes[2 * i]) << 8 | bytes[2 * i + 1];
      if (i > 0) out += ':';
      bool started = false;
      for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = (group >> shift) & 15U;
        started |= digit != 0 || shift == 0;
        if (started) out += kHex[digit];
      }
    }
  } else {
    for (size_t i = 0; i < 4; ++i) out += (i > 0 ? "." : "") + std::to_string(bytes[i]);
  }
  if (prefix != (v6 ? 128 : 32)) out += '/' + std::to_string(prefix);
  return out;
}

bool IpAddr::in_range(const IpAddr& range) const {
  return v6 == range.v6 && prefix >= range.prefix && same_prefix(bytes, range.bytes, range.prefix);
}

bool IpAddr::is_loopback() const {
  if (!v6) return prefix >= 8 && bytes[0] == 127;
  IpAddr one{true, 128, {}};
  one.bytes[15] = 1;
  return in_range(one);
}

bool IpAddr::is_multicast() const {
  return v6 ? prefix >= 8 && bytes[0] == 0xFF : prefix >= 4 && (bytes[0] & 0xF0U) == 0xE0;
}

}  // namespace proviso::cedar
