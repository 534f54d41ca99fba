#include "inspect/symbol.h"

#include <array>
#include <string>

#include "inspect/readings.h"
#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

constexpr char kOther = '\0';
constexpr char kNothing = '\1';  // neither stands for itself in a table
constexpr size_t kEscapeBytes = 6;

// Letters with an accent are letters of their own: only from here on is what folds to ASCII a disguise.
constexpr char32_t kFirstFolded = 0x2000;
constexpr char32_t kFirstMathematical = 0x1d400;
constexpr char32_t kLastMathematical = 0x1d7ff;
constexpr char32_t kFirstEnclosed = 0x1f100;
constexpr char32_t kLastEnclosed = 0x1f1ff;

// Half marks over letters, and what encloses notes between lines.
bool shows_nothing(char32_t c) {
  return is_ignorable(c) || is_decoration(c) || (c >= 0xfe20 && c <= 0xfe2f) || (c >= 0xfff9 && c <= 0xfffb);
}

char look_of(char32_t c) {
  if (shows_nothing(c)) return kNothing;
  if (const char alike = confusable_with(c); alike != 0) return alike;
  if (c < kFirstFolded || is_ideograph(c)) return kOther;
  std::string folded;
  append_folded(folded, c);
  return folded.size() == 1 && static_cast<uint8_t>(folded[0]) < 0x80 ? folded[0] : kOther;
}

template <char32_t kFirst, char32_t kLast>
std::array<char, kLast - kFirst + 1> looks() {
  std::array<char, kLast - kFirst + 1> out{};
  for (char32_t c = kFirst; c <= kLast; ++c) out[c - kFirst] = look_of(c);
  return out;
}

char known_look(char32_t c) {
  static const auto plane = looks<0, 0xffff>();
  static const auto mathematical = looks<kFirstMathematical, kLastMathematical>();
  static const auto enclosed = looks<kFirstEnclosed, kLastEnclosed>();
  if (c <= 0xffff) return plane[c];
  if (c >= kFirstMathematical && c <= kLastMathematical) return mathematical[c - kFirstMathematical];
  if (c >= kFirstEnclosed && c <= kLastEnclosed) return enclosed[c - kFirstEnclosed];
  return is_ignorable(c) ? kNothing : kOther;
}

Symbol symbol_of(char32_t c, char first, size_t length) {
  if (c < 0x80) return {Symbol::Kind::kByte, static_cast<char>(c), length};
  const char look = known_look(c);
  if (look == kNothing) return {Symbol::Kind::kNothing, first, length};
  if (look == kOther) return {Symbol::Kind::kOther, first, length};
  return {Symbol::Kind::kByte, look, length};
}

constexpr Symbol kIncomplete{.complete = false};
constexpr char kNoByte = '\x80';

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Whether more bytes could make an escape with four digits of this.
bool is_begun(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (i < 2 ? text[i] != "\\u"[i] : !is_hex(text[i])) return false;
  }
  return text.size() < kEscapeBytes;
}

// The backslash that begins no escape stands for itself.
Symbol read_escape(std::string_view text) {
  if (text.size() < 2 || is_begun(text)) return kIncomplete;
  const JsonEscape escape = read_json_escape(text);
  const bool half = escape.value == kReplacement && escape.length == kEscapeBytes;  // its other half may follow
  if (half && is_begun(text.substr(kEscapeBytes))) return kIncomplete;
  return symbol_of(escape.value, kNoByte, escape.length);
}

// Whether more bytes could make a code point of this.
bool is_cut(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
  if (first > 0xf4 || text.size() >= length) return false;
  for (const char c : text.substr(1)) {
    if ((static_cast<uint8_t>(c) & 0xc0) != 0x80) return false;
  }
  return true;
}

}  // namespace

void load_symbols() { known_look(kLastEnclosed); }

Symbol read_symbol(std::string_view text, TextKind kind) {
  const char first = text[0];
  if (static_cast<uint8_t>(first) < 0x80) {
    if (kind == TextKind::kJson && first == '\\') return read_escape(text);
    return {Symbol::Kind::kByte, first, 1};
  }
  if (is_cut(text)) return kIncomplete;
  const CodePoint c = read_code_point(text);
  if (c.value == kReplacement && c.length == 1) return {Symbol::Kind::kOther, first, 1};
  return symbol_of(c.value, first, c.length);
}

}  // namespace proviso::inspect
