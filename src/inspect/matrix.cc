#include "inspect/matrix.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <immintrin.h>

#include "base/check.h"

#pragma STDC FP_CONTRACT OFF

// Every function with such an argument is inlined: no two files have to agree on how it is handed over.
#pragma clang diagnostic ignored "-Wpsabi"

namespace proviso::inspect {
namespace {

// So many floats at once, on every processor: each does with them what it can, one after another if need be.
constexpr size_t kTogether = 16;
using Floats [[gnu::vector_size(kTogether * sizeof(float))]] = float;
using Wholes [[gnu::vector_size(kTogether * sizeof(float))]] = int32_t;

[[gnu::always_inline]] inline Floats load(const float* from) {
  Floats out;
  std::memcpy(&out, from, sizeof out);
  return out;
}
[[gnu::always_inline]] inline void store(float* to, const Floats& x) { std::memcpy(to, &x, sizeof x); }

// Two to the power of a whole number times a polynomial on half an octave
// to either side; good to one in two hundred thousand at the worst.
[[gnu::always_inline]] inline Floats power_of_e(const Floats& x) {
  const Floats octaves = x * 1.44269504f;
  const Wholes whole = __builtin_convertvector(octaves - 0.5f, Wholes);
  const Floats rest = (octaves - __builtin_convertvector(whole, Floats)) * 0.69314718f;
  const Floats power =
      1 + rest * (1 + rest * (0.5f + rest * (0.16666667f + rest * (0.041666667f + rest * (0.0083333333f + rest * 0.0013888889f)))));
  const Wholes exponent = whole < -126 ? Wholes{} - 126 : whole;
  return x < -80 ? Floats{} : power * __builtin_bit_cast(Floats, (exponent + 127) << 23);
}

// `first` and the whole numbers behind it.
[[gnu::always_inline]] inline Wholes places_from(size_t first) {
  Wholes out;
  for (size_t i = 0; i < kTogether; ++i) out[i] = static_cast<int32_t>(first + i);
  return out;
}

[[gnu::always_inline]] inline void attend_body(const Head& head) {
  constexpr size_t kKeysTogether = 2 * kTogether;
  static_assert(kLane == 2 * kTogether);
  const size_t padded = (head.rows + kKeysTogether - 1) / kKeysTogether * kKeysTogether;
  thread_local std::vector<float> keys;  // the first numbers of all keys, then their second ones, and so on
  thread_local std::vector<float> shares;
  keys.assign(kLane * padded, 0);
  shares.resize(padded);
  for (size_t from = 0; from < head.rows; ++from) {
    for (size_t l = 0; l < kLane; ++l) keys[l * padded + from] = head.key[from * head.stride + l];
  }
  const auto rows = static_cast<int32_t>(head.rows);
  float* const share = shares.data();
  for (size_t to = 0; to < head.rows; ++to) {
    const float* const asks = head.query + to * head.stride;
    Floats tops = Floats{} - 1e30f;
    for (size_t from = 0; from < padded; from += kKeysTogether) {
      Floats first{};
      Floats second{};
      for (size_t l = 0; l < kLane; ++l) {
        const float* const has = keys.data() + l * padded + from;
        first += asks[l] * load(has);
        second += asks[l] * load(has + kTogether);
      }
      first = places_from(from) < rows ? first : Floats{} - 1e30f;
      second = places_from(from + kTogether) < rows ? second : Floats{} - 1e30f;
      tops = first > tops ? first : tops;
      tops = second > tops ? second : tops;
      store(share + from, first);
      store(share + from + kTogether, second);
    }
    float top = tops[0];
    for (size_t l = 1; l < kTogether; ++l) top = std::max(top, tops[l]);
    Floats sums{};
    for (size_t from = 0; from < padded; from += kTogether) {
      const Floats x = (load(share + from) - top) * head.scale;
      const Floats part = places_from(from) < rows ? power_of_e(x < -80 ? Floats{} - 81 : x) : Floats{};
      store(share + from, part);
      sums += part;
    }
    float sum = 0;
    for (size_t l = 0; l < kTogether; ++l) sum += sums[l];
    const float inverse = 1 / sum;
    Floats mixed[4] = {};  // of even and of odd rows, so that no sum waits for the one before
    for (size_t from = 0; from < head.rows; from += 2) {
      const float* const gives = head.value + from * head.stride;
      mixed[0] += share[from] * load(gives);
      mixed[1] += share[from] * load(gives + kTogether);
      if (from + 1 == head.rows) break;
      mixed[2] += share[from + 1] * load(gives + head.stride);
      mixed[3] += share[from + 1] * load(gives + head.stride + kTogether);
    }
    float* const out = head.out + to * head.stride;
    store(out, (mixed[0] + mixed[2]) * inverse);
    store(out + kTogether, (mixed[1] + mixed[3]) * inverse);
  }
}
// A row as whole numbers of at most kActivationMax; the scale of one.
[[gnu::always_inline]] inline float whole_body(const float* row, size_t columns, int16_t* to) {
  Floats tops = Floats{} + 1e-9f;
  for (size_t i = 0; i < columns; i += kTogether) {
    const Floats x = load(row + i);
    const Floats size = x < 0 ? -x : x;
    tops = size > tops ? size : tops;
  }
  float largest = tops[0];
  for (size_t l = 1; l < kTogether; ++l) largest = std::max(largest, tops[l]);
  const float many = kActivationMax / largest;
  using Halves [[gnu::vector_size(kTogether * sizeof(int16_t))]] = int16_t;
  for (size_t i = 0; i < columns; i += kTogether) {
    const Floats scaled = load(row + i) * many;
    // A half is added and the rest cut off, so that no rounding mode of the machine has a part in it.
    const Wholes cut = __builtin_convertvector(scaled + (scaled < 0 ? Floats{} - 0.5f : Floats{} + 0.5f), Wholes);
    const Halves halves = __builtin_convertvector(cut, Halves);
    std::memcpy(to + i, &halves, sizeof halves);
  }
  return largest / kActivationMax;
}

// By Abramowitz and Stegun 7.1.26: the share is right to seven digits.
[[gnu::always_inline]] inline Floats gelu_of(const Floats& x) {
  const Floats z = (x < 0 ? -x : x) * 0.70710678f;
  const Floats t = 1 / (1 + 0.3275911f * z);
  const Floats series = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
  const Floats square = z * z;
  const Floats beyond = 0.5f * series * power_of_e(square > 80 ? Floats{} - 80 : -square);
  return x * (x < 0 ? beyond : 1 - beyond);
}
[[gnu::always_inline]] inline void gelu_body(std::span<float> x) {
  for (size_t i = 0; i < x.size(); i += kTogether) store(&x[i], gelu_of(load(&x[i])));
}

// The same for each kind of processor. Floats come out the same whichever it is: they are never fused.
struct Any {
  static void attend(const Head& head) { attend_body(head); }
  static float whole(const float* row, size_t columns, int16_t* to) { return whole_body(row, columns, to); }
  static void gelu(std::span<float> x) { gelu_body(x); }
};
struct Avx2 {
  [[gnu::target("avx2")]] static void attend(const Head& head) { attend_body(head); }
  [[gnu::target("avx2")]] static float whole(const float* row, size_t columns, int16_t* to) { return whole_body(row, columns, to); }
  [[gnu::target("avx2")]] static void gelu(std::span<float> x) { gelu_body(x); }
};
#define PV_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"
struct Avx512 {
  [[gnu::target(PV_AVX512)]] static void attend(const Head& head) { attend_body(head); }
  [[gnu::target(PV_AVX512)]] static float whole(const float* row, size_t columns, int16_t* to) { return whole_body(row, columns, to); }
  [[gnu::target(PV_AVX512)]] static void gelu(std::span<float> x) { gelu_body(x); }
};

// Rows that are multiplied together, and what comes of them with one tile of a matrix.
constexpr size_t kRowsTogether = 8;
using Block = int32_t[kRowsTogether][kTileRows];

// kRowsTogether rows of `x` times one tile, once for each kind of processor; whole numbers, so all of them give the same.
void dot_any(const int16_t* x, const int8_t* tile, size_t columns, Block& sum) {
  for (auto& row : sum) std::ranges::fill(row, 0);
  for (size_t i = 0; i < columns; i += 2, tile += 2 * kTileRows) {
    for (size_t r = 0; r < kRowsTogether; ++r) {
      const int32_t first = x[r * columns + i];
      const int32_t second = x[r * columns + i + 1];
      for (size_t o = 0; o < kTileRows; ++o) sum[r][o] += first * tile[2 * o] + second * tile[2 * o + 1];
    }
  }
}

// Two neighbours of a row as one number, for every lane.
int32_t pair_at(const int16_t* x) {
  int32_t pair = 0;
  std::memcpy(&pair, x, sizeof pair);
  return pair;
}

[[gnu::target("avx2")]] void dot_avx2(const int16_t* x, const int8_t* tile, size_t columns, Block& sum) {
  constexpr size_t kRows = 4;
  for (size_t begin = 0; begin < kRowsTogether; begin += kRows) {
    for (size_t at = 0; at < kTileRows; at += 16) {
      __m256i s[kRows][2] = {};
      const int8_t* weights = tile + 2 * at;
      for (size_t i = 0; i < columns; i += 2, weights += 2 * kTileRows) {
        const auto* const bytes = reinterpret_cast<const __m128i*>(weights);
        const __m256i low = _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes));
        const __m256i high = _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes + 1));
        for (size_t r = 0; r < kRows; ++r) {
          const __m256i pair = _mm256_set1_epi32(pair_at(x + (begin + r) * columns + i));
          s[r][0] = _mm256_add_epi32(s[r][0], _mm256_madd_epi16(pair, low));
          s[r][1] = _mm256_add_epi32(s[r][1], _mm256_madd_epi16(pair, high));
        }
      }
      for (size_t r = 0; r < kRows; ++r) {
        for (size_t half = 0; half < 2; ++half) {
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(&sum[begin + r][at + 8 * half]), s[r][half]);
        }
      }
    }
  }
}

[[gnu::target(PV_AVX512)]] void dot_avx512(const int16_t* x, const int8_t* tile, size_t columns, Block& sum) {
  __m512i s[kRowsTogether][2] = {};
  for (size_t i = 0; i < columns; i += 2, tile += 2 * kTileRows) {
    const auto* const bytes = reinterpret_cast<const __m256i*>(tile);
    const __m512i low = _mm512_cvtepi8_epi16(_mm256_loadu_si256(bytes));
    const __m512i high = _mm512_cvtepi8_epi16(_mm256_loadu_si256(bytes + 1));
    for (size_t r = 0; r < kRowsTogether; ++r) {
      const __m512i pair = _mm512_set1_epi32(pair_at(x + r * columns + i));
      s[r][0] = _mm512_dpwssd_epi32(s[r][0], pair, low);
      s[r][1] = _mm512_dpwssd_epi32(s[r][1], pair, high);
    }
  }
  for (size_t r = 0; r < kRowsTogether; ++r) {
    _mm512_storeu_si512(&sum[r][0], s[r][0]);
    _mm512_storeu_si512(&sum[r][16], s[r][1]);
  }
}

// What this processor can do, asked once.
struct Ways {
  decltype(&dot_any) dot;
  decltype(&Any::attend) attend;
  decltype(&Any::whole) whole;
  decltype(&Any::gelu) gelu;
};
template <class Kind>
Ways ways_of(decltype(&dot_any) dot) {
  return {dot, Kind::attend, Kind::whole, Kind::gelu};
}
const Ways& ways() {
  static const Ways instance = [] {
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512vnni");
    if (wide) return ways_of<Avx512>(dot_avx512);
    return __builtin_cpu_supports("avx2") ? ways_of<Avx2>(dot_avx2) : ways_of<Any>(dot_any);
  }();
  return instance;
}

constexpr size_t kSumLanes = 16;

// In kSumLanes sums and then those in order, so that every machine adds in the same order.
float sum_of(const float* x, size_t count) {
  std::array<float, kSumLanes> lanes{};
  size_t i = 0;
  for (; i + kSumLanes <= count; i += kSumLanes) {
    for (size_t l = 0; l < kSumLanes; ++l) lanes[l] += x[i + l];
  }
  for (; i < count; ++i) lanes[0] += x[i];
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

float sum_of_squares(const float* x, size_t count) {
  std::array<float, kSumLanes> lanes{};
  size_t i = 0;
  for (; i + kSumLanes <= count; i += kSumLanes) {
    for (size_t l = 0; l < kSumLanes; ++l) lanes[l] += x[i + l] * x[i + l];
  }
  for (; i < count; ++i) lanes[0] += x[i] * x[i];
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

}  // namespace

void Activations::assign(std::span<const float> x, size_t row_count, size_t column_count) {
  PV_CHECK(x.size() == row_count * column_count && column_count % kLane == 0);
  rows = row_count;
  columns = column_count;
  scales.resize(rows);
  values.assign((rows + kRowsTogether - 1) / kRowsTogether * kRowsTogether * columns, 0);
  for (size_t r = 0; r < rows; ++r) scales[r] = ways().whole(x.data() + r * columns, columns, values.data() + r * columns);
}

TiledMatrix::TiledMatrix(const ByteMatrix& from) : rows(from.rows), columns(from.columns), scales(from.scales), bias(from.bias) {
  PV_CHECK(rows % kTileRows == 0 && columns % 2 == 0 && from.values.size() == rows * columns);
  values.reserve(from.values.size());
  for (size_t begin = 0; begin < rows; begin += kTileRows) {
    for (size_t i = 0; i < columns; i += 2) {
      for (size_t o = begin; o < begin + kTileRows; ++o) {
        values.push_back(from.values[o * columns + i]);
        values.push_back(from.values[o * columns + i + 1]);
      }
    }
  }
}

void multiply(const Activations& x, const TiledMatrix& m, std::vector<float>& out) {
  PV_CHECK(x.columns == m.columns);
  const auto dot = ways().dot;
  out.resize(x.rows * m.rows);
  for (size_t o = 0; o < m.rows; o += kTileRows) {
    for (size_t r = 0; r < x.rows; r += kRowsTogether) {
      Block sum;
      dot(x.values.data() + r * x.columns, m.values.data() + o * m.columns, m.columns, sum);
      for (size_t a = 0; a < std::min(kRowsTogether, x.rows - r); ++a) {
        float* const to = &out[(r + a) * m.rows + o];
        for (size_t b = 0; b < kTileRows; ++b) {
          const float scaled = static_cast<float>(sum[a][b]) * (x.scales[r + a] * m.scales[o + b]);
          to[b] = scaled + m.bias[o + b];
        }
      }
    }
  }
}

void normalise_rows(std::span<float> x, size_t columns, std::span<const float> gain, std::span<const float> shift,
                    float epsilon) {
  PV_CHECK(gain.size() == columns && shift.size() == columns && x.size() % columns == 0);
  for (size_t at = 0; at < x.size(); at += columns) {
    float* const row = x.data() + at;
    const float mean = sum_of(row, columns) / static_cast<float>(columns);
    for (size_t i = 0; i < columns; ++i) row[i] -= mean;
    const float variance = sum_of_squares(row, columns) / static_cast<float>(columns);
    const float inverse = 1 / std::sqrt(variance + epsilon);
    for (size_t i = 0; i < columns; ++i) {
      const float scaled = row[i] * inverse * gain[i];
      row[i] = scaled + shift[i];
    }
  }
}

void gelu(std::span<float> x) {
  PV_CHECK(x.size() % kTogether == 0);
  ways().gelu(x);
}

float exponential(float x) { return power_of_e(Floats{} + x)[0]; }

void attend(const Head& head) { ways().attend(head); }

}  // namespace proviso::inspect
