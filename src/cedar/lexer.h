#pragma once
// Splits policy or schema text into tokens, all at once. Tokens borrow from the source. Comments and
// white space are dropped; keywords are identifiers here, the parsers tell them apart.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cedar/source.h"

namespace proviso::cedar {

struct Token {
  enum class Kind : uint8_t { kIdent, kString, kInteger, kPunct, kEnd };
  Kind kind = Kind::kEnd;
  std::string_view text;  // kString: with its quotes, escapes as written
  Span span;

  [[nodiscard]] bool is(std::string_view punct_or_word) const {
    return (kind == Kind::kPunct || kind == Kind::kIdent) && text == punct_or_word;
  }
  // What stands between the quotes.
  [[nodiscard]] std::string_view body() const { return text.substr(1, text.size() - 2); }
};

// kInvalid "file:line:column: …": ill-formed UTF-8, an open string, a stray character. kLimit: larger
// than kSourceBytesMax. The last token is kEnd.
Result<std::vector<Token>> lex(const Source& source);

// An error that stands at `offset` of the source.
std::unexpected<Error> fail_in(const Source& source, uint32_t offset, std::string message,
                               Code code = Code::kInvalid);

}  // namespace proviso::cedar
