// A flipped bit in every kind of file, found and named.
#include <algorithm>

#include "support.h"

namespace proviso::ledger::testing {
namespace {

class CheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(place.open());
    add(place, numbered(0, 1000, 100), 1);
    ASSERT_OK(place.log->publish());
    add(place, numbered(1000, 70, 100), 2);
    ASSERT_OK(place.log->publish());
    place.close();
  }
  std::vector<Error> faults() const {
    const auto reader = LogReader::open(place.dir());
    if (!reader) return {reader.error()};
    return (*reader)->check(place.log_key());
  }
  Place place;
};

TEST_F(CheckTest, FindsNothingInAGoodLog) { EXPECT_TRUE(faults().empty()); }

TEST_F(CheckTest, NamesTheFileOfEveryFlippedBit) {
  const char* files[] = {
      "log.wal",          "checkpoint",           "tiles.durable",  "tile/0/000",
      "tile/0/003",       "tile/0/004.p/46",      "tile/1/000.p/4", "tile/entries/000",
      "tile/entries/003", "tile/entries/004.p/46"};
  for (const auto* file : files) {
    const std::string path = place.dir() + "/" + file;
    const auto good = slurp(path);
    const size_t used = good.find_last_not_of('\0') + 1;
    ASSERT_GT(used, 0u) << file;
    for (size_t step = 0; step < 12; ++step) {
      flip_bit(path, step * (used - 1) / 11, static_cast<int>(step % 8));
      const auto found = faults();
      ASSERT_FALSE(found.empty()) << file << " " << step;
      EXPECT_NE(found[0].message.find(file), std::string::npos)
          << file << " " << step << ": " << found[0].message;
      spill(path, good);
    }
  }
  EXPECT_TRUE(faults().empty());
}

TEST_F(CheckTest, NamesWhatIsMissing) {
  for (const auto* file : {"tile/0/000", "tile/0/004.p/46", "tile/1/000.p/4", "tile/entries/001"}) {
    const auto path = place.dir() + "/" + file;
    const auto good = slurp(path);
    std::filesystem::remove(path);
    const auto found = faults();
    ASSERT_EQ(found.size(), 1u) << file;
    EXPECT_EQ(found[0].code, Code::kNotFound);
    EXPECT_NE(found[0].message.find(file), std::string::npos);
    spill(path, good);
  }
}

TEST_F(CheckTest, NamesWhatDoesNotBelong) {
  spill(place.dir() + "/tile/0/x000", "");
  spill(place.dir() + "/tile/0/005", std::string(8192, 'x'));
  spill(place.dir() + "/tile/entries/004.p/47", "");
  const auto found = faults();
  ASSERT_EQ(found.size(), 3u);
  for (const auto* file : {"tile/0/x000", "tile/0/005", "tile/entries/004.p/47"}) {
    EXPECT_TRUE(std::ranges::any_of(found, [&](const Error& error) {
      return error.message.find(file) != std::string::npos;
    })) << file;
  }
}

TEST_F(CheckTest, KnowsAnotherKeysCheckpoint) {
  Place other;
  const auto reader = LogReader::open(place.dir()).value();
  const auto found = reader->check(other.log_key());
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].code, Code::kUnverified);
  EXPECT_FALSE(reader->check("not a key").empty());
}

TEST_F(CheckTest, KnowsACheckpointOfAnotherHistory) {
  // The same keys signed it, over other entries.
  const auto good = slurp(place.dir() + "/checkpoint");
  const auto wal = slurp(place.dir() + "/log.wal");
  std::filesystem::remove_all(place.dir());
  std::filesystem::remove(place.signer_options().state_file);
  ASSERT_OK(place.open());
  add(place, numbered(5000, 1000, 100), 1);
  add(place, numbered(6000, 70, 100), 1);
  ASSERT_OK(place.log->publish());
  place.close();
  EXPECT_TRUE(faults().empty());
  spill(place.dir() + "/checkpoint", good);
  const auto found = faults();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].message.find("its root is not that of the first 1070 entries"),
            std::string::npos);
}

}  // namespace
}  // namespace proviso::ledger::testing
