// What training adds to word counts, vectors of words, and how they reach words that no row has; and by how
// much a long window must say what it says.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "base/bytes.h"
#include "inspect/classifier.h"
#include "inspect/features.h"
#include "inspect/labels.h"
#include "inspect/training/solver.h"
#include "inspect/training/word_vectors.h"
#include "inspect/unit_stream.h"

namespace proviso::inspect {
namespace {

constexpr size_t kVectorBytes = 77;

// A vector of ones, or of minus ones, as it stands in a file.
std::string packed(int value) { return std::string(kVectorBytes, static_cast<char>(value > 0 ? 242 : 0)); }

std::string file_of(const std::vector<std::pair<std::string, int>>& words, uint32_t general) {
  std::string out = "PVWV0001";
  put_u32(out, static_cast<uint32_t>(words.size()));
  put_u32(out, general);
  for (const auto& [word, value] : words) {
    out += static_cast<char>(word.size());
    out += word + packed(value);
  }
  return out;
}

uint32_t feature_of(std::string_view word) {
  std::vector<uint32_t> features;
  append_features(word, features);
  return features.at(0);
}

TEST(WordVectors, ReadsWordsAndTheirNumbers) {
  const auto words = read_word_vectors(file_of({{"strike", 1}, {"poem", -1}}, 1));
  ASSERT_TRUE(words);
  ASSERT_EQ(words->vectors.size(), 2u);
  EXPECT_EQ(words->general, 1u);
  const uint32_t at = words->of_feature[feature_of("poem")];
  ASSERT_EQ(at, 2u);
  for (int8_t value : words->vectors[at - 1]) EXPECT_EQ(value, -1);
  for (int8_t value : words->vectors[0]) EXPECT_EQ(value, 1);
}

TEST(WordVectors, TakesAPairOfIdeographsForOneWord) {
  const auto words = read_word_vectors(file_of({{"\xe6\xad\xa6\xe5\x99\xa8", 1}}, 1));
  ASSERT_TRUE(words);
  EXPECT_EQ(words->of_feature[feature_of("\xe6\xad\xa6")], 0u);
  size_t pairs = 0;
  for (uint32_t f = kSingleFeatures; f < kWordFeatures; ++f) pairs += words->of_feature[f];
  EXPECT_EQ(pairs, 1u);
}

TEST(WordVectors, RefusesWhatIsNoWholeFile) {
  const std::string whole = file_of({{"strike", 1}}, 0);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_word_vectors(whole.substr(0, size))) << size;
  }
  EXPECT_TRUE(read_word_vectors(whole));
}

// A window that holds one word, with its vector's sum.
Window window_of(std::string_view word, const WordVectors& words) {
  Window window;
  append_features(word, window.features);
  for (uint32_t f : window.features) {
    if (words.of_feature[f] == 0) continue;
    for (size_t i = 0; i < kVectorSize; ++i) {
      window.meaning[i] += static_cast<float>(words.vectors[words.of_feature[f] - 1][i]);
    }
  }
  return window;
}

// The weight that "frappe" gets from rows that hold only "strike" and "poem".
float weight_of_relative(float share) {
  const auto words = read_word_vectors(file_of({{"strike", 1}, {"poem", -1}, {"frappe", 1}}, 3));
  FeatureScales scales = {rarity_of(std::vector<float>(kFeatureCount)), std::vector<float>(kFeatureCount)};
  for (uint32_t f = 0; f < kFeatureCount; ++f) scales.meaning[f] = words->of_feature[f] == 0 ? 0 : 1;
  const Window yes = window_of("strike", *words);
  const Window no = window_of("poem", *words);
  Solver solver(*words, scales, 1, share);
  solver.add(yes, true, 1);
  solver.add(no, false, 1);
  solver.solve();
  const std::vector<float> weights = solver.weights();
  EXPECT_GT(weights[feature_of("strike")], 0);
  EXPECT_LT(weights[feature_of("poem")], 0);
  return weights[feature_of("frappe")];
}

TEST(Solver, TeachesAWordThatNoRowHasByItsVector) { EXPECT_GT(weight_of_relative(1), 0); }
TEST(Solver, KeepsToTheRowsWordsWithoutMeaning) { EXPECT_EQ(weight_of_relative(0), 0); }

// Weights that find every class in any text, by 1.2 more than its threshold.
std::string weights_that_lean() {
  std::string out = "PVCW0002";
  for (size_t k = 0; k < kClasses; ++k) {
    for (float value : {1.2f, 1.0f, 0.0f}) put_u32(out, std::bit_cast<uint32_t>(value));
  }
  out.resize(out.size() + size_t{kFeatureCount} * kClasses);
  return out;
}

// The labels of the last of `count` segments of `bytes` each.
std::vector<std::string> last_labels(const Classifier& classifier, size_t count, size_t bytes) {
  UnitStream stream(TextKind::kPlain, kClassBits, classifier);
  std::vector<Segment> in(count);
  for (size_t i = 0; i < count; ++i) {
    while (in[i].text.size() < bytes) in[i].text += "word" + std::string(i + 1, 'a') + " ";
    in[i].text.replace(bytes - 2, std::string::npos, ". ");
  }
  std::vector<Segment> out;
  stream.push(in, out);
  stream.finish(out);
  return out.back().labels;
}

bool has(const std::vector<std::string>& labels, std::string_view label) {
  return std::ranges::find(labels, label) != labels.end();
}

TEST(Windows, OfFewUnitsAndBytesSayWhatTheySay) {
  const std::string file = weights_that_lean();
  const Classifier classifier = *Classifier::read(file);
  const std::vector<std::string> labels = last_labels(classifier, 2, 400);
  EXPECT_TRUE(has(labels, kClassLabels[0]));
  EXPECT_TRUE(has(labels, kClassLabels[kFirstRedLine]));
}

TEST(Windows, OfManyBytesOrUnitsMustSayARedLineByMore) {
  const std::string file = weights_that_lean();
  const Classifier classifier = *Classifier::read(file);
  for (const auto& [count, bytes] : {std::pair<size_t, size_t>{2, 600}, {8, 60}}) {
    const std::vector<std::string> labels = last_labels(classifier, count, bytes);
    EXPECT_TRUE(has(labels, kClassLabels[0])) << count;
    EXPECT_FALSE(has(labels, kClassLabels[kFirstRedLine])) << count;
  }
}

}  // namespace
}  // namespace proviso::inspect
