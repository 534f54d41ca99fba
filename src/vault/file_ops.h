#pragma once
// The few system calls by which the vault makes bytes durable, as pointers, so that tests can let
// each of them fail. Signatures and errno are those of the calls that they are named for.
#include <sys/types.h>

#include <cstddef>

namespace proviso::vault {

struct FileOps {
  ssize_t (*pwrite)(int fd, const void* bytes, size_t count, off_t offset);
  int (*fallocate)(int fd, int mode, off_t offset, off_t length);
  int (*ftruncate)(int fd, off_t length);
  int (*fdatasync)(int fd);
  int (*fsync)(int fd);  // files and folders
};

const FileOps& system_file_ops();

}  // namespace proviso::vault
