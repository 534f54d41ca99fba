#include "ledger/frame.h"

#include "support.h"

namespace proviso::ledger::testing {
namespace {

std::string frame_of(uint64_t first, const std::vector<std::string>& entries) {
  std::vector<Digest> hashes;
  for (const auto& entry : entries) hashes.push_back(merkle::leaf_hash(entry));
  return encode_frame(first, {77}, entries, merkle::root(hashes));
}

TEST(FileHead, ComesBackAndIsGuardedAtEveryBit) {
  const auto head = encode_file_head(kOrigin);
  const auto parsed = parse_file_head(head + "more");
  ASSERT_OK(parsed);
  EXPECT_EQ(parsed->origin, kOrigin);
  EXPECT_EQ(parsed->bytes, head.size());
  EXPECT_LE(encode_file_head(std::string(255, 'o')).size(), kFileHeadBytesMax);
  for (size_t bit = 0; bit < head.size() * 8; ++bit) {
    auto changed = head;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(parse_file_head(changed)) << bit;
  }
}

TEST(Frame, ComesBackAndIsGuardedAtEveryBit) {
  const auto entries = numbered(9, 3);
  const auto frame = frame_of(9, entries);
  const auto head = parse_frame_head(frame);
  ASSERT_OK(head);
  EXPECT_EQ(head->frame_bytes(), frame.size());
  EXPECT_EQ(head->end_index(), 12u);
  EXPECT_EQ(head->time.value, 77);
  const auto body = parse_frame(*head, frame);
  ASSERT_OK(body);
  EXPECT_EQ(body->entries[2], entries[2]);
  for (size_t bit = 0; bit < frame.size() * 8; ++bit) {
    auto changed = frame;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    const auto parsed = parse_frame_head(changed);
    const bool refused = !parsed || !parse_frame(*parsed, changed);
    EXPECT_TRUE(refused) << bit;
    EXPECT_EQ(classify_tail(changed + std::string(600, '\0'), 100, 9), Tail::kDamaged) << bit;
  }
}

// An entry may hold anything, frames too: only the chain of batches says where one begins.
TEST(Frame, MayHoldAFrame) {
  const auto inner = frame_of(7, numbered(7, 1));
  const auto frame = frame_of(3, {inner, "x"});
  const auto body = parse_frame(*parse_frame_head(frame), frame);
  ASSERT_OK(body);
  EXPECT_EQ(body->entries[0], inner);
}

TEST(Tail, KnowsZerosFromDamage) {
  EXPECT_EQ(classify_tail("", 0, 0), Tail::kEmpty);
  EXPECT_EQ(classify_tail(std::string(10'000, '\0'), 0, 0), Tail::kEmpty);
  EXPECT_EQ(classify_tail(std::string(5000, '\0') + "x", 0, 0),
            Tail::kIncomplete);  // a first sector never arrived
  EXPECT_EQ(classify_tail(std::string(100, 'x'), 0, 0), Tail::kDamaged);
  // What stands in front of a later batch was complete once.
  const auto later = frame_of(4, numbered(4, 2));
  EXPECT_EQ(classify_tail(std::string(1024, '\0') + later, 0, 3), Tail::kDamaged);
  EXPECT_EQ(classify_tail(std::string(1024, '\0') + later, 0, 4), Tail::kIncomplete);
}

}  // namespace
}  // namespace proviso::ledger::testing
