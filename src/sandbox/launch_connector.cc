// A worker with a doorkeeper: two children of this process, which becomes the connector between them. The
// worker listens on an abstract socket that only this network namespace has; the doorkeeper listens in the
// scratch folder and may connect to nothing. For each request it asks here for one connection, and gets a
// descriptor. So of the three only this code, which reads one byte at a time, may connect, and it has neither
// a network nor a file system in which there would be anything to connect to.
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/launch.h"
#include "sandbox/probe.h"

namespace proviso::sandbox {
namespace {

constexpr int kExecWay = static_cast<int>(Way::kExec);
constexpr int kSignalStatus = 128;  // as shells say that a signal ended something

// What a child tells before it waits for the word to go; its filter program and the errno of its exec try
// follow. The end of the stream before that errno means that it became another program: a way out.
struct ChildReport {
  int32_t failed_errno = 0;
  char step[96] = {};
  int32_t landlock_abi = 0;
  uint32_t uid = 0;
  int32_t files[kWireWays] = {};
  int32_t inside[kWireWays] = {};
  uint32_t filter_bytes = 0;
};

struct Program {
  Part part = Part::kWorker;
  pid_t pid = -1;
  int said = -1;   // its reports
  int pidfd = -1;
};

bool read_all(int fd, void* data, size_t size) {
  auto* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = read(fd, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

StepError confine(const LaunchOptions& options, Part part, const Targets& targets, ChildReport& said,
                  std::string& filter) {
  WireReport report;
  if (auto e = drop_privileges(options)) return e;
  if ((options.layers & kLayerLandlock) != 0) {
    if (auto e = restrict_files(options, part, report)) return e;
  }
  try_ways(targets, report, 2, true);
  if (auto e = build_filter(options, Filter::kProgram, filter)) return e;
  if ((options.layers & kLayerSeccomp) != 0) {
    if (auto e = load_filter()) return e;
  }
  try_ways(targets, report, 3, false);
  for (int way = 0; way < kWireWays; ++way) {
    said.files[way] = report.tries[way][2];
    said.inside[way] = report.tries[way][3];
  }
  said.landlock_abi = report.landlock_abi;
  said.uid = getuid();
  said.filter_bytes = static_cast<uint32_t>(filter.size());
  return {};
}

// The doorkeeper stands where a worker alone would, so that one filter fits both; it gets none of the
// worker's files, and the connector's socket in their place.
StepError take_places(const LaunchOptions& options, int connector) {
  if (dup3(options.doorkeeper_fd(), kFdProgram, O_CLOEXEC) < 0 || dup2(connector, kFdConnector) < 0) {
    return {"hand the doorkeeper its descriptors", errno};
  }
  for (int fd = kFdConnector + 1; fd < options.doorkeeper_fd(); ++fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return {};
}

[[noreturn]] void be_program(LaunchOptions options, Part part, const Targets& targets, int said_fd,
                             int connector) {
  ChildReport said;
  std::string filter;
  options.parent = getppid();
  auto error = confine(options, part, targets, said, filter);
  if (!error && part == Part::kDoorkeeper) error = take_places(options, connector);
  if (error) {
    said.failed_errno = error.error != 0 ? error.error : EINVAL;
    std::strncpy(said.step, error.step, sizeof said.step - 1);
    said.filter_bytes = 0;
  }
  if (!send_all(said_fd, &said, sizeof said) || !send_all(said_fd, filter.data(), said.filter_bytes) || error) {
    _exit(1);
  }
  const int32_t exec_error = try_exec(targets);
  char word = 0;
  if (!send_all(said_fd, &exec_error, sizeof exec_error) || !read_all(said_fd, &word, 1) || word != kWireGo) {
    _exit(1);
  }
  const bool worker = part == Part::kWorker;
  exec_program(kFdProgram, worker ? options.argv : options.doorkeeper_argv, said_fd);
}

StepError start(const LaunchOptions& options, Part part, const Targets& targets, int connector, Program& program) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return {"make a socket pair", errno};
  program.part = part;
  program.pid = fork();
  if (program.pid < 0) return {"make a process", errno};
  if (program.pid == 0) {
    close(fds[0]);
    be_program(options, part, targets, fds[1], connector);
  }
  close(fds[1]);
  program.said = fds[0];
  program.pidfd = static_cast<int>(syscall(SYS_pidfd_open, program.pid, 0));
  return program.pidfd >= 0 ? StepError{} : StepError{"watch a process", errno};
}

// Takes the program's report into the whole one.
void hear(const Program& program, WireReport& report, std::string& filter) {
  ChildReport said;
  if (!read_all(program.said, &said, sizeof said)) give_up(report, {"hear from a program of the sandbox", ESRCH});
  if (said.failed_errno != 0) {
    said.step[sizeof said.step - 1] = '\0';
    give_up(report, {said.step, said.failed_errno});
  }
  filter.assign(said.filter_bytes, '\0');
  int32_t exec_error = 0;  // stays open unless it says otherwise
  if (!read_all(program.said, filter.data(), filter.size())) give_up(report, {"hear its filter", ESRCH});
  if (!read_all(program.said, &exec_error, sizeof exec_error)) exec_error = 0;
  said.inside[kExecWay] = exec_error;
  for (int way = 0; way < kWireWays; ++way) {
    if (program.part == Part::kWorker) {
      report.tries[way][2] = said.files[way];
      report.tries[way][3] = said.inside[way];
    } else {
      report.doorkeeper[way] = said.inside[way];
    }
  }
  report.landlock_abi = said.landlock_abi;
  report.uid = said.uid;
}

// Puts this process where it can connect to the worker and to nothing else.
void become_connector(const LaunchOptions& options, const Targets& targets, WireReport& report,
                      std::string& filter) {
  if ((options.layers & kLayerRoot) != 0) {
    if (auto e = leave_root()) give_up(report, e);
  }
  if (auto e = drop_privileges(options)) give_up(report, e);
  if (auto e = build_filter(options, Filter::kConnector, filter)) give_up(report, e);
  if ((options.layers & kLayerSeccomp) != 0) {
    if (auto e = load_filter()) give_up(report, e);
  }
  WireReport tried;
  try_ways(targets, tried, 3, false);
  for (int way = 0; way < kWireWays; ++way) report.connector[way] = tried.tries[way][3];
  report.connector[kExecWay] = try_exec(targets);
}

// A connection to the worker, or -1.
int connect_inner() {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const timeval limit{5, 0};  // a worker that does not take it
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, kInnerSocket, sizeof kInnerSocket - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + sizeof kInnerSocket);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return fd;
  close(fd);
  return -1;
}

bool hand_over(int socket, int fd) {
  char byte = fd >= 0 ? 'c' : 'n';
  iovec bytes{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

// The status with which this process ends because `program` did; the kernel then ends the other.
int status_of(const Program& program) {
  int status = 0;
  while (wait4(program.pid, &status, 0, nullptr) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? kSignalStatus + WTERMSIG(status) : WEXITSTATUS(status);
}

int connect_until_one_ends(int doorkeeper, const Program* programs) {
  for (;;) {
    pollfd entries[3] = {{doorkeeper, POLLIN, 0}, {programs[0].pidfd, POLLIN, 0}, {programs[1].pidfd, POLLIN, 0}};
    if (poll(entries, 3, -1) < 0) {
      if (errno == EINTR) continue;
      return 1;
    }
    for (int i = 0; i < 2; ++i) {
      if (entries[1 + i].revents != 0) return status_of(programs[i]);
    }
    char byte = 0;
    const bool asked = read(doorkeeper, &byte, 1) == 1;
    const int fd = asked ? connect_inner() : -1;
    // A doorkeeper that asks no more is ending: how it ended is what is waited for.
    if (!asked || !hand_over(doorkeeper, fd)) doorkeeper = -1;
    if (fd >= 0) close(fd);
  }
}

// Both become what they are, or the parent is told why not.
bool go(const Program& program) {
  int32_t error = 0;
  if (!send_all(program.said, &kWireGo, 1)) error = ESRCH;
  if (error == 0 && !read_all(program.said, &error, sizeof error)) error = 0;  // it became the program
  close(program.said);
  if (error == 0) return true;
  send_all(kFdControl, &error, sizeof error);
  return false;
}

}  // namespace

int run_with_doorkeeper(const LaunchOptions& options, const Targets& targets, WireReport& report) {
  try_ways(targets, report, 0, true);
  if ((options.layers & kLayerNetwork) != 0) {
    if (auto e = enter_namespaces(report)) give_up(report, e);
  }
  try_ways(targets, report, 1, true);
  // One domain around all three: a kernel that scopes abstract sockets lets the connector reach only what
  // was made inside its own.
  if (auto e = forbid_new_privileges()) give_up(report, e);
  if ((options.layers & kLayerLandlock) != 0) {
    if (auto e = restrict_files(options, Part::kBoth, report)) give_up(report, e);
  }
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) give_up(report, {"make a socket pair", errno});
  Program programs[2];
  if (auto e = start(options, Part::kWorker, targets, -1, programs[0])) give_up(report, e);
  if (auto e = start(options, Part::kDoorkeeper, targets, pair[1], programs[1])) give_up(report, e);
  close(pair[1]);
  std::string filters[2];
  for (int i = 0; i < 2; ++i) hear(programs[i], report, filters[i]);
  std::string connector_filter;
  become_connector(options, targets, report, connector_filter);
  report.filter_bytes = static_cast<uint32_t>(filters[0].size());
  report.connector_filter_bytes = static_cast<uint32_t>(connector_filter.size());
  const int32_t exec_error = report.tries[kExecWay][3];
  if (filters[0] != filters[1] || !send_all(kFdControl, &report, sizeof report) ||
      !send_all(kFdControl, filters[0].data(), filters[0].size()) ||
      !send_all(kFdControl, connector_filter.data(), connector_filter.size()) ||
      !send_all(kFdControl, &exec_error, sizeof exec_error)) {
    return 1;
  }
  char word = 0;
  if (!read_all(kFdControl, &word, 1) || word != kWireGo) return 1;
  for (const Program& program : programs) {
    if (!go(program)) return 1;
  }
  const int kept[] = {pair[0], programs[0].pidfd, programs[1].pidfd};
  for (int fd = kFdProgram; fd < static_cast<int>(options.open_files_max); ++fd) {
    if (std::find(std::begin(kept), std::end(kept), fd) == std::end(kept)) close(fd);
  }
  return connect_until_one_ends(pair[0], programs);
}

}  // namespace proviso::sandbox
