#include "inspect/features.h"

#include <bit>

#include "inspect/hashing.h"
#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

constexpr size_t kGramMin = 3;
constexpr size_t kGramMax = 5;

uint32_t word_feature(uint32_t hash) { return spread(hash) % kSingleFeatures; }
uint32_t pair_feature(uint32_t hash) {
  return kSingleFeatures + spread(hash) % (kWordFeatures - kSingleFeatures);
}
uint32_t letter_feature(uint32_t hash) {
  return kWordFeatures + spread(hash) % (kFeatureCount - kWordFeatures);
}

// Leaves each number of `features` from `begin` on once, in the order of the first time: a word that is said
// forty times says little more than once.
void keep_first(std::vector<uint32_t>& features, size_t begin) {
  thread_local std::vector<uint32_t> table;  // a feature + 1 each, 0: free
  const size_t slots = std::bit_ceil((features.size() - begin) * 2 + 1);
  table.assign(slots, 0);
  size_t kept = begin;
  for (size_t i = begin; i < features.size(); ++i) {
    const uint32_t feature = features[i];
    size_t slot = feature & (slots - 1);
    while (table[slot] != 0 && table[slot] != feature + 1) slot = (slot + 1) & (slots - 1);
    if (table[slot] != 0) continue;
    table[slot] = feature + 1;
    features[kept++] = feature;
  }
  features.resize(kept);
}

// Letters and digits in lower case, blanks between; a blank at both ends.
void normalise(std::string_view text, std::vector<char32_t>& out) {
  out.push_back(' ');
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = read_code_point(text.substr(i));
    i += c.length;
    const bool digit = c.value >= '0' && c.value <= '9';
    if (digit || is_letter(c.value)) {
      out.push_back(to_lower(c.value));
    } else if (out.back() != ' ') {
      out.push_back(' ');
    }
  }
  if (out.back() != ' ') out.push_back(' ');
}

void append_words(const std::vector<char32_t>& text, std::vector<uint32_t>& out) {
  uint32_t last = 0;
  for (size_t i = 1; i < text.size();) {
    uint32_t hash = 0x77u;
    size_t end = i;
    while (end < text.size() && text[end] != ' ') {
      hash = mix(hash, text[end++]);
      if (is_ideograph(text[end - 1])) break;  // each is a word of its own
    }
    out.push_back(word_feature(hash));
    if (last != 0) out.push_back(pair_feature(mix(last, hash)));
    last = hash;
    i = end < text.size() && text[end] == ' ' ? end + 1 : end;
  }
}

// Runs of marks and symbols, alone and with the run before: what attack suffixes and quoted instructions are
// full of. And words with a capital inside.
void append_marks(std::string_view reading, std::vector<uint32_t>& out) {
  uint32_t last = 0;
  uint32_t hash = 0;
  bool small = false;
  bool counted = false;
  for (size_t i = 0; i < reading.size(); ++i) {
    const char c = reading[i];
    const bool lower = c >= 'a' && c <= 'z';
    const bool upper = c >= 'A' && c <= 'Z';
    if (lower || upper || (c >= '0' && c <= '9') || static_cast<uint8_t>(c) >= 0x80 || c == ' ') {
      if (hash != 0) {
        out.push_back(pair_feature(hash));
        if (last != 0) out.push_back(pair_feature(mix(last, hash)));
        last = hash;
        hash = 0;
      }
      if (small && upper && !counted) {
        out.push_back(pair_feature(0x51u));
        counted = true;
      }
      small = lower;
      if (c == ' ') counted = false;
      continue;
    }
    small = false;
    hash = mix(hash == 0 ? 0x99u : hash, static_cast<uint8_t>(c));
  }
  if (hash != 0) out.push_back(pair_feature(hash));
}

}  // namespace

void append_features(std::string_view reading, std::vector<uint32_t>& out) {
  thread_local std::vector<char32_t> text;
  text.clear();
  normalise(reading, text);
  if (text.size() < 2) return;
  const size_t begin = out.size();
  append_words(text, out);
  append_marks(reading, out);
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t hash = 0x1000u;
    for (size_t n = 1; n <= kGramMax && i + n <= text.size(); ++n) {
      hash = mix(hash, text[i + n - 1]);
      if (n >= kGramMin) out.push_back(letter_feature(hash));
    }
  }
  keep_first(out, begin);
}

}  // namespace proviso::inspect
