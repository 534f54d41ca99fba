#pragma once
// Telling a language from its disguise: how many of a text's words are common ones as they stand, after
// ROT13, and read from right to left. Pure. Not a face.
#include <cstddef>
#include <string_view>

namespace proviso::inspect {

struct Common {
  size_t plain = 0;    // words that are common as they stand
  size_t rotated = 0;  // after ROT13
  size_t turned = 0;   // from right to left
};
Common count_common(std::string_view text);

char rot13(char c);

}  // namespace proviso::inspect
