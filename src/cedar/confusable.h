#pragma once
// Text in policies that can read as something else: controls that reorder it on screen, letters of
// several scripts in one word, characters that names do not need. Only ever a warning. Inner to the
// room. Source: Unicode UTS 39, "Mixed-Script Detection" and "General Security Profile"; which text is
// looked at as Cedar's validator.
#include <string>
#include <string_view>

namespace proviso::cedar {

enum class TextRole {
  kString,  // a string or a pattern
  kName,    // an entity id, an attribute, a key of a record
};

// What is odd, as a sentence about the text, or nothing: "the string `…` mixes …". `text` is UTF-8.
std::string oddity(std::string_view text, TextRole role);

}  // namespace proviso::cedar
