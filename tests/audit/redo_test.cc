// The redo log by itself, and a committer's state as a power cut leaves it: what was synced, and nothing else.
#include "audit/redo.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "audit/verify.h"
#include "support.h"

namespace proviso::audit::testing {
namespace {

namespace fs = std::filesystem;

void spill(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Two files to write to, as log and vault would be.
class RedoLog : public ::testing::Test {
 protected:
  RedoLog() {
    fs::create_directories(places.log);
    fs::create_directories(places.segments);
    spill(places.log + "/log.wal", "");
    spill(places.segments + "/a.seg", "");
  }
  std::unique_ptr<Redo> open() {
    auto opened = Redo::open(places);
    EXPECT_OK(opened);
    return opened ? std::move(*opened) : nullptr;
  }
  void write(Redo& redo, uint64_t number) {
    const std::string text = fmt::format("batch {:04}\n", number);
    const RedoWrite writes[] = {{"a.seg", number * text.size(), text}, {"log.wal", number * text.size(), text}};
    ASSERT_TRUE(redo.fits(writes));
    ASSERT_OK(redo.write(writes));
  }
  // What stands in both places after the next open().
  std::string found() {
    EXPECT_NE(open(), nullptr);
    EXPECT_EQ(slurp(places.log + "/log.wal"), slurp(places.segments + "/a.seg"));
    return slurp(places.log + "/log.wal");
  }
  static std::string expected(uint64_t count) {
    std::string all;
    for (uint64_t i = 0; i < count; ++i) all += fmt::format("batch {:04}\n", i);
    return all;
  }

  ledger::testing::TempDir temp;
  RedoPlaces places{temp.path() + "/redo", temp.path() + "/log", temp.path() + "/segments"};
};

TEST_F(RedoLog, WritesAgainWhatItHoldsAndOnlyOnce) {
  {
    const auto redo = open();
    for (uint64_t i = 0; i < 5; ++i) write(*redo, i);
  }
  EXPECT_EQ(slurp(places.log + "/log.wal"), "");
  EXPECT_EQ(open()->redone(), 5u);
  EXPECT_EQ(found(), expected(5));
  EXPECT_EQ(open()->redone(), 0u);
}

TEST_F(RedoLog, GoesOnOverTurnsStopsAndStarts) {
  uint64_t written = 0;
  for (int start = 0; start < 4; ++start) {
    const auto redo = open();
    for (int turns = 0; turns < start + 2; ++turns) {
      for (int i = 0; i < 3; ++i) write(*redo, written++);
      ASSERT_TRUE(redo->turn());
      write(*redo, written++);
      EXPECT_FALSE(redo->turn()) << "the other file still holds what is nowhere else";
      redo->release();
      EXPECT_TRUE(redo->turn());
      EXPECT_TRUE(redo->turn()) << "nothing was written since";
      redo->release();
    }
    if (start == 2) ASSERT_OK(redo->forget());
    if (start == 2) spill(places.log + "/log.wal", expected(written));
    if (start == 2) spill(places.segments + "/a.seg", expected(written));
  }
  // Released batches were never put in their places here; the newest two runs always were.
  const std::string all = found();
  EXPECT_EQ(all.substr(all.size() - 11), expected(written).substr(expected(written).size() - 11));
}

// A stop anywhere in what ends a run: after each of its writes the files are such that a start can go on.
TEST_F(RedoLog, CanBeStoppedAtEveryWrite) {
  for (int writes : {0, 1, 3}) {
    for (int turns : {0, 1, 2}) {
      for (int stop_at = 0; stop_at < 4; ++stop_at) {
        FaultyIo io;
        int calls = 0;
        bool counting = false;
        io.plan = [&](std::string_view call) { return counting && call == "pwrite" && calls++ >= stop_at ? EIO : 0; };
        {
          auto opened = Redo::open(places, io);
          ASSERT_OK(opened) << writes << " writes, " << turns << " turns, stopped at " << stop_at;
          Redo& redo = **opened;
          for (int turn = 0; turn <= turns; ++turn) {
            for (int i = 0; i < writes; ++i) write(redo, static_cast<uint64_t>(i));
            if (turn == turns) break;
            EXPECT_TRUE(redo.turn());
            redo.release();
          }
          EXPECT_TRUE(redo.turn());  // as a committer's end: everything settled, then forgotten
          redo.release();
          counting = true;
          (void)redo.forget();
        }
        EXPECT_TRUE(Redo::open(places)) << writes << " writes, " << turns << " turns, stopped at " << stop_at;
      }
    }
  }
}

// The older file is emptied first: a stop between the two must leave a start that can go on.
TEST_F(RedoLog, ForgetsInAnOrderThatAStopMayInterrupt) {
  {
    const auto redo = open();
    for (uint64_t i = 0; i < 3; ++i) write(*redo, i);
    ASSERT_TRUE(redo->turn());
    for (uint64_t i = 3; i < 6; ++i) write(*redo, i);
  }
  const std::string newer = slurp(places.dir + "/0").find("batch 0005") != std::string::npos ? "/0" : "/1";
  const std::string before = slurp(places.dir + newer);
  EXPECT_EQ(found(), expected(6));
  spill(places.dir + newer, before);
  EXPECT_EQ(open()->redone(), 3u);
  EXPECT_EQ(found(), expected(6));
}

TEST_F(RedoLog, TakesATornLastBatchForNone) {
  { write(*open(), 0); }
  const auto redo = open();
  write(*redo, 1);
  const std::string file = slurp(places.dir + "/0").find("batch 0001") != std::string::npos ? "/0" : "/1";
  const std::string bytes = slurp(places.dir + file);
  const size_t begin = bytes.find("batch 0001") / 512 * 512;
  for (size_t cut = begin; cut < begin + 512; ++cut) {
    std::string torn = bytes;
    torn.replace(cut, begin + 512 - cut, begin + 512 - cut, '\0');
    spill(places.dir + file, torn);
    spill(places.log + "/log.wal", expected(1));
    spill(places.segments + "/a.seg", expected(1));
    // A second program on the same files: this one's lock is let go first.
    const RedoPlaces other{temp.path() + "/copy", places.log, places.segments};
    fs::remove_all(other.dir);
    fs::copy(places.dir, other.dir);
    const auto again = Redo::open(other);
    ASSERT_OK(again);
    const std::string all = slurp(places.log + "/log.wal");
    EXPECT_TRUE(all == expected(1) || all == expected(2)) << cut;
  }
}

TEST_F(RedoLog, RefusesABatchBehindDamage) {
  {
    const auto redo = open();
    for (uint64_t i = 0; i < 4; ++i) write(*redo, i);
  }
  for (const std::string file : {"/0", "/1"}) {
    const std::string bytes = slurp(places.dir + file);
    for (const char* batch : {"batch 0000", "batch 0001", "batch 0002"}) {
      const size_t at = bytes.find(batch);
      if (at == bytes.npos) continue;
      std::string flipped = bytes;
      flipped[at] ^= 1;
      spill(places.dir + file, flipped);
      const auto opened = Redo::open(places);
      ASSERT_FALSE(opened) << batch;
      EXPECT_EQ(opened.error().code, Code::kCorrupt);
      EXPECT_NE(opened.error().message.find(places.dir + file), std::string::npos) << opened.error().message;
    }
    spill(places.dir + file, bytes);
  }
  EXPECT_EQ(found(), expected(4)) << "nothing was thrown away";
}

TEST_F(RedoLog, WritesNowhereElse) {
  { 
    const auto redo = open();
    const RedoWrite writes[] = {{"../escaped", 0, "no"}};
    ASSERT_OK(redo->write(writes));
  }
  const auto opened = Redo::open(places);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  EXPECT_FALSE(fs::exists(temp.path() + "/escaped"));
}

TEST_F(RedoLog, HasOneWriterAndABound) {
  const auto redo = open();
  EXPECT_EQ(Redo::open(places).error().code, Code::kConflict);
  const std::string big(kRedoFileBytesMax, 'x');
  const RedoWrite writes[] = {{"a.seg", 0, big}};
  EXPECT_FALSE(redo->fits(writes));
}

// A copy of the state as a disk may show it after a power cut: log and vault as they were when they were last
// synced, the redo log as it stands.
class PowerCut : public ::testing::Test {
 protected:
  void commit(uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) {
      ASSERT_OK(state.committer->commit(*seal(*state.vault, record(state.clock.now(), i))));
    }
  }
  void keep(const std::string& what) { fs::copy(state.place.root() + what, kept.path() + what, fs::copy_options::recursive); }
  void bring_back(const std::string& what) {
    fs::remove_all(state.place.root() + what);
    fs::copy(kept.path() + what, state.place.root() + what, fs::copy_options::recursive);
  }
  State state;
  ledger::testing::TempDir kept;
};

TEST_F(PowerCut, LosesNoAnsweredLeaf) {
  ASSERT_OK(state.start());
  commit(0, 3);
  state.close();
  for (const char* what : {"/log", "/vault", "/keys"}) keep(what);
  ASSERT_OK(state.start());
  commit(3, 40);
  keep("/redo");
  state.close();
  for (const char* what : {"/log", "/vault", "/redo"}) bring_back(what);
  EXPECT_GT(Redo::first_outstanding(state.redo_places()).value_or(0), 0u);
  VerifyPlaces places{state.place.dir(), state.place.root() + "/vault", "", state.place.log_key()};
  places.redo = state.redo_places().dir;
  const auto verdict = verify_state(places);
  ASSERT_OK(verdict);
  ASSERT_FALSE(verdict->findings.empty());
  EXPECT_EQ(verdict->findings[0].what, "redo") << "whoever judges such a disk is told what is missing";
  ASSERT_OK(state.start());
  EXPECT_EQ(Redo::first_outstanding(state.redo_places()).value_or(1), 0u);
  EXPECT_GT(state.redo->redone(), 0u);
  EXPECT_EQ(state.place.log->state().size, 40u);
  for (uint64_t i = 0; i < 40; ++i) EXPECT_OK(state.vault->open_record(i)) << i;
  commit(40, 43);
}

// A record that is too large for the redo log is synced in its place; those around it are where they belong.
TEST_F(PowerCut, ALargeRecordStandsBetweenSmallOnes) {
  ASSERT_OK(state.start());
  commit(0, 3);
  Record large = record(state.clock.now(), 3);
  large.payloads.emplace_back("response", std::string(700'000, 'x'));
  ASSERT_OK(state.committer->commit(*seal(*state.vault, std::move(large))));
  for (const char* what : {"/log", "/vault"}) keep(what);  // it was synced, with all before it
  commit(4, 9);
  keep("/redo");
  state.close();
  for (const char* what : {"/log", "/vault", "/redo"}) bring_back(what);
  ASSERT_OK(state.start());
  EXPECT_EQ(state.place.log->state().size, 9u);
  for (uint64_t i = 0; i < 9; ++i) EXPECT_OK(state.vault->open_record(i)) << i;
  commit(9, 11);
}

// The control: the same disk without the redo log has lost them, and the signer knows it.
TEST_F(PowerCut, WithoutTheRedoLogLosesThem) {
  ASSERT_OK(state.start());
  commit(0, 3);
  state.close();
  for (const char* what : {"/log", "/vault"}) keep(what);
  ASSERT_OK(state.start());
  commit(3, 40);
  state.close();
  for (const char* what : {"/log", "/vault"}) bring_back(what);
  EXPECT_FALSE(state.start());
}

}  // namespace
}  // namespace proviso::audit::testing
