// A register that a crash, or an older copy of its database, left behind the ledger.
#include "gate/engine.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace proviso::gate {
namespace {

constexpr UtcSeconds kNow{1'795'132'800};
constexpr UtcSeconds kLater{1'900'000'000};

class Reopened : public testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/tmp/proviso-engine-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    dir_ = dir;
    open();
  }
  void TearDown() override {
    engine_.reset();
    std::filesystem::remove_all(dir_);
  }
  void open() {
    engine_.reset();
    auto engine = Engine::open({.layout = {dir_}, .node = "n", .origin = "log.example/engine", .program = PV_PROGRAM,
                                .clock = &clock_});
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    engine_ = std::move(*engine);
  }
  identity::Directory& people() { return engine_->people(); }
  // As far as Engine::change() came before the machine stopped.
  void written_only(const Result<identity::Change>& change, const char* verb) {
    ASSERT_TRUE(change.has_value()) << change.error().message;
    ASSERT_TRUE(engine_->note(verb, facts_of(*change), Digest{}, agreement::kRegisterClass).has_value());
  }
  void made(const Result<identity::Change>& change) {
    ASSERT_TRUE(change.has_value()) << change.error().message;
    ASSERT_TRUE(engine_->change(*change, Digest{}).has_value());
  }

  std::string dir_;
  ManualClock clock_{kNow};
  std::unique_ptr<Engine> engine_;
};

TEST_F(Reopened, WhatTheLedgerSaysOfTheRegisterHolds) {
  made(people().plan_person({"ana", {"analyst"}, 2, "ES", kLater}));
  const auto key = people().plan_key("ana", "analysis", kNow, kLater);
  made(key->change);
  ASSERT_TRUE(people().authenticate(key->key, kNow).has_value());
  written_only(people().plan_revocation(key->change.key.id, kNow), "key");
  written_only(people().plan_person({"bo", {"commander"}, 3, "FR", kLater}), "person");
  EXPECT_TRUE(people().authenticate(key->key, kNow).has_value()) << "not yet";
  open();
  EXPECT_FALSE(people().authenticate(key->key, kNow).has_value());
  EXPECT_TRUE(people().person("bo").has_value());
}

TEST_F(Reopened, AnOlderCopyOfTheDatabaseCatchesUp) {
  made(people().plan_person({"ana", {"analyst"}, 2, "ES", kLater}));
  engine_.reset();
  std::filesystem::copy(dir_ + "/state.db", dir_ + "/copy");
  open();
  const auto first = people().plan_key("ana", "analysis", kNow, kLater);
  made(first->change);
  made(people().plan_person_removal("ana"));
  made(people().plan_person({"ana", {"planner"}, 2, "ES", kLater}));
  const auto second = people().plan_key("ana", "analysis", kNow, kLater);
  made(second->change);
  engine_.reset();
  std::filesystem::remove(dir_ + "/state.db-wal");
  std::filesystem::remove(dir_ + "/state.db-shm");
  std::filesystem::rename(dir_ + "/copy", dir_ + "/state.db");
  open();
  EXPECT_FALSE(people().authenticate(first->key, kNow).has_value());
  const auto ana = people().authenticate(second->key, kNow);
  ASSERT_TRUE(ana.has_value()) << ana.error().message;
  EXPECT_EQ(ana->roles, std::vector<std::string>{"planner"});
}

}  // namespace
}  // namespace proviso::gate
