#include "http/aside.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <atomic>
#include <optional>
#include <system_error>
#include <utility>

#include "http/loop_impl.h"

namespace proviso::http {

struct Aside::Impl {
  explicit Impl(size_t threads) : pool(threads) {}
  asio::thread_pool pool;
};

namespace {

// The awaiter of one job.
struct Job {
  asio::thread_pool& pool;
  Loop& loop;
  std::move_only_function<void()> fn;
  std::atomic<bool> unwanted = false;  // set on the loop, looked at when its turn has come
  bool ran = false;

  static bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    // The loop must not end while somebody on it waits for this.
    asio::post(pool, [this, caller, busy = asio::make_work_guard(loop.impl().io)] {
      ran = !unwanted;
      if (ran) fn();
      resume_soon(loop, caller);  // from here on this awaiter may be gone
    });
  }
  [[nodiscard]] bool await_resume() const { return ran; }
};

}  // namespace

Aside::Aside(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Aside::~Aside() { impl_->pool.join(); }

Result<std::unique_ptr<Aside>> Aside::create(size_t threads) {
  if (threads < 1 || threads > kLoopsMax) return fail(Code::kInvalid, "the number of threads is out of range");
  try {
    return std::unique_ptr<Aside>(new Aside(std::make_unique<Impl>(threads)));
  } catch (const std::system_error& error) {
    return fail(Code::kInternal, std::string("cannot start a thread: ") + error.what());
  }
}

Task<bool> Aside::run(Loop& loop, std::move_only_function<void()> fn, Cancel* cancel) {
  PV_CHECK(loop.here());
  Job job{impl_->pool, loop, std::move(fn)};
  std::optional<Cancel::Listener> listener;
  if (cancel != nullptr) listener.emplace(*cancel, [&job] { job.unwanted = true; });
  const bool ran = co_await job;
  co_return ran;
}

}  // namespace proviso::http
