// Work beside the loops: the loop goes on meanwhile, and does not end before what waits on it was answered.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <semaphore>
#include <thread>

#include "http/aside.h"

namespace proviso::http {
namespace {

Task<void> resumed_after(Aside& aside, Loop& loop, std::move_only_function<void()> fn, std::function<void()> then) {
  const bool ran = co_await aside.run(loop, std::move(fn));
  EXPECT_TRUE(ran);
  then();
}

// One thread beside one loop.
class Beside : public testing::Test {
 protected:
  std::unique_ptr<Aside> aside = *Aside::create(1);
  std::unique_ptr<Loops> loops = *Loops::create({.count = 1});
  Loop& loop = loops->at(0);
};

TEST_F(Beside, LetsTheLoopGoOn) {
  std::binary_semaphore other_ran{0};
  std::atomic<bool> on_loop = true;
  // The work ends only once the loop has done something else: with the work on the loop this never ends.
  auto job = [&]() -> Task<bool> {
    co_return co_await aside->run(loop, [&] {
      on_loop = loop.here();
      loop.post([&] { other_ran.release(); });
      other_ran.acquire();
    }) && loop.here();
  };
  EXPECT_TRUE(block_on(loop, job()));
  EXPECT_FALSE(on_loop);
}

TEST_F(Beside, IsWaitedForByALoopThatEnds) {
  std::binary_semaphore begun{0};
  std::atomic<bool> resumed = false;
  const auto slow = [&begun] {
    begun.release();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  loop.spawn(resumed_after(*aside, loop, slow, [&resumed] { resumed = true; }));
  begun.acquire();
  loops.reset();
  EXPECT_TRUE(resumed);
}

// Whoever goes away while others are served is not served.
TEST_F(Beside, SkipsWhatNobodyWaitsForAnyMore) {
  std::binary_semaphore begun{0};
  std::binary_semaphore go_on{0};
  const auto slow = [&] {
    begun.release();
    go_on.acquire();
  };
  loop.spawn(resumed_after(*aside, loop, slow, [] {}));
  begun.acquire();
  bool ran = false;
  auto gone = [&]() -> Task<bool> {
    Cancel cancel;
    loop.post([&] {
      cancel.request();
      go_on.release();
    });
    co_return co_await aside->run(loop, [&] { ran = true; }, &cancel);
  };
  EXPECT_FALSE(block_on(loop, gone()));
  EXPECT_FALSE(ran);
}

TEST_F(Beside, TakesFirstComeFirst) {
  std::vector<int> order;
  for (int i = 0; i < 20; ++i) loop.spawn(resumed_after(*aside, loop, [&order, i] { order.push_back(i); }, [] {}));
  loops.reset();
  std::vector<int> expected(20);
  for (int i = 0; i < 20; ++i) expected[static_cast<size_t>(i)] = i;
  EXPECT_EQ(order, expected);
}

TEST(Aside, RefusesNoThreads) {
  EXPECT_EQ(Aside::create(0).error().code, Code::kInvalid);
  EXPECT_EQ(Aside::create(kLoopsMax + 1).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace proviso::http
