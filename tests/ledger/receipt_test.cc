#include "ledger/receipt.h"

#include "base/merkle.h"
#include "base/note.h"
#include "support.h"

namespace proviso::ledger::testing {
namespace {

std::vector<Digest> leaves(size_t count) {
  std::vector<Digest> out;
  for (size_t i = 0; i < count; ++i) out.push_back(merkle::leaf_hash(std::to_string(i)));
  return out;
}

Receipt make(const PrivateKey& key, size_t count, size_t at) {
  const IntervalTree tree(leaves(count));
  const uint64_t start = 1000;
  return {
      kOrigin,       start + at,
      tree.leaf(at), start,
      start + count, {77},
      tree.path(at), key.sign(receipt_message(kOrigin, start, start + count, tree.root(), {77}))};
}

TEST(IntervalTree, IsTheTreeOfRfc6962) {
  for (size_t count = 1; count <= 70; ++count) {
    const auto hashes = leaves(count);
    const IntervalTree tree(hashes);
    EXPECT_EQ(tree.root(), merkle::root(hashes));
    for (size_t i = 0; i < count; ++i) {
      EXPECT_OK(merkle::verify_inclusion(i, count, hashes[i], tree.path(i), tree.root()));
    }
  }
}

TEST(Receipt, HoldsAtEveryPlaceOfEveryInterval) {
  const auto key = PrivateKey::generate();
  const auto other = PrivateKey::generate();
  for (const size_t count : {1u, 2u, 3u, 7u, 64u, 65u, 1024u}) {
    for (size_t at = 0; at < count; at += 1 + count / 20) {
      const auto receipt = make(key, count, at);
      EXPECT_OK(receipt.verify(key.public_key()));
      EXPECT_FALSE(receipt.verify(other.public_key()));
      const auto again = Receipt::parse(receipt.text());
      ASSERT_OK(again);
      EXPECT_EQ(*again, receipt);
      EXPECT_LE(receipt.text().size(), kReceiptTextBytesMax);
    }
  }
}

TEST(Receipt, DoesNotHoldWithAnyFieldChanged) {
  const auto key = PrivateKey::generate();
  const auto good = make(key, 7, 4);
  const std::pair<const char*, std::function<void(Receipt&)>> changes[] = {
      {"origin", [](Receipt& r) { r.origin = "log.example/other"; }},
      {"index", [](Receipt& r) { r.index = 1005; }},
      {"index outside", [](Receipt& r) { r.index = 1007; }},
      {"leaf", [](Receipt& r) { r.leaf = sha256("x"); }},
      {"start", [](Receipt& r) { r.start = 999; }},
      {"end", [](Receipt& r) { r.end = 1008; }},
      {"empty", [](Receipt& r) { r.end = r.start; }},
      {"time", [](Receipt& r) { r.time.value += 1; }},
      {"path", [](Receipt& r) { r.path[1] = sha256("x"); }},
      {"short path", [](Receipt& r) { r.path.pop_back(); }},
      {"long path", [](Receipt& r) { r.path.push_back(sha256("x")); }},
      {"order", [](Receipt& r) { std::swap(r.path[0], r.path[1]); }},
      {"signature", [](Receipt& r) { r.signature[3] = static_cast<char>(r.signature[3] ^ 1); }},
      {"no signature", [](Receipt& r) { r.signature.clear(); }},
  };
  ASSERT_OK(good.verify(key.public_key()));
  for (const auto& [name, change] : changes) {
    auto receipt = good;
    change(receipt);
    EXPECT_FALSE(receipt.verify(key.public_key())) << name;
  }
}

TEST(Receipt, HasOneSpelling) {
  const auto text = make(PrivateKey::generate(), 3, 1).text();
  EXPECT_FALSE(Receipt::parse(" " + text));
  EXPECT_FALSE(Receipt::parse(text + "\n"));
  EXPECT_FALSE(Receipt::parse(text.substr(0, text.size() - 1)));
  auto version = text;
  version.replace(version.find("@v1"), 3, "@v2");
  EXPECT_EQ(Receipt::parse(version).error().code, Code::kUnsupported);
  auto extra = text;
  extra.insert(1, "\"a\":1,");
  EXPECT_FALSE(Receipt::parse(extra));
  EXPECT_EQ(Receipt::parse(std::string(3000, ' ')).error().code, Code::kLimit);
}

// A checkpoint key signs any note text: what a receipt key signs must not be one.
TEST(Receipt, IsNoNote) {
  const auto message = receipt_message(kOrigin, 0, 1, sha256("x"), {1});
  EXPECT_FALSE(note::Checkpoint::parse(message));
  EXPECT_FALSE(note::sign(message, kOrigin, PrivateKey::generate()));
}

TEST(Origin, FitsANameAndAHeader) {
  for (const auto* good : {"log.example", "a", "log.example/gate-1"})
    EXPECT_TRUE(check_origin(good));
  for (const auto* bad : {"", "two words", "a+b", "a\nb", "z\xc3\xbcrich"})
    EXPECT_FALSE(check_origin(bad)) << bad;
  EXPECT_TRUE(check_origin(std::string(255, 'a')));
  EXPECT_FALSE(check_origin(std::string(256, 'a')));
}

}  // namespace
}  // namespace proviso::ledger::testing
