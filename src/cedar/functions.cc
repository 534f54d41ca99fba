#include "cedar/functions.h"

#include <algorithm>
#include <array>

namespace proviso::cedar {
namespace {

constexpr std::array<ExtInfo, 22> kExtensions = {{
    {"decimal", Ext::kDecimal, 1},
    {"ip", Ext::kIp, 1},
    {"datetime", Ext::kDatetime, 1},
    {"duration", Ext::kDuration, 1},
    {"lessThan", Ext::kLessThan, 2},
    {"lessThanOrEqual", Ext::kLessThanOrEqual, 2},
    {"greaterThan", Ext::kGreaterThan, 2},
    {"greaterThanOrEqual", Ext::kGreaterThanOrEqual, 2},
    {"isIpv4", Ext::kIsIpv4, 1},
    {"isIpv6", Ext::kIsIpv6, 1},
    {"isLoopback", Ext::kIsLoopback, 1},
    {"isMulticast", Ext::kIsMulticast, 1},
    {"isInRange", Ext::kIsInRange, 2},
    {"offset", Ext::kOffset, 2},
    {"durationSince", Ext::kDurationSince, 2},
    {"toDate", Ext::kToDate, 1},
    {"toTime", Ext::kToTime, 1},
    {"toMilliseconds", Ext::kToMilliseconds, 1},
    {"toSeconds", Ext::kToSeconds, 1},
    {"toMinutes", Ext::kToMinutes, 1},
    {"toHours", Ext::kToHours, 1},
    {"toDays", Ext::kToDays, 1},
}};

constexpr std::array<MethodInfo, 6> kMethods = {{
    {"contains", Op::kContains, 1},
    {"containsAll", Op::kContainsAll, 1},
    {"containsAny", Op::kContainsAny, 1},
    {"isEmpty", Op::kIsEmpty, 0},
    {"getTag", Op::kGetTag, 1},
    {"hasTag", Op::kHasTag, 1},
}};

}  // namespace

const ExtInfo* find_extension(std::string_view name) {
  const auto* at = std::ranges::find(kExtensions, name, &ExtInfo::name);
  return at != kExtensions.end() ? at : nullptr;
}

const MethodInfo* find_method(std::string_view name) {
  const auto* at = std::ranges::find(kMethods, name, &MethodInfo::name);
  return at != kMethods.end() ? at : nullptr;
}

}  // namespace proviso::cedar
