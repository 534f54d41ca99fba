#include "audit/approval.h"

#include <gtest/gtest.h>

namespace proviso::audit {
namespace {

Action order() {
  Action action;
  action.verb = exchange::Verb::kAct;
  action.resource_type = "Tool";
  action.resource_id = "order_parts";
  action.requester = "ana";
  action.purpose = "logistics";
  action.arguments = R"({"part":"axle","quantity":4})";
  action.agreement = sha256("agreement");
  return action;
}

const RenderingWords kWords = {"Sample, revision 1", {"planner", "staff"}, "a tool of class spend",
                               {"3.1 Spending: two offices", "3.2 Parts\nof all kinds: a commander"}};

TEST(Rendering, IsOfItsActionWhateverTheWords) {
  EXPECT_TRUE(renders(rendering_of(order(), kWords), order()));
  EXPECT_TRUE(renders(rendering_of(order(), {}), order()));
  Action odd = order();
  odd.resource_id = "two\nlines\x1b";
  odd.arguments = "no JSON\nagreement   none";
  EXPECT_TRUE(renders(rendering_of(odd, kWords), odd));
}

TEST(Rendering, OfAnyOtherActionIsNot) {
  const std::string text = rendering_of(order(), kWords);
  const auto other = [&](auto change) {
    Action action = order();
    change(action);
    return renders(text, action);
  };
  EXPECT_FALSE(other([](Action& a) { a.requester = "an"; }));
  EXPECT_FALSE(other([](Action& a) { a.purpose = "logistic"; }));
  EXPECT_FALSE(other([](Action& a) { a.verb = exchange::Verb::kAsk; }));
  EXPECT_FALSE(other([](Action& a) { a.resource_id = "order_part"; }));
  EXPECT_FALSE(other([](Action& a) { a.agreement = sha256("other"); }));
  EXPECT_FALSE(other([](Action& a) { a.arguments = R"({"part":"axle","quantity":40})"; }));
}

TEST(Rendering, WithLinesOfItsOwnIsNot) {
  const std::string text = rendering_of(order(), kWords);
  const auto with = [&](std::string_view before, std::string_view line) {
    std::string changed = text;
    return renders(changed.insert(changed.find(before), line), order());
  };
  EXPECT_TRUE(with("held by", ""));
  EXPECT_FALSE(with("held by", "arguments\n  {\n    \"quantity\": 1\n  }\n"));
  EXPECT_FALSE(with("held by", "purpose     training\n"));
  EXPECT_FALSE(with("agreement", "\n\n\n"));
  EXPECT_FALSE(with("purpose", "\n"));
  EXPECT_FALSE(renders(text + "\n", order()));
  EXPECT_FALSE(renders(text.substr(0, text.size() - 1), order()));
  EXPECT_FALSE(renders("", order()));
  EXPECT_FALSE(renders("who asks    ana (", order()));
}

TEST(RequestArguments, AreTheRequestUnlessAHeaderChangesIt) {
  EXPECT_EQ(request_arguments(R"({"a":1})", "", ""), R"({"a":1})");
  EXPECT_EQ(request_arguments(R"({"a":1})", "", "x"), R"({"anthropic_beta":"x","anthropic_version":"","request":{"a":1}})");
  EXPECT_NE(request_arguments("{}", "2026-10-21", ""), request_arguments("{}", "", "2026-10-21"));
}

}  // namespace
}  // namespace proviso::audit
