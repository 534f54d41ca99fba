#include "tools/stdio_child.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace proviso::tools {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

}  // namespace

StdioChild::StdioChild(const ServerConfig& config, const Surroundings& surroundings, Hooks hooks)
    : config_(config), surroundings_(surroundings), hooks_(std::move(hooks)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] { run(); }) {}

StdioChild::~StdioChild() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
}

void StdioChild::wake() const {
  const uint64_t one = 1;
  const ssize_t wrote = ::write(wake_fd_.get(), &one, sizeof one);
  (void)wrote;  // full means that it wakes anyway
}

bool StdioChild::write(std::string line) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() + line.size() > kStdioWaitingBytesMax) return false;
    waiting_ += line;
    waiting_ += '\n';
  }
  wake();
  return true;
}

Result<sandbox::Child> StdioChild::start() {
  sandbox::Spec spec;
  spec.launcher = surroundings_.launcher;
  spec.program = config_.command.front();
  spec.arguments.assign(config_.command.begin() + 1, config_.command.end());
  spec.read_folders = config_.read;
  spec.write_folders = config_.write;
  spec.scratch = surroundings_.run_dir + "/tool-" + config_.id;
  spec.stdio = true;
  PV_TRY_VOID(make_dirs(spec.scratch));
  PV_TRY(sandbox::Prepared prepared, sandbox::Prepared::create(std::move(spec)));
  PV_TRY(sandbox::Child child, sandbox::Child::confine(prepared));
  if (surroundings_.on_probe) PV_TRY_VOID(surroundings_.on_probe(config_.id, child.report()));
  PV_TRY_VOID(child.go());
  return child;
}

void StdioChild::run() {
  Result<sandbox::Child> child = start();
  hooks_.on_end(child ? carry(*child) : child.error().message);
  if (child) child->stop(50);
}

bool StdioChild::read_some(int fd, std::string& why) {
  char buffer[kReadBytes];
  const ssize_t got = ::read(fd, buffer, sizeof buffer);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (got <= 0) {
    why = "it closed its output";
    return false;
  }
  partial_.append(buffer, static_cast<size_t>(got));
  size_t at = 0;
  for (size_t end; (end = partial_.find('\n', at)) != std::string::npos; at = end + 1) {
    std::string line = partial_.substr(at, end - at);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) hooks_.on_line(std::move(line));
  }
  partial_.erase(0, at);
  if (partial_.size() <= kUpstreamMessageBytesMax) return true;
  why = "it sent a line that is too long";
  return false;
}

bool StdioChild::write_some(int fd, std::string& why) {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) return true;
  const ssize_t wrote = ::write(fd, waiting_.data(), waiting_.size());
  if (wrote < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (wrote < 0) {
    why = "it closed its input";
    return false;
  }
  waiting_.erase(0, static_cast<size_t>(wrote));
  return true;
}

std::string StdioChild::carry(sandbox::Child& child) {
  std::string why;
  while (true) {
    bool more = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return "it was stopped";
      more = !waiting_.empty();
    }
    pollfd entries[] = {{child.output(), POLLIN, 0},
                        {wake_fd_.get(), POLLIN, 0},
                        {more ? child.input() : -1, POLLOUT, 0}};
    if (poll(entries, 3, -1) < 0 && errno != EINTR) return "it cannot be waited for";
    if ((entries[1].revents & POLLIN) != 0) {
      uint64_t count = 0;
      const ssize_t got = ::read(wake_fd_.get(), &count, sizeof count);
      (void)got;
    }
    if (entries[0].revents != 0 && !read_some(child.output(), why)) return why;
    if (entries[2].revents != 0 && !write_some(child.input(), why)) return why;
  }
}

}  // namespace proviso::tools
