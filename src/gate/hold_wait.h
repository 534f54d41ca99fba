#pragma once
// Waiting for a hold on a loop: the docket's events, brought to the coroutine that waits.
#include <memory>
#include <string>

#include "http/loop.h"
#include "oversight/docket.h"

namespace proviso::gate {

class HoldWait {
 public:
  // Both outlive it. Used on `loop` only.
  HoldWait(http::Loop& loop, oversight::Docket& docket, std::string hold);
  ~HoldWait();
  HoldWait(const HoldWait&) = delete;
  HoldWait& operator=(const HoldWait&) = delete;

  // kSet when something happened to the hold since the last call.
  http::Task<http::Woken> changed(http::Time deadline, http::Cancel* cancel);

 private:
  oversight::Docket& docket_;
  const std::string hold_;
  // Outlives this while a posted wake-up is under way; null once nobody waits. On the loop only.
  std::shared_ptr<http::Event*> waiting_;
  http::Event event_;
  uint64_t token_ = 0;
};

}  // namespace proviso::gate
