#pragma once
// Matrices of whole numbers, and the few functions of floats that an encoder needs. Every machine gives the same
// bits: products and sums are whole numbers, floats are added in one order and never fused, and no function of a
// library is asked. Pure; safe from any thread.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace proviso::inspect {

// `rows` rows of `columns` numbers, a signed byte each times the row's scale.
struct ByteMatrix {
  size_t rows = 0;
  size_t columns = 0;
  std::vector<int8_t> values;
  std::vector<float> scales;     // one a row
  std::vector<float> bias;       // one a row
};

inline constexpr size_t kTileRows = 32;

// The same in the order in which it is multiplied: kTileRows rows together, their first two columns, row by row, then the
// next two.
struct TiledMatrix {
  TiledMatrix() = default;
  explicit TiledMatrix(const ByteMatrix& from);  // rows: a multiple of kTileRows; columns: even

  size_t rows = 0;
  size_t columns = 0;
  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<float> bias;
};

inline constexpr size_t kLane = 32;            // numbers of one head of attention
inline constexpr float kActivationMax = 2047;  // so that a product of 2,048 columns fits in 32 bits

// `rows` rows as whole numbers of at most kActivationMax, each with a scale of its own.
struct Activations {
  size_t rows = 0;
  size_t columns = 0;
  std::vector<int16_t> values;  // rows of zeros behind, up to a multiple of eight
  std::vector<float> scales;

  // Replaces what was there; `x` has rows * columns floats.
  void assign(std::span<const float> x, size_t row_count, size_t column_count);
};

// out[r][o] = sum over i of x[r][i] * m[o][i], plus m.bias[o].
void multiply(const Activations& x, const TiledMatrix& m, std::vector<float>& out);

// Each row of `columns`: mean 0 and variance 1, then times `gain` plus `shift`.
void normalise_rows(std::span<float> x, size_t columns, std::span<const float> gain, std::span<const float> shift,
                    float epsilon);

// x times the normal distribution's share below x (Hendrycks and Gimpel 2016). A multiple of 16 numbers.
void gelu(std::span<float> x);

// e to the power of x, which is not positive; nothing below -80.
float exponential(float x);

// One head of attention: out[t] = sum over s of share(t, s) * value[s], the shares of t in the ratio of e to the power of
// query[t] . key[s] * scale. Each is `rows` rows of kLane floats, `stride` floats apart.
struct Head {
  const float* query;
  const float* key;
  const float* value;
  float* out;
  size_t rows;
  size_t stride;
  float scale;
};
void attend(const Head& head);

}  // namespace proviso::inspect
