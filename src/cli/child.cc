#include "cli/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

extern char** environ;

namespace proviso::cli {

Result<ChildProgram> ChildProgram::start(const std::vector<std::string>& argv,
                                         const std::string& log) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return std::unexpected(io_error("make", "a pipe", errno));
  ChildProgram child;
  child.out_ = Fd(pipe[0]);
  const Fd write_end(pipe[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  std::vector<char*> args;
  for (const std::string& arg : argv) args.push_back(const_cast<char*>(arg.c_str()));
  args.push_back(nullptr);
  const int error = ::posix_spawn(&child.pid_, args[0], &actions, nullptr, args.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return std::unexpected(io_error("start", argv[0], error));
  return child;
}

ChildProgram::ChildProgram(ChildProgram&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      out_(std::move(other.out_)),
      buffer_(std::move(other.buffer_)) {}

ChildProgram::~ChildProgram() { stop(); }

std::optional<std::string> ChildProgram::read_line() {
  while (true) {
    const size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    if (!fill()) return std::nullopt;
  }
}

std::string ChildProgram::read_all() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

bool ChildProgram::fill() {
  std::array<char, 4096> chunk;
  while (true) {
    const ssize_t count = ::read(out_.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    buffer_.append(chunk.data(), static_cast<size_t>(count));
    return true;
  }
}

int ChildProgram::stop() {
  if (pid_ > 0) ::kill(pid_, SIGTERM);
  return wait();
}

int ChildProgram::wait() {
  if (pid_ <= 0) return 0;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<Finished> run_program(const std::vector<std::string>& argv, const std::string& log) {
  PV_TRY(ChildProgram child, ChildProgram::start(argv, log));
  Finished finished;
  finished.output = child.read_all();
  finished.status = child.wait();
  return finished;
}

}  // namespace proviso::cli
