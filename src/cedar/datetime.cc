#include "cedar/datetime.h"

#include <array>

namespace proviso::cedar {
namespace {

constexpr int64_t kMsPerHour = 3'600'000;
constexpr int64_t kMsPerMinute = 60'000;
constexpr int64_t kMsPerSecond = 1'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::unexpected<Error> malformed(std::string_view text, const char* what) {
  return fail(Code::kInvalid, "`" + std::string(text) + "` is not a " + what);
}

// Reads exactly `count` digits off the front.
bool take_digits(std::string_view& rest, size_t count, int64_t* value) {
  if (rest.size() < count) return false;
  int64_t v = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!is_digit(rest[i])) return false;
    v = v * 10 + (rest[i] - '0');
  }
  rest.remove_prefix(count);
  *value = v;
  return true;
}

bool take(std::string_view& rest, char c) {
  if (!rest.starts_with(c)) return false;
  rest.remove_prefix(1);
  return true;
}

bool is_leap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

int64_t days_in_month(int64_t year, int64_t month) {
  static constexpr std::array<int64_t, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[static_cast<size_t>(month - 1)];
}

// Days since 1970-01-01 in the proleptic Gregorian calendar, year 0 and later.
int64_t days_from_civil(int64_t year, int64_t month, int64_t day) {
  int64_t y = year + 400 - (month <= 2 ? 1 : 0);  // shifted by one era so that year 0 stays positive
  int64_t era = y / 400;
  int64_t year_of_era = y % 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return (era - 1) * 146'097 + day_of_era - 719'468;
}

bool parse_time(std::string_view& rest, int64_t* ms) {
  int64_t hour = 0;
  int64_t minute = 0;
  int64_t second = 0;
  int64_t milli = 0;
  if (!take_digits(rest, 2, &hour) || !take(rest, ':') || !take_digits(rest, 2, &minute) ||
      !take(rest, ':') || !take_digits(rest, 2, &second)) {
    return false;
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  if (take(rest, '.') && !take_digits(rest, 3, &milli)) return false;
  *ms = hour * kMsPerHour + minute * kMsPerMinute + second * kMsPerSecond + milli;
  return true;
}

bool parse_zone(std::string_view& rest, int64_t* ms) {
  *ms = 0;
  if (take(rest, 'Z')) return true;
  int64_t sign = rest.starts_with('-') ? -1 : 1;
  if (!take(rest, '+') && !take(rest, '-')) return false;
  int64_t hour = 0;
  int64_t minute = 0;
  if (!take_digits(rest, 2, &hour) || !take_digits(rest, 2, &minute)) return false;
  if (hour > 23 || minute > 59) return false;
  *ms = sign * (hour * kMsPerHour + minute * kMsPerMinute);
  return true;
}

struct Unit {
  std::string_view suffix;
  int64_t ms;
};
// Longest suffix first where one begins another: `ms` before `m`.
constexpr std::array<Unit, 5> kUnits = {{{"d", kMsPerDay},
                                         {"h", kMsPerHour},
                                         {"m", kMsPerMinute},
                                         {"s", kMsPerSecond},
                                         {"ms", 1}}};

}  // namespace

Result<Datetime> Datetime::parse(std::string_view text) {
  std::string_view rest = text;
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  if (!take_digits(rest, 4, &year) || !take(rest, '-') || !take_digits(rest, 2, &month) ||
      !take(rest, '-') || !take_digits(rest, 2, &day)) {
    return malformed(text, "datetime");
  }
  if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
    return malformed(text, "datetime: there is no such day");
  }
  int64_t ms = days_from_civil(year, month, day) * kMsPerDay;
  if (rest.empty()) return Datetime{ms};

  int64_t time = 0;
  int64_t zone = 0;
  if (!take(rest, 'T') || !parse_time(rest, &time) || !parse_zone(rest, &zone) || !rest.empty()) {
    return malformed(text, "datetime");
  }
  return Datetime{ms + time - zone};
}

std::optional<Datetime> Datetime::offset(Duration by) const {
  Datetime out;
  if (__builtin_add_overflow(ms, by.ms, &out.ms)) return std::nullopt;
  return out;
}

std::optional<Duration> Datetime::since(Datetime other) const {
  Duration out;
  if (__builtin_sub_overflow(ms, other.ms, &out.ms)) return std::nullopt;
  return out;
}

std::optional<Datetime> Datetime::to_date() const {
  Datetime out;
  if (__builtin_sub_overflow(ms, to_time().ms, &out.ms)) return std::nullopt;
  return out;
}

Duration Datetime::to_time() const {
  int64_t within = ms % kMsPerDay;
  return Duration{within < 0 ? within + kMsPerDay : within};
}

Result<Duration> Duration::parse(std::string_view text) {
  std::string_view rest = text;
  bool negative = take(rest, '-');
  if (rest.empty()) return malformed(text, "duration");
  Duration out;
  size_t next_unit = 0;
  while (!rest.empty()) {
    int64_t count = 0;
    size_t digits = 0;
    bool overflow = false;
    for (; digits < rest.size() && is_digit(rest[digits]); ++digits) {
      int64_t digit = rest[digits] - '0';
      overflow |= __builtin_mul_overflow(count, int64_t{10}, &count);
      overflow |= __builtin_add_overflow(count, negative ? -digit : digit, &count);
    }
    rest.remove_prefix(digits);
    size_t letters = rest.starts_with("ms") ? 2 : 1;
    size_t unit = next_unit;
    while (unit < kUnits.size() && kUnits[unit].suffix != rest.substr(0, letters)) ++unit;
    if (digits == 0 || unit == kUnits.size()) return malformed(text, "duration");
    rest.remove_prefix(letters);
    next_unit = unit + 1;
    overflow |= __builtin_mul_overflow(count, kUnits[unit].ms, &count);
    overflow |= __builtin_add_overflow(out.ms, count, &out.ms);
    if (overflow) {
      return fail(Code::kInvalid, "`" + std::string(text) + "` is outside the range of duration");
    }
  }
  return out;
}

std::string Duration::to_string() const {
  if (ms == 0) return "0ms";
  uint64_t left = ms < 0 ? 0 - static_cast<uint64_t>(ms) : static_cast<uint64_t>(ms);
  std::string out = ms < 0 ? "-" : "";
  for (const Unit& unit : kUnits) {
    auto size = static_cast<uint64_t>(unit.ms);
    if (left >= size) out += std::to_string(left / size) + std::string(unit.suffix);
    left %= size;
  }
  return out;
}

}  // namespace proviso::cedar
