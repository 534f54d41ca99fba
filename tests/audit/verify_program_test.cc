// The program as a person runs it: exit statuses, lines, JSON.
#include <cstdio>

#include "audit/disclosure.h"
#include "base/json.h"
#include "ledger/accuse.h"
#include "ledger/tlog_proof.h"
#include "replay_support.h"

namespace proviso::audit::testing {
namespace {

struct Ran {
  int status = -1;
  std::string out;
};

Ran run(const std::string& arguments) {
  Ran ran;
  FILE* pipe = popen((std::string(PV_VERIFY_PROGRAM) + " " + arguments + " 2>&1").c_str(), "r");
  char buffer[4096];
  for (size_t got = 0; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    ran.out.append(buffer, got);
  ran.status = WEXITSTATUS(pclose(pipe));
  return ran;
}

TEST(VerifyProgram, SaysWhatItFound) {
  House house;
  house.live_a_day();
  house.state.close();
  const std::string state = house.state.place.root();

  const auto good = run(state);
  EXPECT_EQ(good.status, 0) << good.out;
  EXPECT_NE(good.out.find("\nverified\n"), std::string::npos) << good.out;
  EXPECT_NE(good.out.find("6 decisions derived again"), std::string::npos) << good.out;

  const auto as_json = run(state + " --json --log-key '" + house.state.place.log_key() + "'");
  EXPECT_EQ(as_json.status, 0);
  json::Parser parser;
  const auto document = parser.parse(as_json.out);
  ASSERT_OK(document);
  EXPECT_EQ((*document)["decisions"].get_uint64().value(), 6u);
  EXPECT_TRUE((*document)["verified"].get_bool().value());

  const auto closed = run(state + " --no-vault");
  EXPECT_EQ(closed.status, 3) << closed.out;
  EXPECT_NE(closed.out.find("8 leaves not replayable: withheld"), std::string::npos) << closed.out;
  EXPECT_EQ(closed.out.find("verified"), std::string::npos) << closed.out;  // nothing was
  EXPECT_NE(run(state + " --no-vault --json").out.find("\"verified\":false"), std::string::npos);

  ledger::testing::flip_bit(house.state.place.dir() + "/tile/0/000.p/8", 40);
  const auto bad = run(state);
  EXPECT_EQ(bad.status, 1);
  EXPECT_NE(bad.out.find("log: " + state + "/log/tile/0/000.p/8: "), std::string::npos) << bad.out;
  EXPECT_NE(bad.out.find("\nNOT VERIFIED\n"), std::string::npos) << bad.out;
}

// Who stands in a tombstone stands there because somebody typed it.
TEST(VerifyProgram, ShowsAnErasuresApproversAsClaimed) {
  House house;
  house.live_a_day();
  exchange::Facts who;
  who.set("shred.authority", std::string("records act"));
  who.set("shred.approvers", std::vector<std::string>{"ana\x1b[2J", "ben"});
  house.bury(0, 7, 8, who);
  ASSERT_OK(house.state.vault->erase("default/2026-01"));
  house.state.close();
  const auto said = run(house.state.place.root());
  EXPECT_EQ(said.status, 3) << said.out;
  EXPECT_NE(said.out.find("8 records of leaves 0 to 7"), std::string::npos) << said.out;
  EXPECT_NE(said.out.find("approvers, as claimed: \"ana\\u001b[2J\", \"ben\""), std::string::npos)
      << said.out;
}

// Anybody can make keys and name them after a log: statuses 0, 1 and 3 are three things.
TEST(VerifyProgram, JudgesEvidenceUnderTheJudgesKeys) {
  House house;
  house.live_a_day();
  house.state.close();
  const std::string root = house.state.place.root();
  const std::string file = root + "/evidence.json";
  const auto mine = PrivateKey::generate();
  const std::string origin = note::VerifierKey::parse(house.state.place.log_key())->name;
  ledger::Evidence evidence;
  evidence.charge = ledger::Charge::kTwoRoots;
  evidence.log_key = note::VerifierKey::ed25519(origin, mine.public_key())->text();
  for (const char* history : {"one", "two"}) {
    const note::Checkpoint body{origin, 3, sha256(history), {}};
    evidence.checkpoints.push_back(note::sign(body.text(), origin, mine).value());
  }
  ledger::testing::spill(file, evidence.text() + "\n");
  const auto alone = run("evidence " + file);
  EXPECT_EQ(alone.status, 3) << alone.out;
  EXPECT_NE(alone.out.find("holds only under the keys in the file"), std::string::npos) << alone.out;
  EXPECT_NE(run("evidence --json " + file).out.find("\"proven\":false"), std::string::npos);
  EXPECT_EQ(run("evidence " + file + " --log-key '" + house.state.place.log_key() + "'").status, 1);
  EXPECT_EQ(run("evidence " + file + " --log-key '" + evidence.log_key + "'").status, 0);
  const auto endless = run("evidence - < /dev/zero");
  EXPECT_EQ(endless.status, 2) << endless.out.substr(0, 200);
  EXPECT_NE(endless.out.find("more than"), std::string::npos) << endless.out.substr(0, 200);
}

TEST(VerifyProgram, JudgesADisclosureUnderTheAgreementThatIsExpected) {
  House house;
  house.live_a_day();
  house.state.committer.reset();
  const auto reader = ledger::LogReader::open(house.state.place.dir()).value();
  const auto contents = Contents::decode(house.state.vault->open_record(1).value()).value();
  std::set<std::string> every;
  for (const auto& [path, value] : contents.facts.items()) every.insert(path);
  const Disclosure whole{reader->entry(1).value(), ledger::tlog_proof(*reader, 1).value(),
                         open_facts(contents, every, {}, Naming::kAll).value(),
                         read_tree(house.folder()).value()};
  const std::string file = house.state.place.root() + "/opened.json";
  ledger::testing::spill(file, whole.text() + "\n");
  const std::string judge = "disclosure " + file + " --log-key '" + house.state.place.log_key() + "'";
  const auto good = run(judge + " --agreement " + house.in_force->digest().hex());
  EXPECT_EQ(good.status, 0) << good.out;
  EXPECT_NE(good.out.find("agreement " + house.in_force->digest().hex()), std::string::npos) << good.out;
  EXPECT_NE(good.out.find(house.in_force->terms().title), std::string::npos) << good.out;
  EXPECT_NE(good.out.find(house.in_force->terms().parties[0].name), std::string::npos) << good.out;
  EXPECT_EQ(run(judge + " --agreement " + sha256("another").hex()).status, 1);
  const auto as_json = run(judge + " --json");
  json::Parser parser;
  const auto document = parser.parse(as_json.out);
  ASSERT_OK(document);
  EXPECT_TRUE((*document)["derived_again"].get_bool().value());
}

TEST(VerifyProgram, JudgesAReceipt) {
  House house;
  house.live_a_day();
  house.state.close();
  const std::string root = house.state.place.root();
  const std::string file = root + "/receipt.json";
  const std::string key = " --receipt-key " + root + "/keys/receipt.pub";
  ledger::testing::spill(file, house.receipts[2].text() + "\n");
  EXPECT_EQ(run("receipt " + file + key).status, 0);
  EXPECT_EQ(run("receipt " + file + " --log " + root + "/log" + key).status, 0);
  EXPECT_EQ(run("receipt " + file + " --state " + root).status, 0);
  EXPECT_EQ(run("receipt - --json --state " + root + " < " + file).status, 0);
  auto changed = house.receipts[2];
  changed.time.value += 1;
  ledger::testing::spill(file, changed.text());
  const auto bad = run("receipt " + file + key);
  EXPECT_EQ(bad.status, 1);
  EXPECT_NE(bad.out.find("signature"), std::string::npos) << bad.out;
  ledger::testing::spill(file, "not a receipt");
  EXPECT_EQ(run("receipt " + file + key).status, 1);
}

TEST(VerifyProgram, TeachesWhoeverUsesItWrongly) {
  EXPECT_EQ(run("").status, 2);
  EXPECT_EQ(run("--no-such-option").status, 2);
  EXPECT_EQ(run("/no/such/folder").status, 2);
  EXPECT_EQ(run("receipt").status, 2);
  const auto help = run("--help");
  EXPECT_EQ(help.status, 0);
  for (const auto* word : {"Exit status", "--log-key", "receipt", "--json"}) {
    EXPECT_NE(help.out.find(word), std::string::npos) << word;
  }
}

}  // namespace
}  // namespace proviso::audit::testing
