#include "ledger/cosignature.h"

#include "base/bytes.h"
#include "base/data.h"
#include "base/json.h"
#include "support.h"

namespace proviso::ledger::testing {
namespace {

constexpr std::string_view kText = "log.example/test\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

NamedKey key_of(std::string name, char seed) {
  return {std::move(name), PrivateKey::create(std::string(32, seed)).value()};
}
note::VerifierKey vkey_of(const NamedKey& key) {
  return cosigner_key(key.name, key.key.public_key()).value();
}

TEST(Cosignature, IsReadBackWithItsTime) {
  const NamedKey log = key_of("log.example/test", 'l');
  const NamedKey witness = key_of("witness.example/w", 'w');
  const note::VerifierKey known = vkey_of(witness);
  const std::string note =
      note::sign(kText, log.name, log.key).value() + cosign(kText, witness, {1'760'000'000}).value();
  const auto found = cosignatures(note::parse(note).value(), std::span(&known, 1));
  ASSERT_OK(found);
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().time.value, 1'760'000'000);
  EXPECT_EQ(note_text(note::parse(note).value()), note);
  // The same key as a log's is another key: other id, other type.
  const auto as_log = note::VerifierKey::ed25519(witness.name, witness.key.public_key()).value();
  EXPECT_NE(as_log.id, known.id);
  EXPECT_FALSE(note::open(note, std::span(&as_log, 1)));
  EXPECT_EQ(note::VerifierKey::parse(known.text())->id, known.id);
}

TEST(Cosignature, AnyFlippedBitOfItsLineOrTextIsRefused) {
  const NamedKey witness = key_of("w", 'w');
  const note::VerifierKey known = vkey_of(witness);
  const std::string note = std::string(kText) + "\n" + cosign(kText, witness, {5}).value();
  size_t refused = 0;
  for (size_t at = 0; at < note.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string wrong = note;
      wrong[at] = static_cast<char>(wrong[at] ^ (1 << bit));
      const auto parsed = note::parse(wrong);
      const auto found = parsed ? cosignatures(*parsed, std::span(&known, 1)) : fail(Code::kInvalid, "");
      // A changed name or id makes the line another's: then nobody known cosigned.
      EXPECT_TRUE(!found || found->empty()) << at;
      ++refused;
    }
  }
  std::printf("ledger: cosignature bits refused %zu/%zu\n", refused, note.size() * 8);
}

TEST(Cosignature, KnownLinesThatFailRejectTheNoteAndUnknownOnesAreReadPast) {
  const NamedKey ours = key_of("w", 'w');
  const NamedKey other = key_of("v", 'v');
  const note::VerifierKey known = vkey_of(ours);
  const std::string good = std::string(kText) + "\n" + cosign(kText, ours, {5}).value();
  const auto with_other = note::parse(good + cosign(kText, other, {6}).value()).value();
  EXPECT_EQ(cosignatures(with_other, std::span(&known, 1))->size(), 1u);
  std::string forged(kCosignatureBytes, '\1');
  const auto forged_too = note::parse(good + signature_line({known.name, known.id, forged})).value();
  EXPECT_EQ(cosignatures(forged_too, std::span(&known, 1)).error().code, Code::kUnverified);
  const auto twice = note::parse(good + cosign(kText, ours, {9}).value()).value();
  const auto found = cosignatures(twice, std::span(&known, 1)).value();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].time.value, 9);
}

TEST(Cosignature, TimeZeroIsNoClaimAWitnessMayMake) {
  const NamedKey witness = key_of("w", 'w');
  EXPECT_EQ(cosign(kText, witness, {0}).error().code, Code::kInvalid);
  const note::VerifierKey known = vkey_of(witness);
  std::string bytes;
  put_u64(bytes, 0);
  bytes += witness.key.sign(cosignature_message(kText, {0}));
  const auto note = note::parse(std::string(kText) + "\n" +
                                signature_line({known.name, known.id, bytes})).value();
  EXPECT_FALSE(cosignatures(note, std::span(&known, 1)));
}

// Every published note that carries a type 0x04 line by a known key.
TEST(Cosignature, AgreesWithThePublishedNotes) {
  const auto path = test::data_path("cosigned notes", "tlog-vectors/notes.json");
  if (!path) return;
  json::Parser parser;
  const json::Element file = parser.parse(test::slurp(*path)).value();
  size_t passed = 0;
  size_t total = 0;
  for (const json::Element one : file["cases"].get_array().value()) {
    std::vector<note::VerifierKey> keys;
    for (const json::Element text : one["trusted_vkeys"].get_array().value()) {
      const auto key = note::VerifierKey::parse(text.get_string().value());
      if (key && key->type == kCosignatureType) keys.push_back(*key);
    }
    if (keys.empty()) continue;
    ++total;
    const auto note =
        note::parse(hex_decode(std::string(one["note_hex"].get_string().value())).value());
    const auto found = note ? cosignatures(*note, keys) : std::unexpected(note.error());
    const bool accept = one["result"].get_string().value() == "accept";
    const bool good = accept ? found && found->size() == one["verified"].get_uint64().value()
                             : !found || found->empty();
    EXPECT_TRUE(good) << one["id"].get_string().value();
    passed += good ? 1 : 0;
  }
  std::printf("ledger: cosigned-notes %zu/%zu\n", passed, total);
}

// A log that signs with ML-DSA-44: its key and note are read, its line is nobody's that we can check.
TEST(Cosignature, ReadsPastLinesOfMlDsa) {
  const auto path = test::data_path("ML-DSA-44 note", "tlog-vectors/mldsa44-cosignature.json");
  if (!path) return;
  json::Parser parser;
  const json::Element file = parser.parse(test::slurp(*path)).value();
  const auto key = note::VerifierKey::parse(file["vkey"].get_string().value()).value();
  const auto note = note::parse(file["checkpoint"].get_string().value()).value();
  EXPECT_EQ(note::Checkpoint::parse(note.text)->size, 1u);
  EXPECT_EQ(cosignatures(note, std::span(&key, 1))->size(), 0u);
  EXPECT_EQ(note::open(file["checkpoint"].get_string().value(), std::span(&key, 1)).error().code,
            Code::kUnverified);
  std::printf("ledger: mldsa44-read-past 1/1\n");
}

}  // namespace
}  // namespace proviso::ledger::testing
