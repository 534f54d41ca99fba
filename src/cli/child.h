#pragma once
// Programs that a command starts and reads: the gate and the verifier, for the tour. Blocking; the child
// is ended and reaped when its object goes.
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace proviso::cli {

class ChildProgram {
 public:
  // stdout is read here; stderr goes to the file `log` (appended).
  static Result<ChildProgram> start(const std::vector<std::string>& argv, const std::string& log);
  ChildProgram(ChildProgram&& other) noexcept;
  ChildProgram& operator=(ChildProgram&&) = delete;
  ~ChildProgram();  // stop()

  // The next line of its stdout without the line feed; nothing when it has closed it.
  std::optional<std::string> read_line();
  // All that is left of its stdout, once it has closed it.
  std::string read_all();
  // SIGTERM, then waits. The exit status, or 128 + signal.
  int stop();
  // Waits for it to end by itself.
  int wait();

 private:
  ChildProgram() = default;
  bool fill();  // false at the end
  pid_t pid_ = -1;
  Fd out_;
  std::string buffer_;
};

struct Finished {
  int status = 0;
  std::string output;  // stdout
};
// Runs a program to its end.
Result<Finished> run_program(const std::vector<std::string>& argv, const std::string& log);

}  // namespace proviso::cli
