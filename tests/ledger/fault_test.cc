// System calls that fail: what was acknowledged stays, and nothing is signed afterwards.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "support.h"

namespace proviso::ledger::testing {
namespace {

struct Fault {
  const char* name;
  const char* call;
  int verdict;  // an errno, or -1 for a short write
};

constexpr Fault kFatal[] = {
    {"the sync fails", "fdatasync", EIO},
    {"the write fails", "pwrite", EIO},
    {"the disk is full", "pwrite", ENOSPC},
    {"no room can be reserved", "fallocate", ENOSPC},
};

TEST(Fault, EndsTheLogForGood) {
  for (const auto& fault : kFatal) {
    FaultyIo io;
    Place place;
    ASSERT_OK(place.open(&io));
    const bool before_any = std::string_view(fault.call) == "fallocate";
    if (!before_any) add(place, numbered(0, 3), 10);
    ASSERT_OK(place.log->publish());
    io.plan = [&](std::string_view call) { return call == fault.call ? fault.verdict : 0; };
    const auto appended = place.log->append(numbered(3, 2), {11});
    ASSERT_FALSE(appended) << fault.name;
    EXPECT_EQ(appended.error().code, Code::kIo);
    EXPECT_NE(appended.error().message.find("log.wal"), std::string::npos);
    // A later call that would succeed says nothing about the one that failed.
    io.plan = [](std::string_view) { return 0; };
    EXPECT_EQ(place.log->append(numbered(3, 2), {11}).error().code, Code::kUnavailable)
        << fault.name;
    EXPECT_EQ(place.log->request_signature().error().code, Code::kUnavailable);
    EXPECT_EQ(place.log->collect().error().code, Code::kUnavailable);
    EXPECT_EQ(place.log->sign().error().code, Code::kUnavailable);
    EXPECT_EQ(place.log->publish().error().code, Code::kUnavailable);
    // What was acknowledged before is there, and the log goes on after a restart.
    const uint64_t acknowledged = before_any ? 0 : 3;
    ASSERT_OK(place.open());
    EXPECT_GE(place.log->state().size, acknowledged) << fault.name;
    for (uint64_t i = 0; i < acknowledged; ++i)
      EXPECT_EQ(place.log->entry(i).value(), numbered(i, 1)[0]);
    add(place, numbered(50, 2), 12);
    ASSERT_OK(place.log->publish());
    EXPECT_TRUE(LogReader::open(place.dir()).value()->check(place.log_key()).empty()) << fault.name;
  }
}

TEST(Fault, ShortAndInterruptedWritesAreCompleted) {
  FaultyIo io;
  Place place;
  ASSERT_OK(place.open(&io));
  io.plan = [](std::string_view call) { return call == "pwrite" ? -1 : 0; };
  add(place, numbered(0, 30), 10);
  int interrupted = 0;
  io.plan = [&](std::string_view call) {
    return call == "pwrite" && ++interrupted % 2 == 1 ? EINTR : 0;
  };
  add(place, numbered(30, 30), 10);
  EXPECT_GT(interrupted, 1);
  io.plan = [](std::string_view) { return 0; };
  ASSERT_OK(place.log->publish());
  EXPECT_TRUE(LogReader::open(place.dir()).value()->check(place.log_key()).empty());
}

TEST(Fault, GrowsTheFileWhereNothingCanBeReserved) {
  FaultyIo io;
  Place place;
  ASSERT_OK(place.open(&io));
  io.plan = [](std::string_view call) { return call == "fallocate" ? EOPNOTSUPP : 0; };
  add(place, numbered(0, 30), 10);
  add(place, numbered(30, 3), 10);
  ASSERT_OK(place.open());
  EXPECT_EQ(place.log->state().size, 33u);
}

// Every call of a publication fails once: the checkpoint on disk is always whole, and one of the
// two.
TEST(Fault, LeavesAWholeCheckpointAtEveryCallOfAPublication) {
  size_t points = 0;
  for (int fails_at = 1;; ++fails_at) {
    FaultyIo io;
    Place place;
    ASSERT_OK(place.open(&io));
    add(place, numbered(0, 250), 10);
    ASSERT_OK(place.log->publish());
    const auto old_note = slurp(place.dir() + "/checkpoint");
    add(place, numbered(250, 20), 10);
    int calls = 0;
    io.plan = [&](std::string_view) { return ++calls == fails_at ? EIO : 0; };
    const auto published = place.log->publish();
    io.plan = [](std::string_view) { return 0; };
    if (published) {
      EXPECT_LT(calls, fails_at);
      break;
    }
    ++points;
    EXPECT_FALSE(place.log->append(numbered(270, 1), {11})) << fails_at;
    const auto now = slurp(place.dir() + "/checkpoint");
    const auto reader = LogReader::open(place.dir()).value();
    const auto faults = reader->check(place.log_key());
    EXPECT_TRUE(faults.empty()) << fails_at << ": " << faults[0].message;
    EXPECT_TRUE(now == old_note || now.find("\n270\n") != std::string::npos) << fails_at;
    ASSERT_OK(place.open());
    add(place, numbered(270, 1), 11);
    ASSERT_OK(place.log->publish());
    EXPECT_TRUE(LogReader::open(place.dir()).value()->check(place.log_key()).empty()) << fails_at;
  }
  std::printf("ledger: publication fault points %zu\n", points);
  EXPECT_GT(points, 8u);
}

// Two threads sync: the second waits for the first and hears that it failed, though its own call might succeed.
TEST(Fault, ASyncWaitsForTheOneThatIsUnderWay) {
  FaultyIo io;
  Place place;
  ASSERT_OK(place.open(&io));
  std::atomic<bool> begun{false};
  std::atomic<bool> held{true};
  io.plan = [&](std::string_view call) {
    if (call != "fdatasync" || begun.exchange(true)) return 0;
    while (held) std::this_thread::yield();
    return EIO;
  };
  auto first = std::async(std::launch::async, [&] { return place.log->sync(); });
  while (!begun) std::this_thread::yield();
  auto second = std::async(std::launch::async, [&] { return place.log->sync(); });
  EXPECT_EQ(second.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  held = false;
  EXPECT_FALSE(first.get());
  EXPECT_FALSE(second.get());
}

// The control for all of the above: a log whose sync was removed cannot tell, so the order is what
// is tested: the signer is asked only after the sync came back.
TEST(Fault, AsksForNoSignatureBeforeTheSync) {
  FaultyIo io;
  Place place;
  ASSERT_OK(place.open(&io));
  bool synced = false;
  io.plan = [&](std::string_view call) {
    if (call == "fdatasync") {
      EXPECT_EQ(place.log->request_signature().error().code,
                Code::kConflict);  // nothing to ask for yet
      synced = true;
    }
    return 0;
  };
  ASSERT_OK(place.log->append(numbered(0, 1), {1}));
  EXPECT_TRUE(synced);
  io.plan = [](std::string_view) { return 0; };
  EXPECT_OK(place.log->sign());
}

}  // namespace
}  // namespace proviso::ledger::testing
