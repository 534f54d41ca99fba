#pragma once
// Cedar's datetime (milliseconds since the epoch) and duration (milliseconds). Arithmetic is checked:
// an empty optional means overflow. Source: Cedar RFC 80 and language 4.5, "datetime and duration".
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::cedar {

inline constexpr int64_t kMsPerDay = 86'400'000;

struct Duration {
  int64_t ms = 0;
  // `-?(Nd)?(Nh)?(Nm)?(Ns)?(Nms)?`, at least one part; kInvalid otherwise, also on overflow.
  static Result<Duration> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;  // "-1d2h3ms"
  friend auto operator<=>(const Duration&, const Duration&) = default;
};

struct Datetime {
  int64_t ms = 0;
  // `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ss(.SSS)?(Z|±hhmm)`; kInvalid otherwise.
  static Result<Datetime> parse(std::string_view text);
  [[nodiscard]] std::optional<Datetime> offset(Duration by) const;
  [[nodiscard]] std::optional<Duration> since(Datetime other) const;
  [[nodiscard]] std::optional<Datetime> to_date() const;  // midnight UTC at or before
  [[nodiscard]] Duration to_time() const;                 // in [0, one day)
  friend auto operator<=>(const Datetime&, const Datetime&) = default;
};

}  // namespace proviso::cedar
