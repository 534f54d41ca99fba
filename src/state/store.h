#pragma once
// Projections for quick look-up: what the ledger says, in a form that can be asked. SQLite embedded;
// callers see tables of keys and values, never SQL. Everything in it can be rebuilt, so the ledger stays
// the truth. Thread-safe.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace proviso::state {

class Store {
 public:
  // Opens or creates the database file, private to its owner. kIo, kCorrupt, kConflict (in use).
  static Result<std::unique_ptr<Store>> open(const std::string& path);
  virtual ~Store() = default;

  virtual Result<std::optional<std::string>> get(std::string_view table, std::string_view key) = 0;
  virtual Status put(std::string_view table, std::string_view key, std::string_view value) = 0;
  virtual Status erase(std::string_view table, std::string_view key) = 0;
  // All of a table, in key order.
  virtual Result<std::vector<std::pair<std::string, std::string>>> list(std::string_view table) = 0;
  // Durable as a whole or not at all.
  virtual Status transaction(const std::function<Status(Store&)>& body) = 0;
};

}  // namespace proviso::state
