#pragma once
// Data to test against that lives outside this repository: PROVISO_DATA, else ../shared.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace proviso::test {

// The place of `relative` below the data, or nothing after a printed line that says what is
// skipped.
inline std::optional<std::string> data_path(const std::string& what, const std::string& relative) {
  const char* set = std::getenv("PROVISO_DATA");
  const std::string base = set != nullptr ? set : std::string(PV_SOURCE_DIR) + "/../shared";
  const std::string path = base + "/" + relative;
  if (std::filesystem::exists(path)) return path;
  std::printf("skipped: %s (no %s)\n", what.c_str(), path.c_str());
  return std::nullopt;
}

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Counts cases of one family and prints `base: name passed/total` at the end.
class Tally {
 public:
  explicit Tally(std::string name) : name_(std::move(name)) {}
  ~Tally() { std::printf("base: %s %zu/%zu\n", name_.c_str(), passed_, total_); }
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;
  bool count(bool passed) {
    ++total_;
    passed_ += passed ? 1 : 0;
    return passed;
  }
  [[nodiscard]] size_t total() const { return total_; }

 private:
  std::string name_;
  size_t passed_ = 0;
  size_t total_ = 0;
};

// A folder of its own that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "proviso-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace proviso::test
