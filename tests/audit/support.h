#pragma once
// What the tests of audit share: a whole state folder with log, vault and signer.
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "audit/commit.h"
#include "ledger/support.h"

namespace proviso::audit::testing {

using ledger::testing::FaultyIo;
using ledger::testing::Place;
using ledger::testing::slurp;

class State {
 public:
  Status open(ledger::Io* io = nullptr) {
    committer.reset();
    vault.reset();
    redo.reset();
    PV_TRY(redo, Redo::open(redo_places(), io ? *io : ledger::Io::system()));
    PV_TRY_VOID(place.open(io));
    PV_TRY(vault, vault::Vault::open(place.root() + "/vault"));
    return {};
  }
  Status start(ledger::Io* io = nullptr) {
    PV_TRY_VOID(open(io));
    PV_TRY(committer, Committer::start(*place.log, *vault, *redo, clock));
    return {};
  }
  void close() {
    committer.reset();
    vault.reset();
    place.close();
    redo.reset();
  }
  [[nodiscard]] RedoPlaces redo_places() const {
    return {place.root() + "/redo", place.dir(), place.root() + "/vault/segments"};
  }

  Place place;
  ManualClock clock{{1'767'225'600}};  // 2026-01-01
  std::unique_ptr<Redo> redo;
  std::unique_ptr<vault::Vault> vault;
  std::unique_ptr<Committer> committer;
};

inline Record record(UtcSeconds time, uint64_t number) {
  Record out;
  out.leaf.time = time;
  out.leaf.node = "node-1";
  out.leaf.verb = "ask";
  out.leaf.decision = "allow";
  out.facts.set("context.content.labels", std::vector<std::string>{"secret"});
  out.facts.set("exchange.id", "ex-" + std::to_string(number));
  out.facts.set("principal.role", std::string("analyst"));
  out.payloads.emplace_back("request", "{\"n\":" + std::to_string(number) + "}");
  return out;
}

// Counts what comes back, by token.
class Counter final : public Sink {
 public:
  void deliver(std::vector<Committed> batch) override {
    const std::lock_guard lock(mutex_);
    for (auto& one : batch) {
      ++times[one.token];
      if (one.receipt)
        receipts[one.token] = std::move(*one.receipt);
      else
        errors[one.token] = one.receipt.error();
      ++count;
    }
    changed_.notify_all();
  }
  void wait_for(size_t wanted) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count >= wanted; });
  }
  std::map<uint64_t, int> times;
  std::map<uint64_t, ledger::Receipt> receipts;
  std::map<uint64_t, Error> errors;
  size_t count = 0;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace proviso::audit::testing
