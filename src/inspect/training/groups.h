#pragma once
// Folds for cross-validation that keep related rows together: texts, and what they decode to, that share
// most of their words in threes (Jaccard 0.5 or more), or an attack that holds most of another's words.
#include <string_view>
#include <vector>

namespace proviso::inspect {

// For each text its fold, 0 to folds - 1. The same texts in the same order always give the same folds.
std::vector<int> grouped_folds(const std::vector<std::string_view>& texts, int folds);

}  // namespace proviso::inspect
