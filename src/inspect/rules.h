#pragma once
// The secrets rules as data, and the automaton that finds where one may begin. Rules are facts about
// token formats that vendors publish; docs/inspect.md says where they come from and how to add one.
// Immutable after create(); shared by every stream.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "inspect/inspector.h"

namespace proviso::inspect {

// Sets of bytes, as masks over byte classes.
using Set = uint16_t;
inline constexpr Set kDigit = 1;
inline constexpr Set kLowHex = 2;    // a-f
inline constexpr Set kLowRest = 4;   // g-z
inline constexpr Set kUpHex = 8;     // A-F
inline constexpr Set kUpRest = 16;   // G-Z
inline constexpr Set kUnder = 32;    // _
inline constexpr Set kDash = 64;     // -
inline constexpr Set kDot = 128;     // .
inline constexpr Set kEq = 256;      // =
inline constexpr Set kPlus = 512;    // + /
inline constexpr Set kColon = 1024;  // :
inline constexpr Set kTilde = 2048;  // ~
inline constexpr Set kPercent = 4096;
inline constexpr Set kMarks = 8192;  // ! # $ & * ? @
inline constexpr Set kBlank = 16384;  // space, tab, line feed, carriage return
inline constexpr Set kQuote = 32768;  // " ' ` and the backslash before an escaped one

inline constexpr Set kLow = kLowHex | kLowRest;
inline constexpr Set kUp = kUpHex | kUpRest;
inline constexpr Set kHex = kDigit | kLowHex | kUpHex;
inline constexpr Set kAlnum = kDigit | kLow | kUp;
inline constexpr Set kIdent = kAlnum | kUnder | kDash;
// What a word is made of; every other byte ends it.
inline constexpr Set kWord = kIdent | kDot | kEq | kPlus | kColon | kTilde | kPercent | kMarks;

extern const std::array<Set, 256> kSetOf;
inline bool in_set(char c, Set set) { return (kSetOf[static_cast<uint8_t>(c)] & set) != 0; }

// A further condition on a match; checks.h.
enum class Check : uint8_t {
  kNone,
  kGithub,    // last six characters are the base-62 CRC-32 of the rest: raises the score
  kUpper,     // no lower-case letter
  kMixed,     // letters of both cases, and digits or more capitals than a name has
  kEntropy,   // at least 3 bits a character
  kJwt,       // three parts, the first two begin with "ey"
  kDotted,    // at least two dots
  kUuid,
  kPem,       // not a match by itself: opens a line that may say "PRIVATE KEY"
  kUrl,       // "://": user information with a password follows
};

enum class Left : uint8_t { kAny, kEdge };  // kEdge: no letter or digit stands before the literal

// A token with a fixed part. The characters of `set` after the literal are its body, at least `min`,
// at most `max` of them (0: no end). Up to `lead` characters before the literal belong to it too, and
// there must be `lead_min` of them.
struct PrefixRule {
  const char* name;
  const char* literal;
  Set set;
  uint16_t min;
  uint16_t max = 0;
  Left left = Left::kEdge;
  Check check = Check::kNone;
  uint8_t lead = 0;
  uint8_t lead_min = 0;
};

// How much the word before a value says.
enum class Strength : uint8_t {
  kVendor,    // a product whose keys have a known shape
  kPassword,  // password, passphrase: any value that is not a placeholder
  kStrong,    // secret, token, api key
  kWeak,      // key, auth, access: only values that look random
  kCarrier,   // Bearer, Basic: the value follows after a space
};

// A value that a named thing is set to: "meraki_api = …". Shapes only for kVendor.
struct KeywordRule {
  const char* name;
  const char* keyword;  // lower case, matched without case
  Strength strength;
  Set set = 0;
  uint16_t min = 0;
  uint16_t max = 0;
  Check check = Check::kNone;
};

std::span<const PrefixRule> prefix_rules();
std::span<const KeywordRule> keyword_rules();

// Text that a candidate may span: the longest value, by kind of rule.
inline constexpr size_t kBoundedBodyBytesMax = 128;  // PrefixRule::max is never more
inline constexpr size_t kValueBytesMax = 150;        // of an assignment, as gitleaks has it
inline constexpr size_t kUserInfoBytesMax = 128;     // of a connection string
inline constexpr size_t kPemLineBytesMax = 128;      // "-----BEGIN" to "PRIVATE KEY"
inline constexpr size_t kLeadBytesMax = 40;          // PrefixRule::lead is never more

// Aho-Corasick over every literal and keyword, bytes folded to lower case.
class Rules {
 public:
  static constexpr uint16_t kKeywordBit = 0x8000;  // in hits(): a keyword rule, else a prefix rule

  explicit Rules(Options options);
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;

  [[nodiscard]] uint16_t step(uint16_t state, char c) const {
    return next_[static_cast<size_t>(state) * kColumns + column_[static_cast<uint8_t>(c)]];
  }
  // True if something ends in this state.
  [[nodiscard]] bool hit(uint16_t state) const { return state >= first_hit_; }
  [[nodiscard]] std::span<const uint16_t> hits(uint16_t state) const;
  // A filter in front of the automaton: three bytes in a row, folded to five bits each. A word in
  // which no three are suspect holds no literal. `roll` starts at 0 with each word.
  [[nodiscard]] uint16_t roll(uint16_t three, char c) const {
    return static_cast<uint16_t>((three << 5 | fold_[static_cast<uint8_t>(c)]) & 0x7fff);
  }
  [[nodiscard]] uint64_t suspect(uint16_t three) const {
    return suspects_[three >> 6] >> (three & 63) & 1;
  }
  // Length of the longest literal prefix that ends in this state.
  [[nodiscard]] size_t depth(uint16_t state) const { return depth_[state]; }

  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] const Digest& digest() const { return digest_; }
  [[nodiscard]] HoldBack hold_back() const { return options_.hold_back; }

 private:
  static constexpr size_t kColumns = 64;
  struct Build;
  void compile();
  void mark_suspects(std::string_view literal);
  void identify();

  Options options_;
  std::array<uint8_t, 256> column_{};
  std::array<uint8_t, 256> fold_{};
  std::array<uint64_t, 512> suspects_{};
  std::vector<uint16_t> next_;
  std::vector<uint16_t> depth_;
  std::vector<uint32_t> hit_begin_;  // per state from first_hit_: where its hits start in hit_list_
  std::vector<uint16_t> hit_list_;
  uint16_t first_hit_ = 0;
  std::string version_;
  Digest digest_;
};

}  // namespace proviso::inspect
