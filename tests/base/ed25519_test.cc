#include "base/ed25519.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/data.h"
#include "base/json.h"

namespace proviso {
namespace {

std::string bytes_of(json::Element hex) { return hex_decode(hex.get_string().value()).value(); }

TEST(Ed25519, Wycheproof) {
  const auto path =
      test::data_path("ed25519 edge cases", "tlog-vectors/signatures/ed25519_test.json");
  if (!path) return;
  json::Parser parser;
  const json::Element file = parser.parse(test::slurp(*path)).value();
  test::Tally tally("ed25519 wycheproof");
  for (const json::Element group : file["testGroups"].get_array().value()) {
    const PublicKey key = PublicKey::create(bytes_of(group["publicKey"]["pk"].value())).value();
    for (const json::Element item : group["tests"].get_array().value()) {
      const bool holds = key.verify(bytes_of(item["msg"].value()), bytes_of(item["sig"].value()));
      EXPECT_TRUE(tally.count(holds == (item["result"].get_string().value() == "valid")))
          << item["tcId"].get_int64().value();
    }
  }
  EXPECT_EQ(tally.total(), file["numberOfTests"].get_uint64().value());
}

TEST(Ed25519, KnownAnswerOfRfc8032) {
  const auto key =
      PrivateKey::create(
          hex_decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").value())
          .value();
  EXPECT_EQ(hex_encode(key.public_key().raw()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(hex_encode(key.sign("\x72")),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST(Ed25519, SeedsAndKeysHaveOneLength) {
  const PrivateKey key = PrivateKey::generate();
  EXPECT_EQ(PrivateKey::create(key.seed()).value().public_key(), key.public_key());
  EXPECT_FALSE(PrivateKey::create(key.seed().substr(1)));
  EXPECT_FALSE(PublicKey::create(key.public_key().raw() + "x"));
  EXPECT_FALSE(key.public_key().verify("m", key.sign("m") + "x"));
  EXPECT_FALSE(key.public_key().verify("n", key.sign("m")));
}

}  // namespace
}  // namespace proviso
