#pragma once
// Threads beside the loops, for work that would keep a loop from its other exchanges for many milliseconds.
#include <cstddef>
#include <functional>
#include <memory>

#include "base/result.h"
#include "http/loop.h"

namespace proviso::http {

class Aside {
 public:
  // kInvalid unless 1 <= threads <= kLoopsMax; kInternal if threads cannot be made.
  static Result<std::unique_ptr<Aside>> create(size_t threads);
  // Waits for what runs. Goes after the loops that wait for it, which do not end before it has answered them.
  ~Aside();

  // Runs `fn` on one of the threads, first come, first served; the caller goes on on `loop`, its own, afterwards. Nothing
  // interrupts it, so what it refers to lives until then, and only it touches that. `fn` must not throw. Any loop.
  // False, and `fn` did not run: `cancel`, of that loop, was requested before its turn came.
  Task<bool> run(Loop& loop, std::move_only_function<void()> fn, Cancel* cancel = nullptr);

 private:
  struct Impl;
  explicit Aside(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace proviso::http
