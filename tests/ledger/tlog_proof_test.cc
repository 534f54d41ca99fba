#include "ledger/tlog_proof.h"

#include <cstdio>

#include "base/bytes.h"
#include "base/data.h"
#include "base/json.h"
#include "support.h"

namespace proviso::ledger::testing {
namespace {

bool proof_case_holds(json::Element one) {
  const std::string text(one["text"].get_string().value());
  const auto proof = TlogProof::parse(text);
  if (!one["valid"].get_bool().value()) return !proof;
  std::string_view extra;
  const bool has_extra = one["extra_b64"].get(extra) == simdjson::SUCCESS;
  return proof && proof->text() == text &&
         proof->hashes.size() == one["hashes"].get_uint64().value() &&
         std::to_string(proof->index) == one["index"].get_string().value() &&
         proof->extra.has_value() == has_extra &&
         (!has_extra || base64_encode(*proof->extra) == extra);
}

TEST(TlogProof, AgreesWithThePublishedFiles) {
  const auto path = test::data_path("tlog-proofs", "tlog-vectors/tlog-proof.json");
  if (!path) return;
  json::Parser parser;
  const auto document = parser.parse(test::slurp(*path));
  ASSERT_OK(document);
  size_t total = 0;
  size_t passed = 0;
  for (const auto one : (*document)["cases"].get_array().value()) {
    ++total;
    if (proof_case_holds(one))
      ++passed;
    else
      ADD_FAILURE() << one["id"].get_string().value();
  }
  std::printf("ledger: tlog-proof %zu/%zu\n", passed, total);
}

class ProofTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(place.open());
    add(place, numbered(0, 1000), 1);
    add(place, numbered(1000, 70), 2);
    ASSERT_OK(place.log->publish());
    key = note::VerifierKey::parse(place.log_key()).value();
  }
  Status verify(const std::string& text, const Digest& leaf) const {
    PV_TRY(const auto proof, TlogProof::parse(text));
    return proof.verify(leaf, std::span(&key, 1), kOrigin);
  }
  Place place;
  note::VerifierKey key;
};

TEST_F(ProofTest, LeadsFromEveryEntryToTheCheckpoint) {
  const auto reader = LogReader::open(place.dir()).value();
  for (uint64_t index = 0; index < 1070; index += 7) {
    const auto text = tlog_proof(*reader, index);
    ASSERT_OK(text);
    EXPECT_OK(verify(*text, merkle::leaf_hash(numbered(index, 1)[0])));
    EXPECT_FALSE(verify(*text, merkle::leaf_hash("another entry")));
  }
  EXPECT_EQ(tlog_proof(*reader, 1070).error().code, Code::kNotFound);
}

TEST_F(ProofTest, ComesFromTilesAloneAsWell) {
  place.close();
  std::filesystem::remove(place.dir() + "/log.wal");
  const auto reader = LogReader::open(place.dir());
  ASSERT_OK(reader);
  EXPECT_EQ((*reader)->size(), 1070u);
  for (const uint64_t index : {0u, 255u, 256u, 1023u, 1024u, 1069u}) {
    const auto text = tlog_proof(**reader, index);
    ASSERT_OK(text);
    EXPECT_OK(verify(*text, merkle::leaf_hash(numbered(index, 1)[0])));
  }
  EXPECT_TRUE((*reader)->check(place.log_key()).empty());
}

TEST_F(ProofTest, DoesNotHoldWithAnyByteChanged) {
  const auto reader = LogReader::open(place.dir()).value();
  const std::string text = tlog_proof(*reader, 300).value();
  const auto leaf = merkle::leaf_hash(numbered(300, 1)[0]);
  ASSERT_OK(verify(text, leaf));
  for (size_t byte = 0; byte < text.size(); ++byte) {
    std::string changed = text;
    changed[byte] = static_cast<char>(changed[byte] ^ 1);
    EXPECT_FALSE(verify(changed, leaf)) << byte << " " << text[byte];
  }
}

TEST_F(ProofTest, IsNotMadeFromATileThatLies) {
  flip_bit(place.dir() + "/tile/0/000", 40);
  const auto reader = LogReader::open(place.dir()).value();
  const auto text = tlog_proof(*reader, 0);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace proviso::ledger::testing
