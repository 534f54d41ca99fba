#include "vault/names.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "vault/vault.h"

namespace proviso::vault {
namespace {

constexpr size_t kPeriodBytes = 7;  // "2026-11"

bool valid_class(std::string_view name) {
  return !name.empty() && name.size() <= kClassBytesMax && name.front() != '-' &&
         name.back() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

bool valid_period(std::string_view text) {
  return text.size() == kPeriodBytes && parse_time(std::string(text) + "-01").has_value();
}

}  // namespace

Result<std::string> segment_name(std::string_view retention_class, UtcSeconds time) {
  if (!valid_class(retention_class)) {
    return fail(Code::kInvalid,
                fmt::format("retention class `{}`: want up to {} lower-case letters, digits "
                            "and inner dashes",
                            retention_class.substr(0, 100), kClassBytesMax));
  }
  constexpr int64_t kYear10000 = 253402300800;
  if (time.value < 0 || time.value >= kYear10000) {
    return fail(Code::kInvalid, fmt::format("`{}` is no time for a vault record", time.value));
  }
  const auto day = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds{std::chrono::seconds{time.value}});
  const std::chrono::year_month_day date{day};
  const int year = static_cast<int>(date.year());
  const auto month = static_cast<int>(static_cast<unsigned>(date.month()));
  const auto digit = [](int value) { return static_cast<char>('0' + value % 10); };
  const char period[] = {'/', digit(year / 1000), digit(year / 100), digit(year / 10), digit(year),
                         '-', digit(month / 10),  digit(month)};
  std::string name;
  name.reserve(retention_class.size() + sizeof period);
  return name.append(retention_class).append(period, sizeof period);
}

Status check_segment_name(std::string_view segment) {
  const size_t slash = segment.find('/');
  if (slash == std::string_view::npos || !valid_class(segment.substr(0, slash)) ||
      !valid_period(segment.substr(slash + 1))) {
    return fail(Code::kInvalid,
                fmt::format("`{}` is no vault segment: want one like default/2026-11",
                            segment.substr(0, 100)));
  }
  return {};
}

std::string file_stem(std::string_view segment) {
  std::string stem(segment);
  std::replace(stem.begin(), stem.end(), '/', '-');
  return stem;
}

Result<std::string> segment_of_stem(std::string_view stem) {
  std::string segment(stem);
  if (segment.size() > kPeriodBytes + 1) segment[segment.size() - kPeriodBytes - 1] = '/';
  PV_TRY_VOID(check_segment_name(segment));
  if (file_stem(segment) != stem)
    return fail(Code::kInvalid, fmt::format("`{}` is no vault segment", stem));
  return segment;
}

}  // namespace proviso::vault
