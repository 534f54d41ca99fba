#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/launch.h"

namespace proviso::sandbox {
namespace {

// Debian 12's <linux/landlock.h> is ABI 2; these came later, with the ABI in which they did.
constexpr uint64_t kToolFileBytesMax = 64ull << 20;  // of one file that a tool server writes
constexpr uint64_t kFsTruncate = 1ull << 14;       // 3
constexpr uint64_t kNetBindTcp = 1ull << 0;        // 4
constexpr uint64_t kNetConnectTcp = 1ull << 1;     // 4
constexpr uint64_t kFsIoctlDevice = 1ull << 15;    // 5
constexpr uint64_t kScopeAbstractUnix = 1ull << 0; // 6
constexpr uint64_t kScopeSignal = 1ull << 1;       // 6

struct RulesetAttr {
  uint64_t handled_fs;
  uint64_t handled_net;  // ABI 4
  uint64_t scoped;       // ABI 6
};

struct __attribute__((packed)) PathAttr {
  uint64_t allowed;
  int32_t parent_fd;
};

size_t attr_size(int abi) {
  if (abi < 4) return sizeof(uint64_t);
  return abi < 6 ? 2 * sizeof(uint64_t) : sizeof(RulesetAttr);
}

uint64_t handled_fs(int abi) {
  uint64_t rights = (1ull << 13) - 1;  // ABI 1: EXECUTE to MAKE_SYM
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rights |= kFsTruncate;
  if (abi >= 5) rights |= kFsIoctlDevice;
  return rights;
}

int write_text(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const auto size = static_cast<ssize_t>(std::strlen(text));
  const int error = write(fd, text, static_cast<size_t>(size)) == size ? 0 : errno;
  close(fd);
  return error;
}

// Maps only ourselves, so that the namespace has no root.
StepError map_user(uid_t uid, gid_t gid) {
  char line[64];
  if (const int error = write_text("/proc/self/setgroups", "deny")) return {"write setgroups", error};
  std::snprintf(line, sizeof line, "%u %u 1\n", uid, uid);
  if (const int error = write_text("/proc/self/uid_map", line)) return {"write uid_map", error};
  std::snprintf(line, sizeof line, "%u %u 1\n", gid, gid);
  if (const int error = write_text("/proc/self/gid_map", line)) return {"write gid_map", error};
  return {};
}

StepError limit(__rlimit_resource what, uint64_t value) {
  const rlimit both{value, value};
  if (setrlimit(what, &both) != 0) return {"set a resource limit", errno};
  return {};
}

StepError set_limits(const LaunchOptions& options) {
  if (auto e = limit(RLIMIT_CORE, 0)) return e;
  // A worker has no file to write; a tool server may have.
  if (auto e = limit(RLIMIT_FSIZE, options.write_folders.empty() ? 0 : kToolFileBytesMax)) return e;
  if (auto e = limit(RLIMIT_NOFILE, options.open_files_max)) return e;
  if (auto e = limit(RLIMIT_NPROC, options.threads_max)) return e;
  if (options.memory_bytes != 0) {
    if (auto e = limit(RLIMIT_AS, options.memory_bytes)) return e;
  }
  return {};
}

StepError drop_capabilities() {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) != 0) return {"drop capabilities", errno};
  __user_cap_data_struct left[2] = {};
  if (syscall(SYS_capget, &header, left) != 0) return {"read capabilities", errno};
  for (const auto& part : left) {
    if ((part.effective | part.permitted | part.inheritable) != 0) return {"drop capabilities", EPERM};
  }
  return {};
}

StepError add_rule(int ruleset, int fd, uint64_t rights) {
  const PathAttr attr{rights, fd};
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) != 0) {
    return {"add a Landlock rule", errno};
  }
  return {};
}

StepError add_folders(int ruleset, const std::vector<std::string>& paths, uint64_t rights) {
  for (const auto& path : paths) {
    const int fd = open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return {"open a folder that a tool server may use", errno};
    const auto e = add_rule(ruleset, fd, rights);
    close(fd);
    if (e) return e;
  }
  return {};
}

constexpr uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr uint64_t kRun = kRead | LANDLOCK_ACCESS_FS_EXECUTE;

StepError add_libraries(int ruleset, const std::vector<std::string>& libraries) {
  bool loader = true;
  for (const auto& path : libraries) {
    const int fd = open(path.c_str(), O_PATH | O_CLOEXEC);
    if (fd < 0) return {"open a library of the worker", errno};
    const auto e = add_rule(ruleset, fd, loader ? kRun : kRead);
    close(fd);
    if (e) return e;
    loader = false;
  }
  return {};
}

StepError add_own_folders(int ruleset, const LaunchOptions& options, int abi) {
  constexpr uint64_t kLook = kRead | LANDLOCK_ACCESS_FS_READ_DIR;
  const uint64_t change = kLook | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                          LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                          LANDLOCK_ACCESS_FS_REMOVE_DIR | (abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) |
                          (abi >= 3 ? kFsTruncate : 0);
  if (auto e = add_folders(ruleset, options.read_folders, kLook)) return e;
  return add_folders(ruleset, options.write_folders, change);
}

StepError add_rules(int ruleset, const LaunchOptions& options, Part part, int abi) {
  if (part != Part::kDoorkeeper) {
    if (auto e = add_rule(ruleset, kFdProgram, kRun)) return e;
    for (int i = 0; i < options.files; ++i) {
      if (auto e = add_rule(ruleset, kFdFiles + i, kRead)) return e;
    }
    if (auto e = add_libraries(ruleset, options.libraries)) return e;
    if (auto e = add_own_folders(ruleset, options, abi)) return e;
  }
  if (part == Part::kDoorkeeper || part == Part::kBoth) {
    if (auto e = add_rule(ruleset, options.doorkeeper_fd(), kRun)) return e;
    if (auto e = add_libraries(ruleset, options.doorkeeper_libraries)) return e;
  }
  if (part == Part::kWorker) return {};
  // The socket, and nothing that is a file.
  return add_rule(ruleset, kFdScratch, LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE);
}

}  // namespace

StepError enter_namespaces(WireReport& report) {
  constexpr int kNew = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (uid == 0 && unshare(kNew) == 0) return {};
  if (uid == 0) return {"make a network namespace (root without CAP_SYS_ADMIN?)", errno};
  if (unshare(CLONE_NEWUSER | kNew) != 0) {
    return {"make a user namespace (are unprivileged user namespaces switched off?)", errno};
  }
  report.user_namespace = 1;
  return map_user(uid, gid);
}

StepError drop_privileges(const LaunchOptions& options) {
  if (auto e = set_limits(options)) return e;
  for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; ++cap) {
    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);  // refused only to those who have none
  }
  if (geteuid() == 0) {
    if (options.run_as == 0) return {"choose another user than root", EINVAL};
    if (setgroups(0, nullptr) != 0) return {"leave supplementary groups", errno};
    if (setresgid(options.run_as, options.run_as, options.run_as) != 0) return {"change group", errno};
    if (setresuid(options.run_as, options.run_as, options.run_as) != 0) return {"change user", errno};
  }
  if (auto e = drop_capabilities()) return e;
  if (auto e = forbid_new_privileges()) return e;
  // After the change of user, which clears it; the parent may have ended before it took hold.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return {"set the parent-death signal", errno};
  if (getppid() != options.parent) return {"stay with the parent, which ended", ESRCH};
  return {};
}

StepError forbid_new_privileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return {"set no_new_privs", errno};
  return {};
}

StepError leave_root() {
  if (fchdir(kFdScratch) != 0 || chroot(".") != 0 || chdir("/") != 0) {
    return {"leave the file system behind", errno};
  }
  return {};
}

StepError restrict_files(const LaunchOptions& options, Part part, WireReport& report) {
  const auto abi = static_cast<int>(
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  if (abi < 1) return {"use Landlock (needs a kernel of 5.13 or later that has it switched on)", errno};
  report.landlock_abi = abi;
  const RulesetAttr attr{handled_fs(abi), kNetBindTcp | kNetConnectTcp, kScopeAbstractUnix | kScopeSignal};
  const auto ruleset = static_cast<int>(
      syscall(SYS_landlock_create_ruleset, &attr, attr_size(abi), 0));
  if (ruleset < 0) return {"make a Landlock ruleset", errno};
  if (auto e = add_rules(ruleset, options, part, abi)) return e;
  if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) return {"put Landlock on", errno};
  close(ruleset);
  return {};
}

}  // namespace proviso::sandbox
