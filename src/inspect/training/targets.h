#pragma once
// What each labelled row teaches each class. Pure.
#include <string_view>

#include "inspect/training/rows.h"

namespace proviso::inspect {

// The source of rows of our own: never counted, neither for thresholds nor for what is printed.
inline constexpr std::string_view kNotScored = "Proviso training rows (written for this project)";

// Keys, numbers and banners: harmless to every class, and full of words that no other row has.
bool is_for_rules(const Row& row);

struct Target {
  bool positive = false;
  float weight = 0;  // 0: not shown to this class
};

// Of class `k`, in the order of kClassLabels.
Target target_of(const Row& row, size_t k);

}  // namespace proviso::inspect
