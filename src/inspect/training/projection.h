#pragma once
// The directions in which meanings differ most (principal components), for what the kernel sees. Pure.
#include <vector>

#include "inspect/kernel.h"

namespace proviso::inspect {

struct LearntProjection {
  Projection projection;
  ByteMatrix rows;  // of the projection, as they are written
};

// At least kViewSize meanings. The same ones give the same bits on every machine.
LearntProjection project(const std::vector<Meaning>& meanings);

}  // namespace proviso::inspect
