#pragma once
// Numbers as they are written. What reads arguments takes a number for the nearest double, and whoever gets the text
// sees all of its digits: a number is only let through as text if it says nothing more than what it was read as. Pure.
#include <string_view>

namespace proviso::arguments {

inline constexpr size_t kNumberBytesMax = 32;  // a sign, 17 digits, a point, zeros in front or behind

// Whether every number of `json`, which is valid, is a whole number of 64 bits, or the shortest that reads as its
// double: without exponent, zeros at its end aside, or with one, however that is written.
bool numbers_read_back(std::string_view json);

}  // namespace proviso::arguments
