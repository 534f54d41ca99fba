#include "inspect/training/projection.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

#pragma STDC FP_CONTRACT OFF

namespace proviso::inspect {
namespace {

using Wide = std::vector<double>;  // rows of kMeaningSize

// How the numbers of meanings vary together, from the centre, each meaning brought to length one.
Wide covariance(const std::vector<Meaning>& meanings, const Meaning& centre) {
  Wide sums(kMeaningSize * kMeaningSize);
  std::array<double, kMeaningSize> x{};
  for (const Meaning& meaning : meanings) {
    double square = 0;
    for (size_t i = 0; i < kMeaningSize; ++i) {
      x[i] = static_cast<double>(meaning[i]) - static_cast<double>(centre[i]);
      square += x[i] * x[i];
    }
    if (square <= 0) continue;
    for (size_t i = 0; i < kMeaningSize; ++i) {
      const double by = x[i] / square;
      for (size_t j = 0; j < kMeaningSize; ++j) sums[i * kMeaningSize + j] += by * x[j];
    }
  }
  return sums;
}

// Each row at right angles to those before it, of length one (Gram and Schmidt).
void straighten(Wide& rows) {
  for (size_t r = 0; r < kViewSize; ++r) {
    double* const row = &rows[r * kMeaningSize];
    for (size_t before = 0; before < r; ++before) {
      const double* const other = &rows[before * kMeaningSize];
      double along = 0;
      for (size_t i = 0; i < kMeaningSize; ++i) along += row[i] * other[i];
      for (size_t i = 0; i < kMeaningSize; ++i) row[i] -= along * other[i];
    }
    double square = 0;
    for (size_t i = 0; i < kMeaningSize; ++i) square += row[i] * row[i];
    const double inverse = square > 0 ? 1 / std::sqrt(square) : 0;
    for (size_t i = 0; i < kMeaningSize; ++i) row[i] *= inverse;
  }
}

// By turning any directions towards those in which the covariance is longest (orthogonal iteration).
Wide directions(const Wide& covariances) {
  constexpr int kTurns = 40;
  Wide rows(kViewSize * kMeaningSize);
  for (size_t r = 0; r < kViewSize; ++r) rows[r * kMeaningSize + r] = 1;
  Wide turned(rows.size());
  for (int turn = 0; turn < kTurns; ++turn) {
    std::ranges::fill(turned, 0.0);
    for (size_t r = 0; r < kViewSize; ++r) {
      for (size_t i = 0; i < kMeaningSize; ++i) {
        const double by = rows[r * kMeaningSize + i];
        for (size_t j = 0; j < kMeaningSize; ++j) turned[r * kMeaningSize + j] += by * covariances[i * kMeaningSize + j];
      }
    }
    rows.swap(turned);
    straighten(rows);
  }
  return rows;
}

}  // namespace

LearntProjection project(const std::vector<Meaning>& meanings) {
  PV_CHECK(meanings.size() >= kViewSize);
  LearntProjection learnt;
  Projection& out = learnt.projection;
  for (size_t i = 0; i < kMeaningSize; ++i) {
    double sum = 0;
    for (const Meaning& meaning : meanings) sum += static_cast<double>(meaning[i]);
    out.centre[i] = static_cast<float>(sum / static_cast<double>(meanings.size()));
  }
  const Wide rows = directions(covariance(meanings, out.centre));
  learnt.rows = {kViewSize, kMeaningSize, std::vector<int8_t>(rows.size()), std::vector<float>(kViewSize), std::vector<float>(kViewSize)};
  for (size_t r = 0; r < kViewSize; ++r) {
    double largest = 1e-9;
    for (size_t i = 0; i < kMeaningSize; ++i) largest = std::max(largest, std::abs(rows[r * kMeaningSize + i]));
    const double scale = largest / 127;
    learnt.rows.scales[r] = static_cast<float>(scale);
    for (size_t i = 0; i < kMeaningSize; ++i) {
      learnt.rows.values[r * kMeaningSize + i] = static_cast<int8_t>(std::lround(rows[r * kMeaningSize + i] / scale));
    }
  }
  out.rows = TiledMatrix(learnt.rows);
  // A unit of a view so that nearly no number is cut off: four standard deviations of the longest direction.
  double square = 0;
  for (const Meaning& meaning : meanings) {
    double along = 0;
    double length = 0;
    for (size_t i = 0; i < kMeaningSize; ++i) {
      const double x = static_cast<double>(meaning[i]) - static_cast<double>(out.centre[i]);
      along += x * rows[i];
      length += x * x;
    }
    square += length > 0 ? along * along / length : 0;
  }
  out.step = static_cast<float>(4 * std::sqrt(square / static_cast<double>(meanings.size())) / 127);
  return learnt;
}

}  // namespace proviso::inspect
