#pragma once
// What a loop is made of. Inside http only: Asio stays out of the room's face.
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "http/loop.h"

namespace proviso::http {

namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

// Something with deadlines, linked into its loop while it lives. sweep() looks at the time; it may close
// and post, but neither destroys nor links anything.
class Timed {
 public:
  explicit Timed(Loop& loop);
  virtual ~Timed();
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  virtual void sweep(Time now) = 0;

 private:
  friend struct Loop::Impl;
  Loop::Impl& timed_loop_;
  Timed* timed_next_ = nullptr;
  Timed* timed_prev_ = nullptr;
};

struct Loop::Impl {
  explicit Impl(std::chrono::milliseconds sweep_every);
  void run();
  void arm_sweep();
  void link(Timed& timed);
  void unlink(Timed& timed);
  // "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7); lives until the next call.
  std::string_view date();

  asio::io_context io;
  asio::executor_work_guard<Executor> work;
  Timer timer;
  std::chrono::milliseconds sweep_every;
  Timed* first = nullptr;
  std::string date_text;
  time_t date_second = 0;
  bool ending = false;
  std::thread thread;
};

// Resumes from the loop, not from here.
void resume_soon(Loop& loop, std::coroutine_handle<> handle);

}  // namespace proviso::http
