#include <arpa/inet.h>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/launch.h"
#include "sandbox/probe.h"

namespace proviso::sandbox {
namespace {

constexpr const char* kOtherProgram = "/bin/true";
constexpr const char* kSocketName = "probe.sock";
constexpr const char* kWriteName = "probe.write";

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address loopback4(uint16_t port) {
  Address address;
  auto* in = reinterpret_cast<sockaddr_in*>(&address.storage);
  in->sin_family = AF_INET;
  in->sin_port = htons(port);
  in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.size = sizeof(sockaddr_in);
  return address;
}

Address loopback6(uint16_t port) {
  Address address;
  auto* in = reinterpret_cast<sockaddr_in6*>(&address.storage);
  in->sin6_family = AF_INET6;
  in->sin6_port = htons(port);
  in->sin6_addr = in6addr_loopback;
  address.size = sizeof(sockaddr_in6);
  return address;
}

// `name` begins with NUL for an abstract socket.
Address local(const std::string& name) {
  Address address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, name.data(), name.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() +
                                        (name.starts_with('\0') ? 0 : 1));
  return address;
}

int listen_on(int family, int type, Address address, uint16_t* port) {
  const int fd = socket(family, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (bind(fd, address.get(), address.size) != 0 || (type == SOCK_STREAM && listen(fd, 16) != 0)) {
    close(fd);
    return -1;
  }
  if (port != nullptr) {
    Address bound;
    bound.size = sizeof(bound.storage);
    if (getsockname(fd, bound.get(), &bound.size) == 0) {
      *port = ntohs(family == AF_INET6
                        ? reinterpret_cast<sockaddr_in6*>(&bound.storage)->sin6_port
                        : reinterpret_cast<sockaddr_in*>(&bound.storage)->sin_port);
    }
  }
  return fd;
}

// 0 if bytes could leave, else the errno.
int try_connect(int family, int type, const Address& address) {
  const int fd = socket(family, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const timeval limit{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  int error = 0;
  if (connect(fd, address.get(), address.size) != 0) {
    error = errno;
  } else if (type == SOCK_DGRAM && send(fd, "x", 1, MSG_NOSIGNAL) != 1) {
    error = errno;
  }
  close(fd);
  return error;
}

int try_socket(int family, int type, int protocol) {
  const int fd = socket(family, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

// By a path from the root, as a process would that holds no descriptor of the folder.
int try_unix_path() {
  return try_connect(AF_UNIX, SOCK_STREAM,
                     local("/proc/self/fd/" + std::to_string(kFdOutside) + "/" + kSocketName));
}

int try_write() {
  const int fd = openat(kFdOutside, kWriteName, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  close(fd);  // that a file could be made is enough; a limit of its own forbids to fill it
  unlinkat(kFdOutside, kWriteName, 0);
  return 0;
}

int try_exec_forked(const Targets& targets) {
  int pipe_fd[2];
  if (pipe2(pipe_fd, O_CLOEXEC) != 0) return errno;
  const pid_t child = fork();
  if (child < 0) {
    const int error = errno;
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    return error;
  }
  if (child == 0) {
    const int error = try_exec(targets);
    const ssize_t wrote = write(pipe_fd[1], &error, sizeof error);
    _exit(wrote == sizeof error ? 1 : 2);
  }
  close(pipe_fd[1]);
  int error = 0;  // stays 0 if the pipe closed because something else ran
  const ssize_t got = read(pipe_fd[0], &error, sizeof error);
  close(pipe_fd[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return got == sizeof error ? error : 0;
}

int try_way(Way way, const Targets& targets, bool fork_allowed) {
  switch (way) {
    case Way::kIpv4: return try_connect(AF_INET, SOCK_STREAM, loopback4(targets.ipv4_port));
    case Way::kIpv6: return try_connect(AF_INET6, SOCK_STREAM, loopback6(targets.ipv6_port));
    case Way::kUdp: return try_connect(AF_INET, SOCK_DGRAM, loopback4(targets.udp_port));
    case Way::kNetlink: return try_socket(AF_NETLINK, SOCK_RAW, 0);
    case Way::kRaw: return try_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    case Way::kUnixAbstract:
      return try_connect(AF_UNIX, SOCK_STREAM, local(targets.abstract_name));
    case Way::kVsock: return try_socket(AF_VSOCK, SOCK_STREAM, 0);
    case Way::kWrite: return try_write();
    case Way::kExec: return fork_allowed ? try_exec_forked(targets) : kNotTried;
    case Way::kUnixPath: return try_unix_path();
  }
  return kNotTried;
}

}  // namespace

Targets make_targets() {
  Targets targets;
  targets.ipv4 = listen_on(AF_INET, SOCK_STREAM, loopback4(0), &targets.ipv4_port);
  targets.ipv6 = listen_on(AF_INET6, SOCK_STREAM, loopback6(0), &targets.ipv6_port);
  targets.udp = listen_on(AF_INET, SOCK_DGRAM, loopback4(0), &targets.udp_port);
  targets.abstract_name = std::string(1, '\0') + "proviso-probe-" + std::to_string(getpid());
  targets.unix_abstract = listen_on(AF_UNIX, SOCK_STREAM, local(targets.abstract_name), nullptr);
  // Anyone may connect to this one, as to the sockets of system services.
  if (fchdir(kFdOutside) == 0) {
    const mode_t mask = umask(0);
    targets.unix_path = listen_on(AF_UNIX, SOCK_STREAM, local(kSocketName), nullptr);
    umask(mask);
  }
  targets.other_program = open(kOtherProgram, O_PATH | O_CLOEXEC);
  return targets;
}

void try_ways(const Targets& targets, WireReport& report, int stage, bool fork_allowed) {
  for (int i = 0; i < kWireWays; ++i) {
    report.tries[i][stage] = try_way(static_cast<Way>(i), targets, fork_allowed);
  }
}

int try_exec(const Targets& targets) {
  char name[] = "true";
  char* argv[] = {name, nullptr};
  char* envp[] = {nullptr};
  execve(kOtherProgram, argv, envp);
  const int error = errno;
  syscall(SYS_execveat, targets.other_program, "", argv, envp, AT_EMPTY_PATH);
  syscall(SYS_execveat, AT_FDCWD, kOtherProgram, argv, envp, 0);
  return error;
}

}  // namespace proviso::sandbox
