#pragma once
// How a loop waits for the ledger: one port per loop, one wake-up per batch in either direction. A coroutine that commits
// through it goes on only when its record is durable and signed, or has failed.
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "audit/commit.h"
#include "http/loop.h"
#include "http/task.h"

namespace proviso::gate {

class CommitPort final : public audit::Sink {
 public:
  // Both outlive the port. Used on `loop` only, except deliver().
  CommitPort(http::Loop& loop, audit::Committer& committer) : loop_(loop), committer_(committer) {}

  [[nodiscard]] http::Loop& loop() const { return loop_; }
  // kUnavailable if the queue is full or the ledger has failed, kTimeout at the deadline: the record may
  // still become durable, so nothing that depended on it is released.
  http::Task<Result<ledger::Receipt>> commit(audit::SealedRecord record, http::Time deadline);

  void deliver(std::vector<audit::Committed> batch) override;

 private:
  struct Waiter {
    explicit Waiter(http::Loop& loop) : done(loop) {}
    http::Event done;
    Result<ledger::Receipt> receipt = fail(Code::kInternal, "no answer");
  };
  void wake_soon();
  http::Loop& loop_;
  audit::Committer& committer_;
  bool waking_ = false;
  uint64_t next_token_ = 1;
  std::unordered_map<uint64_t, Waiter*> waiting_;
};

}  // namespace proviso::gate
