#pragma once
// Cedar's decimal: a 64-bit count of ten-thousandths. Source: Cedar 4.5, "decimal".
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::cedar {

struct Decimal {
  int64_t units = 0;  // 1/10000
  // `-?digits.digits{1,4}`; kInvalid otherwise, also out of range.
  static Result<Decimal> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;  // at least one digit after the point
  friend auto operator<=>(const Decimal&, const Decimal&) = default;
};

}  // namespace proviso::cedar
