// What is said of a decision of which facts are withheld: the same whatever they are, which would matter, or false.
#include <gtest/gtest.h>

#include "base/file.h"
#include "prove/data.h"
#include "prove/support.h"
#include "prove/withheld.h"

namespace proviso::prove {
namespace {

using namespace test;
using agreement::Agreement;
using agreement::Sight;
using exchange::Facts;
using exchange::Verb;
using Answer = Withheld::Answer;

std::shared_ptr<const Agreement> enclave() {
  const auto files = read_tree(std::string(PV_SOURCE_DIR) + "/agreements/enclave");
  return *Agreement::load(*files);
}

// An analyst asks the local model something harmless.
Facts asking() {
  Facts facts;
  facts.set("context.content.bytes", int64_t{256});
  facts.set("context.content.labels", std::vector<std::string>());
  facts.set("context.content.marking", int64_t{0});
  facts.set("context.content.top_score", int64_t{0});
  facts.set("context.content.unreadable_parts", int64_t{0});
  facts.set("context.moment.break_glass", false);
  facts.set("context.moment.now", parse_time("2026-06-15")->value);
  facts.set("context.moment.purpose", std::string("analysis"));
  facts.set("context.tools_offered", int64_t{0});
  facts.set("principal.clearance", int64_t{2});
  facts.set("principal.id", std::string("ana"));
  facts.set("principal.nationality", std::string("own"));
  facts.set("principal.roles", std::vector<std::string>{"analyst"});
  facts.set("principal.training_until", parse_time("2027-06-30")->value);
  facts.set("resource.id", std::string("local"));
  facts.set("resource.type", std::string("Model"));
  return facts;
}

Sight without(const Facts& all, const std::set<std::string>& paths) {
  Sight sight;
  for (const auto& [path, value] : all.items()) {
    if (paths.contains(path)) {
      sight.withheld.insert(path);
    } else {
      sight.facts.set(path, value);
    }
  }
  return sight;
}

class WithheldTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!have_solvers()) GTEST_SKIP() << "cvc5 and z3 are not there";
  }
  Withheld judge(const Sight& sight, bool allowed, Verb verb = Verb::kAsk) {
    return whatever_is_withheld(*agreement_, verb, agreement_->knowledge(verb, sight), allowed, solvers(""));
  }
  std::shared_ptr<const Agreement> agreement_ = enclave();
};

TEST_F(WithheldTest, WhatNoRuleReadsDoesNotMatter) {
  ASSERT_EQ(agreement_->decide(Verb::kAsk, asking()).outcome, agreement::Outcome::kAllow);
  const Withheld got = judge(without(asking(), {"principal.id", "context.content.bytes", "context.tools_offered"}), true);
  EXPECT_EQ(got.answer, Answer::kSame) << got.why;
}

TEST_F(WithheldTest, WhatARuleReadsMattersAndIsNamed) {
  const Withheld got = judge(without(asking(), {"context.content.labels", "context.content.bytes"}), true);
  EXPECT_EQ(got.answer, Answer::kDepends) << got.why;
  EXPECT_EQ(got.matters, (std::vector<std::string>{"context.content.labels"})) << got.why;
  EXPECT_FALSE(got.why.empty());
}

TEST_F(WithheldTest, ADenialStandsWhateverTheTextWas) {
  Facts facts = asking();
  facts.set("context.moment.purpose", std::string("targeting"));
  ASSERT_EQ(agreement_->decide(Verb::kAsk, facts).outcome, agreement::Outcome::kDeny);
  const Withheld got = judge(without(facts, {"context.content.labels", "context.content.marking", "context.content.bytes",
                                             "principal.clearance", "principal.training_until"}), false);
  EXPECT_EQ(got.answer, Answer::kSame) << got.why;
}

TEST_F(WithheldTest, ARecordThatNoValueExplainsIsFalse) {
  Facts facts = asking();
  facts.set("context.moment.purpose", std::string("targeting"));
  const Withheld got = judge(without(facts, {"context.content.labels", "principal.roles"}), true);
  EXPECT_EQ(got.answer, Answer::kContradicts) << got.why;
}

TEST_F(WithheldTest, WithheldRolesMatter) {
  const Withheld got = judge(without(asking(), {"principal.roles"}), true);
  EXPECT_EQ(got.answer, Answer::kDepends) << got.why;
  EXPECT_EQ(got.matters, (std::vector<std::string>{"principal.roles"}));
}

// With facts that are not even named there may have been a stop.
TEST_F(WithheldTest, AStopThatMayBeThereMatters) {
  Sight sight = without(asking(), {"context.content.bytes"});
  sight.all_named = false;
  const Withheld allowed = judge(sight, true);
  EXPECT_EQ(allowed.answer, Answer::kDepends) << allowed.why;
  EXPECT_EQ(allowed.matters, (std::vector<std::string>{"stop.in_force"}));
  const Withheld denied = judge(sight, false);
  EXPECT_EQ(denied.answer, Answer::kDepends) << denied.why;
}

TEST_F(WithheldTest, ADenialThatNothingWithheldExplainsIsFalse) {
  const Withheld got = judge(without(asking(), {}), false);
  EXPECT_EQ(got.answer, Answer::kContradicts) << got.why;
}

TEST_F(WithheldTest, WhatIsMissingWasDenied) {
  Sight sight = without(asking(), {"context.content.labels"});
  sight.withheld.clear();  // named nowhere: it is not there
  EXPECT_EQ(judge(sight, true).answer, Answer::kContradicts);
  EXPECT_EQ(judge(sight, false).answer, Answer::kSame);
}

TEST_F(WithheldTest, AHoldIsNotAllowedWhoeverAsked) {
  Facts facts;
  for (const auto& [path, value] : asking().items()) {
    if (!path.starts_with("context.content.") && path != "context.tools_offered") facts.set(path, value);
  }
  facts.set("context.model", std::string("local"));
  facts.set("context.moment.purpose", std::string("maintenance"));
  facts.set("resource.type", std::string("Dataset"));
  facts.set("resource.id", std::string("manuals"));
  facts.set("resource.contains_persons", false);
  facts.set("resource.governed", true);
  facts.set("resource.marking", int64_t{0});
  ASSERT_NE(agreement_->decide(Verb::kTrain, facts).outcome, agreement::Outcome::kAllow);
  const Withheld got = judge(without(facts, {"principal.roles", "principal.clearance", "resource.marking"}), false, Verb::kTrain);
  EXPECT_EQ(got.answer, Answer::kSame) << got.why;
}

TEST_F(WithheldTest, WithoutSolversNothingIsSaid) {
  ProverOptions none = solvers("");
  none.cvc5.program = none.z3.program = "/nowhere/solver";
  const Sight sight = without(asking(), {"context.content.bytes"});
  const Withheld got = whatever_is_withheld(*agreement_, Verb::kAsk, agreement_->knowledge(Verb::kAsk, sight), true, none);
  EXPECT_EQ(got.answer, Answer::kUnknown);
  EXPECT_FALSE(got.why.empty());
}

}  // namespace
}  // namespace proviso::prove
