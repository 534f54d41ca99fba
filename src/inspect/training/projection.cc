#include "inspect/training/projection.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

#pragma STDC FP_CONTRACT OFF

namespace proviso::inspect {
namespace {

using Wide = std::vector<double>;  // rows of kMeaningSize
using Point = std::array<double, kMeaningSize>;

constexpr double kTaughtReach = 0.08;  // how far a taught direction spreads meanings, which have length one
constexpr double kRidge = 3;

// From the centre, brought to length one.
std::vector<Point> points_of(const std::vector<Meaning>& meanings, const Meaning& centre) {
  std::vector<Point> points(meanings.size());
  for (size_t m = 0; m < meanings.size(); ++m) {
    double square = 0;
    for (size_t i = 0; i < kMeaningSize; ++i) {
      points[m][i] = static_cast<double>(meanings[m][i]) - static_cast<double>(centre[i]);
      square += points[m][i] * points[m][i];
    }
    const double inverse = square > 0 ? 1 / std::sqrt(square) : 0;
    for (double& value : points[m]) value *= inverse;
  }
  return points;
}

double along(const Point& point, const double* direction) {
  double sum = 0;
  for (size_t i = 0; i < kMeaningSize; ++i) sum += point[i] * direction[i];
  return sum;
}

void add_square(const Point& x, Wide& sums) {
  for (size_t i = 0; i < kMeaningSize; ++i) {
    for (size_t j = 0; j < kMeaningSize; ++j) sums[i * kMeaningSize + j] += x[i] * x[j];
  }
}

// How their numbers vary together.
Wide covariance(const std::vector<Point>& points) {
  Wide sums(kMeaningSize * kMeaningSize);
  for (const Point& point : points) add_square(point, sums);
  return sums;
}

// The x for which `square`, which is positive definite, times x is `right` (Cholesky).
Point solved(Wide square, Point right) {
  constexpr size_t n = kMeaningSize;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double sum = square[i * n + j];
      for (size_t k = 0; k < j; ++k) sum -= square[i * n + k] * square[j * n + k];
      square[i * n + j] = i == j ? std::sqrt(sum) : sum / square[j * n + j];
    }
    for (size_t k = 0; k < i; ++k) right[i] -= square[i * n + k] * right[k];
    right[i] /= square[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) right[i] -= square[k * n + i] * right[k];
    right[i] /= square[i * n + i];
  }
  return right;
}

// The direction that tells the sides of a lesson apart.
Point taught(const std::vector<Point>& points, const Lesson& lesson) {
  PV_CHECK(lesson.size() == points.size());
  double sides = 0;
  double count = 0;
  for (const int8_t side : lesson) {
    sides += side;
    count += side == 0 ? 0 : 1;
  }
  PV_CHECK(std::abs(sides) < count);
  Wide sums(kMeaningSize * kMeaningSize);
  Point right{};
  for (size_t m = 0; m < points.size(); ++m) {
    if (lesson[m] == 0) continue;
    add_square(points[m], sums);
    for (size_t i = 0; i < kMeaningSize; ++i) right[i] += points[m][i] * (lesson[m] - sides / count);
  }
  for (size_t i = 0; i < kMeaningSize; ++i) sums[i * kMeaningSize + i] += kRidge;
  const Point direction = solved(std::move(sums), right);
  double sum = 0;
  double square = 0;
  for (const Point& point : points) {
    const double at = along(point, direction.data());
    sum += at;
    square += at * at;
  }
  const auto n = static_cast<double>(points.size());
  const double by = kTaughtReach / std::sqrt(square / n - sum / n * sum / n);
  Point out = direction;
  for (double& value : out) value *= by;
  return out;
}

// Each row at right angles to those before it, of length one (Gram and Schmidt).
void straighten(Wide& rows) {
  const size_t count = rows.size() / kMeaningSize;
  for (size_t r = 0; r < count; ++r) {
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
Wide directions(const Wide& covariances, size_t count) {
  constexpr int kTurns = 40;
  Wide rows(count * kMeaningSize);
  for (size_t r = 0; r < count; ++r) rows[r * kMeaningSize + r] = 1;
  Wide turned(rows.size());
  for (int turn = 0; turn < kTurns; ++turn) {
    std::ranges::fill(turned, 0.0);
    for (size_t r = 0; r < count; ++r) {
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

LearntProjection project(const std::vector<Meaning>& meanings, const std::vector<Lesson>& lessons) {
  PV_CHECK(meanings.size() >= kViewSize && lessons.size() < kViewSize);
  LearntProjection learnt;
  Projection& out = learnt.projection;
  for (size_t i = 0; i < kMeaningSize; ++i) {
    double sum = 0;
    for (const Meaning& meaning : meanings) sum += static_cast<double>(meaning[i]);
    out.centre[i] = static_cast<float>(sum / static_cast<double>(meanings.size()));
  }
  const std::vector<Point> points = points_of(meanings, out.centre);
  Wide rows = directions(covariance(points), kViewSize - lessons.size());
  for (const Lesson& lesson : lessons) {
    const Point direction = taught(points, lesson);
    rows.insert(rows.end(), direction.begin(), direction.end());
  }
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
  for (const Point& point : points) {
    const double at = along(point, rows.data());
    square += at * at;
  }
  out.step = static_cast<float>(4 * std::sqrt(square / static_cast<double>(points.size())) / 127);
  return learnt;
}

}  // namespace proviso::inspect
