#include "sandbox/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

#include "base/check.h"

namespace proviso::sandbox {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kAskMillisMin = 5;
constexpr int kAskMillisMax = 250;

int64_t millis_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
}

// The last line that is not empty, printable ASCII only, for a sentence.
std::string last_line(std::string_view tail) {
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == ' ')) tail.remove_suffix(1);
  if (const size_t at = tail.rfind('\n'); at != std::string_view::npos) tail.remove_prefix(at + 1);
  std::string line(tail.substr(0, 200));
  for (char& c : line) {
    if (c < ' ' || c > '~' || c == '`') c = '?';
  }
  return line;
}

}  // namespace

const char* worker_state_name(WorkerState state) {
  switch (state) {
    case WorkerState::kStarting: return "starting";
    case WorkerState::kReady: return "ready";
    case WorkerState::kBackingOff: return "backing_off";
    case WorkerState::kStopped: return "stopped";
  }
  return "stopped";
}

struct Supervisor::Impl {
  explicit Impl(Prepared p, SupervisorHooks h) : prepared(std::move(p)), hooks(std::move(h)) {}
  Prepared prepared;
  SupervisorHooks hooks;
  Fd stop_event;
  std::atomic<int> grace_ms{0};
  std::thread thread;

  enum class Woke { kStop, kEnded, kTime };

  // Waits for the stop, the child's end (where there is one) or `timeout_ms` (-1: no limit), and takes
  // in what the child says meanwhile: kept in `tail` while it may be nullptr, else thrown away.
  Woke wait(Child* child, int64_t timeout_ms, std::string* tail) {
    const auto start = Clock::now();
    for (;;) {
      pollfd entries[3] = {{stop_event.get(), POLLIN, 0},
                           {child != nullptr ? child->pidfd() : -1, POLLIN, 0},
                           {child != nullptr && output_open ? child->output() : -1, POLLIN, 0}};
      const int64_t left = timeout_ms < 0 ? -1 : std::max<int64_t>(0, timeout_ms - millis_since(start));
      const int ready = poll(entries, 3, static_cast<int>(left));
      if (ready < 0 && errno != EINTR) return Woke::kStop;
      if (entries[2].revents != 0) take_output(*child, tail);
      if (entries[0].revents != 0) return Woke::kStop;
      if (entries[1].revents != 0) return Woke::kEnded;
      if (ready == 0) return Woke::kTime;
    }
  }

  void take_output(const Child& child, std::string* tail) {
    char buffer[4096];
    const ssize_t got = read(child.output(), buffer, sizeof buffer);
    if (got == 0) output_open = false;
    if (got <= 0 || tail == nullptr) return;
    tail->append(buffer, static_cast<size_t>(got));
    if (tail->size() > kOutputTailMax) tail->erase(0, tail->size() - kOutputTailMax);
  }

  bool output_open = true;
};

Result<std::unique_ptr<Supervisor>> Supervisor::start(Spec spec, SupervisorHooks hooks) {
  PV_TRY(auto prepared, Prepared::create(std::move(spec)));
  std::unique_ptr<Supervisor> supervisor(new Supervisor());
  supervisor->impl_ = std::make_unique<Impl>(std::move(prepared), std::move(hooks));
  Impl& impl = *supervisor->impl_;
  PV_CHECK(impl.hooks.ready != nullptr);
  impl.stop_event = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!impl.stop_event.valid()) return std::unexpected(io_error("make an event for", "the worker", errno));
  supervisor->state_.store(WorkerState::kStarting);
  try {
    impl.thread = std::thread([raw = supervisor.get()] { raw->run(); });
  } catch (const std::system_error& error) {
    return fail(Code::kInternal, std::string("cannot start a thread: ") + error.what());
  }
  return supervisor;
}

Supervisor::~Supervisor() { stop(); }

void Supervisor::stop(int grace_ms) {
  if (!impl_ || !impl_->thread.joinable()) return;
  impl_->grace_ms.store(grace_ms);
  const uint64_t one = 1;
  PV_CHECK(write(impl_->stop_event.get(), &one, sizeof one) == sizeof one);
  impl_->thread.join();
}

void Supervisor::change(WorkerState state, const std::string& why) {
  state_.store(state);
  if (impl_->hooks.on_state) impl_->hooks.on_state(state, why);
}

// One life of the worker, to its end or to the stop. Returns why it ended; empty: asked to stop.
std::string Supervisor::live(bool& steady) {
  Impl& impl = *impl_;
  steady = false;
  impl.output_open = true;
  auto confined = Child::confine(impl.prepared);
  if (!confined) return confined.error().message;
  Child& child = *confined;
  if (impl.hooks.on_probe) {
    if (const auto status = impl.hooks.on_probe(child.report()); !status) return status.error().message;
  }
  if (const auto status = child.go(); !status) return status.error().message;
  starts_.fetch_add(1);
  pid_.store(child.pid());
  std::string tail;
  const auto began = Clock::now();
  Clock::time_point ready_at;
  bool ready = false;
  Impl::Woke woke = Impl::Woke::kTime;
  for (int pause = kAskMillisMin; woke == Impl::Woke::kTime && !ready; pause = std::min(pause * 2, kAskMillisMax)) {
    if (millis_since(began) > kReadyMillisMax) break;
    if (impl.hooks.ready()) {
      ready = true;
    } else {
      woke = impl.wait(&child, pause, &tail);
    }
  }
  if (ready) {
    ready_at = Clock::now();
    change(WorkerState::kReady, {});
    woke = impl.wait(&child, -1, nullptr);
    steady = millis_since(ready_at) > kSteadyMillis;
  }
  pid_.store(-1);
  if (woke == Impl::Woke::kStop) {
    child.stop(impl.grace_ms.load());
    return {};
  }
  if (woke == Impl::Woke::kTime) return "the worker was not ready in time";
  if (!ready) impl.take_output(child, &tail);
  Ended how;
  child.ended(how);
  std::string why = how.signal != 0 ? "the worker was ended by signal " + std::to_string(how.signal)
                                    : "the worker ended with status " + std::to_string(how.status);
  if (!tail.empty() && !ready) why += "; it said `" + last_line(tail) + "`";
  return why;
}

void Supervisor::run() {
  int64_t pause = kBackoffMillisMin;
  for (;;) {
    change(WorkerState::kStarting, {});
    bool steady = false;
    const std::string why = live(steady);
    if (why.empty()) break;
    if (steady) pause = kBackoffMillisMin;
    change(WorkerState::kBackingOff, why);
    if (impl_->wait(nullptr, pause, nullptr) == Impl::Woke::kStop) break;
    pause = std::min<int64_t>(pause * 2, kBackoffMillisMax);
  }
  change(WorkerState::kStopped, {});
}

}  // namespace proviso::sandbox
