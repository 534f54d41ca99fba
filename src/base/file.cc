#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/digest.h"

namespace proviso {
namespace {

std::string error_text(int error_number) {
  char buffer[256];
  std::string text = strerror_r(error_number, buffer, sizeof buffer);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z' &&
      !(text.size() > 1 && text[1] >= 'A' && text[1] <= 'Z')) {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return text;
}

Result<Fd> open_for_reading(const std::string& path, int flags) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (!fd.valid()) return std::unexpected(io_error("open", path, errno));
  return fd;
}

Result<std::string> read_all(const Fd& fd, const std::string& path, uint64_t bytes_max) {
  std::string out;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(io_error("read", path, errno));
    }
    if (got == 0) return out;
    if (out.size() + static_cast<size_t>(got) > bytes_max) {
      return fail(Code::kLimit, fmt::format("`{}` is larger than {} bytes", path, bytes_max));
    }
    out.append(buffer, static_cast<size_t>(got));
  }
}

Status write_all(const Fd& fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(io_error("write", path, errno));
    }
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

struct Tree {
  std::map<std::string, std::string> files;
  uint64_t bytes = 0;
  size_t files_max;
  uint64_t bytes_max;
};

constexpr int kTreeDepthMax = 16;  // a folder that people wrote; bounds recursion

Status read_folder(const std::string& dir, const std::string& prefix, int depth, Tree& tree) {
  if (depth > kTreeDepthMax) {
    return fail(Code::kLimit,
                fmt::format("`{}`: folders are nested deeper than {}", dir, kTreeDepthMax));
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(dir.c_str()), ::closedir);
  if (folder == nullptr) return std::unexpected(io_error("open", dir, errno));
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string path = dir + "/" + name;
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) return std::unexpected(io_error("look at", path, errno));
    if (S_ISDIR(info.st_mode)) {
      PV_TRY_VOID(read_folder(path, prefix + name + "/", depth + 1, tree));
      continue;
    }
    if (!S_ISREG(info.st_mode)) {
      return fail(Code::kInvalid, fmt::format("`{}` is neither a regular file nor a folder", path));
    }
    if (tree.files.size() == tree.files_max) {
      return fail(Code::kLimit, fmt::format("`{}`: more than {} files", dir, tree.files_max));
    }
    PV_TRY(const Fd fd, open_for_reading(path, O_NOFOLLOW | O_NONBLOCK));
    PV_TRY(std::string bytes, read_all(fd, path, tree.bytes_max - tree.bytes));
    tree.bytes += bytes.size();
    tree.files.emplace(prefix + name, std::move(bytes));
  }
  if (errno != 0) return std::unexpected(io_error("read", dir, errno));
  return {};
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}
Fd::Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}
int Fd::release() { return std::exchange(fd_, -1); }

Error io_error(std::string_view what, std::string_view path, int error_number) {
  const Code code = error_number == ENOENT || error_number == ENOTDIR ? Code::kNotFound : Code::kIo;
  return {code, fmt::format("{} `{}`: {}", what, path, error_text(error_number))};
}

Result<std::string> read_file(const std::string& path, uint64_t bytes_max) {
  PV_TRY(const Fd fd, open_for_reading(path, 0));
  return read_all(fd, path, bytes_max);
}

Result<std::string> read_private_file(const std::string& path, uint64_t bytes_max) {
  PV_TRY(const Fd fd, open_for_reading(path, O_NONBLOCK));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return std::unexpected(io_error("look at", path, errno));
  if (!S_ISREG(info.st_mode))
    return fail(Code::kInvalid, fmt::format("`{}` is not a regular file", path));
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(Code::kInvalid, fmt::format("`{0}` holds a secret that group or others may reach: "
                                            "chmod 600 `{0}`",
                                            path));
  }
  // Root may own what it hands to a gate that became another user, and may check that gate's state.
  if (info.st_uid != ::geteuid() && info.st_uid != 0 && ::geteuid() != 0) {
    return fail(Code::kInvalid,
                fmt::format("`{}` holds a secret but belongs to another user", path));
  }
  return read_all(fd, path, bytes_max);
}

Status write_file_durable(const std::string& path, std::string_view bytes, FileMode mode) {
  const mode_t bits = mode == FileMode::kPrivate ? 0600 : 0644;
  const std::string temporary = fmt::format("{}.{}.tmp", path, hex_encode(random_bytes(6)));
  Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, bits));
  if (!fd.valid()) return std::unexpected(io_error("create", temporary, errno));
  const auto abandon = [&](Error error) {
    ::unlink(temporary.c_str());
    return std::unexpected(std::move(error));
  };
  // The umask may have taken bits away; what is written has the mode that was asked for.
  if (::fchmod(fd.get(), bits) != 0) return abandon(io_error("set the mode of", temporary, errno));
  if (Status written = write_all(fd, temporary, bytes); !written) return abandon(written.error());
  if (::fsync(fd.get()) != 0) return abandon(io_error("sync", temporary, errno));
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return abandon(io_error("replace", path, errno));
  return sync_dir(parent_of(path));
}

Status make_dirs(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return fail(Code::kInvalid, fmt::format("`{}` is not a folder", path));
  }
  const std::string parent = parent_of(path);
  if (parent != path) PV_TRY_VOID(make_dirs(parent));
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return std::unexpected(io_error("make the folder", path, errno));
  }
  return sync_dir(parent);
}

Status sync_dir(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return std::unexpected(io_error("open", path, errno));
  if (::fsync(fd.get()) != 0) return std::unexpected(io_error("sync", path, errno));
  return {};
}

Result<std::map<std::string, std::string>> read_tree(const std::string& dir, size_t files_max,
                                                     uint64_t bytes_max) {
  Tree tree{{}, 0, files_max, bytes_max};
  PV_TRY_VOID(read_folder(dir, "", 0, tree));
  return std::move(tree.files);
}

}  // namespace proviso
