#include "gate/privileges.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/check.h"

namespace proviso::gate {
namespace {

namespace fs = std::filesystem;

constexpr int kPinnedFdMin = 512;  // above every descriptor that a child is started with

Result<const passwd*> find_user(const std::string& wanted) {
  for (const char* name : {wanted.empty() ? "proviso" : wanted.c_str(), wanted.empty() ? "nobody" : ""}) {
    if (*name == '\0') continue;
    if (const passwd* found = ::getpwnam(name); found != nullptr) return found;
  }
  return fail(Code::kNotFound, fmt::format("there is no user `{}` to become; make one, or name "
                                           "another in [gate] user",
                                           wanted.empty() ? "nobody" : wanted));
}

// What the gate keeps in its state folder. Whatever else lies there, its configuration above all, stays
// whose it was: the gate's user must not decide what root reads next.
constexpr const char* kKept[] = {"agreement", "agreements",    "keys",     "log",         "redo",  "vault",
                                 "worker",    "sample",        "proofs",   "state.db",     "state.db-wal",
                                 "state.db-shm", "admin.sock", "state.db.lock"};

Status give(const std::string& dir, uid_t uid, gid_t gid) {
  const auto give_one = [uid, gid](const std::string& path) -> Status {
    if (::lchown(path.c_str(), uid, gid) != 0) {
      return std::unexpected(io_error("give to the gate's user", path, errno));
    }
    return {};
  };
  PV_TRY_VOID(give_one(dir));
  for (const char* name : kKept) {
    std::error_code ec;
    const fs::path top = fs::path(dir) / name;
    if (!fs::exists(fs::symlink_status(top, ec))) continue;
    PV_TRY_VOID(give_one(top.string()));
    if (!fs::is_directory(fs::symlink_status(top, ec))) continue;
    for (fs::recursive_directory_iterator it(top, ec), end; !ec && it != end; it.increment(ec)) {
      PV_TRY_VOID(give_one(it->path().string()));
    }
  }
  return {};
}

// The user must be able to walk to the state folder.
Status check_reachable(const std::string& state, const passwd& user) {
  if (::access(state.c_str(), R_OK | W_OK | X_OK) == 0) return {};
  return fail(Code::kIo,
              fmt::format("user `{}` cannot reach `{}`; put the state where that user may go (as root "
                          "the default is /var/lib/proviso), or start as an ordinary user",
                          user.pw_name, state));
}

}  // namespace

Result<Pinned> drop_privileges(const std::string& user, const std::string& state,
                               const std::vector<std::string>& files) {
  Pinned pinned;
  pinned.paths_ = files;
  if (::geteuid() != 0) return pinned;
  PV_TRY(const passwd* found, find_user(user));
  if (found->pw_uid == 0) {
    return fail(Code::kInvalid, "[gate] user must not be root");
  }
  PV_TRY_VOID(give(state, found->pw_uid, found->pw_gid));
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].empty()) continue;
    const Fd opened(::open(files[i].c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened.valid()) return std::unexpected(io_error("open", files[i], errno));
    // High numbers: children get their pipes at low ones, before they execute the path.
    Fd fd(::fcntl(opened.get(), F_DUPFD_CLOEXEC, kPinnedFdMin));
    if (!fd.valid()) return std::unexpected(io_error("keep open", files[i], errno));
    pinned.paths_[i] = fmt::format("/proc/self/fd/{}", fd.get());
    pinned.files_.push_back(std::move(fd));
  }
  if (::setgroups(0, nullptr) != 0 || ::setresgid(found->pw_gid, found->pw_gid, found->pw_gid) != 0 ||
      ::setresuid(found->pw_uid, found->pw_uid, found->pw_uid) != 0) {
    return std::unexpected(io_error("become", found->pw_name, errno));
  }
  PV_CHECK(::setuid(0) != 0);
  PV_TRY_VOID(check_reachable(state, *found));
  return pinned;
}

}  // namespace proviso::gate
