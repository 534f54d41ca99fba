#pragma once
// The functions and methods of the language: one table for parser, validator, compiler and printer.
#include <cstdint>
#include <optional>
#include <string_view>

#include "cedar/ast.h"

namespace proviso::cedar {

enum class Ext : uint8_t {
  kDecimal, kIp, kDatetime, kDuration,  // constructors, called as functions
  kLessThan, kLessThanOrEqual, kGreaterThan, kGreaterThanOrEqual,
  kIsIpv4, kIsIpv6, kIsLoopback, kIsMulticast, kIsInRange,
  kOffset, kDurationSince, kToDate, kToTime,
  kToMilliseconds, kToSeconds, kToMinutes, kToHours, kToDays,
};

struct ExtInfo {
  std::string_view name;
  Ext ext;
  uint8_t arity;  // receiver included
};

// nullptr: there is no extension function or method of that name.
const ExtInfo* find_extension(std::string_view name);
inline bool is_constructor(Ext ext) { return ext <= Ext::kDuration; }

struct MethodInfo {
  std::string_view name;
  Op op;
  uint8_t arguments;  // without the receiver
};
// contains, containsAll, containsAny, isEmpty, getTag, hasTag.
const MethodInfo* find_method(std::string_view name);

}  // namespace proviso::cedar
