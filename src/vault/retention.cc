#include "vault/retention.h"

#include <chrono>
#include <string>

#include "vault/names.h"

namespace proviso::vault {
namespace {

constexpr size_t kPeriodBytes = 7;         // "2026-11"
constexpr int64_t kMonthsKeptMax = 12'000;  // a thousand years; beyond it dates have no end

}  // namespace

std::string_view class_of(std::string_view segment) { return segment.substr(0, segment.find('/')); }

Result<UtcSeconds> erasure_due(std::string_view segment, int64_t months) {
  PV_TRY_VOID(check_segment_name(segment));
  if (months < 0 || months > kMonthsKeptMax) {
    return fail(Code::kInvalid, "records are kept 0 to 12000 months");
  }
  const std::string period(segment.substr(segment.size() - kPeriodBytes));
  PV_TRY(const UtcSeconds first, parse_time(period + "-01"));
  const auto day = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds{std::chrono::seconds{first.value}});
  const std::chrono::year_month_day begin{day};
  const auto due = begin + std::chrono::months{months + 1};
  return UtcSeconds{std::chrono::sys_seconds{std::chrono::sys_days{due}}.time_since_epoch().count()};
}

}  // namespace proviso::vault
