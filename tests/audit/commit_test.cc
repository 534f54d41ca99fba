#include "audit/commit.h"

#include <algorithm>
#include <thread>

#include "support.h"

namespace proviso::audit::testing {
namespace {

SealedRecord sealed(const State& state, uint64_t number) {
  auto out = seal(*state.vault, record(state.committer->now(), number));
  EXPECT_TRUE(out) << out.error().message;
  return std::move(*out);
}

TEST(Seal, PutsTheFactsUnderTheRootAndTheContentsIntoTheVault) {
  State state;
  ASSERT_OK(state.start());
  const auto one = sealed(state, 7);
  const auto leaf = Leaf::parse(one.entry);
  ASSERT_OK(leaf);
  EXPECT_EQ(leaf->fact_count, 3u);
  EXPECT_EQ(leaf->sealed, one.sealed.digest);
  const auto receipt = state.committer->commit(one);
  ASSERT_OK(receipt);
  const auto opened = state.vault->open_record(receipt->index);
  ASSERT_OK(opened);
  const auto contents = Contents::decode(*opened);
  ASSERT_OK(contents);
  EXPECT_EQ(fact_root(contents->facts, contents->secret), leaf->fact_root);
}

TEST(Committer, AnswersEachSubmissionOnceWithAReceiptThatHolds) {
  Counter sinks[2];
  State state;
  ASSERT_OK(state.start());
  constexpr uint64_t kEach = 400;
  std::vector<std::thread> loops;
  for (auto& sink : sinks) {
    loops.emplace_back([&] {
      for (uint64_t i = 0; i < kEach; ++i) {
        const auto one = sealed(state, i);
        while (!state.committer->submit(one, sink, i)) std::this_thread::yield();
      }
    });
  }
  for (auto& loop : loops) loop.join();
  for (auto& sink : sinks) {
    sink.wait_for(kEach);
    EXPECT_EQ(sink.receipts.size(), kEach);
    EXPECT_TRUE(std::ranges::all_of(sink.times, [](const auto& one) { return one.second == 1; }));
    for (const auto& [token, receipt] : sink.receipts)
      EXPECT_OK(receipt.verify(state.place.receipt_key()));
  }
  EXPECT_EQ(state.committer->figures().entries, 2 * kEach);
  EXPECT_LT(state.committer->figures().batches, 2 * kEach);
  state.close();
  const auto reader = ledger::LogReader::open(state.place.dir());
  ASSERT_OK(reader);
  EXPECT_EQ((*reader)->size(), 2 * kEach);
  EXPECT_NE((*reader)->checkpoint()->find("\n800\n"), std::string::npos);  // published at shutdown
  EXPECT_TRUE((*reader)->check(state.place.log_key()).empty());
}

TEST(Committer, WhatIsWokenTogetherIsOneBatch) {
  Counter sink;
  State state;
  ASSERT_OK(state.start());
  const uint64_t before = state.committer->figures().batches;
  for (uint64_t i = 0; i < 30; ++i) {
    EXPECT_TRUE(state.committer->submit(sealed(state, i), sink, i, Committer::Wake::kLater));
  }
  EXPECT_EQ(state.committer->figures().queue_depth, 30u);
  state.committer->wake();
  sink.wait_for(30);
  EXPECT_EQ(state.committer->figures().batches, before + 1);
  state.committer->wake();  // for nothing
}

TEST(Committer, AnswersWhatNobodyWokeWhenItIsClosed) {
  Counter sink;
  State state;
  ASSERT_OK(state.start());
  EXPECT_TRUE(state.committer->submit(sealed(state, 1), sink, 1, Committer::Wake::kLater));
  state.committer.reset();
  EXPECT_EQ(sink.receipts.size(), 1u);
}

TEST(Committer, AnswersWhatIsPendingWhenItIsClosed) {
  Counter sink;
  State state;
  ASSERT_OK(state.start());
  for (uint64_t i = 0; i < 50; ++i) EXPECT_TRUE(state.committer->submit(sealed(state, i), sink, i));
  state.committer.reset();
  EXPECT_EQ(sink.receipts.size(), 50u);
}

// The gate waits for the sync: while it hangs, nothing is answered.
TEST(Committer, AnswersNothingBeforeTheSync) {
  std::atomic<bool> hold{false};
  std::atomic<bool> reached{false};
  FaultyIo io;
  Counter sink;
  State state;
  io.plan = [&](std::string_view call) {
    if (call == "fdatasync" && hold) {
      reached = true;
      while (hold) std::this_thread::yield();
    }
    return 0;
  };
  ASSERT_OK(state.start(&io));
  hold = true;
  EXPECT_TRUE(state.committer->submit(sealed(state, 1), sink, 1));
  while (!reached) std::this_thread::yield();
  EXPECT_EQ(sink.count, 0u);
  const std::string redo = state.redo_places().dir;
  const std::string written = slurp(redo + "/0").substr(0, 8192) + slurp(redo + "/1").substr(0, 8192);
  EXPECT_EQ(written.find("ex-1"), std::string::npos);    // a fact, never in clear
  EXPECT_NE(written.find("node-1"), std::string::npos);  // written already
  hold = false;
  sink.wait_for(1);
  EXPECT_EQ(sink.receipts.size(), 1u);
}

TEST(Committer, RefusesEverythingAfterAFailedSync) {
  std::atomic<bool> broken{false};
  FaultyIo io;
  Counter sink;
  State state;
  io.plan = [&](std::string_view call) { return call == "fdatasync" && broken ? EIO : 0; };
  ASSERT_OK(state.start(&io));
  EXPECT_TRUE(state.committer->submit(sealed(state, 1), sink, 1));
  sink.wait_for(1);
  broken = true;
  const auto last = sealed(state, 9);
  for (uint64_t i = 2; i < 12; ++i) (void)state.committer->submit(last, sink, i);
  sink.wait_for(2);
  broken = false;  // a later sync that succeeds would be a lie about the failed one
  const auto refused = state.committer->commit(last);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_FALSE(state.committer->healthy());
  EXPECT_NE(state.committer->failure().find("sync"), std::string::npos)
      << state.committer->failure();
  EXPECT_FALSE(state.committer->submit(last, sink, 99));
  state.committer.reset();
  EXPECT_EQ(sink.receipts.size(), 1u);
  EXPECT_EQ(state.place.log->state().size, 1u);
}

TEST(Committer, NeverRunsBackInTime) {
  State state;
  ASSERT_OK(state.start());
  ASSERT_OK(state.committer->commit(sealed(state, 1)));
  const auto was = state.committer->now();
  state.clock.set({was.value - 5});
  EXPECT_EQ(state.committer->now(), was);
  ASSERT_OK(state.committer->commit(sealed(state, 2)));
  state.committer.reset();
  const auto again = Committer::start(*state.place.log, *state.vault, *state.redo, state.clock);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict);
  state.clock.set(was);
  EXPECT_TRUE(Committer::start(*state.place.log, *state.vault, *state.redo, state.clock));
}

TEST(Committer, RefusesALeafThatWaitedTooLong) {
  State state;
  ASSERT_OK(state.start());
  const auto old = sealed(state, 1);
  state.clock.set({state.clock.now().value + kLeafLagSMax + 1});
  ASSERT_OK(state.committer->commit(sealed(state, 2)));
  const auto late = state.committer->commit(old);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kConflict);
  ASSERT_OK(state.committer->commit(sealed(state, 3)));
  EXPECT_TRUE(state.committer->healthy());
}

TEST(Committer, ForgetsAVaultRecordWhoseLeafNeverCame) {
  State state;
  ASSERT_OK(state.start());
  ASSERT_OK(state.committer->commit(sealed(state, 1)));
  const auto orphan = sealed(state, 2);
  state.committer.reset();
  ASSERT_OK(state.vault->append(1, {&orphan.sealed}));
  ASSERT_OK(state.vault->sync());
  ASSERT_OK(state.start());
  EXPECT_EQ(state.vault->size(), 1u);
  ASSERT_OK(state.committer->commit(sealed(state, 3)));
}

}  // namespace
}  // namespace proviso::audit::testing
