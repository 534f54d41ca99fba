#pragma once
// The directions of what the kernel sees: those in which meanings differ most (principal components), and one for each
// difference that is taught (ridge regression). Pure.
#include <vector>

#include "inspect/kernel.h"

namespace proviso::inspect {

struct LearntProjection {
  Projection projection;
  ByteMatrix rows;  // of the projection, as they are written
};

// What a direction is to tell apart: of each meaning 1, -1, or 0 where it has no part in it. At least one of each side.
using Lesson = std::vector<int8_t>;

// At least kViewSize meanings; fewer lessons than that. The same ones give the same bits on every machine.
LearntProjection project(const std::vector<Meaning>& meanings, const std::vector<Lesson>& lessons);

}  // namespace proviso::inspect
