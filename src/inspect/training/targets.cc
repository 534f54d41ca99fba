#include "inspect/training/targets.h"

#include <string>

#include "inspect/training/report.h"

namespace proviso::inspect {
namespace {

// Of a row of our own, how much of its weight counts for a class that is no red line: most of these rows are about
// red lines, and the others are of other kinds than the rows that are counted.
struct OwnRows {
  float red_line;  // and its look-alikes
  float positive;
  float negative;
};
constexpr OwnRows kOwnRows[kFirstRedLine] = {{0, 1, 0.3f}, {1, 0.3f, 1}, {0, 1, 1}};

bool is_about_red_line(const Row& row) {
  return row.category.starts_with("redline_") || row.category.starts_with("lookalike_");
}

Target counted_target(const Row& row, size_t k) {
  if (is_for_rules(row)) return {false, 0.5f};
  if (row.label == kClassLabels[k]) {
    if (row.category.starts_with("redline_")) return {true, 0.1f};
    return {true, row.variant.empty() ? 1.0f : 0.0f};
  }
  if (is_benign(row)) {
    if (row.category.starts_with("lookalike_")) return {false, k == 0 ? 0.1f : 0.5f};
    if (row.category.starts_with("ordinary_")) return {false, k == 1 ? 3.0f : 1.5f};
    return {false, k == 2 && row.category.starts_with("notinject") ? 2.0f : 1.0f};
  }
  return {false, k == 0 ? 0.0f : row.variant.empty() ? 0.3f : 0.0f};
}

Target general_target(const Row& row, size_t k) {
  Target target = counted_target(row, k);
  if (row.source != kNotScored) return target;
  target.weight *= is_about_red_line(row) ? kOwnRows[k].red_line : target.positive ? kOwnRows[k].positive : kOwnRows[k].negative;
  return target;
}

Target red_line_target(const Row& row, std::string_view name) {
  if (is_for_rules(row)) return {false, 0.3f};
  if (row.category == "redline_" + std::string(name)) return {true, row.variant.empty() ? 3.0f : 0.0f};
  if (row.category == "lookalike_" + std::string(name)) return {false, 3.5f};
  if (row.category.starts_with("lookalike_")) return {false, 1.5f};
  if (is_benign(row)) return {false, is_ordinary(row) ? 8.0f : 1.0f};
  if (row.category.starts_with("redline_") || !row.variant.empty()) return {false, 0.0f};
  return {false, 0.05f};
}

}  // namespace

bool is_for_rules(const Row& row) {
  return row.label == "pii" || row.label == "secret" || row.label == "marking";
}

Target target_of(const Row& row, size_t k) {
  return k < kFirstRedLine ? general_target(row, k) : red_line_target(row, kRedLines[k - kFirstRedLine]);
}

}  // namespace proviso::inspect
