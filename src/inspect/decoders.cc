#include "inspect/decoders.h"

#include <algorithm>
#include <charconv>

#include "inspect/common_words.h"
#include "inspect/readings.h"
#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Enough of it is printable, well-formed text.
bool is_text(std::string_view bytes) {
  if (bytes.size() < kDecodedBytesMin) return false;
  size_t bad = 0;
  for (size_t i = 0; i < bytes.size();) {
    const CodePoint c = read_code_point(bytes.substr(i));
    i += c.length;
    const bool control = c.value < 0x20 && c.value != '\n' && c.value != '\t' && c.value != '\r';
    if (control || c.value == 0x7f || c.value == kReplacement) ++bad;
  }
  return bad * 10 < bytes.size();
}

void append_part(std::string& out, std::string_view part) {
  if (!out.empty()) out += '\n';
  out += part;
}

// --- base 64 and hexadecimal

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

constexpr size_t kBase64CharsMin = 12;
constexpr size_t kBase64LineMin = 16;  // a shorter line does not go on in the next

bool is_mark_of_base64(char c) { return (c >= 'A' && c <= 'Z') || is_digit(c); }

// Reads one run from `i` on, over line ends inside it; moves `i` behind it.
std::string read_base64_run(std::string_view text, size_t& i) {
  std::string digits;
  size_t line = 0;
  while (i < text.size()) {
    if (base64_digit(text[i]) >= 0) {
      digits += text[i++];
      ++line;
      continue;
    }
    size_t next = i;
    while (next < text.size() && (text[next] == '\n' || text[next] == '\r')) ++next;
    const bool wraps = next > i && line >= kBase64LineMin && next < text.size() &&
                       base64_digit(text[next]) >= 0;
    if (!wraps) break;
    i = next;
    line = 0;
  }
  return digits;
}

std::string base64_bytes(std::string_view digits) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char c : digits) {
    bits = bits << 6 | static_cast<uint32_t>(base64_digit(c));
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xff);
    }
  }
  return bytes;
}

bool decode_base64(std::string_view text, std::string& out) {
  bool found = false;
  for (size_t i = 0; i < text.size();) {
    if (base64_digit(text[i]) < 0) {
      ++i;
      continue;
    }
    const int tries = i == 0 ? 4 : 1;  // what begins a window may be the middle of a run, anywhere in four
    std::string digits = read_base64_run(text, i);
    for (int skipped = 0; skipped < tries; ++skipped, digits.erase(0, 1)) {
      const bool long_word = std::ranges::none_of(digits, is_mark_of_base64);
      if (long_word || digits.size() < kBase64CharsMin || digits.size() % 4 == 1) continue;
      const std::string bytes = base64_bytes(digits);
      if (!is_text(bytes)) continue;
      append_part(out, bytes);
      found = true;
      break;
    }
  }
  return found;
}

constexpr size_t kHexCharsMin = 16;

// Pairs of digits, one after the other or with one blank between.
bool decode_hex(std::string_view text, std::string& out) {
  bool found = false;
  for (size_t i = 0; i < text.size();) {
    if (hex_digit(text[i]) < 0 || (i > 0 && is_alnum(text[i - 1]))) {
      ++i;
      continue;
    }
    std::string bytes;
    size_t at = i;
    while (at + 1 < text.size() && hex_digit(text[at]) >= 0 && hex_digit(text[at + 1]) >= 0) {
      bytes += static_cast<char>(hex_digit(text[at]) * 16 + hex_digit(text[at + 1]));
      at += 2;
      if (at < text.size() && (text[at] == ' ' || text[at] == ':') && at + 1 < text.size() &&
          hex_digit(text[at + 1]) >= 0) {
        ++at;
      }
    }
    if (bytes.size() * 2 >= kHexCharsMin && is_text(bytes)) {
      append_part(out, bytes);
      found = true;
    }
    i = std::max(at, i + 1);
  }
  return found;
}

// --- escapes that stand in text

constexpr size_t kEscapesMin = 3;

// One escape at `i`: its code point (or byte) and its length; length 0: none.
struct Escaped {
  char32_t value = 0;
  size_t length = 0;
  bool byte = false;
};

Escaped percent_at(std::string_view text, size_t i) {
  if (text[i] != '%' || i + 2 >= text.size()) return {};
  const int high = hex_digit(text[i + 1]);
  const int low = hex_digit(text[i + 2]);
  if (high < 0 || low < 0) return {};
  return {static_cast<char32_t>(high * 16 + low), 3, true};
}

Escaped hex_number(std::string_view text, size_t i, size_t digits, size_t lead, bool byte) {
  if (i + lead + digits > text.size()) return {};
  char32_t value = 0;
  for (size_t at = i + lead; at < i + lead + digits; ++at) {
    const int digit = hex_digit(text[at]);
    if (digit < 0) return {};
    value = value * 16 + static_cast<char32_t>(digit);
  }
  return {value, lead + digits, byte};
}

Escaped backslash_at(std::string_view text, size_t i) {
  if (text[i] != '\\' || i + 3 >= text.size()) return {};
  if (text[i + 1] == 'u') return hex_number(text, i, 4, 2, false);
  if (text[i + 1] == 'x') return hex_number(text, i, 2, 2, true);
  return {};
}

Escaped entity_at(std::string_view text, size_t i) {
  if (text[i] != '&') return {};
  constexpr size_t kEntityCharsMax = 10;
  const size_t end = text.substr(i, kEntityCharsMax).find(';');
  if (end == std::string_view::npos) return {};
  const std::string_view body = text.substr(i + 1, end - 1);
  if (body.starts_with('#')) {
    const bool hex = body.size() > 1 && (body[1] == 'x' || body[1] == 'X');
    uint32_t value = 0;
    const char* const from = body.data() + (hex ? 2 : 1);
    const char* const to = body.data() + body.size();
    const auto read = std::from_chars(from, to, value, hex ? 16 : 10);
    if (from == to || read.ec != std::errc{} || read.ptr != to || value > 0x10ffff) return {};
    return {value, end + 1, false};
  }
  static constexpr std::pair<std::string_view, char32_t> kNamed[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}, {"nbsp", ' '}};
  for (const auto& [name, value] : kNamed) {
    if (body == name) return {value, end + 1, false};
  }
  return {};
}

bool decode_escapes(std::string_view text, std::string& out,
                    Escaped (*at)(std::string_view, size_t)) {
  std::string decoded;
  size_t count = 0;
  for (size_t i = 0; i < text.size();) {
    const Escaped escaped = at(text, i);
    if (escaped.length == 0) {
      decoded += text[i++];
      continue;
    }
    if (escaped.byte) {
      decoded += static_cast<char>(escaped.value);
    } else {
      append_utf8(decoded, escaped.value >= 0xd800 && escaped.value < 0xe000 ? kReplacement
                                                                           : escaped.value);
    }
    i += escaped.length;
    ++count;
  }
  if (count < kEscapesMin || !is_text(decoded)) return false;
  append_part(out, decoded);
  return true;
}

bool decode_percent(std::string_view text, std::string& out) {
  return decode_escapes(text, out, percent_at);
}
bool decode_backslash(std::string_view text, std::string& out) {
  return decode_escapes(text, out, backslash_at);
}
bool decode_entities(std::string_view text, std::string& out) {
  return decode_escapes(text, out, entity_at);
}

// --- what a reader sees by language: ROT13 and reversal

// "Read this with ROT13:" may stand in front of it as it is, with as many common words as a short request has.
bool reads_better(size_t changed, size_t plain) { return changed >= 2 && 2 * changed > plain; }

bool decode_rot13(std::string_view text, std::string& out) {
  const Common common = count_common(text);
  if (!reads_better(common.rotated, common.plain)) return false;
  std::string decoded(text);
  for (char& c : decoded) c = rot13(c);
  append_part(out, decoded);
  return true;
}

std::string reversed(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t end = text.size();
  while (end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && end - begin < 4 && (static_cast<uint8_t>(text[begin]) & 0xc0) == 0x80) --begin;
    out += text.substr(begin, end - begin);
    end = begin;
  }
  return out;
}

bool decode_reversed(std::string_view text, std::string& out) {
  const Common common = count_common(text);
  if (!reads_better(common.turned, common.plain)) return false;
  append_part(out, reversed(text));
  return true;
}

// --- what is spelled in another shape

struct Morse {
  std::string_view code;
  char letter;
};
constexpr Morse kMorse[] = {
    {".-", 'a'},    {"-...", 'b'},  {"-.-.", 'c'},  {"-..", 'd'},   {".", 'e'},     {"..-.", 'f'},
    {"--.", 'g'},   {"....", 'h'},  {"..", 'i'},    {".---", 'j'},  {"-.-", 'k'},   {".-..", 'l'},
    {"--", 'm'},    {"-.", 'n'},    {"---", 'o'},   {".--.", 'p'},  {"--.-", 'q'},  {".-.", 'r'},
    {"...", 's'},   {"-", 't'},     {"..-", 'u'},   {"...-", 'v'},  {".--", 'w'},   {"-..-", 'x'},
    {"-.--", 'y'},  {"--..", 'z'},  {"-----", '0'}, {".----", '1'}, {"..---", '2'}, {"...--", '3'},
    {"....-", '4'}, {".....", '5'}, {"-....", '6'}, {"--...", '7'}, {"---..", '8'}, {"----.", '9'},
    {"--..--", ','}, {".-.-.-", '.'}, {"..--..", '?'}};

bool decode_morse(std::string_view text, std::string& out) {
  std::string decoded;
  size_t letters = 0;
  for (size_t i = 0; i < text.size();) {
    if (is_space(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && !is_space(text[end])) ++end;
    const std::string_view token = text.substr(i, end - i);
    i = end;
    if (token == "/" || token == "|") {
      decoded += ' ';
      continue;
    }
    const auto* found = std::ranges::find(kMorse, token, &Morse::code);
    if (found == std::end(kMorse)) continue;
    decoded += found->letter;
    ++letters;
  }
  constexpr size_t kLettersMin = 12;
  if (letters < kLettersMin) return false;
  append_part(out, decoded);
  return true;
}

// "H o w", "H.o.w": letters with one byte between them; a run of more is a gap between words.
bool decode_spaced(std::string_view text, std::string& out) {
  for (char gap : {' ', '.', '-', '_'}) {
    size_t singles = 0;
    size_t tokens = 0;
    std::string decoded;
    for (size_t i = 0; i <= text.size();) {
      const size_t end = std::min(text.find(gap, i), text.size());
      std::string_view token = text.substr(i, end - i);
      i = end + 1;
      if (token.empty() || (token.size() == 1 && is_space(token.front()))) {
        if (!decoded.empty() && decoded.back() != ' ') decoded += ' ';
        continue;
      }
      const bool single = read_code_point(token).length == token.size();
      tokens += 1;
      singles += single ? 1 : 0;
      decoded += token;
      if (!single) decoded += ' ';
    }
    constexpr size_t kTokensMin = 10;
    if (tokens >= kTokensMin && singles * 5 >= tokens * 4) {
      append_part(out, decoded);
      return true;
    }
  }
  return false;
}

// "Wr-it-e a sc-am": words cut by hyphens into pieces of one or two letters.
bool decode_chunks(std::string_view text, std::string& out) {
  size_t cut_words = 0;
  size_t words = 0;
  std::string decoded;
  for (size_t i = 0; i < text.size();) {
    if (!is_alpha(text[i])) {
      decoded += text[i++];
      continue;
    }
    size_t pieces = 1;
    size_t short_pieces = 0;
    size_t piece = 0;
    for (; i < text.size() && (is_alnum(text[i]) || text[i] == '-'); ++i) {
      if (text[i] != '-') {
        decoded += text[i];
        ++piece;
        continue;
      }
      short_pieces += piece <= 3 ? 1 : 0;
      ++pieces;
      piece = 0;
    }
    ++words;
    if (pieces > 1 && short_pieces + 1 >= pieces) ++cut_words;
  }
  if (cut_words < 3 || cut_words * 3 < words) return false;
  append_part(out, decoded);
  return true;
}

char unleet(char c) {
  switch (c) {
    case '0': return 'o';
    case '1': return 'i';
    case '3': return 'e';
    case '4': return 'a';
    case '5': return 's';
    case '7': return 't';
    case '@': return 'a';
    case '$': return 's';
    default: return c;
  }
}

// "wh47 15 7h3": digits for letters, in words that hold letters too.
bool decode_leet(std::string_view text, std::string& out) {
  size_t mixed = 0;
  size_t words = 0;
  std::string decoded;
  for (size_t i = 0; i < text.size();) {
    if (is_space(text[i])) {
      decoded += text[i++];
      continue;
    }
    bool digit = false;
    bool letter = false;
    for (; i < text.size() && !is_space(text[i]); ++i) {
      digit = digit || (unleet(text[i]) != text[i]);
      letter = letter || is_alpha(text[i]);
      decoded += unleet(text[i]);
    }
    ++words;
    mixed += digit && letter ? 1 : 0;
  }
  if (mixed < 3 || mixed * 4 < words) return false;
  append_part(out, decoded);
  return true;
}

// <!-- … -->: what stands in a comment, apart from what is shown.
bool decode_comment(std::string_view text, std::string& out) {
  bool found = false;
  for (size_t i = text.find("<!--"); i != std::string_view::npos; i = text.find("<!--", i)) {
    i += 4;
    const size_t end = std::min(text.find("-->", i), text.size());
    if (end - i >= kDecodedBytesMin) {
      append_part(out, text.substr(i, end - i));
      found = true;
    }
    i = end;
  }
  return found;
}

// x0="…" x1="…": strings that are to be joined.
bool decode_pieces(std::string_view text, std::string& out) {
  std::string joined;
  size_t pieces = 0;
  for (size_t i = text.find('='); i != std::string_view::npos; i = text.find('=', i + 1)) {
    size_t open = i + 1;
    while (open < text.size() && text[open] == ' ') ++open;
    if (open >= text.size() || (text[open] != '"' && text[open] != '\'')) continue;
    const size_t close = text.find(text[open], open + 1);
    if (close == std::string_view::npos) continue;
    if (!joined.empty()) joined += ' ';
    joined += text.substr(open + 1, close - open - 1);
    ++pieces;
    i = close;
  }
  if (pieces < 2 || joined.size() < kDecodedBytesMin) return false;
  append_part(out, joined);
  return true;
}

// Letters of another alphabet that are drawn like Latin ones, in a text that mixes the two in a word.
bool decode_lookalikes(std::string_view text, std::string& out) {
  std::string decoded;
  bool latin = false;
  bool other = false;
  bool mixed = false;
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = read_code_point(text.substr(i));
    if (is_letter(c.value)) {
      const char drawn_like = confusable_with(c.value);
      latin = latin || c.value < 0x80;
      other = other || drawn_like != 0;
      mixed = mixed || (latin && other);
      if (drawn_like != 0) {
        decoded += drawn_like;
      } else {
        decoded += text.substr(i, c.length);
      }
    } else {
      latin = other = false;
      decoded += text.substr(i, c.length);
    }
    i += c.length;
  }
  if (!mixed) return false;
  append_part(out, decoded);
  return true;
}

bool decode_hidden(std::string_view text, std::string& out) {
  const std::string hidden = hidden_text(text);
  if (hidden.size() < 4) return false;
  append_part(out, hidden);
  return true;
}

// What U+202E shows from right to left.
bool decode_override(std::string_view text, std::string& out) {
  constexpr std::string_view kOverride = "\xe2\x80\xae";
  constexpr std::string_view kPop = "\xe2\x80\xac";
  size_t begin = text.find(kOverride);
  if (begin == std::string_view::npos) return false;
  begin += kOverride.size();
  const size_t end = std::min(text.find(kPop, begin), text.size());
  append_part(out, reversed(text.substr(begin, end - begin)));
  return true;
}

constexpr Decoder kRaw[] = {{"hidden", decode_hidden}, {"override", decode_override}};
constexpr Decoder kText[] = {
    {"base64", decode_base64},   {"hex", decode_hex},         {"percent", decode_percent},
    {"escapes", decode_backslash}, {"entities", decode_entities}, {"rot13", decode_rot13},
    {"reversed", decode_reversed}, {"morse", decode_morse},     {"spaced", decode_spaced},
    {"chunks", decode_chunks},   {"leet", decode_leet},       {"comment", decode_comment},
    {"pieces", decode_pieces},   {"lookalikes", decode_lookalikes}};

}  // namespace

std::span<const Decoder> raw_decoders() { return kRaw; }
std::span<const Decoder> text_decoders() { return kText; }

namespace {

// What one pass over a text counts that encodings are known by.
class Signs {
 public:
  void end_word(std::string_view word) {
    bool digit = false;
    bool letter = false;
    for (char c : word) {
      digit = digit || unleet(c) != c;
      letter = letter || is_alpha(c);
    }
    mixed_ += digit && letter ? 1 : 0;
    single_ += read_code_point(word).length == word.size() ? 1 : 0;
    alike_ = latin_ = false;
  }

  // A byte: what escapes, comments and assignments begin with, and what separates letters.
  void take(char c) {
    found_ = found_ || c == '<';
    escapes_ += c == '%' || c == '\\' || c == '&' ? 1 : 0;
    equals_ += c == '=' ? 1 : 0;
    // Blocks with look-alikes of Latin letters, and such a letter in the same word.
    alike_ = alike_ || (static_cast<uint8_t>(c) >= 0xcd && static_cast<uint8_t>(c) <= 0xd6);
    latin_ = latin_ || is_alpha(c);
    found_ = found_ || (alike_ && latin_);
    gaps_ += c == '-' || c == '.' || c == '_' ? 1 : 0;
    hyphens_ += c == '-' ? 1 : 0;
    take_digit(c);
  }

  [[nodiscard]] bool any() const {
    constexpr size_t kGaps = 9;
    constexpr size_t kHyphens = 3;
    constexpr size_t kMixedWords = 3;
    constexpr size_t kSingles = 8;
    constexpr size_t kPieces = 2;
    return found_ || escapes_ >= kEscapesMin || equals_ >= kPieces || gaps_ >= kGaps || hyphens_ >= kHyphens ||
           mixed_ >= kMixedWords || single_ >= kSingles;
  }

 private:
  // A run of base 64 goes on over the end of a line that is long enough, as in read_base64_run().
  void take_digit(char c) {
    hex_ = hex_digit(c) >= 0 ? hex_ + 1 : c == ' ' || c == ':' ? hex_ : 0;
    found_ = found_ || hex_ >= kHexCharsMin;
    const bool inside = base64_digit(c) >= 0;
    const bool wraps = (c == '\n' || c == '\r') && (line_ == 0 || line_ >= kBase64LineMin);
    line_ = inside ? line_ + 1 : 0;
    if (wraps) return;
    run_ = inside ? run_ + 1 : 0;
    marked_ = inside && (marked_ || is_mark_of_base64(c));
    found_ = found_ || (run_ >= kBase64CharsMin && marked_);
  }

  bool found_ = false;
  bool alike_ = false;   // in this word
  bool latin_ = false;
  bool marked_ = false;  // the run holds a capital or a digit
  size_t escapes_ = 0;
  size_t equals_ = 0;
  size_t gaps_ = 0;
  size_t hyphens_ = 0;
  size_t mixed_ = 0;
  size_t single_ = 0;
  size_t run_ = 0;   // of base-64 digits
  size_t line_ = 0;  // of them in this line
  size_t hex_ = 0;   // of hexadecimal digits, blanks and colons between them
};

}  // namespace

bool may_hold_encoding(std::string_view plain) {
  Signs signs;
  size_t begin = 0;
  for (size_t i = 0; i <= plain.size(); ++i) {
    if (i < plain.size()) signs.take(plain[i]);
    if (i < plain.size() && !is_space(plain[i])) continue;
    if (i > begin) signs.end_word(plain.substr(begin, i - begin));
    begin = i + 1;
  }
  if (signs.any()) return true;
  const Common common = count_common(plain);
  return reads_better(common.rotated, common.plain) || reads_better(common.turned, common.plain);
}

}  // namespace proviso::inspect
