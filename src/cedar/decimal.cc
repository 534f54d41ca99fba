#include "cedar/decimal.h"

namespace proviso::cedar {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::unexpected<Error> malformed(std::string_view text) {
  return fail(Code::kInvalid, "`" + std::string(text) +
                                  "` is not a decimal: write digits, a point and one to four digits");
}

}  // namespace

Result<Decimal> Decimal::parse(std::string_view text) {
  std::string_view rest = text;
  bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  size_t point = rest.find('.');
  if (point == std::string_view::npos || point == 0) return malformed(text);
  std::string_view fraction = rest.substr(point + 1);
  if (fraction.empty() || fraction.size() > 4) return malformed(text);

  int64_t units = 0;
  bool overflow = false;
  auto push = [&](char c) {
    int64_t digit = c - '0';
    overflow |= __builtin_mul_overflow(units, int64_t{10}, &units);
    overflow |= __builtin_add_overflow(units, negative ? -digit : digit, &units);
  };
  for (char c : rest.substr(0, point)) {
    if (!is_digit(c)) return malformed(text);
    push(c);
  }
  for (size_t i = 0; i < 4; ++i) {
    char c = i < fraction.size() ? fraction[i] : '0';
    if (!is_digit(c)) return malformed(text);
    push(c);
  }
  if (overflow) {
    return fail(Code::kInvalid, "`" + std::string(text) + "` is outside the range of decimal");
  }
  return Decimal{units};
}

std::string Decimal::to_string() const {
  uint64_t magnitude = units < 0 ? 0 - static_cast<uint64_t>(units) : static_cast<uint64_t>(units);
  std::string fraction = std::to_string(magnitude % 10'000);
  fraction.insert(0, 4 - fraction.size(), '0');
  while (fraction.size() > 1 && fraction.back() == '0') fraction.pop_back();
  return (units < 0 ? "-" : "") + std::to_string(magnitude / 10'000) + "." + fraction;
}

}  // namespace proviso::cedar
