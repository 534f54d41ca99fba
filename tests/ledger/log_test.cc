#include "ledger/log.h"

#include "base/note.h"
#include "ledger/frame.h"
#include "ledger/wal.h"
#include "support.h"

namespace proviso::ledger::testing {
namespace {

std::string wal_of(const Place& place) { return place.dir() + "/log.wal"; }

TEST(Log, EveryEntryGetsAReceiptThatHolds) {
  Place place;
  ASSERT_OK(place.open());
  for (const size_t count : {1u, 2u, 3u, 5u, 8u, 100u, 1024u}) {
    add(place, numbered(place.log->state().size, count), 1000);
  }
  EXPECT_EQ(place.log->state().size, 1143u);
  EXPECT_EQ(place.log->entry(3).value(), numbered(3, 1)[0]);
  EXPECT_EQ(place.log->entry(1142).value(), numbered(1142, 1)[0]);
  EXPECT_FALSE(place.log->entry(1143));
}

TEST(Log, WritesTheNextBatchWhileOneIsSigned) {
  Place place;
  ASSERT_OK(place.open());
  ASSERT_OK(place.log->append(numbered(0, 3), {5}));
  ASSERT_OK(place.log->request_signature());
  ASSERT_OK(place.log->append(numbered(3, 2), {6}));
  ASSERT_OK(place.log->request_signature());
  const auto first = place.log->collect();
  const auto second = place.log->collect();
  ASSERT_OK(first);
  ASSERT_OK(second);
  EXPECT_EQ(first->size(), 3u);
  ASSERT_EQ(second->size(), 2u);
  EXPECT_EQ((*second)[1].index, 4u);
  EXPECT_EQ((*second)[1].start, 3u);
  EXPECT_EQ((*second)[1].time.value, 6);
  EXPECT_EQ(place.log->collect().error().code, Code::kConflict);
}

TEST(Log, GoesOnWhereItStopped) {
  Place place;
  ASSERT_OK(place.open());
  add(place, numbered(0, 300), 10);
  ASSERT_OK(place.log->publish());
  const auto before = place.log->state();
  ASSERT_OK(place.open());
  const auto after = place.log->state();
  EXPECT_EQ(after.size, before.size);
  EXPECT_EQ(after.root, before.root);
  EXPECT_EQ(after.last_time.value, 10);
  EXPECT_EQ(after.checkpoint_size, 300u);
  add(place, numbered(300, 10), 11);
  ASSERT_OK(place.log->publish());
  EXPECT_TRUE(LogReader::open(place.dir()).value()->check(place.log_key()).empty());
}

TEST(Log, GivesAReceiptAgainBitForBit) {
  Place place;
  ASSERT_OK(place.open());
  std::vector<Receipt> given;
  for (uint64_t first = 0; first < 700; first += 7) {
    ASSERT_OK(place.log->append(numbered(first, 7), {static_cast<int64_t>(first)}));
    auto receipts = place.log->sign();
    ASSERT_OK(receipts);
    given.insert(given.end(), receipts->begin(), receipts->end());
  }
  ASSERT_OK(place.open());
  for (const uint64_t index : {0u, 6u, 7u, 255u, 256u, 257u, 350u, 699u}) {
    const auto again = place.log->receipt(index);
    ASSERT_OK(again);
    EXPECT_EQ(*again, given[index]) << index;
  }
  EXPECT_EQ(place.log->receipt(700).error().code, Code::kNotFound);
}

TEST(Log, RefusesWhatNoLogWrites) {
  Place place;
  ASSERT_OK(place.open());
  EXPECT_EQ(place.log->append({}, {1}).error().code, Code::kInvalid);
  EXPECT_EQ(place.log->append(numbered(0, 1025), {1}).error().code, Code::kLimit);
  EXPECT_EQ(place.log->append(numbered(0, 1, 65'536), {1}).error().code, Code::kLimit);
  EXPECT_EQ(place.log->append(numbered(0, 200, 60'000), {1}).error().code, Code::kLimit);
  add(place, numbered(0, 1, 65'535), 5);
  EXPECT_EQ(place.log->append(numbered(1, 1), {4}).error().code, Code::kInvalid);
  add(place, numbered(1, 1), 5);
}

TEST(Log, HasOneWriter) {
  Place place;
  ASSERT_OK(place.open());
  const auto second = fork_signer(place.signer_options());
  const auto other = Log::open({place.dir(), kOrigin}, *second);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kConflict);
}

TEST(Log, IsBoundToItsOrigin) {
  Place place;
  ASSERT_OK(place.open());
  place.close();
  place.signer = fork_signer(place.signer_options());
  EXPECT_EQ(Log::open({place.dir(), "other.example"}, *place.signer).error().code, Code::kConflict);
}

TEST(Log, MemoryOfAnEmptyLogIsACheckpointToo) {
  Place place;
  ASSERT_OK(place.open());
  ASSERT_OK(place.log->publish());
  const auto reader = LogReader::open(place.dir());
  ASSERT_OK(reader);
  EXPECT_EQ((*reader)->size(), 0u);
  EXPECT_TRUE((*reader)->check(place.log_key()).empty());
}

// A batch that was being written when the machine stopped, at every length: once as a file that
// ends there, once with the zeros of preallocation behind it.
TEST(LogRecovery, CutsATornTailAtEveryByte) {
  Place place;
  ASSERT_OK(place.open());
  add(place, numbered(0, 3), 10);
  ASSERT_OK(place.log->publish());
  const auto good = place.log->state();
  place.close();
  const std::string whole = slurp(wal_of(place));
  const size_t end = whole.find_last_not_of('\0') + 1;
  const std::string state = slurp(place.signer_options().state_file);
  std::vector<Digest> hashes;
  const auto entries = numbered(3, 4, 300);
  for (const auto& entry : entries) hashes.push_back(merkle::leaf_hash(entry));
  const std::string frame = encode_frame(3, {11}, entries, merkle::root(hashes));
  ASSERT_GT(frame.size(), 1024u);  // several sectors

  for (size_t keep = 0; keep < frame.size(); ++keep) {
    for (const bool zeros : {false, true}) {
      const size_t next = end + keep;
      std::string torn = whole.substr(0, end) + frame.substr(0, keep);
      if (zeros) torn.resize(next + frame.size() + 4096, '\0');
      spill(wal_of(place), torn);
      const auto reader = LogReader::open(place.dir());
      ASSERT_OK(reader);
      ASSERT_EQ((*reader)->size(), 3u) << keep;
      const Tail tail = classify_tail(std::string_view(torn).substr(end), end, 3);
      ASSERT_NE(tail, Tail::kDamaged) << keep;
      if (keep % 211 != 0 || zeros) continue;  // opening for writing starts a process
      ASSERT_OK(place.open());
      ASSERT_EQ(place.log->state().root, good.root) << keep;
      add(place, numbered(3, 2), 12);
      place.close();
      spill(place.signer_options().state_file, state);
      spill(place.dir() + "/lock", "");
    }
  }
  // The control: the whole frame is taken.
  spill(wal_of(place), whole.substr(0, end) + frame);
  EXPECT_EQ((*LogReader::open(place.dir()))->size(), 7u);
}

// Sectors arrive in any order: each one missing alone makes the batch incomplete, not damaged.
TEST(LogRecovery, CutsABatchThatMissesASector) {
  std::vector<Digest> hashes;
  const auto entries = numbered(0, 8, 300);
  for (const auto& entry : entries) hashes.push_back(merkle::leaf_hash(entry));
  const std::string frame = encode_frame(0, {11}, entries, merkle::root(hashes));
  for (const uint64_t offset : {0u, 46u, 500u, 511u}) {
    for (size_t begin = 0; begin < frame.size();) {
      const size_t piece = std::min<size_t>(frame.size() - begin, 512 - (offset + begin) % 512);
      std::string torn = frame + std::string(4096, '\0');
      torn.replace(begin, piece, std::string(piece, '\0'));
      EXPECT_EQ(classify_tail(torn, offset, 0), Tail::kIncomplete) << offset << " " << begin;
      begin += piece;
    }
  }
}

// A complete batch with a wrong bit is damage, wherever the bit is: cutting it would drop what was
// acknowledged.
TEST(LogRecovery, NeverCutsACompleteBatch) {
  Place place;
  ASSERT_OK(place.open());
  add(place, numbered(0, 3), 10);
  add(place, numbered(3, 3), 11);
  place.close();
  const std::string whole = slurp(wal_of(place));
  const size_t end = whole.find_last_not_of('\0') + 1;
  const size_t head = parse_file_head(whole).value().bytes;
  for (size_t byte = 0; byte < end; ++byte) {
    std::string flipped = whole.substr(0, end) + std::string(1024, '\0');
    flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << (byte % 8)));
    spill(wal_of(place), flipped);
    const auto reader = LogReader::open(place.dir());
    if (reader) {
      const auto faults = (*reader)->check(place.log_key());
      ASSERT_FALSE(faults.empty()) << byte;
      EXPECT_EQ(faults[0].code, Code::kCorrupt);
      EXPECT_NE(faults[0].message.find("log.wal` at byte "), std::string::npos)
          << faults[0].message;
    } else {
      EXPECT_NE(reader.error().message.find("log.wal` at byte "), std::string::npos)
          << reader.error().message;
    }
    if (byte % 101 != 0 && byte != head) continue;
    const auto opened = place.open();
    ASSERT_FALSE(opened) << byte;
    EXPECT_NE(opened.error().message.find("log.wal"), std::string::npos) << opened.error().message;
    place.close();
  }
}

TEST(LogRecovery, RefusesALogThatIsShorterThanItsCheckpoint) {
  Place place;
  ASSERT_OK(place.open());
  add(place, numbered(0, 3), 10);
  place.close();
  const std::string before = slurp(wal_of(place));
  ASSERT_OK(place.open());
  add(place, numbered(3, 3), 10);
  ASSERT_OK(place.log->publish());
  place.close();
  spill(wal_of(place), before);
  const auto opened = place.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  std::filesystem::remove(wal_of(place));
  EXPECT_FALSE(place.open());
}

// A batch that was signed and then made to look torn is not cut: the signer remembers it.
TEST(LogRecovery, CutsNothingThatWasSigned) {
  Place place;
  ASSERT_OK(place.open());
  add(place, numbered(0, 3), 10);
  place.close();
  const std::string whole = slurp(wal_of(place));
  std::string torn = whole;
  torn[whole.find_last_not_of('\0')] = '\0';
  spill(wal_of(place), torn);
  const auto opened = place.open();
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("fewer than the 3"), std::string::npos)
      << opened.error().message;
  place.close();
  EXPECT_EQ(slurp(wal_of(place)), torn);  // what is left of it is still there
  spill(wal_of(place), whole);
  EXPECT_OK(place.open());
}

TEST(LogRecovery, WritesLostTilesAgain) {
  Place place;
  ASSERT_OK(place.open());
  add(place, numbered(0, 600), 10);
  ASSERT_OK(place.log->publish());
  place.close();
  const std::string bundle = place.dir() + "/tile/entries/002.p/88";
  const std::string was = slurp(bundle);
  ASSERT_FALSE(was.empty());
  spill(bundle, "");  // as a power cut leaves a file that was renamed but never synced
  std::filesystem::remove(place.dir() + "/tile/0/001");
  std::filesystem::remove(place.dir() + "/tiles.durable");
  ASSERT_OK(place.open());
  EXPECT_EQ(slurp(bundle), was);
  EXPECT_TRUE(LogReader::open(place.dir()).value()->check(place.log_key()).empty());
}

}  // namespace
}  // namespace proviso::ledger::testing
