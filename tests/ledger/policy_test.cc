#include "ledger/policy.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/data.h"
#include "base/json.h"
#include "support.h"

namespace proviso::ledger::testing {
namespace {

TEST(PolicyVectors, AreReadAsPublished) {
  const auto path = test::data_path("policies", "tlog-vectors/tlog-policy.json");
  if (!path) return;
  json::Parser parser;
  const json::Element file = parser.parse(test::slurp(*path)).value();
  size_t passed = 0;
  size_t total = 0;
  for (const json::Element one : file["cases"].get_array().value()) {
    const auto text = hex_decode(std::string(one["policy_hex"].get_string().value())).value();
    const auto policy = Policy::parse(text);
    bool good = policy.has_value() == one["valid"].get_bool().value();
    json::Array names;
    if (good && policy && one["satisfied_by"].get(names) == simdjson::SUCCESS) {
      std::vector<std::string> given;
      for (const json::Element name : names) given.emplace_back(name.get_string().value());
      good = policy->satisfied_by(given);
    }
    EXPECT_TRUE(good) << one["id"].get_string().value()
                      << (policy ? "" : ": " + policy.error().message);
    passed += good ? 1 : 0;
    ++total;
  }
  std::printf("ledger: tlog-policy %zu/%zu\n", passed, total);
}

NamedKey key_of(std::string name, char seed) {
  return {std::move(name), PrivateKey::create(std::string(32, seed)).value()};
}

class Quorum : public ::testing::Test {
 protected:
  // An overseer that must be there, and two of three nodes.
  Quorum() {
    std::string text = fmt::format("# who must have seen it\nlog {} https://log.example/\n",
                                   note::VerifierKey::ed25519(log_.name, log_.key.public_key())->text());
    for (size_t i = 0; i < witnesses_.size(); ++i) {
      text += fmt::format("  witness w{}\t{}\n", i,
                          cosigner_key(witnesses_[i].name, witnesses_[i].key.public_key())->text());
    }
    text += "group nodes 2 w1 w2 w3\ngroup both all w0 nodes\nquorum both\n";
    policy_ = Policy::parse(text).value();
  }
  std::string cosigned(std::initializer_list<size_t> by, int64_t from = 100) const {
    std::string note = note::sign(body_.text(), log_.name, log_.key).value();
    for (const size_t i : by) {
      note += cosign(body_.text(), witnesses_[i], {from + static_cast<int64_t>(i)}).value();
    }
    return note;
  }
  NamedKey log_ = key_of("log.example/test", 'l');
  std::vector<NamedKey> witnesses_ = {key_of("overseer.example", 'o'), key_of("n1", '1'),
                                      key_of("n2", '2'), key_of("n3", '3')};
  note::Checkpoint body_{"log.example/test", 9, sha256("root"), {}};
  Policy policy_;
};

TEST_F(Quorum, IsJudgedForEverySetOfWitnesses) {
  for (unsigned set = 0; set < 16; ++set) {
    std::string note = cosigned({});
    unsigned nodes = 0;
    for (unsigned i = 0; i < 4; ++i) {
      if ((set >> i & 1) == 0) continue;
      note += cosign(body_.text(), witnesses_[i], {100 + i}).value();
      nodes += i > 0 ? 1 : 0;
    }
    const auto opened = open_witnessed(note, policy_, {});
    ASSERT_OK(opened);
    EXPECT_EQ(opened->quorum, (set & 1) != 0 && nodes >= 2) << set;
  }
}

TEST_F(Quorum, TimeIsTheOldestThatWasNeeded) {
  EXPECT_EQ(open_witnessed(cosigned({0, 1, 2, 3}), policy_, {})->earliest.value, 100);
  EXPECT_EQ(open_witnessed(cosigned({1, 2, 3}), policy_, {})->earliest.value, 0);
}

TEST_F(Quorum, NothingCountsUnderAnotherLogsSignature) {
  const NamedKey other = key_of("other.example", 'x');
  std::string note = note::sign(body_.text(), other.name, other.key).value();
  EXPECT_EQ(open_witnessed(note, policy_, {}).error().code, Code::kUnverified);
  // Signed by a key that the caller names, but with the origin of another log.
  const auto key = note::VerifierKey::ed25519(other.name, other.key.public_key()).value();
  EXPECT_EQ(open_witnessed(note, policy_, std::span(&key, 1)).error().code, Code::kUnverified);
  EXPECT_OK(open_witnessed(cosigned({}), policy_, std::span(&key, 1)));
}

TEST_F(Quorum, AFlippedBitInACosignatureRejectsTheNote) {
  std::string note = cosigned({0, 1, 2});
  note[note.size() - 5] = note[note.size() - 5] == 'A' ? 'B' : 'A';
  EXPECT_EQ(open_witnessed(note, policy_, {}).error().code, Code::kUnverified);
}

TEST(Policy, SaysWhichLineIsWrong) {
  EXPECT_NE(Policy::parse("\nquorum nobody\n").error().message.find("line 2"), std::string::npos);
  EXPECT_EQ(Policy::parse(std::string(kPolicyBytesMax + 1, '\n')).error().code, Code::kLimit);
  EXPECT_TRUE(Policy::parse("quorum none")->satisfied_by({}));
}

}  // namespace
}  // namespace proviso::ledger::testing
