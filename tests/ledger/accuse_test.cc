// What an operator who holds every key can do, and the paper that convicts it. Each lie is told with the
// log's real keys; each has a control in which nobody lied.
#include "ledger/accuse.h"

#include <fmt/format.h>

#include "ledger/cosigning.h"
#include "support.h"

namespace proviso::ledger::testing {
namespace {

// A log, and the same operator's other history in another folder.
class Liar : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(place.open());
    twin_signer = fork_signer({twin_dir(), place.keys() + "/log.key", place.keys() + "/receipt.key",
                               place.root() + "/twin.state", 0});
    twin = Log::open({twin_dir(), kOrigin}, *twin_signer).value();
    documents.log_key = place.log_key();
    documents.receipt_key = read_verifier_key(place.keys() + "/receipt.pub")->text();
  }
  std::string twin_dir() const { return place.root() + "/twin"; }

  static std::vector<Receipt> put(Log& log, const std::vector<std::string>& entries, int64_t now) {
    EXPECT_OK(log.append(entries, {now}));
    auto receipts = log.sign().value();
    EXPECT_OK(log.publish());
    return receipts;
  }
  std::string checkpoint(const std::string& dir) const { return slurp(dir + "/checkpoint"); }

  // Made, spelled, read again and judged, as another machine would; a bit anywhere must not survive.
  void expect_charge(Charge charge) {
    const auto evidence = accuse(documents);
    ASSERT_OK(evidence);
    ASSERT_TRUE(evidence->has_value()) << charge_name(charge);
    EXPECT_EQ((*evidence)->charge, charge) << charge_name((*evidence)->charge);
    const std::string text = (*evidence)->text();
    const auto again = Evidence::parse(text);
    ASSERT_OK(again);
    const auto sentence = judge(*again);
    ASSERT_OK(sentence);
    EXPECT_NE(sentence->find(kOrigin), std::string::npos);
    for (size_t at = 0; at < text.size(); at += 7) {
      std::string wrong = text;
      wrong[at] = static_cast<char>(wrong[at] ^ 1);
      const auto parsed = Evidence::parse(wrong);
      if (parsed && parsed->charge == charge && parsed->delay_s == (*evidence)->delay_s &&
          parsed->policy == (*evidence)->policy) {
        EXPECT_FALSE(judge(*parsed)) << at;
      }
    }
  }
  void expect_no_case() {
    const auto evidence = accuse(documents);
    ASSERT_OK(evidence);
    EXPECT_FALSE(evidence->has_value()) << charge_name((*evidence)->charge);
  }

  Place place;
  std::unique_ptr<SignerClient> twin_signer;
  std::unique_ptr<Log> twin;
  std::unique_ptr<LogReader> reader;
  Documents documents;
};

TEST_F(Liar, WhoServesTwoHistoriesOfOneSize) {
  put(*place.log, numbered(0, 5), 1);
  put(*twin, numbered(100, 5), 1);
  documents.checkpoints = {checkpoint(place.dir()), checkpoint(twin_dir())};
  expect_charge(Charge::kTwoRoots);
  documents.checkpoints[1] = documents.checkpoints[0];
  expect_no_case();
}

TEST_F(Liar, WhoRewritesALeafBehindACheckpointThatWasSeen) {
  put(*place.log, numbered(0, 300), 1);
  documents.checkpoints = {checkpoint(place.dir())};
  auto changed = numbered(0, 300);
  changed[42] = "what we would rather have said";
  put(*twin, changed, 1);
  put(*twin, numbered(300, 30), 2);
  reader = LogReader::open_published(twin_dir()).value();
  documents.published = reader.get();
  expect_charge(Charge::kRewritten);
  // The control: the log that was seen, grown honestly.
  put(*place.log, numbered(300, 30), 2);
  reader = LogReader::open_published(place.dir()).value();
  documents.published = reader.get();
  expect_no_case();
}

TEST_F(Liar, WhoDropsALeafForWhichItGaveAReceipt) {
  const auto receipts = put(*place.log, numbered(0, 10), 1);
  documents.receipts = {receipts[4].text()};
  auto without = numbered(0, 10);
  without.erase(without.begin() + 4);
  without.push_back("so that the size is right");
  put(*twin, without, 1);
  reader = LogReader::open_published(twin_dir()).value();
  documents.published = reader.get();
  expect_charge(Charge::kReplaced);
  reader = LogReader::open_published(place.dir()).value();
  documents.published = reader.get();
  expect_no_case();
}

TEST_F(Liar, WhoPromisesOnePlaceTwice) {
  const auto mine = put(*place.log, numbered(0, 3), 1);
  const auto theirs = put(*twin, numbered(50, 3), 1);
  documents.receipts = {mine[1].text(), theirs[1].text()};
  expect_charge(Charge::kTwoLeaves);
  documents.receipts = {mine[1].text(), mine[2].text()};
  expect_no_case();
}

TEST_F(Liar, WhoBackDates) {
  put(*place.log, numbered(0, 3), 1000);
  const auto honest = put(*place.log, numbered(3, 3), 2000);
  put(*twin, numbered(0, 6), 1000);
  const auto dated = put(*twin, numbered(6, 1), 1500);  // entry 6, said to be older than entry 5
  documents.receipts = {dated[0].text(), honest[2].text()};
  expect_charge(Charge::kBackDated);
  documents.receipts = {honest[0].text(), honest[2].text()};
  expect_no_case();
}

class Withheld : public Liar {
 protected:
  static NamedKey witness() {
    return {"overseer.example/w", PrivateKey::create(std::string(32, 'w')).value()};
  }
  std::string witnessed(const std::string& note, int64_t time) const {
    return note + cosign(note::parse(note)->text, witness(), {time}).value();
  }
};

TEST_F(Withheld, AnEntryThatWitnessesNeverSee) {
  documents.policy = fmt::format(
      "witness w {}\nquorum w\n",
      cosigner_key(witness().name, witness().key.public_key())->text());
  put(*place.log, numbered(0, 3), 1000);
  const std::string before = checkpoint(place.dir());
  ASSERT_OK(place.log->append(numbered(3, 1), {2000}));
  documents.receipts = {place.log->sign()->front().text()};
  documents.checkpoints = {witnessed(before, 2000 + kPublicationDelayS)};
  expect_no_case();  // the time for publication is just not over
  documents.checkpoints = {witnessed(before, 2001 + kPublicationDelayS)};
  expect_charge(Charge::kMissing);
  documents.policy.clear();
  expect_no_case();  // nobody tells the time
  documents.policy = fmt::format("witness w {}\nquorum none\n",
                                 cosigner_key("x", PrivateKey::generate().public_key())->text());
  expect_no_case();  // somebody else's time
}

// A witness gives an old checkpoint a fresh time to anybody who asks: while the log cannot reach it, that
// looks like a log that withholds.
TEST_F(Withheld, AnHonestLogIsNotConvictedOnAnOldCheckpointCosignedAgain) {
  documents.policy = fmt::format(
      "witness w {}\nquorum w\n", cosigner_key(witness().name, witness().key.public_key())->text());
  put(*place.log, numbered(0, 3), 1000);
  const std::string before = checkpoint(place.dir());
  documents.receipts = {put(*place.log, numbered(3, 1), 2000).front().text()};  // published at once
  documents.checkpoints = {witnessed(before, 2070)};
  const auto evidence = accuse(documents);
  ASSERT_OK(evidence);
  ASSERT_TRUE(evidence->has_value());
  Brought brought{documents.log_key, documents.receipt_key, documents.policy, 60};
  const auto judged = judge(**evidence, brought);
  ASSERT_OK(judged);
  EXPECT_EQ(judged->finding, Finding::kNotShown);
  EXPECT_NE(judged->sentence.find("had not been shown it 70 s after the receipt"), std::string::npos)
      << judged->sentence;
  // The delay is the judge's, not the file's.
  brought.delay_s = 70;
  EXPECT_FALSE(judge(**evidence, brought));
  Evidence hurried = **evidence;
  hurried.delay_s = 0;
  EXPECT_FALSE(judge(hurried, brought));
  brought.delay_s.reset();
  EXPECT_EQ(judge(hurried, brought)->unbrought, std::vector<std::string>{"delay"});
}

TEST_F(Withheld, TimesThatCannotBeSubtractedProveNothing) {
  documents.policy = fmt::format(
      "witness w {}\nquorum w\n", cosigner_key(witness().name, witness().key.public_key())->text());
  put(*place.log, numbered(0, 3), 1000);
  Evidence evidence;
  evidence.charge = Charge::kMissing;
  evidence.log_key = documents.log_key;
  evidence.receipt_key = documents.receipt_key;
  evidence.policy = documents.policy;
  evidence.checkpoints = {witnessed(checkpoint(place.dir()), INT64_MAX - 1)};
  Receipt old;
  old.origin = kOrigin;
  old.index = old.start = 3;
  old.end = 4;
  old.leaf = sha256("x");
  old.time = {INT64_MIN + 2};
  const auto key = read_private_key(place.keys() + "/receipt.key").value();
  old.signature = key.key.sign(receipt_message(kOrigin, 3, 4, old.leaf, old.time));
  evidence.receipts = {old.text()};
  const auto judged = judge(evidence);
  ASSERT_FALSE(judged);
  EXPECT_NE(judged.error().message.find("too far apart"), std::string::npos) << judged.error().message;
}

// Anybody can make a key and name it after the log.
TEST_F(Liar, NobodyIsConvictedUnderKeysThatTheAccuserMade) {
  put(*place.log, numbered(0, 3), 1);
  const auto mine = PrivateKey::generate();
  Evidence evidence;
  evidence.charge = Charge::kTwoRoots;
  evidence.log_key = note::VerifierKey::ed25519(kOrigin, mine.public_key())->text();
  for (const char* history : {"one", "two"}) {
    const note::Checkpoint body{kOrigin, 3, sha256(history), {}};
    evidence.checkpoints.push_back(note::sign(body.text(), kOrigin, mine).value());
  }
  EXPECT_OK(judge(evidence));  // it holds, under the keys in the file
  const auto alone = judge(evidence, Brought{});
  ASSERT_OK(alone);
  EXPECT_EQ(alone->finding, Finding::kOnItsOwnWord);
  EXPECT_EQ(alone->unbrought, std::vector<std::string>{"log key"});
  EXPECT_FALSE(judge(evidence, Brought{documents.log_key, {}, {}, {}}));
}

TEST_F(Liar, ReceiptsCountUnderTheJudgesReceiptKeyOnly) {
  const auto first = put(*place.log, numbered(0, 3), 1);
  const auto second = put(*twin, numbered(50, 3), 1);
  documents.receipts = {first[1].text(), second[1].text()};
  const auto evidence = accuse(documents);
  ASSERT_OK(evidence);
  const auto half = judge(**evidence, Brought{documents.log_key, {}, {}, {}});
  ASSERT_OK(half);
  EXPECT_EQ(half->finding, Finding::kOnItsOwnWord);
  EXPECT_EQ(half->unbrought, std::vector<std::string>{"receipt key"});
  const auto full = judge(**evidence, Brought{documents.log_key, documents.receipt_key, {}, {}});
  ASSERT_OK(full);
  EXPECT_EQ(full->finding, Finding::kProven);
  EXPECT_FALSE(judge(**evidence, Brought{documents.log_key, documents.log_key, {}, {}}));
}

TEST_F(Liar, NobodyIsAccusedOnForgedPapers) {
  const auto receipts = put(*place.log, numbered(0, 3), 1);
  const auto stranger = PrivateKey::generate();
  const note::Checkpoint body{kOrigin, 3, sha256("slander"), {}};
  documents.checkpoints = {checkpoint(place.dir()), note::sign(body.text(), kOrigin, stranger).value()};
  EXPECT_EQ(accuse(documents).error().code, Code::kUnverified);
  documents.checkpoints.clear();
  Receipt forged = receipts[1];
  forged.leaf = sha256("slander");
  documents.receipts = {receipts[1].text(), forged.text()};
  EXPECT_FALSE(accuse(documents));
  Evidence evidence;
  evidence.log_key = documents.log_key;
  EXPECT_FALSE(judge(evidence));  // a charge without documents
}

}  // namespace
}  // namespace proviso::ledger::testing
