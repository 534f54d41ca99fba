// What a crash or a failing disk may do to a vault, and what it must not.
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "vault/cipher.h"
#include "vault/fixture.h"
#include "vault/frame.h"
#include "vault/segment.h"

namespace proviso::vault {
namespace {

class CrashTest : public VaultTest {
 protected:
  void truncate(uint64_t size) {
    ASSERT_EQ(::truncate(segment().c_str(), static_cast<off_t>(size)), 0);
  }
  static uint64_t frame_bytes(uint64_t index) {
    return kFrameHeaderBytes + kRecordOverhead + text_of(index).size();
  }
};

TEST_F(CrashTest, RecordsBeyondTheLogAreCut) {
  for (const uint64_t log_size : {5u, 3u, 1u, 0u}) {
    auto vault = open();
    if (vault->size() == 0) {
      ASSERT_TRUE(add(*vault, 0, 3));
      ASSERT_TRUE(add(*vault, 3, 2, "legal-hold"));
    }
    ASSERT_TRUE(vault->recover(log_size)) << log_size;
    expect_records(*vault, log_size);
    vault.reset();
    expect_records(*open(), log_size);
  }
  auto vault = open();
  ASSERT_TRUE(add(*vault, 0, 4));
  expect_records(*vault, 4);
}

TEST_F(CrashTest, TornTailIsCutWhereverItToreAndTheRestStays) {
  ASSERT_TRUE(add(*open(), 0, 3));
  const std::string whole = test::slurp(segment());
  const uint64_t start = kSegmentMagic.size() + frame_bytes(0) + frame_bytes(1);
  // At every byte of the header, then at some of the record.
  for (uint64_t size = start; size < start + frame_bytes(2);
       size += size < start + kFrameHeaderBytes ? 1 : 23) {
    // The bytes behind the tear: cut off, or zero as in allocated space that was never written.
    for (const bool zeros : {false, true}) {
      truncate(0);
      truncate(zeros ? whole.size() : size);
      poke(segment(), 0, std::string_view(whole).substr(0, size));
      {
        auto vault = open();
        // Zeros where zeros belong tear nothing; a header whose payload is zero is a record by its
        // header.
        const bool header_whole = zeros && size >= start + kFrameHeaderBytes;
        EXPECT_EQ(vault->size(), header_whole ? 3u : 2u) << size;
        ASSERT_TRUE(vault->recover(2)) << size;
        expect_records(*vault, 2);
        EXPECT_TRUE(vault->faults().empty());
        ASSERT_TRUE(add(*vault, 2, 2));
        expect_records(*vault, 4);
      }
      expect_records(*open(), 4);
    }
  }
}

TEST_F(CrashTest, LeafOfTheLogWithoutRecordIsNamedAndNothingIsCut) {
  ASSERT_TRUE(add(*open(), 0, 3));
  auto vault = open();
  const Status recovered = vault->recover(4);
  EXPECT_EQ(recovered.error().code, Code::kCorrupt);
  EXPECT_NE(recovered.error().message.find("leaf 3"), std::string::npos);
  expect_records(*vault, 3);
}

TEST_F(CrashTest, DamageThatTheLogKnowsIsNeverTakenForATornTail) {
  ASSERT_TRUE(add(*open(), 0, 3));
  const uint64_t last = kSegmentMagic.size() + frame_bytes(0) + frame_bytes(1);
  poke(segment(), static_cast<off_t>(last + 5), "x");  // in the header of leaf 2
  const std::string before = test::slurp(segment());
  {
    auto vault = open();
    const Status recovered = vault->recover(3);
    EXPECT_EQ(recovered.error().code, Code::kCorrupt);
    EXPECT_NE(recovered.error().message.find("leaf 2"), std::string::npos);
    EXPECT_NE(recovered.error().message.find("at offset " + std::to_string(last)),
              std::string::npos);
  }
  EXPECT_EQ(test::slurp(segment()), before) << "evidence was touched";
  EXPECT_TRUE(open()->recover(2)) << "without the log's word it is a torn tail";
}

TEST_F(CrashTest, CrashWhileTheFileWasMadeLeavesAnUsableVault) {
  for (const std::string_view bytes : {std::string_view(""), std::string_view("\0\0\0\0", 4)}) {
    ASSERT_TRUE(open()->seal("default", kNovember, "x")) << "the key came first";
    ASSERT_TRUE(write_file_durable(segment(), bytes, FileMode::kPrivate));
    auto vault = open();
    ASSERT_TRUE(vault->recover(0));
    ASSERT_TRUE(add(*vault, 0, 2));
    expect_records(*vault, 2);
    vault.reset();
    expect_records(*open(), 2);
  }
}

struct FaultCase {
  const char* name;
  int Faults::* call;
  int error;
  bool on_sync;  // shows at sync(), else at append()
};

TEST_F(CrashTest, AfterAnyFailedCallTheVaultHasFailedForGood) {
  const FaultCase cases[] = {{"pwrite EIO", &Faults::pwrite, EIO, false},
                             {"pwrite ENOSPC", &Faults::pwrite, ENOSPC, false},
                             {"fallocate ENOSPC", &Faults::fallocate, ENOSPC, false},
                             {"fdatasync EIO", &Faults::fdatasync, EIO, true},
                             {"fsync EIO of a new file", &Faults::fsync, EIO, false}};
  for (const FaultCase& c : cases) {
    const test::TempDir place;
    faults = {};
    auto vault = Vault::open(place.path(), kFaulty).value();
    const bool new_segment = c.call == &Faults::fsync || c.call == &Faults::fallocate;
    ASSERT_TRUE(add(*vault, 0, 2));
    const Sealed sealed =
        vault->seal("default", new_segment ? kDecember : kNovember, text_of(2)).value();
    faults.*c.call = c.error;
    const Status appended = vault->append(2, {&sealed});
    EXPECT_EQ(appended.has_value(), c.on_sync) << c.name;
    if (c.on_sync) EXPECT_FALSE(vault->sync()) << c.name;
    faults = {};
    // The disk works again: the vault must not.
    EXPECT_EQ(vault->append(2, {&sealed}).error().code, Code::kUnavailable) << c.name;
    EXPECT_EQ(vault->sync().error().code, Code::kUnavailable) << c.name;
    EXPECT_EQ(vault->seal("default", kNovember, "x").error().code, Code::kUnavailable) << c.name;
    EXPECT_EQ(vault->recover(2).error().code, Code::kUnavailable) << c.name;
    vault.reset();
    vault = Vault::open(place.path(), kFaulty).value();
    ASSERT_TRUE(vault->recover(2)) << c.name;
    expect_records(*vault, 2);
    ASSERT_TRUE(add(*vault, 2, 1)) << c.name;
    expect_records(*vault, 3);
  }
}

TEST_F(CrashTest, FailedCutFailsTheVault) {
  for (int Faults::* call : {&Faults::ftruncate, &Faults::fsync}) {
    const test::TempDir place;
    faults = {};
    ASSERT_TRUE(add(*Vault::open(place.path(), kFaulty).value(), 0, 3));
    auto vault = Vault::open(place.path(), kFaulty).value();
    faults.*call = EIO;
    EXPECT_FALSE(vault->recover(1));
    faults = {};
    EXPECT_EQ(vault->recover(1).error().code, Code::kUnavailable);
  }
}

TEST_F(CrashTest, ShortWritesAreContinued) {
  faults.short_writes = true;
  auto vault = open();
  ASSERT_TRUE(add(*vault, 0, 5));
  expect_records(*vault, 5);
}

TEST_F(CrashTest, FileSystemsThatCannotAllocateAheadStillWork) {
  faults.fallocate = EOPNOTSUPP;
  auto vault = open();
  ASSERT_TRUE(add(*vault, 0, 5));
  vault.reset();
  expect_records(*open(), 5);
}

TEST_F(CrashTest, UnwritableKeyFolderRefusesToSeal) {
  auto vault = open();
  // A folder stands where the key file must go.
  std::filesystem::create_directories(dir_.file("keys/default-2026-11.key/x"));
  EXPECT_FALSE(vault->seal("default", kNovember, "x"));
}

std::atomic<bool> sync_begun, sync_held;

// Two threads sync: whoever comes second finds nothing to do, and must neither answer before the first has, nor
// say that all is well when the first was told otherwise.
TEST_F(CrashTest, ASyncWaitsForTheOneThatIsUnderWay) {
  FileOps slow = kFaulty;
  slow.fdatasync = [](int) {
    sync_begun = true;
    while (sync_held) std::this_thread::yield();
    return fail_with(EIO);
  };
  auto vault = Vault::open(dir_.path(), slow).value();
  const Sealed record = vault->seal("default", kNovember, text_of(0)).value();
  ASSERT_TRUE(vault->append(0, {&record}));
  sync_begun = false;
  sync_held = true;
  auto first = std::async(std::launch::async, [&] { return vault->sync(); });
  while (!sync_begun) std::this_thread::yield();
  auto second = std::async(std::launch::async, [&] { return vault->sync(); });
  EXPECT_EQ(second.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  sync_held = false;
  EXPECT_FALSE(first.get());
  EXPECT_FALSE(second.get());
}

TEST_F(CrashTest, MoreSegmentsThanDescriptorsAndBatchesLargerThanTheBuffer) {
  auto vault = open();
  std::vector<Sealed> sealed;
  std::vector<const Sealed*> records;
  for (int i = 0; i < 40; ++i) {
    sealed.push_back(
        vault->seal("c" + std::to_string(i % 20), kNovember, std::string(100'000, 'x')).value());
  }
  for (const Sealed& one : sealed) records.push_back(&one);
  ASSERT_TRUE(vault->append(0, records));
  ASSERT_TRUE(vault->sync());
  ASSERT_TRUE(vault->append(40, records));
  ASSERT_TRUE(vault->sync());
  vault.reset();
  vault = open();
  EXPECT_EQ(vault->size(), 80u);
  for (uint64_t i = 0; i < 80; ++i)
    EXPECT_EQ(vault->open_record(i).value(), std::string(100'000, 'x'));
}

TEST_F(CrashTest, ForeignFilesInTheSegmentsFolderAreRefusedByName) {
  open().reset();
  ASSERT_TRUE(write_file_durable(dir_.file("segments/Odd Name.seg"), "x", FileMode::kPrivate));
  EXPECT_EQ(Vault::open(dir_.path()).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace proviso::vault
