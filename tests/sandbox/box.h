#pragma once
// A folder with a scratch folder, a launcher, a worker and a "model", readable by whoever the tests run
// as. The executables are copied there, because a checkout may stand where another user cannot go.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "sandbox/sandbox.h"

namespace proviso::sandbox::test {

class Box {
 public:
  Box() {
    const char* base = std::getenv("TMPDIR");
    dir_ = std::string(base != nullptr ? base : "/tmp") + "/proviso-box-XXXXXX";
    if (mkdtemp(dir_.data()) == nullptr) std::abort();
    chmod(dir_.c_str(), 0755);
    copy(std::getenv("PV_TEST_LAUNCHER") ? std::getenv("PV_TEST_LAUNCHER") : PV_LAUNCHER, launcher());
    copy(std::getenv("PV_TEST_CHILD") ? std::getenv("PV_TEST_CHILD") : PV_CHILD, program());
    std::filesystem::create_directory(scratch());
    std::ofstream(model()) << "weights";
    std::ofstream(beside()) << "secret";
  }
  ~Box() {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

  [[nodiscard]] std::string launcher() const { return dir_ + "/proviso-launch"; }
  [[nodiscard]] std::string program() const { return dir_ + "/worker"; }
  [[nodiscard]] std::string scratch() const { return dir_ + "/scratch"; }
  [[nodiscard]] std::string model() const { return dir_ + "/model"; }
  [[nodiscard]] std::string beside() const { return dir_ + "/beside"; }

  [[nodiscard]] Spec spec(std::vector<std::string> arguments = {}) const {
    Spec spec;
    spec.launcher = launcher();
    spec.program = program();
    spec.arguments = std::move(arguments);
    spec.read_only = {model()};
    spec.scratch = scratch();
    return spec;
  }

 private:
  static void copy(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(from, to);
    chmod(to.c_str(), 0755);
  }
  std::string dir_;
};

}  // namespace proviso::sandbox::test
