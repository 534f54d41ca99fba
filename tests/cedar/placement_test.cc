// What a thread keeps about entities between decisions must never answer for another store or program.
#include <gtest/gtest.h>

#include "cedar/authorizer.h"
#include "cedar/policy_set.h"

namespace proviso::cedar {
namespace {

Engine engine_of(std::string_view policies) { return *Engine::compile(*PolicySet::parse(policies, "policies")); }

Entities store_of(std::vector<EntityUid> groups_of_ana) {
  return *Entities::create({{{"Person", "ana"}, {}, std::move(groups_of_ana), {}}});
}

const Request kRequest{{"Person", "ana"}, {"Action", "view"}, {"Doc", "d"}, {}};

bool allows(const Engine& engine, const Entities& entities, const Request& request = kRequest) {
  return engine.is_authorized(request, entities).decision == Answer::kAllow;
}

TEST(Placement, StoresThatTakeTurnsAreKeptApart) {
  Engine engine = engine_of("permit (principal in Role::\"staff\", action, resource);");
  Entities staff = store_of({{"Role", "staff"}});
  Entities guest = store_of({{"Role", "guest"}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(allows(engine, staff));
    EXPECT_FALSE(allows(engine, guest));
  }
}

TEST(Placement, ProgramsThatTakeTurnsAreKeptApart) {
  Engine staff = engine_of("permit (principal in Role::\"staff\", action, resource);");
  Engine guest = engine_of("permit (principal in Role::\"guest\", action, resource);");
  Entities store = store_of({{"Role", "guest"}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(allows(staff, store));
    EXPECT_TRUE(allows(guest, store));
  }
}

// A store that is gone leaves its address to the next one.
TEST(Placement, AStoreAtTheAddressOfAnotherIsAnother) {
  Engine engine = engine_of("permit (principal in Role::\"staff\", action, resource);");
  for (int i = 0; i < 6; ++i) {
    auto store = std::make_unique<Entities>(store_of({{"Role", i % 2 == 0 ? "staff" : "guest"}}));
    EXPECT_EQ(allows(engine, *store), i % 2 == 0);
  }
}

// Entities of one request have the numbers that those of the last one had.
TEST(Placement, RequestsOverOneBaseAreKeptApart) {
  Engine engine = engine_of("permit (principal in Role::\"staff\", action, resource in Folder::\"f\");");
  auto base = std::make_shared<const Entities>(*Entities::create(
      {{{"Role", "staff"}, {}, {}, {}}, {{"Role", "guest"}, {}, {}, {}}, {{"Doc", "d"}, {}, {{"Folder", "f"}}, {}}}));
  for (int i = 0; i < 6; ++i) {
    const char* role = i % 2 == 0 ? "staff" : "guest";
    Entities store = *Entities::extend(base, {{{"Person", "ana"}, {}, {{"Role", role}}, {}}});
    EXPECT_EQ(allows(engine, store), i % 2 == 0);
    EXPECT_FALSE(allows(engine, *base));
  }
}

TEST(Placement, APolicyUnderTwoGroupsOfItsActionIsJudgedOnce) {
  Engine engine = engine_of("permit (principal, action in [Action::\"read\", Action::\"all\"], resource);");
  Entities store = *Entities::create({{{"Action", "view"}, {}, {{"Action", "read"}, {"Action", "all"}}, {}}});
  EXPECT_EQ(engine.is_authorized(kRequest, store).permits, (std::vector<uint32_t>{0}));
  Entities chain = *Entities::create(
      {{{"Action", "read"}, {}, {{"Action", "all"}}, {}}, {{"Action", "view"}, {}, {{"Action", "read"}}, {}}});
  Request read = kRequest;
  read.action.id = "read";
  EXPECT_EQ(engine.is_authorized(kRequest, chain).permits, (std::vector<uint32_t>{0}));
  EXPECT_EQ(engine.is_authorized(read, chain).permits, (std::vector<uint32_t>{0}));
}

TEST(Placement, MoreGroupsThanAreSearchedOneByOne) {
  std::string text;
  std::vector<EntityUid> groups;
  for (int i = 0; i < 40; ++i) {
    text += "permit (principal, action, resource) when { principal in Role::\"" + std::to_string(i) + "\" };";
    if (i % 2 == 0) groups.push_back({"Role", std::to_string(i)});
  }
  Response got = engine_of(text).is_authorized(kRequest, store_of(groups));
  ASSERT_EQ(got.permits.size(), 20U);
  for (size_t i = 0; i < 20; ++i) EXPECT_EQ(got.permits[i], i * 2);
}

TEST(Placement, AnEntityInTooManyOthersIsRefused) {
  std::vector<EntityUid> groups;
  for (size_t i = 0; i < kAncestorsMax; ++i) groups.push_back({"Role", std::to_string(i)});
  EXPECT_TRUE(Entities::create({{{"Person", "ana"}, {}, groups, {}}}));
  groups.push_back({"Role", "one more"});
  auto refused = Entities::create({{{"Person", "ana"}, {}, groups, {}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kLimit);
  EXPECT_NE(refused.error().message.find("1024 others"), std::string::npos);
}

}  // namespace
}  // namespace proviso::cedar
