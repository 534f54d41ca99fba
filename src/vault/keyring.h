#pragma once
// The keys of a vault: root.key wraps one wrapping key per segment, each in a file of its own, so
// that erasing one file makes one segment unreadable. A mark stays where a key was erased: a
// segment never gets a second key. Thread-safe.
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "vault/cipher.h"

namespace proviso::vault {

enum class Access { kReadOnly, kReadWrite };

class KeyRing {
 public:
  // With kReadWrite makes `dir` and root.key if need be and finishes erasures that a crash cut
  // short. With kReadOnly a missing root key leaves a ring that opens nothing.
  static Result<std::unique_ptr<KeyRing>> open(const std::string& dir, Access access);

  // The segment's key, made (durable before it is returned) if there is none and `may_create` says
  // that no record of the segment exists yet. kUnavailable if it was erased or may not be made.
  Result<std::shared_ptr<const Key>> for_sealing(const std::string& segment, bool may_create);
  // kUnavailable when it was erased or is not there, kCorrupt when it does not open.
  Result<std::shared_ptr<const Key>> for_opening(const std::string& segment) const;
  Status erase(const std::string& segment);
  // The cached key or null: the path of every seal but the first.
  [[nodiscard]] std::shared_ptr<const Key> cached(const std::string& segment) const;

 private:
  KeyRing(std::string dir, std::optional<Key> root)
      : dir_(std::move(dir)), root_(std::move(root)) {}
  [[nodiscard]] std::string key_path(std::string_view segment) const;
  [[nodiscard]] std::string mark_path(std::string_view segment) const;
  Result<std::shared_ptr<const Key>> load(const std::string& segment) const;
  Status destroy(const std::string& path) const;
  Status finish_erasures() const;

  std::string dir_;
  std::optional<Key> root_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, std::shared_ptr<const Key>, std::less<>> cache_;
};

}  // namespace proviso::vault
