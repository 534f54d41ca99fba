#include "inspect/checks.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace proviso::inspect {
namespace {

constexpr int64_t kScoreCertain = 1000;
constexpr int64_t kScoreFormat = 950;
constexpr int64_t kScoreAssigned = 850;
constexpr int64_t kScoreLikely = 750;

constexpr size_t kEntropyBytesMax = 256;

// n * log2(n) in thousandths, so that entropy is a few additions and the same on every machine.
const std::array<int, kEntropyBytesMax + 1>& n_log_n() {
  static const std::array<int, kEntropyBytesMax + 1> table = [] {
    std::array<int, kEntropyBytesMax + 1> t{};
    for (size_t n = 2; n < t.size(); ++n) {
      const double x = static_cast<double>(n);
      t[n] = static_cast<int>(std::lround(x * std::log2(x) * 1000.0));
    }
    return t;
  }();
  return table;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool contains_folded(std::string_view text, std::string_view word) {
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [](char a, char b) { return lower(a) == b; }) != text.end();
}

int distinct(std::string_view value) {
  std::array<bool, 256> seen{};
  int count = 0;
  for (char c : value) {
    bool& was = seen[static_cast<uint8_t>(c)];
    count += was ? 0 : 1;
    was = true;
  }
  return count;
}

// abcdefgh, 12345678: each byte one more than the last.
bool is_sequence(std::string_view value) {
  int steps = 0;
  for (size_t i = 1; i < value.size(); ++i) steps += value[i] == value[i - 1] + 1 ? 1 : 0;
  return value.size() >= 6 && static_cast<size_t>(steps) + 3 >= value.size();
}

bool has_extension(std::string_view value) {
  const size_t dot = value.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  const std::string_view tail = value.substr(dot + 1);
  return tail.size() >= 2 && tail.size() <= 5 &&
         std::all_of(tail.begin(), tail.end(), [](char c) { return in_set(c, kLow); });
}

// Letters alone, the cases mixed as no name mixes them.
bool is_scrambled(std::string_view value, const Kinds& kinds) {
  const int letters = kinds.lower + kinds.upper;
  if (letters < 10 || kinds.upper * 3 < letters || kinds.lower * 3 < letters) return false;
  int run = 0;
  for (char c : value) {
    run = in_set(c, kLow) ? run + 1 : 0;
    if (run > 3) return false;
  }
  return true;
}

// The longest run of letters and digits that holds both.
size_t longest_mixed_run(std::string_view value) {
  size_t longest = 0;
  size_t from = 0;
  while (from < value.size()) {
    size_t end = from;
    while (end < value.size() && in_set(value[end], kAlnum)) ++end;
    const Kinds kinds = count_kinds(value.substr(from, end - from));
    if (kinds.digits > 0 && kinds.lower + kinds.upper > 0) longest = std::max(longest, end - from);
    from = end + 1;
  }
  return longest;
}

// Words joined by separators, as identifiers and paths are; at most a few digits at the end of each.
bool is_wordy(std::string_view value) {
  int letters = 0;
  int digits = 0;
  int changes = 0;
  char last = 'a';
  for (char c : value) {
    const bool digit = in_set(c, kDigit);
    letters += in_set(c, kLow | kUp) ? 1 : 0;
    digits += digit ? 1 : 0;
    if (digit != in_set(last, kDigit) && in_set(c, kAlnum)) ++changes;
    last = c;
  }
  return letters > 0 && digits <= letters / 3 && changes <= 2;
}

}  // namespace

int entropy_millibits(std::string_view value) {
  value = value.substr(0, kEntropyBytesMax);
  if (value.empty()) return 0;
  std::array<uint16_t, 256> counts{};
  for (char c : value) ++counts[static_cast<uint8_t>(c)];
  int sum = 0;
  for (char c : value) {
    uint16_t& n = counts[static_cast<uint8_t>(c)];
    sum += n_log_n()[n];
    n = 0;
  }
  return (n_log_n()[value.size()] - sum) / static_cast<int>(value.size());
}

Kinds count_kinds(std::string_view value) {
  Kinds kinds;
  for (char c : value) {
    const Set set = kSetOf[static_cast<uint8_t>(c)];
    kinds.digits += (set & kDigit) != 0 ? 1 : 0;
    kinds.lower += (set & kLow) != 0 ? 1 : 0;
    kinds.upper += (set & kUp) != 0 ? 1 : 0;
    kinds.other += (set & kAlnum) == 0 ? 1 : 0;
  }
  return kinds;
}

bool is_uuid(std::string_view value) {
  if (value.size() != 36) return false;
  for (size_t i = 0; i < value.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (!in_set(value[i], dash ? kDash : kHex)) return false;
  }
  return true;
}

bool is_digest_hex(std::string_view value) {
  static constexpr std::array<size_t, 6> kLengths{32, 40, 56, 64, 96, 128};
  return std::find(kLengths.begin(), kLengths.end(), value.size()) != kLengths.end() &&
         std::all_of(value.begin(), value.end(), [](char c) { return in_set(c, kHex); });
}

bool is_placeholder(std::string_view value) {
  if (value.size() < 24) {
    for (std::string_view word : {"example", "changeme", "change_me", "change-me", "placeholder",
                                  "redacted", "dummy", "your", "insert", "replace", "todo"}) {
      if (contains_folded(value, word)) return true;
    }
    for (std::string_view word : {"password", "passwd", "secret", "token", "hidden", "undefined",
                                  "null", "none", "true", "false", "foobar"}) {
      if (value.size() == word.size() && contains_folded(value, word)) return true;
    }
  }
  if (value.find_first_of("xX") != std::string_view::npos) {
    if (contains_folded(value, "examplekey")) return true;
    if (contains_folded(value, "xxxx") && distinct(value) <= 10) return true;
  }
  if (value.starts_with("$") || value.starts_with("%") || value.starts_with("os.environ") ||
      value.starts_with("process.env") || value.starts_with("env.")) {
    return true;
  }
  const int kinds = distinct(value);
  if (kinds <= 3 || (value.size() >= 16 && kinds <= 4)) return true;
  return is_sequence(value);
}

bool github_checksum_holds(std::string_view token) {
  constexpr size_t kSum = 6;
  if (token.size() <= kSum) return false;
  const size_t underscore = token.rfind('_');
  const std::string_view random =
      token.substr(underscore + 1, token.size() - kSum - underscore - 1);
  uint32_t crc = 0xffffffff;
  for (char c : random) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
  }
  crc = ~crc;
  static constexpr std::string_view kDigits62 =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (size_t i = 0; i < kSum; ++i) {
    if (token[token.size() - 1 - i] != kDigits62[crc % 62]) return false;
    crc /= 62;
  }
  return true;
}

int64_t score_assigned(std::string_view value, Strength strength) {
  if (is_placeholder(value)) return 0;
  const Kinds kinds = count_kinds(value);
  const int letters = kinds.lower + kinds.upper;
  const bool scrambled = strength != Strength::kWeak && is_scrambled(value, kinds);
  if (strength == Strength::kPassword) {
    // Emphasis in Markdown.
    while (value.starts_with("*")) value.remove_prefix(1);
    while (value.ends_with("*")) value.remove_suffix(1);
    if (value.size() < 6 || value.size() > kValueBytesMax) return 0;
    if (!scrambled && kinds.digits == 0 &&
        (kinds.other == 0 || kinds.upper == 0 || is_wordy(value))) {
      return 0;
    }
    if (letters == 0 && kinds.other == 0 && value.size() < 8) return 0;
    if (has_extension(value)) return 0;
    return kScoreAssigned;
  }
  if (value.size() < 10 || value.size() > kValueBytesMax) return 0;
  if ((kinds.digits == 0 && !scrambled) || has_extension(value)) return 0;
  const bool weak = strength == Strength::kWeak;
  if (is_uuid(value)) return weak ? 0 : kScoreLikely;
  if (is_digest_hex(value)) return weak ? 0 : kScoreLikely;
  if (letters == 0) return 0;
  if (!scrambled && (is_wordy(value) || longest_mixed_run(value) < (weak ? 12u : 8u))) return 0;
  // 2.9 bits: ten characters of which three repeat; below it are dates, versions and counters.
  const int floor = weak ? 3200 : 2900;
  return entropy_millibits(value) >= floor ? kScoreAssigned : 0;
}

int64_t score_token(std::string_view token, std::string_view body, Check check) {
  const std::string_view text = body.size() < 8 ? token : body;
  if (is_placeholder(text)) return 0;
  const Kinds kinds = count_kinds(text);
  switch (check) {
    case Check::kNone:
    case Check::kPem:
    case Check::kUrl: return kScoreFormat;
    case Check::kGithub:
      if (entropy_millibits(text) < 3000) return 0;
      return github_checksum_holds(token) ? kScoreCertain : kScoreFormat - 100;
    case Check::kUpper: return kinds.lower == 0 && kinds.digits > 0 ? kScoreFormat : 0;
    case Check::kMixed:
      if (kinds.lower == 0 || kinds.upper == 0) return 0;
      // One random key in some hundreds has no digit; it has more capitals than any name.
      return kinds.digits > 0 || (text.size() >= 30 && kinds.upper * 3 >= kinds.lower + kinds.upper)
                 ? kScoreFormat
                 : 0;
    case Check::kEntropy: return entropy_millibits(text) >= 2600 ? kScoreFormat : 0;
    case Check::kDotted:
      return std::count(text.begin(), text.end(), '.') >= 2 ? kScoreFormat : 0;
    case Check::kUuid: return is_uuid(token) ? kScoreFormat : 0;
    case Check::kJwt: break;
  }
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return 0;
  const bool shaped = token.starts_with("ey") && first >= 17 &&
                      token.substr(first + 1, 2) == "ey" && second - first > 17;
  return shaped ? kScoreFormat : 0;
}

}  // namespace proviso::inspect
