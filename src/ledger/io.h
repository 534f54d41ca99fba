#pragma once
// The system calls through which the log changes the disk, behind a seam so that tests can make
// each of them fail. Every call behaves like its namesake: -1 and errno.
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace proviso::ledger {

class Io {
 public:
  virtual ~Io() = default;
  virtual int open(const char* path, int flags, unsigned mode);
  virtual ssize_t pread(int fd, void* bytes, size_t count, int64_t offset);
  virtual ssize_t pwrite(int fd, const void* bytes, size_t count, int64_t offset);
  virtual int fallocate(int fd, int64_t offset, int64_t length);
  virtual int ftruncate(int fd, int64_t length);
  virtual int fdatasync(int fd);
  virtual int fsync(int fd);
  virtual int rename(const char* from, const char* to);
  virtual int unlink(const char* path);

  static Io& system();
};

// The whole of `bytes`, through short writes and EINTR; never again after any other error.
Status write_all(Io& io, int fd, std::string_view bytes, int64_t offset, std::string_view path);
// Up to `count` bytes; fewer only at the end of the file.
Result<size_t> read_some(Io& io, int fd, char* bytes, size_t count, int64_t offset,
                         std::string_view path);
Result<Fd> open_file(Io& io, const std::string& path, int flags, unsigned mode = 0);
// Temporary file, written, synced, renamed over `path`, folder synced.
Status replace_file(Io& io, const std::string& path, std::string_view bytes, FileMode mode);
Status fsync_path(Io& io, const std::string& path);  // a file or a folder

}  // namespace proviso::ledger
