#pragma once
// What the tests of log and signer share: a folder that goes away, keys, a forked signer, and
// system calls that fail on demand.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "ledger/io.h"
#include "ledger/keys.h"
#include "ledger/log.h"
#include "ledger/signer.h"

namespace proviso::ledger::testing {

// ASSERT that a Result holds, showing its error.
#define ASSERT_OK(expression) \
  if (const auto& ok_ = (expression); !ok_) FAIL() << #expression << ": " << ok_.error().message
#define EXPECT_OK(expression)               \
  if (const auto& ok_ = (expression); !ok_) \
  ADD_FAILURE() << #expression << ": " << ok_.error().message

class TempDir {
 public:
  TempDir() {
    // In memory where that is possible: these tests ask when a sync is made, not how long it takes.
    const bool shm = access("/dev/shm", W_OK) == 0;
    std::string pattern =
        (shm ? std::string("/dev/shm") : std::filesystem::temp_directory_path().string()) +
        "/proviso-ledger-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}
inline void spill(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}
inline void flip_bit(const std::string& path, size_t byte, int bit = 0) {
  std::string bytes = slurp(path);
  ASSERT_LT(byte, bytes.size()) << path;
  bytes[byte] = static_cast<char>(bytes[byte] ^ (1 << bit));
  spill(path, bytes);
}

inline std::unique_ptr<SignerClient> fork_signer(const SignerOptions& options) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) abort();
  const pid_t child = fork();
  if (child == 0) _exit(run_signer(pair[1], options));
  close(pair[1]);
  return SignerClient::attach(pair[0]).value();
}

inline constexpr const char* kOrigin = "log.example/test";

// A folder with keys, and a log in it that can be opened again and again.
class Place {
 public:
  Place() { EXPECT_OK(create_keys(keys(), kOrigin)); }

  [[nodiscard]] std::string dir() const { return temp_.path() + "/log"; }
  [[nodiscard]] std::string keys() const { return temp_.path() + "/keys"; }
  [[nodiscard]] const std::string& root() const { return temp_.path(); }
  [[nodiscard]] SignerOptions signer_options() const {
    return {dir(), keys() + "/log.key", keys() + "/receipt.key", keys() + "/signer.state", 0};
  }
  Status open(Io* io = nullptr) {
    log.reset();
    signer.reset();
    signer = fork_signer(signer_options());
    PV_TRY(log, Log::open({dir(), kOrigin, io}, *signer));
    return {};
  }
  void close() {
    log.reset();
    signer.reset();
  }
  [[nodiscard]] std::string log_key() const {
    return read_verifier_key(keys() + "/log.vkey")->text();
  }
  [[nodiscard]] PublicKey receipt_key() const {
    return *ed25519_key(*read_verifier_key(keys() + "/receipt.pub"));
  }

 private:
  TempDir temp_;

 public:
  std::unique_ptr<SignerClient> signer;
  std::unique_ptr<Log> log;
};

inline std::vector<std::string> numbered(uint64_t first, size_t count, size_t bytes = 40) {
  std::vector<std::string> out;
  for (size_t i = 0; i < count; ++i) {
    std::string entry = "entry " + std::to_string(first + i) + " ";
    entry.resize(std::max(bytes, entry.size()), 'x');
    out.push_back(std::move(entry));
  }
  return out;
}

// Appends, signs; the receipts are checked.
inline void add(Place& place, const std::vector<std::string>& entries, int64_t now) {
  const uint64_t first = place.log->state().size;
  ASSERT_OK(place.log->append(entries, {now}));
  const auto receipts = place.log->sign();
  ASSERT_OK(receipts);
  ASSERT_EQ(receipts->size(), entries.size());
  for (size_t i = 0; i < receipts->size(); ++i) {
    EXPECT_EQ((*receipts)[i].index, first + i);
    EXPECT_EQ((*receipts)[i].leaf, merkle::leaf_hash(entries[i]));
    EXPECT_OK((*receipts)[i].verify(place.receipt_key()));
  }
}

// Fails or shortens system calls when `plan` says so: it is given the call's name and returns an
// errno, 0 to let it pass, or -1 to write only half.
class FaultyIo final : public Io {
 public:
  std::function<int(std::string_view call)> plan = [](std::string_view) { return 0; };

  ssize_t pwrite(int fd, const void* bytes, size_t count, int64_t offset) override {
    const int verdict = judge("pwrite");
    if (verdict > 0) return -1;
    return Io::pwrite(fd, bytes, verdict < 0 && count > 1 ? count / 2 : count, offset);
  }
  int fallocate(int fd, int64_t offset, int64_t length) override {
    return judge("fallocate") ? -1 : Io::fallocate(fd, offset, length);
  }
  int fdatasync(int fd) override { return judge("fdatasync") ? -1 : Io::fdatasync(fd); }
  int fsync(int fd) override { return judge("fsync") ? -1 : Io::fsync(fd); }
  int rename(const char* from, const char* to) override {
    return judge("rename") ? -1 : Io::rename(from, to);
  }
  int open(const char* path, int flags, unsigned mode) override {
    return judge("open") ? -1 : Io::open(path, flags, mode);
  }

 private:
  int judge(std::string_view call) {
    const int verdict = plan(call);
    if (verdict > 0) errno = verdict;
    return verdict;
  }
};

}  // namespace proviso::ledger::testing
