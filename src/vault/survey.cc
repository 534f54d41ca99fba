#include "vault/survey.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "vault/names.h"
#include "vault/segment.h"

namespace proviso::vault {
namespace {

uint64_t bytes_of(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 ? static_cast<uint64_t>(found.st_blocks) * 512 : 0;
}

bool exists(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0;
}

}  // namespace

Result<SegmentSurvey> survey(const std::string& dir, std::string_view segment) {
  PV_TRY_VOID(check_segment_name(segment));
  const std::string stem = file_stem(segment);
  const std::string file = fmt::format("{}/segments/{}.seg", dir, stem);
  const std::string key = fmt::format("{}/keys/{}.key", dir, stem);
  SegmentSurvey out;
  out.segment = segment;
  out.has_key = exists(key);
  out.erased = exists(fmt::format("{}/keys/{}.erased", dir, stem));
  if (!exists(file)) {
    if (out.has_key || out.erased) return out;
    return fail(Code::kNotFound, fmt::format("there is no segment `{}`", segment));
  }
  PV_TRY(const Scan scan, scan_segment(file, 0));
  out.records = scan.records.size();
  if (!scan.records.empty()) {
    const auto [least, most] =
        std::ranges::minmax_element(scan.records, {}, [](const Found& found) { return found.index; });
    out.first = least->index;
    out.last = most->index;
  }
  out.bytes_on_disk = bytes_of(file) + bytes_of(key);
  return out;
}

Result<std::vector<SegmentSurvey>> survey_all(const std::string& dir) {
  std::set<std::string> names;
  std::error_code ec;
  for (const char* folder : {"/segments", "/keys"}) {
    for (const auto& file : std::filesystem::directory_iterator(dir + folder, ec)) {
      const auto segment = segment_of_stem(file.path().stem().string());
      if (segment) names.insert(*segment);
    }
  }
  if (names.empty() && !std::filesystem::exists(dir, ec)) {
    return fail(Code::kNotFound, fmt::format("`{}` holds no vault", dir));
  }
  std::vector<SegmentSurvey> out;
  for (const std::string& name : names) {
    PV_TRY(out.emplace_back(), survey(dir, name));
  }
  return out;
}

std::vector<std::string> segments_with_key(const std::string& dir) {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& file : std::filesystem::directory_iterator(dir + "/keys", ec)) {
    if (file.path().extension() != ".key") continue;
    if (const auto segment = segment_of_stem(file.path().stem().string())) names.push_back(*segment);
  }
  std::ranges::sort(names);
  return names;
}

bool has_root_key(const std::string& dir) { return exists(dir + "/keys/root.key"); }

}  // namespace proviso::vault
