#pragma once
// What stands in a vault's folder, segment by segment, for whoever must say what an erasure does. Reads
// headers only, opens nothing, needs no key.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace proviso::vault {

struct SegmentSurvey {
  std::string segment;       // "default/2026-11"
  uint64_t records = 0;
  uint64_t first = 0;        // leaves; of no records both are 0
  uint64_t last = 0;
  uint64_t bytes_on_disk = 0;  // that the file system spends on it, its key included
  bool has_key = false;
  bool erased = false;       // the mark of an erasure stands
};
// kNotFound if there is no such segment, kInvalid if that is no segment's name.
Result<SegmentSurvey> survey(const std::string& dir, std::string_view segment);
// Every segment that has a file or a mark, in order of names.
Result<std::vector<SegmentSurvey>> survey_all(const std::string& dir);
// The segments whose wrapping key stands in `dir`, by name alone: cheap, for whoever looks often.
std::vector<std::string> segments_with_key(const std::string& dir);
// True if the root key is here: without it nothing can be opened, erased or not.
bool has_root_key(const std::string& dir);

}  // namespace proviso::vault
