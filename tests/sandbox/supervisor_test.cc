#include "sandbox/supervisor.h"

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "box.h"

namespace proviso::sandbox {
namespace {

using test::Box;

// Records the changes of state and lets a test wait for one.
class Watch {
 public:
  SupervisorHooks hooks(std::function<bool()> ready) {
    SupervisorHooks hooks;
    hooks.ready = std::move(ready);
    hooks.on_probe = [this](const ProbeReport& report) -> Status {
      const std::lock_guard lock(mutex_);
      ++probes_;
      held_ = report.held();
      return probe_answer_;
    };
    hooks.on_state = [this](WorkerState state, const std::string& why) {
      const std::lock_guard lock(mutex_);
      seen_.emplace_back(state, why);
      changed_.notify_all();
    };
    return hooks;
  }
  void answer_probes_with(Status status) { probe_answer_ = std::move(status); }
  // The reason given with the `count`-th occurrence of `state`; fails the test after 20 s.
  std::string wait_for(WorkerState state, size_t count = 1) {
    std::unique_lock lock(mutex_);
    std::string why;
    const auto reached = [&] {
      size_t found = 0;
      for (const auto& [was, reason] : seen_) {
        if (was == state && ++found == count) {
          why = reason;
          return true;
        }
      }
      return false;
    };
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), reached))
        << worker_state_name(state) << " was not reached " << count << " times";
    return why;
  }
  [[nodiscard]] int probes() {
    const std::lock_guard lock(mutex_);
    return probes_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<WorkerState, std::string>> seen_;
  Status probe_answer_;
  int probes_ = 0;
  bool held_ = false;
};

bool answers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

TEST(Supervisor, StartsAKilledWorkerAgain) {
  const Box box;
  Watch watch;
  auto supervisor = Supervisor::start(box.spec({"serve", "w.sock"}),
                                      watch.hooks([&] { return answers(box.scratch() + "/w.sock"); }));
  ASSERT_TRUE(supervisor.has_value()) << supervisor.error().message;
  watch.wait_for(WorkerState::kReady, 1);
  const pid_t first = (*supervisor)->pid();
  ASSERT_GT(first, 0);
  kill(first, SIGKILL);
  EXPECT_EQ(watch.wait_for(WorkerState::kBackingOff), "the worker was ended by signal 9");
  watch.wait_for(WorkerState::kReady, 2);
  EXPECT_NE((*supervisor)->pid(), first);
  EXPECT_EQ((*supervisor)->starts(), 2U);
  EXPECT_EQ(watch.probes(), 2);
  (*supervisor)->stop();
  EXPECT_EQ((*supervisor)->state(), WorkerState::kStopped);
  EXPECT_FALSE(answers(box.scratch() + "/w.sock"));
}

TEST(Supervisor, BacksOffFromAWorkerThatCannotStartAndSaysWhy) {
  const Box box;
  Watch watch;
  const auto began = std::chrono::steady_clock::now();
  auto supervisor = Supervisor::start(box.spec({"exit", "3"}), watch.hooks([] { return false; }));
  ASSERT_TRUE(supervisor.has_value());
  const std::string why = watch.wait_for(WorkerState::kBackingOff, 3);
  // Ending between the word to go and the first look is seen as such.
  EXPECT_TRUE(why == "the worker ended with status 3; it said `cannot load it`" ||
              why == "the worker ended as it began")
      << why;
  // Two pauses lie before the third: the shortest and twice that.
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(3 * kBackoffMillisMin));
  (*supervisor)->stop();
}

TEST(Supervisor, RunsNothingThatWasNotRecorded) {
  const Box box;
  Watch watch;
  watch.answer_probes_with(fail(Code::kIo, "the ledger cannot write"));
  auto supervisor = Supervisor::start(box.spec({"serve", "w.sock"}),
                                      watch.hooks([&] { return answers(box.scratch() + "/w.sock"); }));
  ASSERT_TRUE(supervisor.has_value());
  EXPECT_EQ(watch.wait_for(WorkerState::kBackingOff, 2), "the ledger cannot write");
  EXPECT_EQ((*supervisor)->starts(), 0U);
  EXPECT_FALSE(answers(box.scratch() + "/w.sock"));
}

TEST(Supervisor, NeverRunsAWorkerWhoseSandboxDoesNotHold) {
  const Box box;
  Watch watch;
  Spec spec = box.spec({"serve", "w.sock"});
  spec.layers.seccomp = false;
  auto supervisor = Supervisor::start(spec, watch.hooks([] { return true; }));
  ASSERT_TRUE(supervisor.has_value());
  EXPECT_NE(watch.wait_for(WorkerState::kBackingOff, 1).find("does not hold"), std::string::npos);
  EXPECT_EQ((*supervisor)->starts(), 0U);
}

TEST(Supervisor, StopsAWorkerThatIsStillStarting) {
  const Box box;
  Watch watch;
  auto supervisor = Supervisor::start(box.spec({"serve", "w.sock"}), watch.hooks([] { return false; }));
  ASSERT_TRUE(supervisor.has_value());
  watch.wait_for(WorkerState::kStarting);
  (*supervisor)->stop();
  (*supervisor)->stop();
  EXPECT_EQ((*supervisor)->state(), WorkerState::kStopped);
  EXPECT_EQ((*supervisor)->pid(), -1);
}

}  // namespace
}  // namespace proviso::sandbox
