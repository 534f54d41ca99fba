#pragma once
// Cedar's ipaddr: an IPv4 or IPv6 address with a prefix length. Host bits are kept, so
// 10.0.0.1/24 and 10.0.0.0/24 differ. Source: Cedar 4.5, "ipaddr".
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::cedar {

struct IpAddr {
  bool v6 = false;
  uint8_t prefix = 0;                 // at most 32 or 128
  std::array<uint8_t, 16> bytes = {};  // IPv4 in the first four

  // kInvalid: not an address, IPv4 inside IPv6, a zone, leading zeros, more than 43 characters.
  static Result<IpAddr> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  // Every address of this range lies in `range`; false across families.
  [[nodiscard]] bool in_range(const IpAddr& range) const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_multicast() const;
  friend auto operator<=>(const IpAddr&, const IpAddr&) = default;
};

}  // namespace proviso::cedar
