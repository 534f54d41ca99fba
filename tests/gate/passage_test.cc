// The facts that a decision is taken on: what stands at this moment is told to the rules.
#include "gate/passage.h"

#include <gtest/gtest.h>

namespace proviso::gate {
namespace {

constexpr UtcSeconds kNow{1'795'132'800};

class Facts : public testing::Test {
 protected:
  Facts() {
    passage_.time = kNow;
    passage_.purpose = "logistics";
    put({});
  }
  void put(const oversight::Emergencies& emergencies) {
    passage_.in_force = std::make_shared<const InForce>(
        InForce{nullptr, std::make_shared<const oversight::Stops>(),
                std::make_shared<const oversight::Emergencies>(emergencies), 1});
  }
  // One that was declared so many seconds ago.
  static oversight::Emergencies declared(int64_t ago, uint64_t leaf = 7) {
    const int64_t since = kNow.value - ago;
    return oversight::Emergencies{}.with({"logistics", "ana", "the bridge is out", {since}, {since + 3600}, {since + 90'000}, leaf});
  }
  template <class T>
  std::optional<T> fact(exchange::Verb verb, std::string_view path) {
    const exchange::Facts facts = facts_for(passage_, verb, "Purpose", "logistics", Content{});
    const exchange::FactValue* found = facts.find(path);
    return found == nullptr ? std::nullopt : std::optional(std::get<T>(*found));
  }
  std::optional<bool> glass() { return fact<bool>(exchange::Verb::kAct, "context.moment.break_glass"); }
  std::optional<std::string> overdue(exchange::Verb verb) { return fact<std::string>(verb, agreement::kOverdueFact); }

  Passage passage_;
};

TEST_F(Facts, AnEmergencyIsOneForItsPurposeWhileItStands) {
  EXPECT_EQ(glass(), false);
  put(declared(3599));
  EXPECT_EQ(glass(), true);
  passage_.purpose = "maintenance";
  EXPECT_EQ(glass(), false);
  passage_.purpose = "logistics";
  put(declared(3600));
  EXPECT_EQ(glass(), false);
}

TEST_F(Facts, ADeclarationIsToldOfAnOverdueReview) {
  put(declared(89'999));
  EXPECT_EQ(overdue(exchange::Verb::kDeclare), std::nullopt);
  put(declared(90'000, 12));
  EXPECT_EQ(overdue(exchange::Verb::kDeclare), "12");
  EXPECT_EQ(overdue(exchange::Verb::kAct), std::nullopt) << "of no concern to others";
}

TEST(Purpose, IsOneShortPlainWord) {
  http::Headers headers;
  EXPECT_EQ(*purpose_of(headers, "analysis"), "analysis");
  headers.add("Proviso-Purpose", "logistics");
  EXPECT_EQ(*purpose_of(headers, "analysis"), "logistics");
  headers.add("proviso-purpose", "targeting");
  EXPECT_EQ(purpose_of(headers, "analysis").error().code, Code::kInvalid);
  for (const std::string& bad : {std::string(kPurposeBytesMax + 1, 'x'), std::string("caf\xc3\xa9"), std::string("a\tb")}) {
    http::Headers one;
    one.add("Proviso-Purpose", bad);
    EXPECT_FALSE(purpose_of(one, "").has_value()) << bad;
  }
}

}  // namespace
}  // namespace proviso::gate
