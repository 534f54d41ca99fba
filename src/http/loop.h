#pragma once
// Event loops: one thread and one Asio io_context each, nothing shared between them. Whatever is made on
// a loop (a call, a client, an event) is touched on that loop only; post() is the one way in from other
// threads. Deadlines are looked at together, once per sweep, so an operation never owns a timer: they
// are as coarse as the sweep and never early.
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "http/task.h"

namespace proviso::http {

using Time = std::chrono::steady_clock::time_point;
inline constexpr Time kNever = Time::max();

inline constexpr size_t kLoopsMax = 256;  // one thread each: more than any machine has use for

class Loop {
 public:
  struct Impl;
  Loop(std::unique_ptr<Impl> impl, size_t index);  // by Loops::create only
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs `fn` on the loop, in order of posting. Any thread. `fn` must not throw or block.
  void post(std::move_only_function<void()> fn);
  // Runs `task` to its end on the loop. Any thread. An exception that leaves it stops the program.
  void spawn(Task<void> task);
  // True on the loop's own thread.
  [[nodiscard]] bool here() const;
  // Its place in Loops: for state that is kept per loop.
  [[nodiscard]] size_t index() const { return index_; }
  [[nodiscard]] static Time now() { return std::chrono::steady_clock::now(); }
  [[nodiscard]] Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
  size_t index_;
};

struct LoopsConfig {
  size_t count = 1;
  std::chrono::milliseconds sweep{1000};  // how often deadlines are looked at; tests set it low
};

// The loops of the process. Destroying it stops them: whatever uses them goes first.
class Loops {
 public:
  // kInvalid unless 1 <= count <= kLoopsMax; kInternal if threads cannot be made. Ignores SIGPIPE for
  // the process: a peer that went away is an error code here.
  static Result<std::unique_ptr<Loops>> create(LoopsConfig config);
  ~Loops();
  [[nodiscard]] size_t size() const { return loops_.size(); }
  [[nodiscard]] Loop& at(size_t index) { return *loops_[index]; }

 private:
  Loops() = default;
  std::vector<std::unique_ptr<Loop>> loops_;
};

// Runs `task` on `loop` and waits for its value on this thread, which must not be the loop's. For
// commands and tests.
template <class T>
T block_on(Loop& loop, Task<T> task);

// A request to stop what is going on, heard by whatever waits. One loop; not thread-safe.
class Cancel {
 public:
  Cancel() = default;
  Cancel(const Cancel&) = delete;
  Cancel& operator=(const Cancel&) = delete;
  ~Cancel();

  [[nodiscard]] bool requested() const { return requested_; }
  // Listeners run here, in the order in which they came; later requests do nothing.
  void request();

  // Runs `fn` once when the cancel is requested (at once if it was); never after its destruction.
  class Listener {
   public:
    Listener(Cancel& cancel, std::move_only_function<void()> fn);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

   private:
    friend class Cancel;
    void unlink();
    Cancel* cancel_ = nullptr;
    Listener* next_ = nullptr;
    Listener* prev_ = nullptr;
    std::move_only_function<void()> fn_;
  };

 private:
  Listener* first_ = nullptr;
  Listener* last_ = nullptr;
  bool requested_ = false;
};

enum class Woken { kSet, kDeadline, kCancelled };

// Something that a coroutine waits for: a commit, a release of a hold, a tick. One waiter at a time, one
// loop; from another thread set it through Loop::post. The waiter resumes from the loop, not inside set().
class Event {
 public:
  explicit Event(Loop& loop);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void set();
  void reset() { set_ = false; }
  [[nodiscard]] bool is_set() const { return set_; }
  // kSet at once if it is set. With only a deadline it is a sleep.
  Task<Woken> wait(Time deadline = kNever, Cancel* cancel = nullptr);

 private:
  struct Waiter;
  Loop& loop_;
  Waiter* waiter_ = nullptr;
  bool set_ = false;
};

template <class T>
T block_on(Loop& loop, Task<T> task) {
  PV_CHECK(!loop.here());
  std::promise<T> promise;
  auto future = promise.get_future();
  auto outer = [](Task<T> inner, std::promise<T> out) -> Task<void> {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::move(inner);
        out.set_value();
      } else {
        auto value = co_await std::move(inner);
        out.set_value(std::move(value));
      }
    } catch (...) {
      out.set_exception(std::current_exception());
    }
  };
  loop.spawn(outer(std::move(task), std::move(promise)));
  return future.get();
}

}  // namespace proviso::http
