// Keys that change, and papers that stay: what each key of a chain may have signed.
#include "ledger/rotation.h"

#include <gtest/gtest.h>

#include "base/merkle.h"

namespace proviso::ledger {
namespace {

constexpr std::string_view kOrigin = "log.example/test";

struct Keys {
  NamedKey log, receipt;
  [[nodiscard]] note::VerifierKey log_key() const {
    return *note::VerifierKey::ed25519(log.name, log.key.public_key());
  }
  [[nodiscard]] note::VerifierKey receipt_key() const {
    return *note::VerifierKey::ed25519(receipt.name, receipt.key.public_key());
  }
};

Keys keys(char seed) {
  return {{std::string(kOrigin), *PrivateKey::create(std::string(32, seed))},
          {receipt_key_name(kOrigin), *PrivateKey::create(std::string(31, seed) + 'r')}};
}

Digest root_at(uint64_t size) { return sha256(std::to_string(size)); }

std::string rotation(const Keys& from, const Keys& to, uint64_t size) {
  const Rotation made{std::string(kOrigin), size, root_at(size), {1000}, from.log_key(), from.receipt_key(),
                      to.log_key(), to.receipt_key()};
  return *sign_rotation(made, from.log, to.log);
}

std::string checkpoint(const Keys& by, uint64_t size, const Digest& root) {
  return *note::sign(note::Checkpoint{std::string(kOrigin), size, root, {}}.text(), by.log.name, by.log.key);
}

Receipt receipt(const Keys& by, uint64_t index) {
  const IntervalTree tree({sha256("a")});
  const std::string message = receipt_message(kOrigin, index, index + 1, tree.root(), {5});
  return {std::string(kOrigin), index, tree.leaf(0), index, index + 1, {5}, {}, by.receipt.key.sign(message)};
}

const Keys kFirst = keys('1');
const Keys kSecond = keys('2');
const Keys kThird = keys('3');

std::vector<std::string> two_rotations() { return {rotation(kSecond, kThird, 20), rotation(kFirst, kSecond, 10)}; }

TEST(Rotation, ReadsBackWhatItSays) {
  const std::string note = rotation(kFirst, kSecond, 10);
  const auto read = Rotation::open(note);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->origin, kOrigin);
  EXPECT_EQ(read->size, 10U);
  EXPECT_EQ(read->root, root_at(10));
  EXPECT_EQ(read->new_log.text(), kSecond.log_key().text());
  EXPECT_FALSE(note::Checkpoint::parse(note::parse(note)->text).has_value()) << "it must be no checkpoint";
}

TEST(Rotation, NeedsBothSignaturesWhole) {
  const std::string good = rotation(kFirst, kSecond, 10);
  const Rotation read = *Rotation::open(good);
  const std::string old_only = *note::sign(read.text(), kOrigin, kFirst.log.key);
  const std::string new_only = *note::sign(read.text(), kOrigin, kSecond.log.key);
  EXPECT_FALSE(Rotation::open(old_only).has_value());
  EXPECT_FALSE(Rotation::open(new_only).has_value()) << "whoever has no old key cannot take a log over";
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(Rotation::open(bad).has_value()) << "byte " << i;
  }
}

TEST(KeyChain, AcceptsEachKeyInItsTimeFromWhicheverKeyIsHeld) {
  for (const note::VerifierKey& held : {kFirst.log_key(), kSecond.log_key(), kThird.log_key(),
                                        kFirst.receipt_key(), kThird.receipt_key()}) {
    const auto chain = KeyChain::create(held, two_rotations());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    const struct {
      const Keys& by;
      uint64_t size;
      bool holds;
    } cases[] = {{kFirst, 3, true},   {kFirst, 10, true},  {kFirst, 11, false}, {kFirst, 25, false},
                 {kSecond, 9, false}, {kSecond, 10, true}, {kSecond, 20, true}, {kSecond, 21, false},
                 {kThird, 20, true},  {kThird, 99, true},  {kThird, 12, false}};
    for (const auto& c : cases) {
      const auto signer = chain->signer_of(checkpoint(c.by, c.size, root_at(c.size)));
      EXPECT_EQ(signer.has_value(), c.holds) << c.size << (signer ? "" : signer.error().message);
      if (signer) EXPECT_EQ(signer->text(), c.by.log_key().text());
    }
    EXPECT_TRUE(chain->verify(receipt(kFirst, 9)).has_value());
    EXPECT_FALSE(chain->verify(receipt(kFirst, 10)).has_value()) << "a retired key gives no receipt for what is new";
    EXPECT_TRUE(chain->verify(receipt(kSecond, 9)).has_value()) << "an old receipt may be given again";
    EXPECT_TRUE(chain->verify(receipt(kThird, 1000)).has_value());
    EXPECT_FALSE(chain->verify(receipt(kSecond, 1000)).has_value());
  }
}

TEST(KeyChain, ARetiredKeyCannotRewriteTheEntriesOfItsTimeAtTheirEnd) {
  const auto chain = KeyChain::create(kThird.log_key(), two_rotations());
  ASSERT_TRUE(chain.has_value());
  EXPECT_FALSE(chain->signer_of(checkpoint(kFirst, 10, sha256("another root"))).has_value());
}

TEST(KeyChain, WithoutTheNotesOnlyTheHeldKeyCounts) {
  const auto chain = KeyChain::create(kFirst.log_key(), {});
  ASSERT_TRUE(chain.has_value());
  EXPECT_TRUE(chain->signer_of(checkpoint(kFirst, 25, root_at(25))).has_value());
  EXPECT_FALSE(chain->signer_of(checkpoint(kSecond, 15, root_at(15))).has_value());
}

TEST(KeyChain, RefusesWhatIsNoChain) {
  const Keys stranger = keys('4');
  EXPECT_FALSE(KeyChain::create(stranger.log_key(), two_rotations()).has_value()) << "the key is not in it";
  const std::vector<std::string> gap = {rotation(kFirst, kSecond, 10), rotation(kThird, stranger, 20)};
  EXPECT_FALSE(KeyChain::create(kFirst.log_key(), gap).has_value());
  const std::vector<std::string> fork = {rotation(kFirst, kSecond, 10), rotation(kFirst, kThird, 10)};
  EXPECT_FALSE(KeyChain::create(kFirst.log_key(), fork).has_value()) << "one key names two successors";
  const std::vector<std::string> back = {rotation(kFirst, kSecond, 20), rotation(kSecond, kThird, 10)};
  EXPECT_FALSE(KeyChain::create(kFirst.log_key(), back).has_value());
}

}  // namespace
}  // namespace proviso::ledger
