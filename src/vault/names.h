#pragma once
// Names of segments: "default/2026-11" is retention class and period; files are called
// "default-2026-11", which reads back without doubt because a period has one length. Pure.
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace proviso::vault {

// kInvalid for a class that is not 1 to kClassBytesMax lower-case letters, digits and inner dashes,
// or for a time outside the years 1970 to 9999.
Result<std::string> segment_name(std::string_view retention_class, UtcSeconds time);
// kInvalid unless `segment` is what segment_name() makes.
Status check_segment_name(std::string_view segment);
std::string file_stem(std::string_view segment);
// The segment whose file_stem() this is; kInvalid if there is none.
Result<std::string> segment_of_stem(std::string_view stem);

}  // namespace proviso::vault
