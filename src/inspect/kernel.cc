#include "inspect/kernel.h"

#include <algorithm>
#include <cmath>

#pragma STDC FP_CONTRACT OFF

namespace proviso::inspect {
namespace {

constexpr float kNarrowness = 0.9f;    // how fast likeness ends with distance
constexpr float kMarginMax = 3;        // what is farther from 0 says no more
constexpr float kMarginShare = 0.3f;   // how much a margin counts beside a meaning, which has length one

int8_t in_steps(float value, float step) {
  const float steps = value / step;
  return static_cast<int8_t>(std::clamp(steps + (steps < 0 ? -0.5f : 0.5f), -127.0f, 127.0f));
}

template <size_t N>
int32_t square_distance(const std::array<int8_t, N>& a, const std::array<int8_t, N>& b) {
  int32_t sum = 0;
  for (size_t i = 0; i < N; ++i) {
    const int16_t apart = static_cast<int16_t>(a[i] - b[i]);
    sum += int32_t{apart} * int32_t{apart};
  }
  return sum;
}

}  // namespace

Sight Projection::of(const Meaning& meaning, const Margins& margins) const {
  Meaning from_centre;
  float square = 0;
  for (size_t i = 0; i < kMeaningSize; ++i) {
    from_centre[i] = meaning[i] - centre[i];
    square += from_centre[i] * from_centre[i];
  }
  const float inverse = square > 0 ? 1 / std::sqrt(square) : 0;
  for (float& value : from_centre) value *= inverse;
  Activations activations;
  activations.assign(from_centre, 1, kMeaningSize);
  std::vector<float> view;
  multiply(activations, rows, view);
  Sight sight;
  for (size_t i = 0; i < kViewSize; ++i) sight.view[i] = in_steps(view[i], step);
  for (size_t k = 0; k < kClasses; ++k) {
    sight.margins[k] = in_steps(std::clamp(margins[k], -kMarginMax, kMarginMax), kMarginMax / 127);
  }
  return sight;
}

float kernel(const Sight& a, const Sight& b, float step) {
  constexpr float kMarginStep = kMarginShare * kMarginMax / 127;
  const float apart = static_cast<float>(square_distance(a.view, b.view)) * (step * step) +
                      static_cast<float>(square_distance(a.margins, b.margins)) * (kMarginStep * kMarginStep);
  return exponential(-kNarrowness * apart);
}

}  // namespace proviso::inspect
