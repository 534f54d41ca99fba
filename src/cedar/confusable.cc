#include "cedar/confusable.h"

#include <fmt/format.h>
#include <unicode/uscript.h>
#include <unicode/uset.h>
#include <unicode/uspoof.h>

#include <array>
#include <bitset>

#include "cedar/text.h"

namespace proviso::cedar {
namespace {

constexpr size_t kTextShown = 80;  // bytes of the text that a sentence repeats

bool reorders(char32_t c) { return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069); }

bool is_graphic_ascii(char32_t c) { return c >= 0x20 && c < 0x7F; }

// SPEC UTS 39 General Security Profile: identifiers are of the recommended and the inclusion set
bool allowed_in_names(char32_t c) {
  UErrorCode status = U_ZERO_ERROR;
  static const USet* const recommended = uspoof_getRecommendedSet(&status);
  static const USet* const included = uspoof_getInclusionSet(&status);
  auto scalar = static_cast<UChar32>(c);
  return is_graphic_ascii(c) || uset_contains(recommended, scalar) != 0 || uset_contains(included, scalar) != 0;
}

using Scripts = std::bitset<USCRIPT_CODE_LIMIT>;

// SPEC UTS 39 5.1: the augmented script set of a character; Common and Inherited are in every script
Scripts scripts_of(char32_t c) {
  std::array<UScriptCode, 64> codes{};
  UErrorCode status = U_ZERO_ERROR;
  int32_t count = uscript_getScriptExtensions(static_cast<UChar32>(c), codes.data(), static_cast<int32_t>(codes.size()), &status);
  Scripts out;
  if (U_FAILURE(status)) return out.set();
  for (int32_t i = 0; i < count; ++i) {
    UScriptCode code = codes[static_cast<size_t>(i)];
    if (code == USCRIPT_COMMON || code == USCRIPT_INHERITED) return Scripts().set();
    out.set(static_cast<size_t>(code));
  }
  if (out[USCRIPT_HAN]) out.set(USCRIPT_HAN_WITH_BOPOMOFO).set(USCRIPT_JAPANESE).set(USCRIPT_KOREAN);
  if (out[USCRIPT_HIRAGANA] || out[USCRIPT_KATAKANA]) out.set(USCRIPT_JAPANESE);
  if (out[USCRIPT_HANGUL]) out.set(USCRIPT_KOREAN);
  if (out[USCRIPT_BOPOMOFO]) out.set(USCRIPT_HAN_WITH_BOPOMOFO);
  return out;
}

std::string code_point(char32_t c) { return fmt::format("U+{:04X}", static_cast<uint32_t>(c)); }

std::string script_name(char32_t c) {
  UErrorCode status = U_ZERO_ERROR;
  UScriptCode code = uscript_getScript(static_cast<UChar32>(c), &status);
  const char* name = uscript_getName(code);
  return name != nullptr ? name : "another script";
}

template <class Visit>
void each_scalar(std::string_view text, Visit&& visit) {
  for (size_t length = 0; !text.empty(); text.remove_prefix(length)) {
    if (!visit(front_scalar(text, &length))) return;
  }
}

// The text with what cannot be seen, or would move other text, as an escape.
std::string shown(std::string_view text) {
  std::string out;
  each_scalar(text, [&out](char32_t c) {
    if (is_graphic_ascii(c) || (c > 0x9F && !reorders(c) && allowed_in_names(c))) {
      append_utf8(out, c);
    } else {
      out += fmt::format("\\u{{{:x}}}", static_cast<uint32_t>(c));
    }
    if (out.size() < kTextShown) return true;
    out += "…";
    return false;
  });
  return out;
}

}  // namespace

std::string oddity(std::string_view text, TextRole role) {
  std::string reordering;
  std::string foreign;
  std::string mixed;
  char32_t letter = 0;  // the first that is not in every script
  Scripts common = Scripts().set();
  each_scalar(text, [&](char32_t c) {
    if (reorders(c)) reordering = code_point(c);
    if (foreign.empty() && !allowed_in_names(c)) foreign = code_point(c);
    Scripts scripts = scripts_of(c);
    common &= scripts;
    if (letter == 0 && !scripts.all()) letter = c;
    if (mixed.empty() && common.none()) mixed = fmt::format("{} ({}) after {} letters", code_point(c), script_name(c), script_name(letter));
    return reordering.empty();
  });
  std::string subject = (role == TextRole::kString ? "the string `" : "the name `") + shown(text) + "`";
  if (!reordering.empty()) return subject + " contains " + reordering + ", which reorders text on screen";
  if (role == TextRole::kName && !foreign.empty()) return subject + " contains " + foreign + ", which is not a character of names";
  if (!mixed.empty()) return subject + " mixes scripts: " + mixed;
  return {};
}

}  // namespace proviso::cedar
