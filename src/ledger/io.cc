#include "ledger/io.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace proviso::ledger {

int Io::open(const char* path, int flags, unsigned mode) { return ::open(path, flags, mode); }
ssize_t Io::pread(int fd, void* bytes, size_t count, int64_t offset) {
  return ::pread(fd, bytes, count, offset);
}
ssize_t Io::pwrite(int fd, const void* bytes, size_t count, int64_t offset) {
  return ::pwrite(fd, bytes, count, offset);
}
int Io::fallocate(int fd, int64_t offset, int64_t length) {
  return ::fallocate(fd, 0, offset, length);
}
int Io::ftruncate(int fd, int64_t length) { return ::ftruncate(fd, length); }
int Io::fdatasync(int fd) { return ::fdatasync(fd); }
int Io::fsync(int fd) { return ::fsync(fd); }
int Io::rename(const char* from, const char* to) { return ::rename(from, to); }
int Io::unlink(const char* path) { return ::unlink(path); }

Io& Io::system() {
  static Io io;
  return io;
}

Status write_all(Io& io, int fd, std::string_view bytes, int64_t offset, std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t wrote = io.pwrite(fd, bytes.data(), bytes.size(), offset);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return std::unexpected(io_error("write", path, errno));
    if (wrote == 0) return std::unexpected(io_error("write", path, ENOSPC));
    bytes.remove_prefix(static_cast<size_t>(wrote));
    offset += wrote;
  }
  return {};
}

Result<size_t> read_some(Io& io, int fd, char* bytes, size_t count, int64_t offset,
                         std::string_view path) {
  size_t got = 0;
  while (got < count) {
    const ssize_t n = io.pread(fd, bytes + got, count - got, offset + static_cast<int64_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(io_error("read", path, errno));
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  return got;
}

Result<Fd> open_file(Io& io, const std::string& path, int flags, unsigned mode) {
  const int fd = io.open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0 && errno == ENOENT) return fail(Code::kNotFound, "open `" + path + "`: no such file");
  if (fd < 0) return std::unexpected(io_error("open", path, errno));
  return Fd(fd);
}

Status fsync_path(Io& io, const std::string& path) {
  PV_TRY(const Fd fd, open_file(io, path, O_RDONLY));
  if (io.fsync(fd.get()) != 0) return std::unexpected(io_error("sync", path, errno));
  return {};
}

Status replace_file(Io& io, const std::string& path, std::string_view bytes, FileMode mode) {
  const std::string temporary = path + ".new";
  const unsigned bits = mode == FileMode::kPrivate ? 0600 : 0644;
  {
    PV_TRY(const Fd fd, open_file(io, temporary, O_WRONLY | O_CREAT | O_TRUNC, bits));
    PV_TRY_VOID(write_all(io, fd.get(), bytes, 0, temporary));
    if (io.fsync(fd.get()) != 0) return std::unexpected(io_error("sync", temporary, errno));
  }
  if (io.rename(temporary.c_str(), path.c_str()) != 0) {
    return std::unexpected(io_error("rename", path, errno));
  }
  const auto slash = path.rfind('/');
  return fsync_path(io, slash == std::string::npos ? "." : path.substr(0, slash));
}

}  // namespace proviso::ledger
