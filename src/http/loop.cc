#include "http/loop.h"

#include <boost/asio/post.hpp>
#include <csignal>
#include <ctime>
#include <optional>
#include <system_error>

#include "http/loop_impl.h"

namespace proviso::http {
namespace {

// A coroutine that nobody awaits: frees itself at its end.
struct Detached {
  struct promise_type {
    static Detached get_return_object() { return {}; }
    static std::suspend_never initial_suspend() noexcept { return {}; }
    static std::suspend_never final_suspend() noexcept { return {}; }
    static void return_void() {}
    static void unhandled_exception() { std::terminate(); }
  };
};

Detached run_detached(Task<void> task) { co_await std::move(task); }

}  // namespace

Timed::Timed(Loop& loop) : timed_loop_(loop.impl()) { timed_loop_.link(*this); }
Timed::~Timed() { timed_loop_.unlink(*this); }

Loop::Impl::Impl(std::chrono::milliseconds every)
    // One thread: sockets need no locks. post() from other threads stays safe.
    : io(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO), work(io.get_executor()), timer(io.get_executor()), sweep_every(every) {}

void Loop::Impl::run() {
  arm_sweep();
  io.run();
}

void Loop::Impl::arm_sweep() {
  timer.expires_after(sweep_every);
  timer.async_wait([this](const boost::system::error_code& error) {
    // Cancelling does not reach a wait that has ended already.
    if (error || ending) return;
    const Time now = Loop::now();
    for (Timed* timed = first; timed != nullptr;) {
      Timed* next = timed->timed_next_;
      timed->sweep(now);
      timed = next;
    }
    arm_sweep();
  });
}

void Loop::Impl::link(Timed& timed) {
  timed.timed_next_ = first;
  if (first != nullptr) first->timed_prev_ = &timed;
  first = &timed;
}

void Loop::Impl::unlink(Timed& timed) {
  if (timed.timed_prev_ != nullptr)
    timed.timed_prev_->timed_next_ = timed.timed_next_;
  else
    first = timed.timed_next_;
  if (timed.timed_next_ != nullptr) timed.timed_next_->timed_prev_ = timed.timed_prev_;
}

std::string_view Loop::Impl::date() {
  const time_t second = time(nullptr);
  if (second != date_second) {
    date_second = second;
    tm parts{};
    gmtime_r(&second, &parts);
    date_text.resize(32);
    date_text.resize(
        strftime(date_text.data(), date_text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts));
  }
  return date_text;
}

void resume_soon(Loop& loop, std::coroutine_handle<> handle) {
  asio::post(loop.impl().io.get_executor(), [handle] { handle.resume(); });
}

Loop::Loop(std::unique_ptr<Impl> impl, size_t index) : impl_(std::move(impl)), index_(index) {}
Loop::~Loop() {
  if (!impl_->thread.joinable()) return;
  // What is closing ends by itself; then nothing is left to run.
  asio::post(impl_->io.get_executor(), [impl = impl_.get()] {
    impl->ending = true;
    impl->work.reset();
    impl->timer.cancel();
  });
  impl_->thread.join();
}

void Loop::post(std::move_only_function<void()> fn) {
  asio::post(impl_->io.get_executor(), [held = std::move(fn)]() mutable { held(); });
}

void Loop::spawn(Task<void> task) {
  if (here()) {
    run_detached(std::move(task));
    return;
  }
  asio::post(impl_->io.get_executor(),
             [held = std::move(task)]() mutable { run_detached(std::move(held)); });
}

bool Loop::here() const { return impl_->io.get_executor().running_in_this_thread(); }

Result<std::unique_ptr<Loops>> Loops::create(LoopsConfig config) {
  if (config.count < 1 || config.count > kLoopsMax)
    return fail(Code::kInvalid, "the number of loops is out of range");
  if (config.sweep.count() < 1) return fail(Code::kInvalid, "the sweep is shorter than 1 ms");
  std::signal(SIGPIPE, SIG_IGN);
  std::unique_ptr<Loops> loops(new Loops);
  for (size_t i = 0; i < config.count; ++i) {
    auto impl = std::make_unique<Loop::Impl>(config.sweep);
    Loop::Impl* raw = impl.get();
    loops->loops_.push_back(std::make_unique<Loop>(std::move(impl), i));
    try {
      raw->thread = std::thread([raw] { raw->run(); });
    } catch (const std::system_error& error) {
      return fail(Code::kInternal, std::string("cannot start a thread: ") + error.what());
    }
  }
  return loops;
}

Loops::~Loops() = default;

Cancel::~Cancel() {
  while (first_ != nullptr) first_->unlink();
}

void Cancel::request() {
  if (requested_) return;
  requested_ = true;
  while (first_ != nullptr) {
    Listener* listener = first_;
    listener->unlink();
    listener->fn_();
  }
}

Cancel::Listener::Listener(Cancel& cancel, std::move_only_function<void()> fn) : fn_(std::move(fn)) {
  if (cancel.requested_) {
    fn_();
    return;
  }
  cancel_ = &cancel;
  prev_ = cancel.last_;
  if (prev_ != nullptr)
    prev_->next_ = this;
  else
    cancel.first_ = this;
  cancel.last_ = this;
}

Cancel::Listener::~Listener() { unlink(); }

void Cancel::Listener::unlink() {
  if (cancel_ == nullptr) return;
  (prev_ != nullptr ? prev_->next_ : cancel_->first_) = next_;
  (next_ != nullptr ? next_->prev_ : cancel_->last_) = prev_;
  cancel_ = nullptr;
  next_ = prev_ = nullptr;
}

struct Event::Waiter final : Timed {
  Waiter(Event& owner, Time due_at) : Timed(owner.loop_), event(owner), due(due_at) {}
  void wake(Woken reason) {
    if (!handle) return;
    why = reason;
    event.waiter_ = nullptr;
    resume_soon(event.loop_, std::exchange(handle, {}));
  }
  void sweep(Time now) override {
    if (now >= due) wake(Woken::kDeadline);
  }
  // The awaiter of itself.
  [[nodiscard]] static bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    handle = caller;
    event.waiter_ = this;
  }
  [[nodiscard]] Woken await_resume() const { return why; }

  Event& event;
  Time due;
  std::coroutine_handle<> handle;
  Woken why = Woken::kSet;
};

Event::Event(Loop& loop) : loop_(loop) {}
Event::~Event() { PV_CHECK(waiter_ == nullptr); }

void Event::set() {
  set_ = true;
  if (waiter_ != nullptr) waiter_->wake(Woken::kSet);
}

Task<Woken> Event::wait(Time deadline, Cancel* cancel) {
  PV_CHECK(waiter_ == nullptr);
  if (set_) co_return Woken::kSet;
  if (cancel != nullptr && cancel->requested()) co_return Woken::kCancelled;
  Waiter waiter(*this, deadline);
  std::optional<Cancel::Listener> listener;
  if (cancel != nullptr) {
    Waiter* target = &waiter;
    auto wake = [target] { target->wake(Woken::kCancelled); };
    listener.emplace(*cancel, std::move(wake));
  }
  const Woken why = co_await waiter;
  co_return why;
}

}  // namespace proviso::http
