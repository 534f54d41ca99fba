#pragma once
// Files, for the rooms that may touch the outside. Durable writes follow one order: temporary file,
// its bytes synced, renamed over the target, folder synced; a crash leaves the old file or the new.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace proviso {

enum class FileMode { kPrivate, kShared };  // 0600, 0644

// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept;
  Fd& operator=(Fd&& other) noexcept;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

// kNotFound, kIo, kLimit when larger than `bytes_max`. The path stands in every message.
Result<std::string> read_file(const std::string& path, uint64_t bytes_max = 64ull << 20);
// Like read_file, and kInvalid if group or others may read it or its owner is another user than
// this one or root (root may read for any owner): secrets.
Result<std::string> read_private_file(const std::string& path, uint64_t bytes_max = 1 << 20);
Status write_file_durable(const std::string& path, std::string_view bytes, FileMode mode);
Status make_dirs(const std::string& path);  // like mkdir -p, 0700 for what it makes
Status sync_dir(const std::string& path);
// Every regular file below `dir`, path relative to it with '/', to its bytes. Symbolic links and
// odd files are kInvalid. kLimit beyond `files_max` files or `bytes_max` bytes together.
Result<std::map<std::string, std::string>> read_tree(const std::string& dir, size_t files_max = 1000,
                                                     uint64_t bytes_max = 16ull << 20);
// "open `path`: permission denied" from errno.
Error io_error(std::string_view what, std::string_view path, int error_number);

}  // namespace proviso
