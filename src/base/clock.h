#pragma once
// Time enters through a Clock, never from the system directly, so that judgement is pure and tests
// choose their own time. One value is read per decision.
#include <atomic>
#include <compare>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace proviso {

struct UtcSeconds {
  int64_t value = 0;
  friend auto operator<=>(const UtcSeconds&, const UtcSeconds&) = default;
};

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual UtcSeconds now() const = 0;
};

// The machine's clock. Thread-safe.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] UtcSeconds now() const override;
};

// A clock that tests set. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UtcSeconds start) : value_(start.value) {}
  [[nodiscard]] UtcSeconds now() const override { return {value_.load()}; }
  void set(UtcSeconds now) { value_.store(now.value); }

 private:
  std::atomic<int64_t> value_;
};

// RFC 3339 in UTC, "2026-02-15T00:00:00Z".
std::string format_time(UtcSeconds time);
// A date "2026-02-15" (its midnight UTC) or an RFC 3339 time in UTC ("…Z"); kInvalid otherwise.
Result<UtcSeconds> parse_time(std::string_view text);

}  // namespace proviso
