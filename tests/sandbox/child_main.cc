// A worker for tests. Does one thing, named by its first argument, and says how it went:
//   look PATH...      tries to read each path, prints "PATH errno" (0: readable)
//   descriptors       prints the open descriptors by number
//   identity          prints uid, no_new_privs, session, capabilities, environment size
//   calls             tries system calls that the filter refuses, prints "name errno"; with
//                     -without-exec all but exec and fork, which outside would change the process
//   serve SOCKET      listens there, answers one line to each connection, until a signal
//                     (with @ in front: an abstract socket)
//   door SOCKET       listens there as a doorkeeper, passes what the worker says to each connection
//   door-calls SOCKET the same, and says first what it can call and see
//   crash             ends by a signal
//   exit N            says something and ends with status N
#include <cerrno>
#include <cstddef>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "sandbox/wire.h"

namespace {

void say(const char* what, long result) {
  std::printf("%s %d\n", what, result < 0 ? errno : 0);
}

int look(int count, char** paths) {
  for (int i = 0; i < count; ++i) {
    const int fd = open(paths[i], O_RDONLY);
    const int error = fd < 0 ? errno : 0;
    char byte = 0;
    const bool read_one = fd >= 0 && read(fd, &byte, 1) == 1;
    std::printf("%s %d\n", paths[i], fd >= 0 && !read_one ? -1 : error);
    if (fd >= 0) close(fd);
  }
  return 0;
}

int descriptors() {
  for (int fd = 0; fd < 256; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) std::printf("%d\n", fd);
  }
  return 0;
}

int identity() {
  std::printf("uid %u\n", getuid());
  std::printf("session %d\n", static_cast<int>(getpid()));
  size_t variables = 0;
  for (char** at = environ; *at != nullptr; ++at) ++variables;
  std::printf("environment %zu\n", variables);
  bool thread_ran = false;
  std::thread([&thread_ran] { thread_ran = true; }).join();
  std::printf("thread %d\n", thread_ran ? 1 : 0);
  return 0;
}

int calls(bool with_exec) {
  char* argv[] = {nullptr};
  if (with_exec) {
    say("execve", execve("/bin/true", argv, argv));
    say("fork", syscall(SYS_fork));
  }
  say("ptrace", ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
  say("io_uring_setup", syscall(SYS_io_uring_setup, 1, nullptr));
  say("unshare", unshare(CLONE_NEWUSER));
  say("mount", syscall(SYS_mount, nullptr, "/", nullptr, 0ul, nullptr));
  say("bpf", syscall(SYS_bpf, 0, nullptr, 0));
  say("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
  say("kill", kill(getppid(), 0));
  say("memfd_create", syscall(SYS_memfd_create, "x", 0));
  say("process_vm_readv", syscall(SYS_process_vm_readv, getppid(), nullptr, 0, nullptr, 0, 0));
  say("userfaultfd", syscall(SYS_userfaultfd, 0));
  say("perf_event_open", syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0));
  say("pidfd_open", syscall(SYS_pidfd_open, getppid(), 0));
  say("setsid", setsid());
  say("prctl_dumpable", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
  say("datagram", socket(AF_UNIX, SOCK_DGRAM, 0));
  say("inet", socket(AF_INET, SOCK_STREAM, 0));
  void* both = mmap(nullptr, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  say("write_exec_memory", both == MAP_FAILED ? -1 : 0);
  sockaddr_un peer{};
  peer.sun_family = AF_UNIX;
  const int stream = socket(AF_UNIX, SOCK_STREAM, 0);
  say("connect", connect(stream, reinterpret_cast<sockaddr*>(&peer), sizeof peer));
  const int file = open("file", O_WRONLY | O_CREAT, 0600);
  say("file_in_scratch", file);
  const int upward = open("..", O_RDONLY | O_DIRECTORY);
  say("list_parent", upward);
  return 0;
}

int listen_on(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (*path == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path) +
                                           (*path == '@' ? 0 : 1));
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 8) != 0) {
    std::perror("serve");
    std::exit(1);
  }
  return fd;
}

// A connection to the worker, from the connector; -1 if it has none.
int ask_connector() {
  char byte = 'c';
  iovec bytes{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (write(proviso::sandbox::kFdConnector, &byte, 1) != 1 ||
      recvmsg(proviso::sandbox::kFdConnector, &message, 0) != 1) {
    return -1;
  }
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr) return -1;
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

int door(const char* path) {
  const int fd = listen_on(path);
  for (;;) {
    const int peer = accept(fd, nullptr, nullptr);
    if (peer < 0) continue;
    const int inner = ask_connector();
    char buffer[256];
    for (ssize_t got; inner >= 0 && (got = read(inner, buffer, sizeof buffer)) > 0;) {
      if (send(peer, buffer, static_cast<size_t>(got), MSG_NOSIGNAL) != got) break;
    }
    if (inner < 0) {
      if (send(peer, "nobody\n", 7, MSG_NOSIGNAL) != 7) std::perror("send");
    } else {
      close(inner);
    }
    close(peer);
  }
}

int serve(const char* path) {
  const int fd = listen_on(path);
  for (;;) {
    const int peer = accept(fd, nullptr, nullptr);
    if (peer < 0) continue;
    const ssize_t sent = send(peer, "hello\n", 6, MSG_NOSIGNAL);
    if (sent != 6) std::perror("send");
    close(peer);
  }
}

}  // namespace

int main(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IONBF, 0);
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "look") return look(argc - 2, argv + 2);
  if (what == "descriptors") return descriptors();
  if (what == "identity") return identity();
  if (what == "calls") return calls(true);
  if (what == "calls-without-exec") return calls(false);
  if (what == "serve" && argc > 2) return serve(argv[2]);
  if (what == "door" && argc > 2) return door(argv[2]);
  if (what == "door-calls" && argc > 2) {
    descriptors();
    calls(true);
    return door(argv[2]);
  }
  if (what == "crash") {
    volatile int* nowhere = nullptr;
    *nowhere = 1;  // NOLINT: on purpose
  }
  if (what == "exit" && argc > 2) {
    std::printf("cannot load it\n");
    return std::atoi(argv[2]);
  }
  return 2;
}
