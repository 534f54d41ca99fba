#pragma once
// Strings and names as Cedar text writes them: escapes in both directions, identifiers, and UTF-8
// one scalar at a time. Shared by the parsers and the printers of this room.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso::cedar {

// A string literal with quotes; control characters, quotes and backslashes are escaped.
std::string quoted(std::string_view text);
// Letter or underscore, then letters, digits, underscores (ASCII).
bool is_identifier(std::string_view text);
// An identifier that the language keeps for itself: true, if, in, like, __cedar, …
bool is_reserved(std::string_view text);
// The scalar at the front of well-formed UTF-8, and how many bytes it takes. `text` is not empty.
char32_t front_scalar(std::string_view text, size_t* length);
void append_utf8(std::string& out, char32_t scalar);

// Reads the body of a string literal (without quotes). A pattern escape `\*` is kInvalid here.
Result<std::string> unescape(std::string_view body);

// One step of unescaping: reads one scalar or escape off the front of `body`.
struct Unescaped {
  char32_t scalar = 0;
  bool literal_star = false;  // it was written `\*`
};
Result<Unescaped> unescape_one(std::string_view& body);

}  // namespace proviso::cedar
