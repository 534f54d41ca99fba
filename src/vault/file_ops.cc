#include "vault/file_ops.h"

#include <fcntl.h>
#include <unistd.h>

namespace proviso::vault {

const FileOps& system_file_ops() {
  static constexpr FileOps kSystem{::pwrite, ::fallocate, ::ftruncate, ::fdatasync, ::fsync};
  return kSystem;
}

}  // namespace proviso::vault
