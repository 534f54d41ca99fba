#include "base/clock.h"

#include <chrono>
#include <ctime>

#include <fmt/format.h>

namespace proviso {
namespace {

// The `count` digits at `at`, or -1.
int digits(std::string_view text, size_t at, size_t count) {
  int value = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

UtcSeconds SystemClock::now() const { return {static_cast<int64_t>(std::time(nullptr))}; }

std::string format_time(UtcSeconds time) {
  const std::chrono::sys_seconds point{std::chrono::seconds{time.value}};
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{point - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

Result<UtcSeconds> parse_time(std::string_view text) {
  const auto refuse = [&] {
    return fail(Code::kInvalid,
                fmt::format("`{}` is neither a date like 2026-02-15 nor a time in UTC "
                            "like 2026-02-15T08:30:00Z",
                            text.substr(0, 64)));
  };
  const bool whole = text.size() == 20;
  if (text.size() != 10 && !whole) return refuse();
  if (text[4] != '-' || text[7] != '-') return refuse();
  const int year = digits(text, 0, 4);
  const int month = digits(text, 5, 2);
  const int day = digits(text, 8, 2);
  if (year < 0 || month < 0 || day < 0) return refuse();
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return refuse();
  int64_t seconds =
      std::chrono::sys_seconds{std::chrono::sys_days{date}}.time_since_epoch().count();
  if (whole) {
    if (text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != 'Z') return refuse();
    const int hour = digits(text, 11, 2);
    const int minute = digits(text, 14, 2);
    const int second = digits(text, 17, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
      return refuse();
    seconds += hour * 3600 + minute * 60 + second;
  }
  return UtcSeconds{seconds};
}

}  // namespace proviso
