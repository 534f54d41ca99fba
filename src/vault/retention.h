#pragma once
// When a class's records of one month have been kept long enough. Pure.
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace proviso::vault {

// The first second at which everything in `segment` ("default/2026-11") is at least `months` months old: the
// first of the month after, and so many months on. kInvalid for what is no segment's name or a negative count.
Result<UtcSeconds> erasure_due(std::string_view segment, int64_t months);
// The class of a segment: "default".
std::string_view class_of(std::string_view segment);

}  // namespace proviso::vault
