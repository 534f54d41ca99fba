#pragma once
// Code points: reading them from any bytes, and what Unicode says of one. The tables are ICU's (NFKD,
// default-ignorable, combining marks, TR39 confusables). Pure; safe from any thread.
#include <cstdint>
#include <string>
#include <string_view>

namespace proviso::inspect {

inline constexpr char32_t kReplacement = 0xfffd;

struct CodePoint {
  char32_t value = 0;
  uint8_t length = 1;  // bytes read; 1 for a byte that begins no valid sequence
};
// The code point at the front of `text`, which is not empty. A broken sequence reads as kReplacement,
// one byte long.
CodePoint read_code_point(std::string_view text);
void append_utf8(std::string& out, char32_t c);

// Tag characters, variation selectors: what text can be hidden in.
bool is_tag(char32_t c);
bool is_variation_selector(char32_t c);
// Shows nothing by itself: soft hyphen, zero-width space, joiners, marks of direction.
bool is_ignorable(char32_t c);
// A mark that stands on another letter, of the blocks that decorate any script.
bool is_decoration(char32_t c);
bool is_letter(char32_t c);
bool is_ideograph(char32_t c);  // of a script without spaces between words
char32_t to_lower(char32_t c);
bool is_upper(char32_t c);

// Compatibility decomposition (NFKD) of one code point, appended without its decorations.
void append_folded(std::string& out, char32_t c);
// The ASCII letter or digit that TR39 gives as this code point's skeleton; 0 if it gives none.
char confusable_with(char32_t c);

}  // namespace proviso::inspect
