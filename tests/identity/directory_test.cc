#include "identity/identity.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/data.h"
#include "base/digest.h"

namespace proviso::identity {
namespace {

constexpr UtcSeconds kNow{1795651200};
constexpr UtcSeconds kLater{1795651200 + 86'400};

// A store whose writes a test can let fail.
class FailingStore final : public state::Store {
 public:
  explicit FailingStore(state::Store& real) : real_(real) {}
  bool failing = false;
  Result<std::optional<std::string>> get(std::string_view t, std::string_view k) override {
    return real_.get(t, k);
  }
  Status put(std::string_view t, std::string_view k, std::string_view v) override {
    return failing ? broken() : real_.put(t, k, v);
  }
  Status erase(std::string_view t, std::string_view k) override {
    return failing ? broken() : real_.erase(t, k);
  }
  Result<std::vector<std::pair<std::string, std::string>>> list(std::string_view t) override {
    return real_.list(t);
  }
  Status transaction(const std::function<Status(Store&)>& body) override {
    return failing ? broken() : real_.transaction(body);
  }

 private:
  static Status broken() { return fail(Code::kIo, "disk full"); }
  state::Store& real_;
};

class DirectoryTest : public testing::Test {
 protected:
  DirectoryTest() : store_(state::Store::open(dir_.file("state.db")).value()), failing_(*store_) {
    directory_ = Directory::open(failing_).value();
  }
  void add(const std::string& id, std::vector<std::string> roles) {
    const Person person{id, std::move(roles), 2, "ES", kLater};
    ASSERT_TRUE(directory_->apply(directory_->plan_person(person).value()));
  }
  NewKey issue(const std::string& person, UtcSeconds expires = kLater) {
    NewKey made = directory_->plan_key(person, "logistics", kNow, expires).value();
    EXPECT_TRUE(directory_->apply(made.change));
    return made;
  }
  void reopen() { directory_ = Directory::open(failing_).value(); }

  test::TempDir dir_;
  std::unique_ptr<state::Store> store_;
  FailingStore failing_;
  std::unique_ptr<Directory> directory_;
};

TEST_F(DirectoryTest, KeySaysWhoItIs) {
  add("ana.ruiz", {"planner", "analyst", "planner"});
  const NewKey made = issue("ana.ruiz");
  for (int round = 0; round < 2; ++round) {
    const auto principal = directory_->authenticate(made.key, kNow);
    ASSERT_TRUE(principal) << principal.error().message;
    EXPECT_EQ(principal->id, "ana.ruiz");
    EXPECT_EQ(principal->roles, (std::vector<std::string>{"analyst", "planner"}));
    EXPECT_EQ(principal->clearance, 2);
    EXPECT_EQ(principal->nationality, "ES");
    EXPECT_EQ(principal->training_until, kLater);
    EXPECT_EQ(principal->key_id, made.change.key.id);
    EXPECT_EQ(principal->default_purpose, "logistics");
    EXPECT_EQ(directory_->current(made.change.key.id, kNow)->id, "ana.ruiz");
    reopen();
  }
}

TEST_F(DirectoryTest, KeysAreStoredAsDigestsOnly) {
  add("ana.ruiz", {});
  const NewKey made = issue("ana.ruiz");
  EXPECT_EQ(made.key.size(), 46u);
  EXPECT_TRUE(made.key.starts_with("pv_"));
  EXPECT_EQ(made.change.key_digest, sha256(made.key).view());
  store_->put("t", "flush", "x").value();
  std::string everything;
  for (const auto& file : std::filesystem::directory_iterator(dir_.path()))
    everything += test::slurp(file.path());
  EXPECT_NE(everything.find(sha256(made.key).hex()), std::string::npos)
      << "the test looks in the right place";
  EXPECT_EQ(everything.find(made.key.substr(3)), std::string::npos);
}

TEST_F(DirectoryTest, EverythingElseIsRefusedWithASentence) {
  add("ana.ruiz", {});
  const NewKey made = issue("ana.ruiz");
  const auto refusal = [&](std::string_view key, UtcSeconds now = kNow) {
    const auto principal = directory_->authenticate(key, now);
    EXPECT_FALSE(principal) << key;
    if (!principal) EXPECT_EQ(principal.error().code, Code::kUnverified);
    return principal ? "" : principal.error().message;
  };
  EXPECT_EQ(refusal(""), "no API key was given");
  EXPECT_EQ(refusal("sk-something"), "this is no API key of ours: they start with `pv_`");
  EXPECT_EQ(refusal(std::string(1 << 20, 'x')),
            "this is no API key of ours: they start with `pv_`");
  EXPECT_EQ(refusal("pv_" + std::string(43, 'A')), "this API key is not known here");
  for (size_t i = 0; i < made.key.size(); ++i) {
    std::string other = made.key;
    other[i] = other[i] == 'x' ? 'y' : 'x';
    refusal(other);
  }
  refusal(made.key + "x");
  refusal(" " + made.key);
  EXPECT_TRUE(directory_->authenticate(made.key, {kLater.value - 1}));
  EXPECT_NE(refusal(made.key, kLater).find("expired on 2026-11-27T00:00:00Z"), std::string::npos);
  EXPECT_FALSE(directory_->current(made.change.key.id, kLater));
  EXPECT_FALSE(directory_->current("k_unknown", kNow));
}

TEST_F(DirectoryTest, NothingChangesBeforeApply) {
  add("ana.ruiz", {});
  const uint64_t version = directory_->version();
  const NewKey made = directory_->plan_key("ana.ruiz", "", kNow, kLater).value();
  EXPECT_FALSE(directory_->authenticate(made.key, kNow));
  EXPECT_EQ(directory_->version(), version);
  ASSERT_TRUE(directory_->apply(made.change));
  EXPECT_TRUE(directory_->authenticate(made.key, kNow));
  EXPECT_GT(directory_->version(), version);
  const Change revocation = directory_->plan_revocation(made.change.key.id, kNow).value();
  EXPECT_TRUE(directory_->authenticate(made.key, kNow));
  ASSERT_TRUE(directory_->apply(revocation));
  EXPECT_FALSE(directory_->authenticate(made.key, kNow)) << "in force at once";
  EXPECT_FALSE(directory_->current(made.change.key.id, kNow)) << "on open streams too";
  reopen();
  EXPECT_NE(directory_->authenticate(made.key, kNow).error().message.find("was revoked"),
            std::string::npos);
  EXPECT_EQ(directory_->keys()[0].revoked, kNow);
}

TEST_F(DirectoryTest, RolesThatChangeAreInForceAtOnce) {
  add("ana.ruiz", {"analyst"});
  const NewKey made = issue("ana.ruiz");
  add("ana.ruiz", {"commander"});
  EXPECT_EQ(directory_->current(made.change.key.id, kNow)->roles,
            std::vector<std::string>{"commander"});
  EXPECT_EQ(directory_->people().size(), 1u);
}

TEST_F(DirectoryTest, RemovedPersonsKeysDoNotComeBackWithThem) {
  add("ana.ruiz", {});
  add("ben", {});
  const NewKey made = issue("ana.ruiz");
  const NewKey other = issue("ben");
  ASSERT_TRUE(directory_->apply(directory_->plan_person_removal("ana.ruiz").value()));
  for (int round = 0; round < 2; ++round) {
    EXPECT_FALSE(directory_->authenticate(made.key, kNow));
    EXPECT_TRUE(directory_->authenticate(other.key, kNow));
    add("ana.ruiz", {});
    EXPECT_FALSE(directory_->authenticate(made.key, kNow));
    reopen();
  }
}

TEST_F(DirectoryTest, PlansAreRefusedWithHelp) {
  add("ana.ruiz", {});
  const auto person_error = [&](Person person) {
    return directory_->plan_person(std::move(person)).error();
  };
  EXPECT_EQ(person_error({"a b", {}, 0, "", {}}).code, Code::kInvalid);
  EXPECT_NE(person_error({"a b", {}, 0, "", {}}).message.find("`a b`"), std::string::npos);
  EXPECT_EQ(person_error({"a", {"x y"}, 0, "", {}}).code, Code::kInvalid);
  EXPECT_EQ(person_error({"a", {}, -1, "", {}}).code, Code::kInvalid);
  EXPECT_EQ(directory_->plan_person_removal("nobody").error().code, Code::kNotFound);
  EXPECT_EQ(directory_->plan_key("nobody", "", kNow, kLater).error().code, Code::kNotFound);
  EXPECT_EQ(directory_->plan_key("ana.ruiz", "two words", kNow, kLater).error().code,
            Code::kInvalid);
  EXPECT_EQ(directory_->plan_key("ana.ruiz", "", kNow, kNow).error().code, Code::kInvalid);
  EXPECT_EQ(directory_->plan_revocation("k_none", kNow).error().code, Code::kNotFound);
  const NewKey made = issue("ana.ruiz");
  ASSERT_TRUE(directory_->apply(directory_->plan_revocation(made.change.key.id, kNow).value()));
  EXPECT_EQ(directory_->plan_revocation(made.change.key.id, kLater).error().code, Code::kConflict);
}

TEST_F(DirectoryTest, StalePlansFailAsPlanningWould) {
  add("ana.ruiz", {});
  const NewKey made = directory_->plan_key("ana.ruiz", "", kNow, kLater).value();
  const Change removal = directory_->plan_person_removal("ana.ruiz").value();
  ASSERT_TRUE(directory_->apply(removal));
  EXPECT_EQ(directory_->apply(removal).error().code, Code::kNotFound);
  EXPECT_EQ(directory_->apply(made.change).error().code, Code::kNotFound);
  add("ana.ruiz", {});
  ASSERT_TRUE(directory_->apply(made.change));
  EXPECT_EQ(directory_->apply(made.change).error().code, Code::kConflict);
}

TEST_F(DirectoryTest, FailedWriteLeavesEverythingAsItWas) {
  add("ana.ruiz", {"analyst"});
  const NewKey made = issue("ana.ruiz");
  const NewKey planned = directory_->plan_key("ana.ruiz", "", kNow, kLater).value();
  const Change removal = directory_->plan_person_removal("ana.ruiz").value();
  const Change revocation = directory_->plan_revocation(made.change.key.id, kNow).value();
  const Change promotion = directory_->plan_person({"ana.ruiz", {"commander"}, 9, "", {}}).value();
  const uint64_t version = directory_->version();
  failing_.failing = true;
  for (const Change* change : {&planned.change, &removal, &revocation, &promotion}) {
    EXPECT_EQ(directory_->apply(*change).error().code, Code::kIo) << change_name(change->kind);
  }
  EXPECT_EQ(directory_->version(), version);
  EXPECT_FALSE(directory_->authenticate(planned.key, kNow));
  EXPECT_EQ(directory_->authenticate(made.key, kNow)->roles, std::vector<std::string>{"analyst"});
}

TEST_F(DirectoryTest, AnotherProcessSeesChangesAfterReload) {
  add("ana.ruiz", {});
  auto reader = state::Store::open_reader(dir_.file("state.db")).value();
  auto view = Directory::open(*reader).value();
  const NewKey made = issue("ana.ruiz");
  EXPECT_FALSE(view->authenticate(made.key, kNow));
  ASSERT_TRUE(view->reload());
  EXPECT_TRUE(view->authenticate(made.key, kNow));
  EXPECT_EQ(view->apply(directory_->plan_revocation(made.change.key.id, kNow).value()).error().code,
            Code::kConflict);
  EXPECT_TRUE(view->authenticate(made.key, kNow));
}

TEST_F(DirectoryTest, CorruptEntriesAreNamed) {
  ASSERT_TRUE(store_->put("identity_people", "ben", R"({"roles":["commander"]})"));
  const auto opened = Directory::open(*store_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  EXPECT_NE(opened.error().message.find("`ben`"), std::string::npos);
}

TEST_F(DirectoryTest, RefusalsAreCountedAndTakenOnce) {
  directory_->count_refusal();
  directory_->count_refusal();
  EXPECT_EQ(directory_->take_refusals(), 2u);
  EXPECT_EQ(directory_->take_refusals(), 0u);
}

TEST_F(DirectoryTest, LookUpsRunBesideChanges) {
  add("ana.ruiz", {});
  const NewKey made = issue("ana.ruiz");
  std::atomic<bool> done = false;
  std::vector<std::jthread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      while (!done) EXPECT_TRUE(directory_->authenticate(made.key, kNow));
    });
  }
  for (int i = 0; i < 20; ++i) add("person-" + std::to_string(i), {"analyst"});
  done = true;
  readers.clear();
  EXPECT_EQ(directory_->people().size(), 21u);
}

TEST(Changes, HaveNames) {
  EXPECT_STREQ(change_name(Change::Kind::kPersonPut), "person_put");
  EXPECT_STREQ(change_name(Change::Kind::kPersonRemoved), "person_removed");
  EXPECT_STREQ(change_name(Change::Kind::kKeyIssued), "key_issued");
  EXPECT_STREQ(change_name(Change::Kind::kKeyRevoked), "key_revoked");
}

}  // namespace
}  // namespace proviso::identity
