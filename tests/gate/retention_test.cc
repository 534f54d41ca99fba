// What the agreement keeps no longer goes by itself, with a tombstone; nothing else does.
#include "gate/caretaker.h"

#include <gtest/gtest.h>

#include "audit/replay_support.h"
#include "gate/ledger_acts.h"
#include "gate/passage.h"
#include "gate/rebuild.h"

namespace proviso::gate {
namespace {

using audit::testing::signed_agreement;

constexpr UtcSeconds kAugust{1'786'752'000};    // 2026-08-15
constexpr UtcSeconds kNovember{1'795'132'800};  // 2026-11-20
const char* const kRules = R"(
[[retention]]
class = "default"
months = 1
[[retention]]
class = "translations"
months = 600
purposes = ["translation"]
)";

class Kept : public testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/tmp/proviso-kept-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    dir_ = dir;
  }
  void TearDown() override {
    engine_.reset();
    std::filesystem::remove_all(dir_);
  }
  void open(const std::string& terms) {
    const auto files = signed_agreement("agreements/enclave", terms);
    agreement_ = agreement::Agreement::load(files).value();
    auto engine = Engine::open({.layout = {dir_}, .node = "n", .origin = "log.example/kept", .program = PV_PROGRAM,
                                .clock = &clock_});
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    engine_ = std::move(*engine);
    ASSERT_TRUE(engine_->adopt(*agreement_, files, "start").has_value());
  }
  // A leaf of the class that an exchange for that purpose has.
  void say(std::string_view purpose) {
    exchange::Facts facts;
    facts.set("said", std::string("hello"));
    const auto noted =
        engine_->note("start", std::move(facts), agreement_->digest(), agreement_->terms().retention_class(purpose));
    ASSERT_TRUE(noted.has_value()) << noted.error().message;
  }
  bool there(const std::string& segment) const {
    const auto found = vault::survey(dir_ + "/vault", segment);
    return found && found->has_key;
  }
  // A caretaker lives until `until` is true, or for a second.
  void look_after(int64_t wait_seconds, const std::function<bool()>& until) {
    Config config;
    config.retention_wait_seconds = wait_seconds;
    config.heartbeat_seconds = 0;
    const auto catalog = models::Catalog::create({}, "/nowhere");
    Metrics metrics;
    House house(config, clock_, engine_->committer(), engine_->vault(), engine_->people(), engine_->oversight(), inspect::Inspector::create(), *catalog,
                metrics);
    house.put_in_force(agreement_);
    const Caretaker caretaker(*engine_, house, {});
    for (int tenths = 0; tenths < 10 && !until(); ++tenths) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  static bool never() { return false; }

  // A record of the corridor's, as far as its class goes.
  std::string class_for(exchange::Verb verb, const std::string& purpose) const {
    Passage passage;
    passage.purpose = purpose;
    passage.in_force = std::make_shared<const InForce>(
        InForce{agreement_, std::make_shared<const oversight::Stops>(),
                std::make_shared<const oversight::Emergencies>(), 1});
    return record_for(passage, "n", verb, {}, {}, "").retention_class;
  }

  std::string dir_;
  ManualClock clock_{kAugust};
  std::shared_ptr<const agreement::Agreement> agreement_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(Kept, WhatIsDueGoesByItselfAndNothingElse) {
  open(kRules);
  say("analysis");
  say("translation");
  look_after(0, never);
  EXPECT_TRUE(there("default/2026-08")) << "its month runs";
  clock_.set(kNovember);
  look_after(3600, never);
  EXPECT_TRUE(there("default/2026-08")) << "a gate that has just started waits";
  say("analysis");
  look_after(0, [this] { return !there("default/2026-08"); });
  EXPECT_FALSE(there("default/2026-08"));
  for (const char* kept : {"default/2026-11", "translations/2026-08", "permanent/2026-08"}) EXPECT_TRUE(there(kept)) << kept;
  look_after(0, never);
  engine_.reset();
  const auto key = ledger::read_verifier_key(dir_ + "/keys/log.vkey");
  const auto judged = audit::verify_state({dir_ + "/log", dir_ + "/vault", dir_ + "/agreements", key->text(), ""});
  ASSERT_TRUE(judged.has_value()) << judged.error().message;
  EXPECT_EQ(judged->exit_code(), 3) << audit::testing::all(*judged);
  ASSERT_EQ(judged->replay.tombstones.size(), 1U);
  EXPECT_TRUE(judged->replay.tombstones[0].by_agreement);
  EXPECT_EQ(judged->replay.tombstones[0].records, 1U);
}

TEST_F(Kept, ExchangesAreOfTheClassOfTheirPurposeAndWhatLastsOfNone) {
  open(kRules);
  EXPECT_EQ(class_for(exchange::Verb::kAsk, "analysis"), "default");
  EXPECT_EQ(class_for(exchange::Verb::kRelease, "translation"), "translations");
  EXPECT_EQ(class_for(exchange::Verb::kAct, "translation"), "translations");
  for (const auto verb : {exchange::Verb::kStop, exchange::Verb::kAdmit, exchange::Verb::kAmend}) {
    EXPECT_EQ(class_for(verb, "translation"), "permanent");
  }
}

// Control: however old, without a period nothing goes.
TEST_F(Kept, WithoutAPeriodNothingGoes) {
  open("");
  say("analysis");
  clock_.set(kNovember);
  look_after(0, never);
  EXPECT_TRUE(there("default/2026-08"));
}

// A state of a version that kept the register with what exchanges said, and no digests of keys.
TEST_F(Kept, ARegisterOfAnOlderVersionIsWrittenAnewBeforeItsLeavesGo) {
  open(kRules);
  const auto person = engine_->people().plan_person({"ana", {"analyst"}, 2, "ES", {1'900'000'000}});
  const auto note_as_before = [&](const identity::Change& change, const char* verb) {
    exchange::Facts facts = facts_of(change);
    exchange::Facts old;
    for (const auto& [path, value] : facts.items()) {
      if (path != "key.digest" && path != "key.created" && path != "key.revoked") old.set(path, value);
    }
    ASSERT_TRUE(engine_->note(verb, std::move(old), agreement_->digest(), "default").has_value());
    ASSERT_TRUE(engine_->people().apply(change).has_value());
  };
  note_as_before(*person, "person");
  const auto key = engine_->people().plan_key("ana", "analysis", kAugust, {1'900'000'000});
  note_as_before(key->change, "key");
  ASSERT_TRUE(engine_->restate_register(agreement_->digest()).has_value());
  const uint64_t size = engine_->log().state().size;
  ASSERT_TRUE(engine_->restate_register(agreement_->digest()).has_value());
  EXPECT_EQ(engine_->log().state().size, size) << "once";
  clock_.set(kNovember);
  look_after(0, [this] { return !there("default/2026-08"); });
  ASSERT_FALSE(there("default/2026-08"));
  engine_.reset();
  std::filesystem::remove(dir_ + "/state.db");
  // The older leaves are gone, the register is not.
  const auto made = rebuild_database({dir_});
  ASSERT_TRUE(made.has_value()) << made.error().message;
  const auto store = state::Store::open(dir_ + "/state.db");
  const auto people = identity::Directory::open(**store);
  const auto known = (*people)->authenticate(key->key, kAugust);
  ASSERT_TRUE(known.has_value()) << known.error().message;
  EXPECT_EQ(known->roles, std::vector<std::string>{"analyst"});
}

// Control: had nobody written it anew, a rebuilding would say so instead of forgetting people.
TEST_F(Kept, ARegisterWhoseLeavesAreGoneIsNotRebuiltWithoutThem) {
  open(kRules);
  const auto person = engine_->people().plan_person({"ana", {"analyst"}, 2, "ES", {1'900'000'000}});
  ASSERT_TRUE(engine_->note("person", facts_of(*person), agreement_->digest(), "default").has_value());
  clock_.set(kNovember);
  look_after(0, [this] { return !there("default/2026-08"); });
  ASSERT_FALSE(there("default/2026-08"));
  engine_.reset();
  const auto made = rebuild_database({dir_});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, Code::kUnavailable);
  EXPECT_NE(made.error().message.find("leaf 1"), std::string::npos) << made.error().message;
}

}  // namespace
}  // namespace proviso::gate
