#pragma once
// What the classifiers see of a text: hashed pieces of its words. The training program and the gate
// use this one function, so that they cannot come apart. Pure; safe from any thread.
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

namespace proviso::inspect {

inline constexpr uint32_t kSingleFeatures = 1u << 18;  // the numbers below are words
inline constexpr uint32_t kWordFeatures = 3u << 17;    // those to here pairs of words and runs of marks
inline constexpr uint32_t kFeatureCount = 8u << 16;    // the others letters

// What a sum over so many features is divided by: short texts say less.
inline float length_of(uint64_t features) { return std::sqrt(static_cast<float>(features + 100)); }

// Appends one number below kFeatureCount for each word, each two words in a row, each run of marks, and each
// 3 to 5 letters in a row, of a reading (readings.h), case folded; a run of anything else is one blank.
// Each number once.
void append_features(std::string_view reading, std::vector<uint32_t>& out);

}  // namespace proviso::inspect
