// Reads a log that another implementation wrote: tiles, bundles, checkpoints at every size.
#include <cstdio>

#include "base/data.h"
#include "ledger/tlog_proof.h"
#include "support.h"

namespace proviso::ledger::testing {
namespace {

// The folder as it was when checkpoint `size` was published.
void stage(const std::string& from, int size, const std::string& to) {
  std::filesystem::copy(from + "/tile", to + "/tile", std::filesystem::copy_options::recursive);
  for (const auto* kind : {"/tile/0/000.p", "/tile/entries/000.p"}) {
    for (int width = size + 1; width <= 10; ++width) {
      std::filesystem::remove(to + kind + "/" + std::to_string(width));
    }
  }
  std::filesystem::copy(from + "/checkpoint." + std::to_string(size), to + "/checkpoint");
}

TEST(Tessera, ItsLogIsReadAndProvenAtEverySize) {
  const auto path = test::data_path("Tessera's log", "tlog-vectors/tessera-testdata-log");
  if (!path) return;
  const auto key = read_verifier_key(*path + "/vkey");
  ASSERT_OK(key);
  size_t passed = 0;
  for (int size = 0; size <= 10; ++size) {
    TempDir dir;
    stage(*path, size, dir.path());
    const auto reader = LogReader::open(dir.path());
    ASSERT_OK(reader);
    EXPECT_EQ((*reader)->size(), static_cast<uint64_t>(size));
    EXPECT_EQ((*reader)->origin(), "example.com/log/testdata");
    const auto faults = (*reader)->check(key->text());
    EXPECT_TRUE(faults.empty()) << size << ": " << faults[0].message;
    for (uint64_t index = 0; index < (*reader)->size(); ++index) {
      const auto text = tlog_proof(**reader, index);
      ASSERT_OK(text);
      EXPECT_OK(TlogProof::parse(*text)->verify((*reader)->leaf_hash(index).value(),
                                                std::span(&*key, 1), "example.com/log/testdata"));
    }
    if (size > 0) {  // the control: one bit in a tile
      const std::string tile = dir.path() + "/tile/0/000.p/" + std::to_string(size);
      std::filesystem::permissions(tile, std::filesystem::perms::owner_all);
      flip_bit(tile, 3);
      EXPECT_FALSE((*reader)->check(key->text()).empty()) << size;
    }
    ++passed;
  }
  std::printf("ledger: tessera-log %zu/11\n", passed);
}

}  // namespace
}  // namespace proviso::ledger::testing
