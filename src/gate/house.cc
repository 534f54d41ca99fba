#include "gate/house.h"

namespace proviso::gate {

void ReceiptShelf::put(const std::string& exchange, const ledger::Receipt& receipt,
                       std::string_view person) {
  const std::lock_guard lock(mutex_);
  const auto [kept, fresh] = kept_.try_emplace(exchange);
  kept->second.receipts.push_back(receipt);
  if (!fresh) return;
  kept->second.person = std::string(person);
  if (order_.size() < kReceiptsKeptMax) {
    order_.push_back(exchange);
    return;
  }
  kept_.erase(order_[next_]);
  order_[next_] = exchange;
  next_ = (next_ + 1) % kReceiptsKeptMax;
}

std::string ReceiptShelf::find(const std::string& exchange, std::string_view person) const {
  const std::lock_guard lock(mutex_);
  const auto kept = kept_.find(exchange);
  if (kept == kept_.end() || kept->second.person != person) return {};
  std::string text;
  for (const ledger::Receipt& receipt : kept->second.receipts) text += receipt.text() + "\n";
  return text;
}

House::House(Config config_in, const Clock& clock_in, audit::Committer& committer_in,
             const vault::Vault& vault_in, identity::Directory& people_in,
             oversight::Oversight& oversight_in, inspect::Inspector inspector_in,
             const models::Catalog& catalog_in, Metrics& metrics_in)
    : config(std::move(config_in)),
      node(config.node),
      clock(clock_in),
      committer(committer_in),
      vault(vault_in),
      people(people_in),
      oversight(oversight_in),
      inspector(std::move(inspector_in)),
      catalog(catalog_in),
      metrics(metrics_in) {
  in_force_.store(std::make_shared<const InForce>(InForce{nullptr, oversight.stops(), oversight.emergencies(), 0}));
}

bool House::unwitnessed() const {
  const int64_t missing = quorum_missing_ms.load();
  if (missing == 0) return false;
  const auto longer_than = [&](int64_t seconds) { return missing > seconds * 1000; };
  const WitnessConfig& own = config.witness;
  if (!own.policy.empty() && own.without_quorum == "refuse" && longer_than(own.grace_seconds)) return true;
  const auto& agreed = in_force()->agreement->terms().witnesses;
  return agreed && agreed->without_quorum == agreement::Witnessing::Without::kRefuse && longer_than(agreed->grace_seconds);
}

void House::put_in_force(std::shared_ptr<const agreement::Agreement> agreement) {
  const std::lock_guard lock(swapping_);
  InForce next = *in_force();
  next.agreement = std::move(agreement);
  ++next.version;
  in_force_.store(std::make_shared<const InForce>(std::move(next)));
}

void House::put_oversight_in_force() {
  const std::lock_guard lock(swapping_);
  InForce next = *in_force();
  next.stops = oversight.stops();
  next.emergencies = oversight.emergencies();
  ++next.version;
  in_force_.store(std::make_shared<const InForce>(std::move(next)));
}

}  // namespace proviso::gate
