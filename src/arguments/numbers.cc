#include "arguments/numbers.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <string>

namespace proviso::arguments {
namespace {

bool is_part(char c) { return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'; }

constexpr size_t kShortestBytesMax = 400;  // the longest double without exponent has some 330

std::string shortest(double real, std::chars_format form) {
  std::array<char, kShortestBytesMax> out{};
  const auto end = std::to_chars(out.data(), out.data() + out.size(), real, form);
  return end.ec == std::errc() ? std::string(out.data(), end.ptr) : std::string();
}

// `1E+05`, `1e5` and `1e+5` are one way of writing it.
std::string plain_exponent(std::string_view number) {
  const size_t at = number.find_first_of("eE");
  if (at == std::string_view::npos) return std::string(number);
  std::string_view exponent = number.substr(at + 1);
  std::string out(number.substr(0, at));
  out += 'e';
  if (exponent.starts_with('-')) out += '-';
  if (exponent.starts_with('-') || exponent.starts_with('+')) exponent.remove_prefix(1);
  while (exponent.size() > 1 && exponent.front() == '0') exponent.remove_prefix(1);
  return out += exponent;
}

std::string_view without_zeros(std::string_view fraction) {
  fraction = fraction.substr(0, fraction.find_last_not_of('0') + 1);
  if (fraction.ends_with('.')) fraction.remove_suffix(1);
  return fraction;
}

bool reads_back(std::string_view number) {
  if (number.size() > kNumberBytesMax) return false;
  const char* const end = number.data() + number.size();
  int64_t whole = 0;
  if (const auto read = std::from_chars(number.data(), end, whole); read.ec == std::errc() && read.ptr == end) return true;
  double real = 0;
  if (const auto read = std::from_chars(number.data(), end, real); read.ec != std::errc() || read.ptr != end) return false;
  if (number.find_first_of("eE") != std::string_view::npos) {
    return plain_exponent(number) == plain_exponent(shortest(real, std::chars_format::scientific));
  }
  return number.contains('.') && without_zeros(number) == shortest(real, std::chars_format::fixed);
}

// Behind the closing quote of the text that begins at `i`.
size_t behind_text(std::string_view json, size_t i) {
  for (++i; i < json.size() && json[i] != '"'; ++i) {
    if (json[i] == '\\') ++i;
  }
  return i + 1;
}

}  // namespace

bool numbers_read_back(std::string_view json) {
  for (size_t i = 0; i < json.size();) {
    if (json[i] == '"') {
      i = behind_text(json, i);
      continue;
    }
    size_t end = i;
    while (end < json.size() && is_part(json[end])) ++end;
    // The letters of `true` and `false` have an `e`, and no digit in front of it.
    const bool number = end > i && json[i] != 'e';
    if (number && !reads_back(json.substr(i, end - i))) return false;
    i = end > i ? end : i + 1;
  }
  return true;
}

}  // namespace proviso::arguments
