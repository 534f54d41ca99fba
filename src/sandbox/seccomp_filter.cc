// The seccomp program: an allow-list. What is not on it fails with EPERM; sockets other than AF_UNIX
// with EACCES. No connect(), so that no socket of another process can be reached by name; threads but no
// processes; no memory that is writable and executable; exec only of the descriptor that the launcher
// holds (and Landlock lets no other file be executed, whatever that descriptor is later). The connector has a
// list of its own, the only one with connect(), and no file system: it left that behind.
#include <cerrno>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/launch.h"

namespace proviso::sandbox {
namespace {

scmp_filter_ctx context = nullptr;

// By name, because not every machine has every one.
constexpr const char* kAllowed[] = {
    // files that Landlock lets through, descriptors
    "read", "write", "readv", "writev", "pread64", "pwrite64", "lseek", "close", "open", "openat", "stat",
    "lstat", "fstat", "newfstatat", "statx", "fstatfs", "access", "faccessat", "faccessat2", "readlink",
    "readlinkat", "getdents64", "getcwd", "fchdir", "unlink", "unlinkat", "fcntl", "dup", "dup2", "dup3",
    "pipe", "pipe2", "fadvise64", "umask",
    // memory (mmap and mprotect below)
    "munmap", "mremap", "madvise", "brk", "mlock", "munlock", "mincore", "membarrier",
    // threads and time (clone below)
    "futex", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "exit", "exit_group",
    "sched_yield", "sched_getaffinity", "getcpu", "nanosleep", "clock_nanosleep", "clock_gettime",
    "clock_getres", "gettimeofday", "time", "restart_syscall", "timerfd_create", "timerfd_settime",
    // signals within the process
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack",
    // who and where am I
    "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo", "getrlimit",
    "getrusage", "times", "getrandom", "arch_prctl",
    // waiting
    "poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "eventfd2",
    // serving a unix socket (socket and sendto below)
    "bind", "listen", "accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt",
    "shutdown", "recvfrom", "recvmsg",
};

// What a tool server needs beside that in the folders that Landlock opens to it.
constexpr const char* kAllowedFolders[] = {
    "mkdir", "mkdirat", "rmdir", "rename", "renameat", "renameat2", "ftruncate", "truncate", "fsync", "fdatasync",
    "fallocate", "copy_file_range", "sendfile", "utimensat", "fchmod", "flock", "sched_setaffinity",
    "sched_getparam", "sched_getscheduler", "getpgrp", "getpgid", "getsid", "capget", "msync", "signalfd4",
    "inotify_init1", "chdir",
};

constexpr uint64_t kTypeMask = 0xf;  // of socket(): the rest are flags

// What libseccomp's SCMP_An macros make, which are not C++.
scmp_arg_cmp equals(unsigned arg, uint64_t value) { return {arg, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp differs(unsigned arg, uint64_t value) { return {arg, SCMP_CMP_NE, value, 0}; }
scmp_arg_cmp masked(unsigned arg, uint64_t mask, uint64_t value) {
  return {arg, SCMP_CMP_MASKED_EQ, mask, value};
}

class Rules {
 public:
  template <class... Args>
  void add(uint32_t action, const char* name, Args... args) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR || number < 0) return;  // not on this machine: the default refuses it
    const int result = seccomp_rule_add(context, action, number, sizeof...(args), args...);
    if (result != 0 && error_ == 0) error_ = -result;
  }
  [[nodiscard]] int error() const { return error_; }

 private:
  int error_ = 0;
};

void add_conditional(Rules& rules) {
  const auto allow = SCMP_ACT_ALLOW;
  for (const char* name : {"mmap", "mprotect"}) {
    rules.add(allow, name, masked(2, PROT_EXEC, 0));
    rules.add(allow, name, masked(2, PROT_EXEC | PROT_WRITE, PROT_EXEC));
  }
  rules.add(allow, "clone", masked(0, CLONE_THREAD, CLONE_THREAD));
  // Its flags lie in memory, where a filter cannot read; glibc falls back to clone.
  rules.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  rules.add(allow, "socket", equals(0, AF_UNIX),
            masked(1, kTypeMask, SOCK_STREAM));
  rules.add(SCMP_ACT_ERRNO(EACCES), "socket", differs(0, AF_UNIX));
  rules.add(allow, "sendto", equals(4, 0));
  rules.add(allow, "prlimit64", equals(0, 0), equals(2, 0));
  // Its own stack, up to the hard limit, which it cannot raise: cvc5 does not start without.
  rules.add(allow, "prlimit64", equals(0, 0), equals(1, RLIMIT_STACK));
  rules.add(allow, "prctl", equals(0, PR_SET_NAME));
  for (const uint64_t request : {uint64_t{FIONREAD}, uint64_t{FIONBIO}, uint64_t{TCGETS}, uint64_t{TIOCGWINSZ}}) {
    rules.add(allow, "ioctl", equals(1, request));
  }
  rules.add(allow, "execveat", equals(0, kFdProgram), equals(4, AT_EMPTY_PATH));
}

// The connector runs nothing but the code of this program: it waits, connects, hands a descriptor on.
constexpr const char* kConnectorAllowed[] = {
    "read",     "write",  "recvfrom", "sendmsg", "connect",    "setsockopt",   "close",        "poll",
    "ppoll",    "wait4",  "exit",     "exit_group", "brk",     "munmap",       "rt_sigreturn", "restart_syscall",
};

void add_connector(Rules& rules) {
  for (const char* name : kConnectorAllowed) rules.add(SCMP_ACT_ALLOW, name);
  rules.add(SCMP_ACT_ALLOW, "mmap", masked(2, PROT_EXEC, 0));
  rules.add(SCMP_ACT_ALLOW, "socket", equals(0, AF_UNIX), masked(1, kTypeMask, SOCK_STREAM));
  rules.add(SCMP_ACT_ERRNO(EACCES), "socket", differs(0, AF_UNIX));
}

void add_program(Rules& rules) {
  for (const char* name : kAllowed) rules.add(SCMP_ACT_ALLOW, name);
  add_conditional(rules);
}

}  // namespace

StepError build_filter(const LaunchOptions& options, Filter filter, std::string& program) {
  context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (context == nullptr) return {"prepare the seccomp filter", ENOMEM};
  Rules rules;
  filter == Filter::kProgram ? add_program(rules) : add_connector(rules);
  if (filter == Filter::kProgram && (options.layers & kWithFolders) != 0) {
    for (const char* name : kAllowedFolders) rules.add(SCMP_ACT_ALLOW, name);
  }
  if (rules.error() != 0) return {"build the seccomp filter", rules.error()};

  int fds[2];
  if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return {"export the seccomp filter", errno};
  const int result = seccomp_export_bpf(context, fds[1]);
  close(fds[1]);
  char buffer[4096];
  for (ssize_t got; (got = read(fds[0], buffer, sizeof buffer)) > 0;) {
    program.append(buffer, static_cast<size_t>(got));
  }
  close(fds[0]);
  if (result != 0) return {"export the seccomp filter", -result};
  if (program.empty() || program.size() > kWireFilterBytesMax) {
    return {"export the seccomp filter", E2BIG};
  }
  return {};
}

StepError load_filter() {
  const int result = seccomp_load(context);
  return result == 0 ? StepError{} : StepError{"load the seccomp filter", -result};
}

}  // namespace proviso::sandbox
