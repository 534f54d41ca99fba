#include "inspect/common_words.h"

#include <algorithm>
#include <array>

namespace proviso::inspect {
namespace {

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// In order, so that they can be searched.
constexpr std::string_view kCommonWords[] = {
    "about", "all", "also", "an", "and", "any", "are", "at", "auf", "avec", "been", "best", "but", "by", "can", "che",
    "como", "con", "create", "dans", "das", "del", "den", "der", "des", "develop", "di", "die", "do", "does", "ein",
    "eine", "einen", "el", "est", "explain", "first", "for", "from", "get", "give", "good", "had", "has", "have",
    "help", "her", "him", "his", "how", "ich", "if", "il", "in", "into", "is", "ist", "it", "its", "la", "le", "les",
    "list", "los", "make", "me", "method", "mit", "more", "most", "my", "need", "nicht", "not", "of", "one", "our",
    "out", "over", "para", "pas", "people", "place", "please", "por", "pour", "provide", "que", "she", "should",
    "sind", "some", "someone", "step", "steps", "such", "sur", "teach", "tell", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "time", "to", "una", "und", "une", "use", "using", "want",
    "was", "way", "we", "were", "what", "when", "where", "which", "while", "who", "why", "wie", "will", "with",
    "without", "would", "write", "you", "your"};
static_assert(std::ranges::is_sorted(kCommonWords));

bool is_common(std::string_view word) { return std::ranges::binary_search(kCommonWords, word); }

constexpr size_t kCommonBytesMax = 7;

}  // namespace

char rot13(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<char>('a' + (c - 'a' + 13) % 26);
  if (c >= 'A' && c <= 'Z') return static_cast<char>('A' + (c - 'A' + 13) % 26);
  return c;
}

Common count_common(std::string_view text) {
  Common common;
  for (size_t i = 0; i < text.size();) {
    if (!is_alpha(text[i])) {
      ++i;
      continue;
    }
    const size_t begin = i;
    while (i < text.size() && is_alpha(text[i])) ++i;
    const size_t size = i - begin;
    if (size < 2 || size > kCommonBytesMax) continue;
    std::array<char, kCommonBytesMax> word{};
    std::array<char, kCommonBytesMax> rotated{};
    std::array<char, kCommonBytesMax> turned{};
    for (size_t k = 0; k < size; ++k) {
      word[k] = static_cast<char>(text[begin + k] | 0x20);
      rotated[k] = rot13(word[k]);
      turned[size - 1 - k] = word[k];
    }
    common.plain += is_common({word.data(), size}) ? 1 : 0;
    common.rotated += is_common({rotated.data(), size}) ? 1 : 0;
    common.turned += is_common({turned.data(), size}) ? 1 : 0;
  }
  return common;
}

}  // namespace proviso::inspect
