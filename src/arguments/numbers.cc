#include "arguments/numbers.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace proviso::arguments {
namespace {

bool is_part(char c) { return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'; }

bool reads_back(std::string_view number) {
  if (number.size() > kNumberBytesMax || number.find_first_of("eE") != std::string_view::npos) return false;
  if (!number.contains('.')) {
    int64_t whole = 0;
    const auto end = std::from_chars(number.data(), number.data() + number.size(), whole);
    return end.ec == std::errc() && end.ptr == number.data() + number.size();
  }
  std::string_view plain = number.substr(0, number.find_last_not_of('0') + 1);
  if (plain.ends_with('.')) plain.remove_suffix(1);
  double real = 0;
  const auto end = std::from_chars(number.data(), number.data() + number.size(), real);
  if (end.ec != std::errc()) return false;
  std::array<char, 400> shortest{};  // the longest double without exponent has some 330
  const auto written = std::to_chars(shortest.data(), shortest.data() + shortest.size(), real, std::chars_format::fixed);
  return written.ec == std::errc() && plain == std::string_view(shortest.data(), static_cast<size_t>(written.ptr - shortest.data()));
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
