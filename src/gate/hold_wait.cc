#include "gate/hold_wait.h"

namespace proviso::gate {

HoldWait::HoldWait(http::Loop& loop, oversight::Docket& docket, std::string hold)
    : docket_(docket),
      hold_(std::move(hold)),
      waiting_(std::make_shared<http::Event*>(&event_)),
      event_(loop) {
  token_ = docket_.watch(hold_, [&loop, waiting = waiting_] {
    loop.post([waiting] {
      if (*waiting != nullptr) (*waiting)->set();
    });
  });
}

HoldWait::~HoldWait() {
  docket_.unwatch(hold_, token_);
  *waiting_ = nullptr;
}

http::Task<http::Woken> HoldWait::changed(http::Time deadline, http::Cancel* cancel) {
  const http::Woken woken = co_await event_.wait(deadline, cancel);
  event_.reset();
  co_return woken;
}

}  // namespace proviso::gate
