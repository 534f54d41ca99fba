#pragma once
// Projections for quick look-up: what the ledger says, in a form that can be asked. SQLite
// embedded; callers see tables of keys and values, never SQL. Everything in it can be rebuilt, so
// the ledger stays the truth. Thread-safe. One process writes (a lock file beside the database);
// others may read.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace proviso::state {

inline constexpr size_t kTableNameBytesMax = 63;     // tables are named in code: lower-case words
inline constexpr size_t kKeyBytesMax = 1024;         // keys are ids, not contents
inline constexpr size_t kValueBytesMax = 16u << 20;  // payloads live in the vault

class Store {
 public:
  // Opens or creates the database file, private to its owner: kInvalid if group or others may reach
  // it. kConflict while another process writes it, kCorrupt if it is no database, kUnsupported if a
  // newer version made it, kIo.
  static Result<std::unique_ptr<Store>> open(const std::string& path);
  // For looking only, beside a writer: put, erase and transaction are kConflict. kNotFound.
  static Result<std::unique_ptr<Store>> open_reader(const std::string& path);
  virtual ~Store() = default;

  // kInvalid for a table name that is not lower-case letters, digits and underscores; kLimit.
  virtual Result<std::optional<std::string>> get(std::string_view table, std::string_view key) = 0;
  // Durable on return.
  virtual Status put(std::string_view table, std::string_view key, std::string_view value) = 0;
  virtual Status erase(std::string_view table, std::string_view key) = 0;  // absent is no error
  // All of a table, in bytewise key order.
  virtual Result<std::vector<std::pair<std::string, std::string>>> list(std::string_view table) = 0;
  // Durable as a whole or not at all: an error from `body` undoes everything and is returned. The
  // body uses the store that it is given, which it must not keep; a transaction within one is
  // kInvalid.
  virtual Status transaction(const std::function<Status(Store&)>& body) = 0;
};

}  // namespace proviso::state
