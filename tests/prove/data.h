#pragma once
// The conformance data and a folder that goes away, for this room's tests.
#include <cstdlib>

#include "cedar/data.h"

namespace proviso::prove::test {

using cedar::test::files_below;
using cedar::test::find_data;
using cedar::test::slurp;
using cedar::test::Tally;
using cedar::test::text_of;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "proviso-prove-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace proviso::prove::test
