#include "vault/keyring.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/file.h"
#include "vault/names.h"

namespace proviso::vault {
namespace {

bool exists(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

Result<Key> parse_root(const std::string& path, std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  Result<std::string> bytes = hex_decode(text);
  Result<Key> key = bytes ? Key::create(*bytes) : fail(Code::kInvalid, "");
  OPENSSL_cleanse(text.data(), text.size());
  if (bytes) OPENSSL_cleanse(bytes->data(), bytes->size());
  if (!key)
    return fail(Code::kCorrupt, fmt::format("`{}` is not a root key: want 64 hex digits", path));
  return key;
}

Result<std::optional<Key>> open_root(const std::string& dir, Access access) {
  const std::string path = dir + "/root.key";
  Result<std::string> text = read_private_file(path);
  if (!text && text.error().code == Code::kNotFound) {
    if (access == Access::kReadOnly) return std::optional<Key>();
    const Key fresh = Key::random();
    std::string line = hex_encode(fresh.view()) + "\n";
    const Status written = write_file_durable(path, line, FileMode::kPrivate);
    OPENSSL_cleanse(line.data(), line.size());
    if (!written) return std::unexpected(written.error());
    return std::optional<Key>(fresh);
  }
  if (!text) return std::unexpected(text.error());
  PV_TRY(const Key key, parse_root(path, *std::move(text)));
  return std::optional<Key>(key);
}

std::unexpected<Error> erased(std::string_view segment) {
  return fail(Code::kUnavailable, fmt::format("the key of segment `{}` was erased", segment));
}

}  // namespace

Result<std::unique_ptr<KeyRing>> KeyRing::open(const std::string& dir, Access access) {
  if (access == Access::kReadWrite) PV_TRY_VOID(make_dirs(dir));
  PV_TRY(std::optional<Key> root, open_root(dir, access));
  std::unique_ptr<KeyRing> ring(new KeyRing(dir, std::move(root)));
  if (access == Access::kReadWrite) PV_TRY_VOID(ring->finish_erasures());
  return ring;
}

std::string KeyRing::key_path(std::string_view segment) const {
  return fmt::format("{}/{}.key", dir_, file_stem(segment));
}
std::string KeyRing::mark_path(std::string_view segment) const {
  return fmt::format("{}/{}.erased", dir_, file_stem(segment));
}

std::shared_ptr<const Key> KeyRing::cached(const std::string& segment) const {
  const std::shared_lock lock(mutex_);
  const auto found = cache_.find(segment);
  return found == cache_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<const Key>> KeyRing::load(const std::string& segment) const {
  if (!root_)
    return fail(Code::kUnavailable, fmt::format("the root key `{}/root.key` is not here", dir_));
  const std::string path = key_path(segment);
  PV_TRY(const std::string bytes, read_private_file(path));
  Result<Key> key = decrypt_key(*root_, segment, bytes);
  if (!key) return fail_at(fmt::format("vault key `{}`", path), key.error());
  return std::make_shared<const Key>(*key);
}

Result<std::shared_ptr<const Key>> KeyRing::for_sealing(const std::string& segment,
                                                        bool may_create) {
  if (auto key = cached(segment)) return key;
  const std::unique_lock lock(mutex_);
  if (const auto found = cache_.find(segment); found != cache_.end()) return found->second;
  if (exists(mark_path(segment))) return erased(segment);
  Result<std::shared_ptr<const Key>> key = load(segment);
  if (!key && key.error().code == Code::kNotFound) {
    if (!may_create) {
      return fail(Code::kUnavailable, fmt::format("segment `{}` has records but no key", segment));
    }
    const auto fresh = std::make_shared<const Key>(Key::random());
    PV_TRY_VOID(write_file_durable(key_path(segment), encrypt_key(*root_, segment, *fresh),
                                   FileMode::kPrivate));
    key = fresh;
  }
  if (key) cache_.emplace(segment, *key);
  return key;
}

Result<std::shared_ptr<const Key>> KeyRing::for_opening(const std::string& segment) const {
  // Another process may have erased it: the files decide, not the cache.
  if (exists(mark_path(segment))) return erased(segment);
  Result<std::shared_ptr<const Key>> key = load(segment);
  if (!key && key.error().code == Code::kNotFound) {
    return fail(Code::kUnavailable, fmt::format("the key of segment `{}` is not here", segment));
  }
  return key;
}

Status KeyRing::erase(const std::string& segment) {
  PV_TRY_VOID(check_segment_name(segment));
  const std::unique_lock lock(mutex_);
  const bool marked = exists(mark_path(segment));
  if (!marked && !exists(key_path(segment))) {
    return fail(Code::kNotFound, fmt::format("there is no key of segment `{}`", segment));
  }
  // The mark first: a crash in between must not leave a segment that could get a second key.
  if (!marked) PV_TRY_VOID(write_file_durable(mark_path(segment), "", FileMode::kPrivate));
  cache_.erase(segment);
  if (!exists(key_path(segment))) return {};
  return destroy(key_path(segment));
}

Status KeyRing::destroy(const std::string& path) const {
  {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid()) return std::unexpected(io_error("open", path, errno));
    const std::string noise = random_bytes(68);
    if (::pwrite(fd.get(), noise.data(), noise.size(), 0) != static_cast<ssize_t>(noise.size())) {
      return std::unexpected(io_error("overwrite", path, errno));
    }
    if (::fsync(fd.get()) != 0) return std::unexpected(io_error("sync", path, errno));
  }
  if (::unlink(path.c_str()) != 0) return std::unexpected(io_error("remove", path, errno));
  return sync_dir(dir_);
}

Status KeyRing::finish_erasures() const {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(dir_.c_str()), ::closedir);
  if (folder == nullptr) return std::unexpected(io_error("open", dir_, errno));
  constexpr std::string_view kMark = ".erased";
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (!name.ends_with(kMark)) continue;
    const Result<std::string> segment = segment_of_stem(name.substr(0, name.size() - kMark.size()));
    if (segment && exists(key_path(*segment))) PV_TRY_VOID(destroy(key_path(*segment)));
  }
  return {};
}

}  // namespace proviso::vault
