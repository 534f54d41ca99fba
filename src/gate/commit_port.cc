#include "gate/commit_port.h"

#include <utility>

namespace proviso::gate {

http::Task<Result<ledger::Receipt>> CommitPort::commit(audit::SealedRecord record,
                                                       http::Time deadline) {
  const uint64_t token = next_token_++;
  Waiter waiter(loop_);
  waiting_.emplace(token, &waiter);
  if (!committer_.submit(std::move(record), *this, token, audit::Committer::Wake::kLater)) {
    waiting_.erase(token);
    const std::string why = committer_.failure();
    co_return fail(Code::kUnavailable,
                   why.empty() ? "the ledger has too much to write; try again in a moment"
                               : "the ledger cannot write: " + why);
  }
  wake_soon();
  // Not cancelled when the client goes: what was decided is recorded and its outcome follows.
  const http::Woken woken = co_await waiter.done.wait(deadline);
  waiting_.erase(token);
  if (woken != http::Woken::kSet) {
    co_return fail(Code::kTimeout, "the ledger did not write in time");
  }
  co_return std::move(waiter.receipt);
}

// Behind what the loop has at hand already: the other requests of this turn join the batch.
void CommitPort::wake_soon() {
  if (std::exchange(waking_, true)) return;
  loop_.post([this] {
    waking_ = false;
    committer_.wake();
  });
}

void CommitPort::deliver(std::vector<audit::Committed> batch) {
  loop_.post([this, batch = std::move(batch)]() mutable {
    for (audit::Committed& committed : batch) {
      const auto found = waiting_.find(committed.token);
      if (found == waiting_.end()) continue;  // gave up at its deadline
      found->second->receipt = std::move(committed.receipt);
      found->second->done.set();
    }
  });
}

}  // namespace proviso::gate
