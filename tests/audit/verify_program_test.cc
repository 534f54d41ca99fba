// The program as a person runs it: exit statuses, lines, JSON.
#include <cstdio>

#include "base/json.h"
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

  ledger::testing::flip_bit(house.state.place.dir() + "/tile/0/000.p/8", 40);
  const auto bad = run(state);
  EXPECT_EQ(bad.status, 1);
  EXPECT_NE(bad.out.find("log: " + state + "/log/tile/0/000.p/8: "), std::string::npos) << bad.out;
  EXPECT_NE(bad.out.find("\nNOT VERIFIED\n"), std::string::npos) << bad.out;
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
