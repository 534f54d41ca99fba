#include "inspect/training/word_vectors.h"

#include "base/bytes.h"
#include "inspect/features.h"
#include "inspect/unicode.h"

namespace proviso::inspect {
namespace {

constexpr std::string_view kMagic = "PVWV0001";
constexpr size_t kHeadBytes = 16;  // the magic, how many words, how many of them general
constexpr size_t kDigits = 5;  // in a byte, to the base of three
constexpr size_t kVectorBytes = (kVectorSize + kDigits - 1) / kDigits;
constexpr uint32_t kNone = ~0u;

// The feature that stands for a word, or for the pair that two ideographs are.
uint32_t feature_of(std::string_view word) {
  std::vector<uint32_t> features;
  append_features(word, features);
  const CodePoint first = read_code_point(word);
  if (!is_ideograph(first.value) || first.length == word.size()) return features.empty() ? kNone : features[0];
  const bool pair = first.length + read_code_point(word.substr(first.length)).length == word.size();
  return pair && features.size() > 2 ? features[2] : kNone;
}

uint32_t read_u32(std::string_view bytes) {
  uint32_t value = 0;
  for (char c : bytes.substr(0, 4)) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

// Five numbers a byte, each 1 more than it says, the first one the lowest digit.
WordVector unpack(std::string_view bytes) {
  WordVector out;
  for (size_t i = 0; i < kVectorSize; ++i) {
    int digits = static_cast<uint8_t>(bytes[i / kDigits]);
    for (size_t skip = i % kDigits; skip > 0; --skip) digits /= 3;
    out[i] = static_cast<int8_t>(digits % 3 - 1);
  }
  return out;
}

}  // namespace

Result<WordVectors> read_word_vectors(std::string_view file) {
  if (file.size() < kHeadBytes || !file.starts_with(kMagic)) {
    return fail(Code::kInvalid, "this is no file of word vectors");
  }
  const uint32_t count = read_u32(file.substr(8));
  const uint32_t general = read_u32(file.substr(12));
  file.remove_prefix(kHeadBytes);
  WordVectors out;
  out.of_feature.assign(kFeatureCount, 0);
  for (uint32_t i = 0; i < count; ++i) {
    const size_t length = file.empty() ? 0 : static_cast<uint8_t>(file[0]);
    const size_t bytes = 1 + length + kVectorBytes;
    if (file.size() < bytes) return fail(Code::kInvalid, "the file of word vectors ends too early");
    const uint32_t feature = feature_of(file.substr(1, length));
    if (feature != kNone && out.of_feature[feature] == 0) {
      out.vectors.push_back(unpack(file.substr(1 + length)));
      out.of_feature[feature] = static_cast<uint32_t>(out.vectors.size());
    }
    file.remove_prefix(bytes);
    if (i < general) out.general = out.vectors.size();
  }
  return out;
}

}  // namespace proviso::inspect
