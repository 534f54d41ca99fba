#include "base/visible.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace proviso {
namespace {

struct Range {
  uint32_t from, to;
};
constexpr std::array<Range, 13> kHidden = {{{0x00, 0x1f},
                                            {0x7f, 0x9f},
                                            {0xad, 0xad},
                                            {0x61c, 0x61c},
                                            {0x180e, 0x180e},
                                            {0x200b, 0x200f},
                                            {0x2028, 0x202e},
                                            {0x2060, 0x206f},
                                            {0xfe00, 0xfe0f},
                                            {0xfeff, 0xfeff},
                                            {0xfff9, 0xfffb},
                                            {0x1d173, 0x1d17a},
                                            {0xe0000, 0xe0fff}}};

bool in_hidden_range(uint32_t point) {
  return std::any_of(kHidden.begin(), kHidden.end(),
                     [&](const Range& range) { return point >= range.from && point <= range.to; });
}

// Reads one character off the front. Of bytes that end too early, what is there.
uint32_t take_character(std::string_view& text) {
  const auto byte = [&text](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  const uint32_t first = byte(0);
  const size_t length = std::min<size_t>(first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4, text.size());
  uint32_t point = first < 0x80 ? first : first & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) point = (point << 6) | (byte(i) & 0x3f);
  text.remove_prefix(length);
  return point;
}

template <class Hides>
std::string written_out(std::string_view text, Hides hides) {
  std::string out;
  while (!text.empty()) {
    std::string_view rest = text;
    const uint32_t point = take_character(rest);
    if (hides(point)) {
      out += fmt::format("\\u{{{:x}}}", point);
    } else {
      out += text.substr(0, text.size() - rest.size());
    }
    text = rest;
  }
  return out;
}

}  // namespace

bool is_hidden(uint32_t code_point) {
  return code_point != '\n' && code_point != '\t' && in_hidden_range(code_point);
}

std::optional<size_t> find_hidden(std::string_view text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t at = text.size() - rest.size();
    if (is_hidden(take_character(rest))) return at;
  }
  return std::nullopt;
}

std::string visible(std::string_view text) { return written_out(text, is_hidden); }

std::string visible_line(std::string_view text) { return written_out(text, in_hidden_range); }

}  // namespace proviso
