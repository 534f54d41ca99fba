#pragma once
// What every exchange shares: the rooms that the corridor walks through, made once by the service and
// alive as long as it serves. Everything in here is thread-safe. The agreement in force is an immutable
// snapshot that is swapped as a whole; a decision reads it once.
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agreement/agreement.h"
#include "audit/commit.h"
#include "gate/config.h"
#include "gate/metrics.h"
#include "http/aside.h"
#include "identity/identity.h"
#include "inspect/inspector.h"
#include "models/catalog.h"
#include "oversight/oversight.h"
#include "vault/vault.h"

namespace proviso::gate {

inline constexpr int64_t kNeverWitnessedMs = INT64_MAX;  // House::quorum_missing_ms where no witnesses are asked
inline constexpr size_t kReceiptsKeptMax = 65'536;  // for GET /proviso/receipts: a few minutes at full load

// Receipts of recent exchanges, for clients of streams. The oldest make room; all of them can be made
// again from the log. Thread-safe.
class ReceiptShelf {
 public:
  void put(const std::string& exchange, const ledger::Receipt& receipt, std::string_view person);
  // One JSON line per leaf of the exchange; empty unless it is there and `person` asked it.
  [[nodiscard]] std::string find(const std::string& exchange, std::string_view person) const;

 private:
  struct Kept {
    std::vector<ledger::Receipt> receipts;
    std::string person;
  };
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Kept> kept_;
  std::vector<std::string> order_;  // a ring of exchange ids
  size_t next_ = 0;
};

class Webhook;
class ToolBook;

struct InForce {
  std::shared_ptr<const agreement::Agreement> agreement;
  std::shared_ptr<const oversight::Stops> stops;
  std::shared_ptr<const oversight::Emergencies> emergencies;
  uint64_t version = 0;  // grows with every swap, stop and emergency
};

struct House {
  Config config;
  std::string node;
  const Clock& clock;
  audit::Committer& committer;
  const vault::Vault& vault;
  identity::Directory& people;
  oversight::Oversight& oversight;
  const inspect::Inspector inspector;
  const models::Catalog& catalog;
  Metrics& metrics;
  ReceiptShelf receipts;
  const ToolBook* tools = nullptr;  // set before anything is served; lives as long as it serves
  Webhook* webhook = nullptr;  // null where approvers are not told
  http::Aside* aside = nullptr;  // where long texts are inspected, and all with an encoder; set before anything is served
  std::atomic<bool> ledger_late = false;  // the newest commit missed its deadline
  // For how long too few witnesses have cosigned; 0 while there are enough.
  std::atomic<int64_t> quorum_missing_ms = 0;
  std::atomic<bool> quorum = true;  // true also where no witnesses are asked
  std::atomic<bool> quorum_asked = true;  // a first round since the start has ended, or took too long
  std::atomic<bool> ready = false;  // the worker serves, or none is configured

  // Whether requests wait for witnesses: the agreement in force says so, or the configuration, which may
  // only be stricter.
  [[nodiscard]] bool unwitnessed() const;
  [[nodiscard]] std::shared_ptr<const InForce> in_force() const { return in_force_.load(); }
  // From now on decisions are taken under this agreement, or under the stops and emergencies that oversight has now.
  void put_in_force(std::shared_ptr<const agreement::Agreement> agreement);
  void put_oversight_in_force();

  House(Config config_in, const Clock& clock_in, audit::Committer& committer_in,
        const vault::Vault& vault_in, identity::Directory& people_in,
        oversight::Oversight& oversight_in, inspect::Inspector inspector_in,
        const models::Catalog& catalog_in, Metrics& metrics_in);

 private:
  std::mutex swapping_;
  std::atomic<std::shared_ptr<const InForce>> in_force_;
};

}  // namespace proviso::gate
