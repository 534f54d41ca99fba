// A leaf opened field by field, judged without the vault.
#include "audit/disclosure.h"

#include "ledger/tlog_proof.h"
#include "replay_support.h"

namespace proviso::audit::testing {
namespace {

class DisclosureTest : public ::testing::Test {
 protected:
  void SetUp() override {
    house.live_a_day();
    house.decide(Verb::kAsk, "ex-5", "analysis", "", [](Record& bent) { bent.leaf.model = sha256("x"); });
    house.decide(Verb::kAsk, "ex-6", "analysis", "", [](Record& bent) { bent.leaf.vendor = sha256("x"); });
    house.decide(Verb::kAsk, "ex-7", "analysis", "", [](Record& bent) {
      bent.facts.set("context.moment.now", bent.leaf.time.value - 1);
    });
    Record odd;
    house.fill(odd, "start", "-");
    odd.facts.set("odd\x1b[2J", true);
    house.commit(std::move(odd));
    house.state.committer.reset();
    look_at(1);  // an `ask` that was allowed
  }
  void look_at(uint64_t place) {
    index = place;
    key = note::VerifierKey::parse(house.state.place.log_key()).value();
    const auto reader = ledger::LogReader::open(house.state.place.dir()).value();
    leaf_text = reader->entry(index).value();
    proof = ledger::tlog_proof(*reader, index).value();
    contents = Contents::decode(house.state.vault->open_record(index).value()).value();
    every.clear();
    for (const auto& [path, value] : contents.facts.items()) every.insert(path);
    files = read_tree(house.folder()).value();
  }
  Disclosure disclose(const std::set<std::string>& paths, const std::set<std::string>& absent = {},
                      Naming naming = Naming::kAll) const {
    return {leaf_text, proof, open_facts(contents, paths, absent, naming).value(), files};
  }
  Result<Shown> shown(const Disclosure& disclosure) const {
    const auto again = Disclosure::parse(disclosure.text());
    if (!again) return std::unexpected(again.error());
    return judge(*again, ledger::Policy::parse("quorum none").value(), std::span(&key, 1));
  }

  House house;
  uint64_t index = 0;
  note::VerifierKey key;
  std::string leaf_text;
  std::string proof;
  Contents contents;
  std::set<std::string> every;
  agreement::Files files;
};

TEST_F(DisclosureTest, OpensWhatWasChosenAndNamesTheRest) {
  const auto seen = shown(disclose({"context.moment.purpose", "resource.id"}));
  ASSERT_OK(seen);
  EXPECT_EQ(seen->index, index);
  EXPECT_EQ(seen->leaf.decision, "allow");
  EXPECT_EQ(seen->withheld.size(), every.size() - 2);
  EXPECT_EQ(seen->unnamed, 0u);
  EXPECT_EQ(seen->replay, Replayed::kFactsWithheld);  // never "ok" while something is withheld
}

TEST_F(DisclosureTest, DerivesTheDecisionAgainOnceAllIsOpen) {
  const auto seen = shown(disclose(every));
  ASSERT_OK(seen);
  EXPECT_EQ(seen->replay, Replayed::kSame);
  ASSERT_NE(seen->agreement, nullptr);
  EXPECT_EQ(seen->agreement->digest(), seen->leaf.agreement);
  EXPECT_TRUE(seen->withheld.empty());
  Disclosure without = disclose(every);
  without.agreement.clear();
  EXPECT_EQ(shown(without)->replay, Replayed::kNoAgreement);
  // An agreement with one byte changed is another one.
  Disclosure changed = disclose(every);
  changed.agreement.begin()->second += "\n";
  EXPECT_EQ(shown(changed).error().code, Code::kUnverified);
}

// As the replay of a whole log: what the leaf says in clear must be what its facts say.
TEST_F(DisclosureTest, IsNotTheSameUnderAnotherModelVendorOrMoment) {
  for (const uint64_t bent : {8u, 9u, 10u}) {
    look_at(bent);
    const auto seen = shown(disclose(every));
    ASSERT_FALSE(seen) << bent;
    EXPECT_EQ(seen.error().code, Code::kUnverified);
    EXPECT_NE(seen.error().message.find(bent == 10 ? "another time" : "another vendor or model"),
              std::string::npos)
        << seen.error().message;
  }
}

TEST_F(DisclosureTest, SaysThatNothingWasDecidedWhereNothingWas) {
  for (const uint64_t place : {0u, 6u}) {  // a `start` without facts, the outcome of a model that failed
    look_at(place);
    const auto seen = shown(disclose(every));
    ASSERT_OK(seen);
    EXPECT_EQ(seen->replay, Replayed::kNothingDecided) << place;
  }
}

TEST_F(DisclosureTest, ALeafWithoutFactsShowsAbsenceUnderTheEmptyRootOnly) {
  look_at(0);
  const Disclosure nothing = disclose({});
  Leaf leaf = Leaf::parse(leaf_text).value();
  ASSERT_EQ(leaf.fact_count, 0u);
  EXPECT_TRUE(shows_absent(nothing, leaf, "principal.id"));
  leaf.fact_root = sha256("facts that are not counted");
  EXPECT_FALSE(shows_absent(nothing, leaf, "principal.id"));
}

TEST_F(DisclosureTest, APathThatWouldSteerATerminalIsRefused) {
  look_at(11);
  const auto seen = shown(disclose(every));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, Code::kInvalid);
}

TEST_F(DisclosureTest, ShowsThatAFactIsNotThere) {
  for (const std::string& path :
       {std::string("aaa"), std::string("context.moment.approvals"), std::string("zzz")}) {
    const Disclosure narrow = disclose({}, {path}, Naming::kChosen);
    const auto seen = shown(narrow);
    ASSERT_OK(seen);
    EXPECT_TRUE(shows_absent(narrow, seen->leaf, path)) << path;
    EXPECT_LE(narrow.facts.size(), 2u);
    EXPECT_GT(seen->unnamed, 0u);
    // The control: neighbours of something else show nothing about it.
    EXPECT_FALSE(shows_absent(narrow, seen->leaf, "resource.id"));
    EXPECT_FALSE(shows_absent(disclose({"resource.id"}, {}, Naming::kChosen), seen->leaf, path));
  }
  const Disclosure all = disclose({});
  const Leaf leaf = Leaf::parse(leaf_text).value();
  EXPECT_TRUE(shows_absent(all, leaf, "context.moment.approvals"));
  for (const std::string& path : every) EXPECT_FALSE(shows_absent(all, leaf, path)) << path;
}

TEST_F(DisclosureTest, SaysWhatCannotBeOpenedOrIsThereAfterAll) {
  EXPECT_EQ(open_facts(contents, {"no.such"}, {}, Naming::kAll).error().code, Code::kNotFound);
  EXPECT_EQ(open_facts(contents, {}, {"resource.id"}, Naming::kAll).error().code, Code::kConflict);
}

TEST_F(DisclosureTest, NothingInItCanBeChanged) {
  const Disclosure good = disclose({"context.moment.purpose"}, {"zzz"}, Naming::kChosen);
  ASSERT_OK(shown(good));
  const auto bent = [&](const std::function<void(Disclosure&)>& bend) {
    Disclosure wrong = good;
    bend(wrong);
    const auto seen = shown(wrong);
    EXPECT_FALSE(seen);
  };
  bent([](Disclosure& d) { d.facts[0].value = "\"targeting\""; });
  bent([](Disclosure& d) { d.facts[0].path = "context.moment.purposf"; });
  bent([](Disclosure& d) { d.facts[0].position += 1; });
  bent([](Disclosure& d) { d.facts[0].salt = sha256("x"); });
  bent([](Disclosure& d) { d.facts[1].hash = sha256("x"); });
  bent([](Disclosure& d) { std::swap(d.facts[0], d.facts[1]); });
  bent([](Disclosure& d) { d.facts[1].proof.pop_back(); });
  bent([](Disclosure& d) { d.leaf[d.leaf.find("allow")] = 'A'; });
  bent([](Disclosure& d) { d.proof.replace(d.proof.find("index 1"), 7, "index 2"); });
  bent([&](Disclosure& d) { d.facts.push_back(d.facts.back()); });
  // A flipped bit anywhere in the file.
  const std::string text = disclose({"context.moment.purpose"}, {"zzz"}, Naming::kChosen).text();
  size_t refused = 0;
  size_t tried = 0;
  for (size_t at = 0; at < text.size(); at += 97) {
    std::string wrong = text;
    wrong[at] = static_cast<char>(wrong[at] ^ 2);
    const auto parsed = Disclosure::parse(wrong);
    const bool holds =
        parsed && judge(*parsed, ledger::Policy::parse("quorum none").value(), std::span(&key, 1));
    ++tried;
    refused += holds ? 0 : 1;
  }
  EXPECT_EQ(refused, tried);
  std::printf("audit: disclosure bits refused %zu/%zu\n", refused, tried);
}

TEST_F(DisclosureTest, ASecretOfOneFactSaysNothingAboutAnother) {
  const Disclosure one = disclose({"context.moment.purpose"});
  for (const DisclosedFact& fact : one.facts) {
    if (fact.path == "context.moment.purpose") continue;
    EXPECT_FALSE(fact.salt);
    EXPECT_TRUE(fact.value.empty());
  }
  EXPECT_EQ(one.text().find(hex_encode(contents.secret)), std::string::npos);
}

}  // namespace
}  // namespace proviso::audit::testing
