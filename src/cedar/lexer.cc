#include "cedar/lexer.h"

#include <array>

#include "base/bytes.h"
#include "cedar/text.h"

namespace proviso::cedar {
namespace {

bool starts_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Unicode White_Space, as the reference grammar skips it.
bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

constexpr std::array<std::string_view, 7> kTwoCharacters = {"::", "==", "!=", "<=", ">=", "&&", "||"};
constexpr std::string_view kOneCharacter = "@.,;(){}[]:?<>=!+-*/%";

class Lexer {
 public:
  explicit Lexer(const Source& source) : source_(source), text_(source.text) {}

  Result<std::vector<Token>> run() {
    std::vector<Token> out;
    out.reserve(text_.size() / 4 + 1);
    while (skip_blank(), at_ < text_.size()) {
      PV_TRY(Token token, next());
      out.push_back(token);
    }
    auto end = static_cast<uint32_t>(text_.size());
    out.push_back({Token::Kind::kEnd, {}, {end, end}});
    return out;
  }

 private:
  void skip_blank() {
    while (at_ < text_.size()) {
      if (text_.substr(at_).starts_with("//")) {
        size_t end = text_.find_first_of("\r\n", at_);
        at_ = end == std::string_view::npos ? text_.size() : end;
        continue;
      }
      size_t length = 0;
      if (!is_space(front_scalar(text_.substr(at_), &length))) return;
      at_ += length;
    }
  }

  Token make(Token::Kind kind, size_t length) {
    Token token{kind, text_.substr(at_, length),
                {static_cast<uint32_t>(at_), static_cast<uint32_t>(at_ + length)}};
    at_ += length;
    return token;
  }

  Result<Token> next() {
    std::string_view rest = text_.substr(at_);
    char c = rest[0];
    if (starts_identifier(c)) {
      size_t n = 1;
      while (n < rest.size() && (starts_identifier(rest[n]) || is_digit(rest[n]))) ++n;
      return make(Token::Kind::kIdent, n);
    }
    if (is_digit(c)) {
      size_t n = 1;
      while (n < rest.size() && is_digit(rest[n])) ++n;
      return make(Token::Kind::kInteger, n);
    }
    if (c == '"') return string(rest);
    for (std::string_view two : kTwoCharacters) {
      if (rest.starts_with(two)) return make(Token::Kind::kPunct, 2);
    }
    if (kOneCharacter.find(c) != std::string_view::npos) return make(Token::Kind::kPunct, 1);
    size_t length = 0;
    front_scalar(rest, &length);
    return fail_in(source_, static_cast<uint32_t>(at_),
                   "unexpected character `" + std::string(rest.substr(0, length)) + "`");
  }

  Result<Token> string(std::string_view rest) {
    for (size_t n = 1; n < rest.size(); ++n) {
      if (rest[n] == '\\') {
        ++n;
      } else if (rest[n] == '"') {
        return make(Token::Kind::kString, n + 1);
      }
    }
    return fail_in(source_, static_cast<uint32_t>(at_), "this string does not end");
  }

  const Source& source_;
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::unexpected<Error> fail_in(const Source& source, uint32_t offset, std::string message, Code code) {
  return fail(code, source.place(offset) + ": " + std::move(message));
}

Result<std::vector<Token>> lex(const Source& source) {
  if (source.text.size() > kSourceBytesMax) {
    return fail(Code::kLimit, source.file + ": larger than " + std::to_string(kSourceBytesMax) + " bytes");
  }
  if (!is_utf8(source.text)) return fail(Code::kInvalid, source.file + ": not well-formed UTF-8");
  return Lexer(source).run();
}

}  // namespace proviso::cedar
