#include "inspect/matrix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <immintrin.h>

#include "base/check.h"

#pragma STDC FP_CONTRACT OFF

namespace proviso::inspect {
namespace {

constexpr size_t kRowsTogether = 4;
constexpr size_t kOutputsTogether = 4;

// Two to the power of a whole number times a polynomial on half an octave
// to either side; good to one in two hundred thousand at the worst.
[[gnu::always_inline]] inline float power_of_e(float x) {
  const float octaves = x * 1.44269504f;
  const auto whole = static_cast<int32_t>(octaves - 0.5f);
  const float rest = (octaves - static_cast<float>(whole)) * 0.69314718f;
  const float power =
      1 + rest * (1 + rest * (0.5f + rest * (0.16666667f + rest * (0.041666667f + rest * (0.0083333333f + rest * 0.0013888889f)))));
  return x < -80 ? 0 : power * std::bit_cast<float>((std::max(whole, -126) + 127) << 23);
}

[[gnu::always_inline]] inline void attend_body(const Head& head) {
  constexpr size_t kLanes = 16;
  thread_local std::vector<float> shares;
  shares.resize(head.rows);
  float* const share = shares.data();
  for (size_t to = 0; to < head.rows; ++to) {
    const float* const asks = head.query + to * head.stride;
    float top = -1e30f;
    for (size_t from = 0; from < head.rows; ++from) {
      const float* const has = head.key + from * head.stride;
      float lanes[kLanes];
      for (size_t l = 0; l < kLanes; ++l) lanes[l] = asks[l] * has[l] + asks[l + kLanes] * has[l + kLanes];
      for (size_t half = kLanes / 2; half > 0; half /= 2) {
        for (size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
      }
      share[from] = lanes[0] * head.scale;
      top = std::max(top, share[from]);
    }
    float sum = 0;
    for (size_t from = 0; from < head.rows; ++from) share[from] = power_of_e(share[from] - top);
    for (size_t from = 0; from < head.rows; ++from) sum += share[from];
    const float inverse = 1 / sum;
    float mixed[kLane] = {};
    for (size_t from = 0; from < head.rows; ++from) {
      const float by = share[from] * inverse;
      const float* const gives = head.value + from * head.stride;
      for (size_t l = 0; l < kLane; ++l) mixed[l] += by * gives[l];
    }
    float* const out = head.out + to * head.stride;
    for (size_t l = 0; l < kLane; ++l) out[l] = mixed[l];
  }
}
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] void attend_avx512(const Head& head) { attend_body(head); }
[[gnu::target("avx2")]] void attend_avx2(const Head& head) { attend_body(head); }
void attend_any(const Head& head) { attend_body(head); }

using Block = int32_t[kRowsTogether][kOutputsTogether];

// kRowsTogether rows times kOutputsTogether rows of weights, once for each kind of processor; whole numbers, so all
// of them give the same. `columns` is a multiple of kLane.
void dot_any(const int16_t* x, const int16_t* w, size_t columns, Block& sum) {
  for (size_t r = 0; r < kRowsTogether; ++r) {
    for (size_t o = 0; o < kOutputsTogether; ++o) {
      int32_t s = 0;
      for (size_t i = 0; i < columns; ++i) s += int32_t{x[r * columns + i]} * int32_t{w[o * columns + i]};
      sum[r][o] = s;
    }
  }
}

[[gnu::target("avx2")]] void dot_avx2(const int16_t* x, const int16_t* w, size_t columns, Block& sum) {
  const auto load = [](const int16_t* at) __attribute__((target("avx2"))) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  };
  for (size_t half = 0; half < kRowsTogether; half += 2) {
    __m256i s[2][kOutputsTogether] = {};
    for (size_t i = 0; i < columns; i += 16) {
      const __m256i x0 = load(x + half * columns + i);
      const __m256i x1 = load(x + (half + 1) * columns + i);
      for (size_t o = 0; o < kOutputsTogether; ++o) {
        const __m256i weights = load(w + o * columns + i);
        s[0][o] = _mm256_add_epi32(s[0][o], _mm256_madd_epi16(x0, weights));
        s[1][o] = _mm256_add_epi32(s[1][o], _mm256_madd_epi16(x1, weights));
      }
    }
    for (size_t r = 0; r < 2; ++r) {
      for (size_t o = 0; o < kOutputsTogether; ++o) {
        alignas(32) int32_t lanes[8];
        _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), s[r][o]);
        sum[half + r][o] = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
      }
    }
  }
}

[[gnu::target("avx512f,avx512bw")]] void dot_avx512(const int16_t* x, const int16_t* w, size_t columns, Block& sum) {
  __m512i s[kRowsTogether][kOutputsTogether] = {};
  for (size_t i = 0; i < columns; i += 32) {
    __m512i rows[kRowsTogether];
    for (size_t r = 0; r < kRowsTogether; ++r) rows[r] = _mm512_loadu_si512(x + r * columns + i);
    for (size_t o = 0; o < kOutputsTogether; ++o) {
      const __m512i weights = _mm512_loadu_si512(w + o * columns + i);
      for (size_t r = 0; r < kRowsTogether; ++r) {
        s[r][o] = _mm512_add_epi32(s[r][o], _mm512_madd_epi16(rows[r], weights));
      }
    }
  }
  for (size_t r = 0; r < kRowsTogether; ++r) {
    for (size_t o = 0; o < kOutputsTogether; ++o) sum[r][o] = _mm512_reduce_add_epi32(s[r][o]);
  }
}

// What this processor can do, asked once. Floats come out the same whichever it is: they are never fused.
struct Ways {
  decltype(&dot_any) dot = dot_any;
  decltype(&attend_any) attend = attend_any;
};
const Ways& ways() {
  static const Ways instance = [] {
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (wide) return Ways{dot_avx512, attend_avx512};
    if (__builtin_cpu_supports("avx2")) return Ways{dot_avx2, attend_avx2};
    return Ways{};
  }();
  return instance;
}

}  // namespace

void Activations::assign(std::span<const float> x, size_t row_count, size_t column_count) {
  PV_CHECK(x.size() == row_count * column_count && column_count % kLane == 0);
  rows = row_count;
  columns = column_count;
  scales.resize(rows);
  values.assign((rows + kRowsTogether - 1) / kRowsTogether * kRowsTogether * columns, 0);
  for (size_t r = 0; r < rows; ++r) {
    const float* const from = x.data() + r * columns;
    int16_t* const to = values.data() + r * columns;
    float largest = 1e-9f;
    for (size_t i = 0; i < columns; ++i) largest = std::max(largest, std::abs(from[i]));
    const float scale = largest / kActivationMax;
    const float many = kActivationMax / largest;
    // A half is added and the rest cut off, so that no rounding mode of the machine has a part in it.
    for (size_t i = 0; i < columns; ++i) {
      const float scaled = from[i] * many;
      to[i] = static_cast<int16_t>(scaled + (scaled < 0 ? -0.5f : 0.5f));
    }
    scales[r] = scale;
  }
}

void multiply(const Activations& x, const ByteMatrix& m, std::vector<float>& out) {
  PV_CHECK(x.columns == m.columns && m.rows % kOutputsTogether == 0);
  const auto dot = ways().dot;
  out.resize(x.rows * m.rows);
  thread_local std::vector<int16_t> wide;
  wide.resize(kOutputsTogether * m.columns);
  for (size_t o = 0; o < m.rows; o += kOutputsTogether) {
    for (size_t i = 0; i < wide.size(); ++i) wide[i] = m.values[o * m.columns + i];
    for (size_t r = 0; r < x.rows; r += kRowsTogether) {
      int32_t sum[kRowsTogether][kOutputsTogether];
      dot(x.values.data() + r * x.columns, wide.data(), m.columns, sum);
      for (size_t a = 0; a < std::min(kRowsTogether, x.rows - r); ++a) {
        for (size_t b = 0; b < kOutputsTogether; ++b) {
          const float scaled = static_cast<float>(sum[a][b]) * (x.scales[r + a] * m.scales[o + b]);
          out[(r + a) * m.rows + o + b] = scaled + m.bias[o + b];
        }
      }
    }
  }
}

namespace {

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

constexpr float kGeluEdge = 6;  // beyond it is x or nothing, to seven digits
constexpr float kGeluSteps = 512;

// Of the middle of each step, by the series of the error function, which needs nothing but sums and products.
std::vector<float> gelu_table() {
  std::vector<float> table(static_cast<size_t>(2 * kGeluEdge * kGeluSteps) + 1);
  for (size_t i = 0; i < table.size(); ++i) {
    const double x = static_cast<double>(i) / kGeluSteps - kGeluEdge;
    const double z = x * 0.70710678118654752;
    double term = z;
    double series = z;
    for (int n = 1; n < 200; ++n) {
      term *= -z * z / n;
      series += term / (2 * n + 1);
    }
    table[i] = static_cast<float>(0.5 * x * (1 + series * 1.1283791670955126));
  }
  return table;
}

}  // namespace

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
  static const std::vector<float> table = gelu_table();
  for (float& value : x) {
    if (value >= kGeluEdge) continue;
    value = value <= -kGeluEdge ? 0 : table[static_cast<size_t>((value + kGeluEdge) * kGeluSteps + 0.5f)];
  }
}

float exponential(float x) { return power_of_e(x); }

void attend(const Head& head) { ways().attend(head); }

}  // namespace proviso::inspect
