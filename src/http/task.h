#pragma once
// Task<T>: the coroutine type of the rooms that suspend (http, models, gate). Lazy: nothing runs until
// it is awaited or given to Loop::spawn. Awaiting moves control by symmetric transfer, so a chain of
// calls that never blocks costs neither stack nor a trip through the event loop. It is ours, and not
// asio::awaitable, so that rooms above can suspend without including Asio: a unit with Asio takes ten
// seconds to compile.
//
// Rules for authors (C1): one co_await per statement, alone or as a whole initialiser; parameters by
// value, or references to what outlives the await; never a capturing lambda coroutine that outlives its
// captures. A Task belongs to the loop it first runs on. Exceptions travel to the awaiter.
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "base/check.h"

namespace proviso::http {

template <class T = void>
class Task;

namespace detail {

// Memory of coroutine frames, recycled per thread.
void* take_frame(size_t size);
void give_frame(void* frame, size_t size) noexcept;

struct PromiseBase {
  static void* operator new(size_t size) { return take_frame(size); }
  static void operator delete(void* frame, size_t size) { give_frame(frame, size); }

  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr exception;

  struct Final {
    static bool await_ready() noexcept { return false; }
    template <class P>
    static std::coroutine_handle<> await_suspend(std::coroutine_handle<P> done) noexcept {
      return done.promise().continuation;
    }
    static void await_resume() noexcept {}
  };
  static std::suspend_always initial_suspend() noexcept { return {}; }
  static Final final_suspend() noexcept { return {}; }
  void unhandled_exception() { exception = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    if (exception) std::rethrow_exception(exception);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  static void return_void() {}
  void take() const {
    if (exception) std::rethrow_exception(exception);
  }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // Awaited once: runs the coroutine and gives its value.
  auto operator co_await() && {
    struct Awaiter {
      Handle handle;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) const noexcept {
        handle.promise().continuation = caller;
        return handle;
      }
      T await_resume() const { return handle.promise().take(); }
    };
    PV_CHECK(static_cast<bool>(handle_));
    return Awaiter{handle_};
  }

 private:
  Handle handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
}  // namespace detail

}  // namespace proviso::http
