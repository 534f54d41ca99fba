#pragma once
// A vault in a folder of its own whose system calls a test can let fail.
#include "vault/vault.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/data.h"
#include "base/file.h"

namespace proviso::vault {

inline constexpr UtcSeconds kNovember{1795651200};  // 2026-11-26
inline constexpr UtcSeconds kDecember{1796083200};  // 2026-12-01

// Which call fails next: a test sets it, the seam obeys.
struct Faults {
  int pwrite = 0, fallocate = 0, ftruncate = 0, fdatasync = 0, fsync = 0;  // errno, 0: works
  bool short_writes = false;
};
inline Faults faults;

inline int fail_with(int error) {
  errno = error;
  return -1;
}
inline const FileOps kFaulty{
    [](int fd, const void* bytes, size_t count, off_t offset) -> ssize_t {
      if (faults.pwrite != 0) return fail_with(faults.pwrite);
      return ::pwrite(fd, bytes, faults.short_writes ? std::min<size_t>(count, 7) : count, offset);
    },
    [](int fd, int mode, off_t offset, off_t length) {
      return faults.fallocate != 0 ? fail_with(faults.fallocate)
                                   : ::fallocate(fd, mode, offset, length);
    },
    [](int fd, off_t length) {
      return faults.ftruncate != 0 ? fail_with(faults.ftruncate) : ::ftruncate(fd, length);
    },
    [](int fd) { return faults.fdatasync != 0 ? fail_with(faults.fdatasync) : ::fdatasync(fd); },
    [](int fd) { return faults.fsync != 0 ? fail_with(faults.fsync) : ::fsync(fd); },
};

inline std::string text_of(uint64_t index) {
  return "record " + std::to_string(index) + std::string(index % 7 * 50, '.');
}

class VaultTest : public testing::Test {
 protected:
  void SetUp() override { faults = {}; }

  std::unique_ptr<Vault> open() {
    auto vault = Vault::open(dir_.path(), kFaulty);
    EXPECT_TRUE(vault) << vault.error().message;
    return vault ? *std::move(vault) : nullptr;
  }
  // Appends records [first, first + count) and syncs.
  static Status add(Vault& vault, uint64_t first, uint64_t count,
                    std::string_view retention = "default", UtcSeconds time = kNovember) {
    std::vector<Sealed> sealed;
    for (uint64_t i = first; i < first + count; ++i) {
      PV_TRY(sealed.emplace_back(), vault.seal(retention, time, text_of(i)));
    }
    std::vector<const Sealed*> records;
    for (const Sealed& one : sealed) records.push_back(&one);
    PV_TRY_VOID(vault.append(first, records));
    return vault.sync();
  }
  void expect_records(const Vault& vault, uint64_t count) {
    EXPECT_EQ(vault.size(), count);
    for (uint64_t i = 0; i < count; ++i) {
      const auto text = vault.open_record(i);
      ASSERT_TRUE(text) << i << ": " << text.error().message;
      EXPECT_EQ(*text, text_of(i));
    }
    EXPECT_EQ(vault.record(count).error().code, Code::kNotFound);
    EXPECT_EQ(vault.open_record(count).error().code, Code::kNotFound);
  }
  [[nodiscard]] std::string segment() const { return dir_.file("segments/default-2026-11.seg"); }
  // Overwrites bytes of a file, as a hand from outside would.
  static void poke(const std::string& path, off_t offset, std::string_view bytes) {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), offset),
              static_cast<ssize_t>(bytes.size()));
  }

  test::TempDir dir_;
};

}  // namespace proviso::vault
