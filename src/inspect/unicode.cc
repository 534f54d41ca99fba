#include "inspect/unicode.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uspoof.h>

#include <array>

#include "base/check.h"

namespace proviso::inspect {
namespace {

bool is_tail(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

// Blocks whose letters are drawn like Latin ones: Greek, Cyrillic and their supplement, Armenian.
constexpr char32_t kConfusableFirst = 0x370;
constexpr char32_t kConfusableLast = 0x58f;
using Confusables = std::array<char, kConfusableLast - kConfusableFirst + 1>;

Confusables read_confusables() {
  Confusables table{};
  UErrorCode status = U_ZERO_ERROR;
  USpoofChecker* checker = uspoof_open(&status);
  PV_CHECK(U_SUCCESS(status) != 0);
  for (char32_t c = kConfusableFirst; c <= kConfusableLast; ++c) {
    const auto unit = static_cast<UChar>(c);
    UChar skeleton[8];
    status = U_ZERO_ERROR;
    const int32_t length = uspoof_getSkeleton(checker, 0, &unit, 1, skeleton, 8, &status);
    if (U_SUCCESS(status) == 0 || length != 1 || skeleton[0] >= 0x80) continue;
    if (u_isalnum(skeleton[0]) == 0) continue;
    table[c - kConfusableFirst] = static_cast<char>(skeleton[0]);
  }
  uspoof_close(checker);
  return table;
}

const UNormalizer2& nfkd() {
  static const UNormalizer2* const instance = [] {
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2* found = unorm2_getNFKDInstance(&status);
    PV_CHECK(U_SUCCESS(status) != 0);
    return found;
  }();
  return *instance;
}

}  // namespace

CodePoint read_code_point(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  if (first < 0x80) return {first, 1};
  const uint8_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
  if (length == 1 || first > 0xf4 || text.size() < length) return {kReplacement, 1};
  char32_t value = first & (0x7fu >> length);
  for (uint8_t i = 1; i < length; ++i) {
    if (!is_tail(text[i])) return {kReplacement, 1};
    value = value << 6 | (static_cast<uint8_t>(text[i]) & 0x3fu);
  }
  static constexpr char32_t kFirstOf[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  if (value < kFirstOf[length] || value > 0x10ffff || surrogate) return {kReplacement, 1};
  return {value, length};
}

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

bool is_tag(char32_t c) { return c >= 0xe0000 && c <= 0xe007f; }

bool is_variation_selector(char32_t c) {
  return (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xe0100 && c <= 0xe01ef);
}

bool is_ignorable(char32_t c) {
  if (c < 0xad || is_ideograph(c)) return false;
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_DEFAULT_IGNORABLE_CODE_POINT) != 0 ||
         (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

bool is_decoration(char32_t c) {
  return (c >= 0x300 && c <= 0x36f) || (c >= 0x483 && c <= 0x489) || (c >= 0x1ab0 && c <= 0x1aff) ||
         (c >= 0x1dc0 && c <= 0x1dff) || (c >= 0x20d0 && c <= 0x20ff);
}

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (is_ideograph(c)) return true;
  const auto type = u_charType(static_cast<UChar32>(c));
  return (U_MASK(type) & (U_GC_L_MASK | U_GC_M_MASK)) != 0;
}

bool is_ideograph(char32_t c) {
  return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x9fff) ||
         (c >= 0x20000 && c <= 0x3ffff) || (c >= 0xe00 && c <= 0xe7f);
}

char32_t to_lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if (is_ideograph(c)) return c;
  return static_cast<char32_t>(u_foldCase(static_cast<UChar32>(c), U_FOLD_CASE_DEFAULT));
}

bool is_upper(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z';
  return u_isUUppercase(static_cast<UChar32>(c)) != 0;
}

void append_folded(std::string& out, char32_t c) {
  if (c < 0xa0 || is_ideograph(c)) return append_utf8(out, c);
  constexpr int32_t kUnitsMax = 24;  // the longest decomposition has 18
  UChar units[kUnitsMax];
  UErrorCode status = U_ZERO_ERROR;
  const int32_t length =
      unorm2_getDecomposition(&nfkd(), static_cast<UChar32>(c), units, kUnitsMax, &status);
  if (length < 0 || U_SUCCESS(status) == 0) {
    if (!is_decoration(c)) append_utf8(out, c);
    return;
  }
  for (int32_t i = 0; i < length;) {
    UChar32 part;
    U16_NEXT(units, i, length, part);
    if (!is_decoration(static_cast<char32_t>(part))) append_utf8(out, static_cast<char32_t>(part));
  }
}

char confusable_with(char32_t c) {
  if (c < kConfusableFirst || c > kConfusableLast) return 0;
  static const Confusables table = read_confusables();
  return table[c - kConfusableFirst];
}

}  // namespace proviso::inspect
