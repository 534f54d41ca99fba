#pragma once
// The conformance data that the tests judge by: where it is, and how its counts are printed.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace proviso::cedar::test {

inline std::filesystem::path data_root() {
  const char* given = std::getenv("PROVISO_DATA");
  std::filesystem::path shared =
      given != nullptr ? std::filesystem::path(given) : std::filesystem::path(PV_SOURCE_DIR) / "../shared";
  return shared / "cedar-conformance";
}

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The path, or nothing and a printed line.
inline std::optional<std::filesystem::path> find_data(const std::string& what, const std::string& relative) {
  std::filesystem::path path = data_root() / relative;
  if (std::filesystem::exists(path)) return path;
  std::printf("skipped: %s (no %s)\n", what.c_str(), path.c_str());
  return std::nullopt;
}

// Files below `root` with that extension, sorted.
inline std::vector<std::filesystem::path> files_below(const std::filesystem::path& root,
                                                      const std::string& extension) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file() && entry.path().extension() == extension) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

inline std::string text_of(json::Element element) { return std::string(std::string_view(element)); }

// Counts one family and prints `family: passed/total` when it ends; every miss is named.
class Tally {
 public:
  explicit Tally(std::string family) : family_(std::move(family)) {}
  ~Tally() {
    std::printf("%s: %zu/%zu\n", family_.c_str(), passed_, total_);
    if (not_covered_ > 0) {
      std::printf("%s: not yet covered %zu (%s)\n", family_.c_str(), not_covered_, why_.c_str());
    }
    EXPECT_EQ(passed_, total_) << family_;
  }
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  void add(bool passed, const std::string& what) {
    ++total_;
    if (passed) {
      ++passed_;
    } else if (++missed_ <= 20) {
      std::printf("  %s: %s\n", family_.c_str(), what.c_str());
    }
  }
  void not_covered(const std::string& why) {
    ++not_covered_;
    why_ = why;
  }

 private:
  std::string family_;
  std::string why_;
  size_t passed_ = 0;
  size_t total_ = 0;
  size_t missed_ = 0;
  size_t not_covered_ = 0;
};

}  // namespace proviso::cedar::test
