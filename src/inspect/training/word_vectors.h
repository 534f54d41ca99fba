#pragma once
// What words mean, for training only: a vector for each of some tens of thousands of words of many
// languages, made by tools/make_word_vectors.py from a sentence encoder. Words that mean alike have like
// vectors, so what the rows teach about one word reaches its relatives in other languages; what is learnt
// is folded into the weights of single words, and the gate never sees a vector. Immutable.
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace proviso::inspect {

inline constexpr size_t kVectorSize = 384;
using WordVector = std::array<int8_t, kVectorSize>;  // -1, 0 or 1

struct WordVectors {
  // For each feature the number of its vector + 1, or 0.
  std::vector<uint32_t> of_feature;
  std::vector<WordVector> vectors;
  size_t general = 0;  // so many of the first are of a list that no row had a part in
};

// The format: docs/formats.md. kInvalid if the file is none. A word that makes no single feature, and
// one whose feature is taken, is left out.
Result<WordVectors> read_word_vectors(std::string_view file);

}  // namespace proviso::inspect
