#include "audit/replay.h"

#include "audit/usage.h"
#include "audit/what_if.h"
#include "replay_support.h"

namespace proviso::audit::testing {
namespace {

using ledger::testing::flip_bit;
using ledger::testing::spill;

TEST(Replay, DerivesEveryDecisionAgain) {
  House house;
  house.live_a_day();
  const auto verdict = house.verdict();
  EXPECT_EQ(verdict.exit_code(), 0) << all(verdict);
  EXPECT_EQ(verdict.replay.leaves, 8u);
  EXPECT_EQ(verdict.replay.decisions, 6u);
  EXPECT_EQ(verdict.replay.others, 2u);
  EXPECT_EQ(verdict.replay.withheld, 0u);
  EXPECT_EQ(verdict.replay.open_intents, 1u);
  EXPECT_EQ(verdict.replay.silence_s, 60);
  EXPECT_EQ(verdict.checkpoint_size, 8u);
}

TEST(Replay, NeverCallsWithheldFactsRight) {
  House house;
  house.live_a_day();
  ASSERT_OK(house.state.vault->erase("default/2026-01"));
  const auto shredded = house.verdict();
  EXPECT_EQ(shredded.exit_code(), 1) << all(shredded);  // nobody says who did that
  EXPECT_TRUE(names(shredded, "vault", "segment default/2026-01", "on whose authority"));
  EXPECT_EQ(shredded.replay.withheld, 8u);
  EXPECT_EQ(shredded.replay.decisions, 0u);
  auto places = house.places();
  places.vault.clear();
  EXPECT_EQ(verify_state(places)->exit_code(), 3);
  EXPECT_TRUE(verify_state(places)->nothing_opened());
  // Without the root key nothing opens and no erasure can be told from another: that is said, not passed.
  std::filesystem::remove(house.state.place.root() + "/vault/keys/root.key");
  const auto keyless = verify_state(house.places());
  ASSERT_OK(keyless);
  EXPECT_EQ(keyless->exit_code(), 1) << all(*keyless);
  EXPECT_TRUE(names(*keyless, "vault", "keys/root.key", "is not there"));
}

TEST(Usage, CountsByMonthVendorAndPurposeAndWithoutWhatIsShredded) {
  House house;
  house.live_a_day();
  house.state.close();
  const auto count = [&](const std::string& vendor, UtcSeconds from) {
    const auto log = ledger::LogReader::open(house.state.place.dir()).value();
    const auto vault = vault::Vault::open_reader(house.state.place.root() + "/vault").value();
    AgreementShelf shelf(house.agreements());
    return count_usage(*log, *vault, shelf, from, {INT64_MAX}, vendor).value();
  };
  const Usage usage = count("", {0});
  EXPECT_EQ(usage.leaves, 8u);
  EXPECT_EQ(usage.rows.size(), 4u) << usage.text();
  EXPECT_EQ(usage.rows.at({"2026-01", "house", "analysis"}).allowed, 1u);
  EXPECT_EQ(usage.rows.at({"2026-01", "house", "targeting"}).denied, 1u);
  EXPECT_TRUE(count("somebody-else", {0}).rows.empty());
  EXPECT_TRUE(count("", {house.state.clock.now().value + 1}).rows.empty());
  std::filesystem::remove(house.state.place.root() + "/vault/keys/default-2026-01.key");
  const Usage shredded = count("house", {0});
  EXPECT_EQ(shredded.unopened, 4u);
  EXPECT_EQ(shredded.rows.at({"2026-01", "house", "-"}).allowed, 3u);
}

TEST(WhatIf, CountsWhatADraftWouldHaveTurned) {
  House house;
  house.live_a_day();
  house.state.close();
  const auto count = [&](const agreement::Files& files, UtcSeconds from) {
    const auto log = ledger::LogReader::open(house.state.place.dir()).value();
    const auto vault = vault::Vault::open_reader(house.state.place.root() + "/vault").value();
    return what_if(*log, *vault, **Agreement::load(files), from, {INT64_MAX}).value();
  };
  agreement::Files draft = read_tree(std::string(PV_SOURCE_DIR) + "/agreements/enclave").value();
  const WhatIf same = count(draft, {0});
  EXPECT_EQ(same.decisions, 6u);
  EXPECT_EQ(same.flipped, 0u) << same.text();
  // A draft for the time to come is judged as if it had been in force.
  std::string& terms = draft.at("agreement.toml");
  for (const auto& [from, to] : {std::pair("= 2026-01-01", "= 2031-01-01"), std::pair("= 2028-12-31", "= 2031-12-31")}) {
    ASSERT_NE(terms.find(from), std::string::npos) << from;
    terms.replace(terms.find(from), std::string(from).size(), to);
  }
  EXPECT_FALSE((*Agreement::load(draft))->check_period(house.state.clock.now()));
  EXPECT_EQ(count(draft, {0}).flipped, 0u);
  draft.at("clauses/1-purposes.md") +=
      "\n```cedar\nforbid (principal, action == Action::\"ask\", resource)\nwhen { context.moment.purpose == Purpose::\"coding\" };\n```\n";
  const WhatIf stricter = count(draft, {0});
  EXPECT_EQ(stricter.flipped, 1u) << stricter.text();
  EXPECT_EQ(stricter.flips.at({"ask", "allow", "deny"}).leaves, (std::vector<uint64_t>{7}));
  EXPECT_EQ(count(draft, {house.state.clock.now().value + 1}).decisions, 0u);
  std::filesystem::remove(house.state.place.root() + "/vault/keys/default-2026-01.key");
  const WhatIf shredded = count(draft, {0});
  EXPECT_EQ(shredded.unopened, 6u);
  EXPECT_EQ(shredded.flipped, 0u);
}

// A tombstone makes an erasure one that somebody answers for; a tombstone alone erases nothing.
TEST(Replay, TakesATombstoneForAnErasureAndAnErasureForATombstone) {
  for (const bool erase : {true, false}) {
    House house;
    house.live_a_day();
    house.bury(0, 7, 8);
    if (erase) ASSERT_OK(house.state.vault->erase("default/2026-01"));
    const auto verdict = house.verdict();
    EXPECT_EQ(verdict.exit_code(), erase ? 3 : 1) << all(verdict);
    EXPECT_EQ(verdict.replay.withheld, erase ? 8u : 0u);
    EXPECT_EQ(names(verdict, "vault", "segment default/2026-01", "but it is there"), !erase);
  }
}

// It covers the leaves that it names: what was recorded beside them and is gone too, nobody answers for.
TEST(Replay, ATombstoneCoversOnlyWhatItNames) {
  struct Named {
    int64_t first, last, records;
    int exit_code;
  };
  for (const Named& named : {Named{0, 7, 8, 3}, Named{0, 6, 8, 1}, Named{1, 7, 8, 1}, Named{0, 7, 7, 1},
                             Named{0, -1, 8, 1}}) {
    House house;
    house.live_a_day();
    house.bury(named.first, named.last, named.records);
    ASSERT_OK(house.state.vault->erase("default/2026-01"));
    const auto verdict = house.verdict();
    EXPECT_EQ(verdict.exit_code(), named.exit_code) << named.first << " " << named.last << all(verdict);
  }
}

// One bit or byte of each kind of file, and who must say so.
struct Tamper {
  const char* name;
  std::function<void(House&)> act;
  const char* what;
  const char* where;
  const char* why;
};

void flip_in(const std::string& path, std::string_view near) {
  const auto at = slurp(path).find(near);
  ASSERT_NE(at, std::string::npos) << path;
  flip_bit(path, at + near.size() / 2);
}

std::string find_file(const std::string& dir, std::string_view part) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(dir)) {
    if (file.is_regular_file() && file.path().string().find(part) != std::string::npos) {
      return file.path().string();
    }
  }
  ADD_FAILURE() << "no " << part << " in " << dir;
  return "";
}

TEST(Verify, NamesWhatWasTamperedWith) {
  const std::vector<Tamper> cases = {
      {"leaf", [](House& h) { flip_in(h.state.place.dir() + "/log.wal", "node-1"); }, "log",
       "log.wal", "at byte"},
      {"tile", [](House& h) { flip_bit(h.state.place.dir() + "/tile/0/000.p/8", 40); }, "log",
       "tile/0/000.p/8", "not what the entries give"},
      {"bundle", [](House& h) { flip_bit(h.state.place.dir() + "/tile/entries/000.p/8", 40); },
       "log", "tile/entries/000.p/8", "not what the entries give"},
      {"checkpoint", [](House& h) { flip_in(h.state.place.dir() + "/checkpoint", "\n8\n"); }, "log",
       "checkpoint", ""},
      {"clause", [](House& h) { flip_in(h.folder() + "/clauses/1-purposes.md", "analysis"); },
       "leaf 1", "agreement", "not those that were in force"},
      {"signature",
       [](House& h) { flip_in(find_file(h.folder() + "/signatures", ".sig"), "U1NIU0lH"); },
       "leaf 1", "agreement", "signatures/"},
      {"agreement gone", [](House& h) { std::filesystem::remove_all(h.folder()); }, "leaf 1",
       "agreement", "no agreement"},
      {"vault record",
       [](House& h) {
         const auto path = find_file(h.state.place.root() + "/vault/segments", "2026-01");
         flip_bit(path, slurp(path).find_last_not_of(std::string_view("\0", 1)) / 2);
       },
       "", "", ""},
  };
  for (const auto& tamper : cases) {
    House house;
    house.live_a_day();
    house.state.close();
    ASSERT_EQ(verify_state(house.places())->exit_code(), 0) << tamper.name;  // the control
    tamper.act(house);
    const auto verdict = house.verdict();
    EXPECT_EQ(verdict.exit_code(), 1) << tamper.name;
    if (tamper.what[0] != '\0') {
      EXPECT_TRUE(names(verdict, tamper.what, tamper.where, tamper.why)) << tamper.name << "\n"
                                                                         << all(verdict);
    }
    EXPECT_FALSE(verdict.findings.empty()) << tamper.name;
  }
}

// The operator owns every key and the whole disk, and writes a history that holds together.
struct Altered {
  const char* name;
  Bend bend;
  const char* where;
  const char* why;
};

TEST(Verify, FindsADecisionThatWasAlteredConsistently) {
  const std::vector<Altered> cases = {
      {"nothing", {}, "", ""},
      {"deny became allow", [](Record& r) { r.leaf.decision = "allow"; }, "decision",
       "the facts give `deny`"},
      {"another clause",
       [](Record& r) { r.facts.set("decision.clauses", std::vector<std::string>{"9.9"}); },
       "clauses", "`9.9`"},
      {"no clause", [](Record& r) { r.facts.set("decision.clauses", std::vector<std::string>()); },
       "clauses", "none"},
      {"another purpose",
       [](Record& r) { r.facts.set("context.moment.purpose", std::string("analysis")); },
       "decision", "the facts give `allow`"},
      {"another model", [](Record& r) { r.leaf.model = sha256("x"); }, "decision",
       "another vendor or model"},
      {"another moment",
       [](Record& r) { r.facts.set("context.moment.now", int64_t{1'780'000'000}); }, "time",
       "another time"},
      {"another agreement", [](Record& r) { r.leaf.agreement = sha256("x"); }, "agreement",
       "no agreement"},
      {"no exchange", [](Record& r) { r.facts.set("exchange.id", int64_t{1}); }, "pairing",
       "exchange.id"},
  };
  for (const auto& altered : cases) {
    House house;
    ASSERT_OK(house.state.start());
    house.decide(Verb::kAsk, "ex-1", "targeting", "", altered.bend);
    const auto verdict = house.verdict();
    if (altered.where[0] == '\0') {
      EXPECT_EQ(verdict.exit_code(), 0) << all(verdict);
      continue;
    }
    EXPECT_EQ(verdict.exit_code(), 1) << altered.name;
    EXPECT_TRUE(names(verdict, "leaf 0", altered.where, altered.why)) << altered.name << "\n"
                                                                      << all(verdict);
  }
}

TEST(Verify, FindsAnOutcomeWithoutItsIntent) {
  House house;
  ASSERT_OK(house.state.start());
  house.decide(Verb::kRelease, "ex-1", "analysis", "complete");
  house.decide(Verb::kAsk, "ex-2", "targeting");
  house.decide(Verb::kRelease, "ex-2", "analysis", "complete");  // released although denied
  house.decide(Verb::kAsk, "ex-3", "analysis");
  house.decide(Verb::kRelease, "ex-3", "analysis", "complete");
  house.decide(Verb::kRelease, "ex-3", "analysis", "complete");  // ended already
  const auto verdict = house.verdict();
  EXPECT_EQ(verdict.finding_count, 3u) << all(verdict);
  for (const auto* leaf : {"leaf 0", "leaf 2", "leaf 5"}) {
    EXPECT_TRUE(names(verdict, leaf, "pairing", "no `ask` or `act` of it is open")) << leaf << all(verdict);
  }
}

// Where the client speaks MCP a tool call is an exchange of its own: its `act` is the intent. Elsewhere an `act`
// is part of an answer and opens nothing.
TEST(Verify, AnActIsAnIntentWhereTheClientSpeaksMcp) {
  for (const bool mcp : {true, false}) {
    House house;
    ASSERT_OK(house.state.start());
    const auto speaks = [mcp](Record& record) {
      record.facts.set("exchange.protocol", std::string(mcp ? "mcp" : "openai.chat"));
      record.leaf.vendor = record.leaf.model = Digest{};
    };
    EXPECT_TRUE(house.decide(Verb::kAct, "ex-1", "analysis", "", speaks));
    house.decide(Verb::kRelease, "ex-1", "analysis", "complete");
    const auto verdict = house.verdict();
    EXPECT_EQ(verdict.finding_count, mcp ? 0u : 1u) << all(verdict);
  }
}

// A gate that decides under a revision that was replaced is found, however well signed that revision is.
TEST(Verify, FindsADecisionUnderAnAgreementThatWasReplaced) {
  for (const bool swapped : {false, true}) {
    House house;
    ASSERT_OK(house.state.start());
    house.note("agreement");
    const auto first = house.in_force;
    if (swapped) {
      const auto files = signed_agreement("agreements/enclave");  // other keys: another digest
      house.in_force = Agreement::load(files).value();
      lay_down(files, house.agreements() + "/" + house.in_force->digest().hex());
      house.note("agreement");
    }
    house.in_force = first;
    house.state.clock.set({house.state.clock.now().value + 60});
    house.decide(Verb::kAsk, "ex-1", "targeting");
    const auto verdict = house.verdict();
    EXPECT_EQ(verdict.finding_count, swapped ? 3u : 0u) << all(verdict);
    if (swapped) {
      // Nobody who was custodian before signed it, and its revision is the same: no gate of ours put it in force.
      EXPECT_TRUE(names(verdict, "leaf 1", "agreement", "does not follow")) << all(verdict);
      EXPECT_TRUE(names(verdict, "leaf 1", "agreement", "has not signed with the key that revision 1 names")) << all(verdict);
      EXPECT_TRUE(names(verdict, "leaf 2", "agreement", "was in force")) << all(verdict);
    }
  }
}

TEST(Verify, FindsARecordThatIsNotTheLeafs) {
  House house;
  ASSERT_OK(house.state.start());
  Record record;
  house.fill(record, "key", "-");
  auto first = seal(*house.state.vault, record);
  auto second = seal(*house.state.vault, record);
  ASSERT_OK(first);
  ASSERT_OK(second);
  std::swap(first->sealed, second->sealed);
  ASSERT_OK(house.state.committer->commit(std::move(*first)));
  const auto verdict = house.verdict();
  EXPECT_TRUE(names(verdict, "leaf 0", "vault", "not the one that the leaf names")) << all(verdict);
}

// A tombstone that calls on the agreement: it names the period that the agreement names, and that was over.
TEST(Replay, AnErasureOnTheAgreementsAuthorityIsCheckedAgainstIt) {
  const std::string rule = "\n[[retention]]\nclass = \"default\"\nmonths = 1\n";
  constexpr int64_t kSecondOfMarch = 1'772'409'600;
  const struct {
    std::string terms;
    int64_t months;
    int64_t at;
    const char* part;
    const char* why;  // empty: nothing is wrong
  } cases[] = {
      {rule, 1, kSecondOfMarch, "", ""},
      {rule, 1, kSecondOfMarch - 2 * 86'400, "time", "keeps it until 2026-03-01"},
      {rule, 0, kSecondOfMarch, "agreement", "it says 1"},
      {"", 1, kSecondOfMarch, "agreement", "it says no period"},
  };
  for (const auto& c : cases) {
    House house(c.terms);
    house.live_a_day();
    house.state.clock.set({c.at});
    exchange::Facts more;
    more.set("shred.months", c.months);
    house.bury(0, 7, 8, more);
    ASSERT_OK(house.state.vault->erase("default/2026-01"));
    const auto verdict = house.verdict();
    ASSERT_EQ(verdict.replay.tombstones.size(), 1u);
    EXPECT_TRUE(verdict.replay.tombstones[0].by_agreement);
    EXPECT_EQ(verdict.exit_code(), *c.why == '\0' ? 3 : 1) << all(verdict);
    if (*c.why != '\0') EXPECT_TRUE(names(verdict, "leaf 8", c.part, c.why)) << all(verdict);
  }
}

TEST(VerifyReceipt, ProvesAnOmission) {
  House house;
  house.live_a_day();
  house.state.close();
  const auto key =
      *chain_of(ledger::read_verifier_key(house.state.place.keys() + "/receipt.pub")->text(), "");
  const auto log = ledger::LogReader::open(house.state.place.dir()).value();
  for (const auto& receipt : house.receipts) EXPECT_OK(verify_receipt(receipt, key, log.get()));

  House other;  // another log altogether
  other.live_a_day();
  other.state.close();
  const auto foreign = ledger::LogReader::open(other.state.place.dir()).value();
  const auto differs = verify_receipt(house.receipts[3], key, foreign.get());
  ASSERT_FALSE(differs);
  EXPECT_NE(differs.error().message.find("another entry at 3"), std::string::npos)
      << differs.error().message;

  auto changed = house.receipts[3];
  changed.index = 4;
  EXPECT_FALSE(verify_receipt(changed, key, nullptr));

  House shorter;
  ASSERT_OK(shorter.state.start());
  shorter.note("start");
  shorter.state.close();
  const auto cut = ledger::LogReader::open(shorter.state.place.dir()).value();
  const auto omitted = verify_receipt(house.receipts[3], key, cut.get());
  ASSERT_FALSE(omitted);
  EXPECT_NE(omitted.error().message.find("omitted"), std::string::npos);
  EXPECT_FALSE(verify_receipt(house.receipts[3], *chain_of(house.state.place.log_key(), ""), log.get()));
}

}  // namespace
}  // namespace proviso::audit::testing
