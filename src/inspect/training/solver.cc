#include "inspect/training/solver.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "inspect/features.h"

namespace proviso::inspect {
namespace {

constexpr int kPassesMax = 12;
constexpr float kWordScale = 2;  // a word says more than the letters that it is made of

uint64_t next_random(uint64_t& state) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 33;
}

// The square of a window's length, a feature that occurs twice counting four times.
float square_of(const Window& window, const std::vector<float>& rarity) {
  float square = 0;
  const auto& features = window.features;
  for (size_t i = 0; i < features.size();) {
    const uint32_t feature = features[i];
    float value = 0;
    for (; i < features.size() && features[i] == feature; ++i) value += rarity[feature];
    square += value * value;
  }
  return square;
}

template <typename A, typename B>
float dot(const A& a, const B& b) {
  float sum = 0;
  for (size_t i = 0; i < kVectorSize; ++i) sum += static_cast<float>(a[i]) * static_cast<float>(b[i]);
  return sum;
}

}  // namespace

std::vector<float> rarity_of(const std::vector<float>& counts) {
  std::vector<float> out(kFeatureCount);
  for (uint32_t f = 0; f < kFeatureCount; ++f) {
    const float bits = std::log(1 + 20000 / (1 + counts[f]));
    out[f] = bits * std::sqrt(bits) * (f < kWordFeatures ? kWordScale : 1);
  }
  return out;
}

Solver::Solver(const WordVectors& words, const FeatureScales& scales, float power, float meaning)
    : words_(words), scales_(scales), rarity_(scales.rarity), share_(meaning), weights_(kFeatureCount) {
  for (float& value : rarity_) value = std::pow(value, power);
}

void Solver::add(const Window& window, bool positive, float cost) {
  if (window.features.empty()) return;
  rows_.push_back({&window, positive ? 1.0f : -1.0f, 1 / (2 * cost), 0, 0});
}

void Solver::measure() {
  double features = 0;
  double meaning = 0;
  for (Case& row : rows_) {
    row.square = square_of(*row.window, rarity_);
    features += static_cast<double>(row.square);
    meaning += static_cast<double>(dot(row.window->meaning, row.window->meaning));
  }
  if (share_ <= 0 || meaning <= 0) return;
  meaning_scale_ = static_cast<float>(std::sqrt(static_cast<double>(share_) * features / meaning));
  for (Case& row : rows_) {
    row.square += meaning_scale_ * meaning_scale_ * dot(row.window->meaning, row.window->meaning);
  }
}

void Solver::solve() {
  measure();
  std::vector<uint32_t> order(rows_.size());
  std::iota(order.begin(), order.end(), 0u);
  uint64_t random = 12345;
  for (int pass = 0; pass < kPassesMax; ++pass) {
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[next_random(random) % i]);
    float largest = 0;
    for (uint32_t i : order) largest = std::max(largest, improve(rows_[i]));
    if (largest < 0.02f) break;
  }
}

float Solver::improve(Case& row) {
  const auto& features = row.window->features;
  const bool means = meaning_scale_ > 0;
  float sum = 0;
  for (uint32_t f : features) sum += weights_[f] * rarity_[f];
  if (means) sum += meaning_scale_ * dot(row.window->meaning, meaning_);
  const float length = 1 / length_of(features.size());
  const float gradient = row.side * (sum * length + bias_) - 1 + row.softness * row.alpha;
  const float projected = row.alpha == 0 ? std::min(gradient, 0.0f) : gradient;
  if (std::abs(projected) < 1e-3f) return 0;
  const float curvature = row.square * length * length + 1 + row.softness;
  const float alpha = std::max(row.alpha - gradient / curvature, 0.0f);
  const float step = (alpha - row.alpha) * row.side;
  row.alpha = alpha;
  for (uint32_t f : features) weights_[f] += step * length * rarity_[f];
  if (means) {
    const float scale = step * length * meaning_scale_;
    for (size_t i = 0; i < kVectorSize; ++i) meaning_[i] += scale * row.window->meaning[i];
  }
  bias_ += step;
  return std::abs(projected);
}

std::vector<float> Solver::weights() const {
  std::vector<float> out(kFeatureCount);
  for (uint32_t f = 0; f < kFeatureCount; ++f) {
    out[f] = weights_[f] * rarity_[f];
    if (meaning_scale_ <= 0 || scales_.meaning[f] <= 0) continue;
    out[f] += meaning_scale_ * scales_.meaning[f] * dot(words_.vectors[words_.of_feature[f] - 1], meaning_);
  }
  return out;
}

}  // namespace proviso::inspect
