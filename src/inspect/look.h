#pragma once
// The form of every rule that reads running text: a pure function of what is held around one place.
// It says no, yes, or that it must see more; once it has said no or yes, more text never changes that,
// which is why any split of a text gives the same findings. Not a face.
#include <cstdint>
#include <string_view>

namespace proviso::inspect {

// A rule must have decided when it sees this much from its place on, and sees this much before it.
inline constexpr size_t kAheadBytesMax = 200;
inline constexpr size_t kBehindBytesMax = 64;
// The same in bytes as they were sent, of which escapes and characters that show nothing need more.
inline constexpr size_t kRawAheadBytesMax = 1536;

// One place in a plain reading (readings.h).
struct Look {
  std::string_view text;  // with up to kBehindBytesMax bytes of what was already decided
  size_t at = 0;          // a rule looks whether something begins here
  bool starts = false;    // text begins where the whole text does
  bool ended = false;     // text ends where the whole text does
  bool full = false;      // no more will be shown, though the whole text goes on

  [[nodiscard]] char operator[](size_t i) const { return i < text.size() ? text[i] : '\0'; }
  [[nodiscard]] std::string_view behind() const { return text.substr(0, at); }
  // More may come behind the end of `text`, and a rule may still wait for it.
  [[nodiscard]] bool may_grow() const { return !ended && !full && text.size() - at < kAheadBytesMax; }
};

struct Found {
  enum class Answer : uint8_t { kNo, kYes, kMore };
  Answer answer = Answer::kNo;
  size_t begin = 0;  // in Look::text; not before Look::at
  size_t end = 0;
  std::string_view label;
  std::string_view rule;
  int64_t score = 0;  // per mille

  static Found no() { return {}; }
  static Found more() {
    Found found;
    found.answer = Answer::kMore;
    return found;
  }
};

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
inline bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
inline bool is_letter(char c) { return is_upper(c) || is_lower(c) || static_cast<uint8_t>(c) >= 0x80; }
inline bool is_word(char c) { return is_digit(c) || is_letter(c); }
inline char lower_of(char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; }

}  // namespace proviso::inspect
