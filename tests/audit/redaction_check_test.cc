// A gate that lies about redaction, one lie a test; the same story without it has no fault.
#include "audit/redaction_check.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace proviso::audit {
namespace {

using Labels = std::vector<std::string>;

// One leaf of an exchange under the hospital's agreement, whose clause 3.2 redacts for coding.
struct Said {
  const char* verb;
  const char* decision;
  Labels labels;
  int64_t marking = 0;
  const char* outcome = "";
  Labels redacted = {};
};

class RedactionCheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto files = read_tree(std::string(PV_SOURCE_DIR) + "/agreements/hospital");
    ASSERT_TRUE(files.has_value());
    std::string& settings = files->at("agreement.toml");
    // A label that no clause of it redacts and none forbids.
    const size_t known = settings.find("known = [");
    ASSERT_NE(known, settings.npos);
    settings.insert(known + 9, R"("jailbreak", )");
    auto loaded = agreement::Agreement::load(*files);
    ASSERT_TRUE(loaded.has_value());
    agreement_ = *loaded;
  }

  Labels faults(const std::vector<Said>& story) {
    RedactionCheck check;
    Labels out;
    for (const Said& said : story) {
      Leaf leaf;
      leaf.verb = said.verb;
      leaf.decision = said.decision;
      for (std::string& one : check.take(leaf, facts_of(said), *agreement_, true))
        out.push_back(std::move(one));
    }
    return out;
  }

  static exchange::Facts facts_of(const Said& said) {
    exchange::Facts facts;
    facts.set("principal.id", std::string("p-1"));
    facts.set("principal.roles", Labels{"clerk"});
    facts.set("principal.clearance", int64_t{2});
    facts.set("principal.nationality", std::string("own"));
    facts.set("principal.training_until", int64_t{1'830'000'000});
    facts.set("resource.type", std::string("Model"));
    facts.set("resource.id", std::string("local"));
    facts.set("context.moment.purpose", std::string("coding"));
    facts.set("context.moment.now", int64_t{1'780'000'000});
    facts.set("context.moment.break_glass", false);
    facts.set("context.content.labels", said.labels);
    facts.set("context.content.top_score", int64_t{0});
    facts.set("context.content.marking", said.marking);
    facts.set("context.content.unreadable_parts", int64_t{0});
    facts.set("context.content.bytes", int64_t{2048});
    if (std::string_view(said.verb) == "ask") facts.set("context.tools_offered", int64_t{0});
    facts.set("exchange.id", std::string("ex_1"));
    if (*said.outcome != 0) facts.set("exchange.outcome", std::string(said.outcome));
    if (!said.redacted.empty()) facts.set("exchange.redacted", said.redacted);
    return facts;
  }

  std::shared_ptr<const agreement::Agreement> agreement_;
};

TEST_F(RedactionCheckTest, AnHonestExchangeHasNoFault) {
  EXPECT_EQ(faults({{"ask", "redact", {"contact", "jailbreak"}},
                    {"ask", "allow", {"jailbreak"}, 0, "", {"contact"}}}),
            Labels());
  EXPECT_EQ(faults({{"release", "redact", {"contact"}, 0, "open"},
                    {"release", "allow", {}, 0, "open"},
                    {"release", "redact", {"contact", "personal_name"}, 1, "open"},
                    {"release", "allow", {}, 1, "complete", {"contact", "personal_name"}}}),
            Labels());
  EXPECT_EQ(faults({{"ask", "redact", {"contact"}}, {"ask", "redact", {"contact"}}}),
            Labels());  // refused
}

TEST_F(RedactionCheckTest, ALabelThatNoClauseRedactsDoesNotGo) {
  const Labels got = faults(
      {{"ask", "redact", {"contact", "jailbreak"}}, {"ask", "allow", {}, 0, "", {"contact"}}});
  ASSERT_EQ(got.size(), 1U);
  EXPECT_NE(got[0].find("no longer said: jailbreak"), std::string::npos) << got[0];
}

TEST_F(RedactionCheckTest, AMarkingDoesNotSink) {
  const Labels got = faults({{"release", "redact", {"contact"}, 3, "open"},
                             {"release", "allow", {}, 0, "complete", {"contact"}}});
  ASSERT_EQ(got.size(), 1U);
  EXPECT_NE(got[0].find("a marking was lowered"), std::string::npos) << got[0];
}

TEST_F(RedactionCheckTest, WhatIsNamedAsRedactedIsWhatAClauseRedacts) {
  const Labels other =
      faults({{"ask", "redact", {"contact"}}, {"ask", "allow", {}, 0, "", {"contact", "secret"}}});
  ASSERT_EQ(other.size(), 1U);
  EXPECT_NE(other[0].find("no clause redacts what was redacted: secret"), std::string::npos)
      << other[0];
  const Labels unasked = faults({{"ask", "allow", {}, 0, "", {"contact"}}});
  ASSERT_EQ(unasked.size(), 1U);
  EXPECT_NE(unasked[0].find("no decision said so"), std::string::npos) << unasked[0];
}

// What has ended is forgotten, and a refusal needs no more facts than it has.
TEST_F(RedactionCheckTest, AnEndIsAnEnd) {
  EXPECT_EQ(faults({{"release", "redact", {"contact", "jailbreak"}, 0, "open"},
                    {"release", "deny", {}, 0, "refused"},
                    {"release", "allow", {}, 0, "complete"}}),
            Labels());
}

}  // namespace
}  // namespace proviso::audit
