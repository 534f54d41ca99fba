#pragma once
// How alike two stretches of text are: by what they mean and by what the classifiers say of them. The training
// program and the gate use this one function, so that they cannot come apart. Pure; safe from any thread.
#include <array>
#include <cstdint>

#include "inspect/classifier.h"
#include "inspect/encoder.h"
#include "inspect/matrix.h"

namespace proviso::inspect {

using Margins = std::array<float, kClasses>;

inline constexpr size_t kViewSize = 96;  // numbers that a meaning is brought down to

// A stretch as the kernel sees it.
struct Sight {
  std::array<int8_t, kViewSize> view{};
  std::array<int8_t, kClasses> margins{};
};

// From a meaning to the few directions in which those of training differ most, and those that tell red lines from what
// looks like them.
struct Projection {
  Meaning centre{};    // taken away first
  TiledMatrix rows;    // kViewSize of kMeaningSize
  float step = 1;      // of one unit of a view

  // `margins` count from 0: no threshold is taken from them.
  [[nodiscard]] Sight of(const Meaning& meaning, const Margins& margins) const;
};

// 1 for the same, near 0 for those that have nothing in common. `step` is the projection's.
float kernel(const Sight& a, const Sight& b, float step);

}  // namespace proviso::inspect
