// A gate that lies about approvals, one lie a test; the same story without it has no fault.
#include "audit/oversight_check.h"

#include <gtest/gtest.h>

#include <functional>

namespace proviso::audit {
namespace {

constexpr int64_t kTime = 1795651200;
constexpr const char* kOrigin = "log.example/oversight";

PrivateKey key_of(std::string_view name) { return PrivateKey::create(sha256(name).view()).value(); }

std::string line_of(std::string_view name) { return sshsig::format_public_key(key_of(name).public_key(), name); }

std::string fingerprint_of(std::string_view name) {
  return sshsig::PersonKey{key_of(name).public_key(), ""}.fingerprint();
}

// What happened, as leaves; every part can be changed before it is told.
struct Story {
  Action action;
  HoldTerms terms;
  std::string rendering;
  std::vector<std::pair<std::string, std::string>> votes = {{"bo", "commander"}, {"cy", "legal"}};
  std::function<void(Approval&)> change_approval = [](Approval&) {};
  std::function<std::string(const std::string& person, const std::string& statement)> sign =
      [](const std::string& person, const std::string& statement) {
        return sshsig::sign(key_of(person), kApprovalNamespace, statement);
      };
  std::map<std::string, int64_t> claimed = {{"commander", 1}, {"legal", 1}};
  std::string executed_arguments = R"({"quantity":1})";
  int64_t executed_at = kTime + 5;
  int executions = 1;
  std::string payload = "arguments";  // where what is done stands
  std::string executed_beta;          // Anthropic's header, at the execution
  std::string presence = "none";
  bool names_hold = true;

  Story() {
    action.verb = exchange::Verb::kAct;
    action.resource_type = "Tool";
    action.resource_id = "order_parts";
    action.requester = "ana";
    action.purpose = "logistics";
    action.arguments = R"({"quantity":1})";
    action.agreement = sha256("agreement");
    terms = {kOrigin, "h_1", action.digest(), {}, action.agreement, {kTime + 600}};
    show(rendering_of(action, {"Sample, revision 1", {"planner"}, "a tool of class spend", {"3.1 Spending"}}));
  }
  void show(std::string text) {
    rendering = std::move(text);
    terms.rendering = sha256(rendering);
  }
};

class Teller {
 public:
  std::vector<std::string> tell(const Story& story, bool whole = true) {
    whole_ = whole;
    begin(story);
    for (int i = 0; i < story.executions; ++i) intent(story);
    return faults_;
  }
  // All but the execution.
  void begin(const Story& story) {
    person("ana", {"planner", "commander"});
    person("bo", {"commander"});
    person("cy", {"legal"});
    hold(story);
    for (const auto& [who, role] : story.votes) vote(story, who, role);
  }
  void intent(const Story& story) {
    exchange::Facts facts;
    put_action(facts, story);
    for (const auto& [role, count] : story.claimed) facts.set("context.moment.approvals." + role, count);
    if (story.names_hold) facts.set("hold.id", story.terms.id);
    if (!story.executed_beta.empty()) facts.set("exchange.anthropic_beta", story.executed_beta);
    add(exchange::verb_name(story.action.verb), "allow", story.executed_at, facts,
        {{story.payload, story.executed_arguments}});
  }
  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }
  void under(const agreement::Terms* terms) { terms_ = terms; }
  void withhold() { whole_ = false; }
  void say(const char* verb, const char* decision, int64_t time, exchange::Facts facts) {
    add(verb, decision, time, std::move(facts), {});
  }
  void person(const std::string& id, std::vector<std::string> roles) {
    exchange::Facts facts;
    facts.set("change.kind", std::string("person_put"));
    facts.set("person.id", id);
    facts.set("person.roles", std::move(roles));
    add("person", "-", kTime, facts);
    exchange::Facts key;
    key.set("change.kind", std::string("approver_key_added"));
    key.set("approver_key.fingerprint", fingerprint_of(id));
    key.set("approver_key.line", line_of(id));
    key.set("approver_key.person", id);
    add("key", "-", kTime, key);
  }
  void remove_key(const std::string& id, int64_t time) {
    exchange::Facts facts;
    facts.set("change.kind", std::string("approver_key_removed"));
    facts.set("approver_key.fingerprint", fingerprint_of(id));
    add("key", "-", time, facts);
  }

 private:
  static void put_action(exchange::Facts& facts, const Story& story) {
    facts.set("resource.type", story.action.resource_type);
    facts.set("resource.id", story.action.resource_id);
    facts.set("principal.id", story.action.requester);
    facts.set("context.moment.purpose", story.action.purpose);
  }
  void hold(const Story& story) {
    exchange::Facts facts;
    put_action(facts, story);
    facts.set("hold.id", story.terms.id);
    facts.set("hold.action", story.terms.action.hex());
    facts.set("hold.rendering", story.terms.rendering.hex());
    facts.set("hold.expires", story.terms.expires.value);
    facts.set("hold.awaits", std::vector<std::string>{"commander", "legal"});
    facts.set("hold.presence", story.presence);
    add(exchange::verb_name(story.action.verb), "hold", kTime, facts,
        {{story.payload, story.action.arguments}, {"action", story.action.text()}, {"rendering", story.rendering}});
  }
  void vote(const Story& story, const std::string& who, const std::string& role) {
    Approval approval;
    approval.terms = story.terms;
    approval.approves = true;
    approval.role = role;
    approval.reason = "read and understood";
    approval.nonce = "n";
    approval.shown_at = {kTime};
    approval.decided_at = {kTime + 1};
    story.change_approval(approval);
    const std::string statement = approval.text();
    exchange::Facts facts;
    facts.set("vote.hold", story.terms.id);
    facts.set("vote.person", who);
    facts.set("vote.role", approval.role);
    facts.set("vote.decision", std::string(approval.approves ? "approve" : "deny"));
    facts.set("vote.key", fingerprint_of(who));
    facts.set("vote.statement", sha256(statement).hex());
    facts.set("vote.decided_at", approval.decided_at.value);
    add("vote", "-", kTime + 2, facts, {{"statement", statement}, {"signature", story.sign(who, statement)}});
  }
  void add(const char* verb, const char* decision, int64_t time, exchange::Facts facts,
           std::vector<std::pair<std::string, std::string>> payloads = {}) {
    Leaf leaf;
    leaf.verb = verb;
    leaf.decision = decision;
    leaf.time = {time};
    leaf.agreement = sha256("agreement");
    const Contents contents{std::string(32, 's'), std::move(facts), std::move(payloads)};
    for (std::string& fault : check_.take(index_++, leaf, contents, terms_, whole_)) faults_.push_back(std::move(fault));
  }

  OversightCheck check_{kOrigin};
  std::vector<std::string> faults_;
  uint64_t index_ = 0;
  bool whole_ = true;
  const agreement::Terms* terms_ = nullptr;
};

void expect_caught(const Story& story, std::string_view because) {
  const auto faults = Teller().tell(story);
  ASSERT_FALSE(faults.empty()) << because;
  std::string all;
  for (const std::string& fault : faults) all += fault + "\n";
  EXPECT_NE(all.find(because), std::string::npos) << all;
}

TEST(OversightCheck, AnHonestStoryHasNoFault) { EXPECT_EQ(Teller().tell(Story()), std::vector<std::string>()); }

TEST(OversightCheck, MadeUpApprovals) {
  Story story;
  story.votes = {{"bo", "commander"}};
  expect_caught(story, "the ledger shows 1 commander");
  story.votes.clear();
  expect_caught(story, "the ledger shows nobody");
  Story without;
  without.names_hold = false;
  expect_caught(without, "no hold explains");
}

TEST(OversightCheck, OnePersonCountedTwice) {
  Story story;
  story.votes = {{"bo", "commander"}, {"bo", "commander"}};
  story.claimed = {{"commander", 2}};
  expect_caught(story, "the ledger shows 1 commander");
}

TEST(OversightCheck, ForgedOrForeignSignatures) {
  Story story;
  story.sign = [](const std::string&, const std::string& statement) {
    return sshsig::sign(key_of("operator"), kApprovalNamespace, statement);
  };
  expect_caught(story, "not theirs");
  story.sign = [](const std::string& person, const std::string& statement) {
    return sshsig::sign(key_of(person), "file", statement);
  };
  expect_caught(story, "namespace");
  story.sign = [](const std::string& person, const std::string& statement) {
    return sshsig::sign(key_of(person), kApprovalNamespace, statement + " ");
  };
  expect_caught(story, "does not hold");
  story.sign = [](const std::string&, const std::string&) { return std::string("nothing"); };
  expect_caught(story, "malformed");
}

TEST(OversightCheck, VotesOnSomethingElse) {
  Story story;
  story.change_approval = [](Approval& approval) { approval.terms.action = sha256("other"); };
  expect_caught(story, "another action");
  story.change_approval = [](Approval& approval) { approval.terms.rendering = sha256("other"); };
  expect_caught(story, "another rendering");
  story.change_approval = [](Approval& approval) { approval.terms.agreement = sha256("other"); };
  expect_caught(story, "another agreement");
  story.change_approval = [](Approval& approval) { approval.terms.origin = "other.example"; };
  expect_caught(story, "another log");
}

TEST(OversightCheck, WhoeverAskedApproves) {
  Story story;
  story.votes = {{"ana", "commander"}, {"cy", "legal"}};
  expect_caught(story, "whoever asked");
}

TEST(OversightCheck, ARoleThatTheyDoNotHold) {
  Story story;
  story.votes = {{"bo", "legal"}, {"cy", "legal"}};
  expect_caught(story, "did not hold");
}

TEST(OversightCheck, AnotherActionIsExecuted) {
  Story story;
  story.executed_arguments = R"({"quantity":100})";
  expect_caught(story, "not what hold h_1 was approved for");
}

TEST(OversightCheck, AHeaderThatTravelsIsPartOfWhatIsAsked) {
  Story story;
  story.action.verb = exchange::Verb::kAsk;
  story.terms.action = story.action.digest();
  story.payload = "request";
  story.show(rendering_of(story.action, {"Sample, revision 1", {"planner"}, "a model", {"3.1 Spending"}}));
  EXPECT_EQ(Teller().tell(story), std::vector<std::string>());
  story.executed_beta = "code-execution-2025-08-25";
  expect_caught(story, "not what hold h_1 was approved for");
}

TEST(OversightCheck, SomethingElseIsShownThanSigned) {
  Story story;
  Action milder = story.action;
  milder.arguments = R"({"quantity":0})";
  story.show(rendering_of(milder, {"Sample, revision 1", {"planner"}, "a tool of class spend", {"3.1 Spending"}}));
  expect_caught(story, "rendering, which people read, is not of its action");
}

TEST(OversightCheck, ExecutedTwice) {
  Story story;
  story.executions = 2;
  expect_caught(story, "executed again; leaf");
}

TEST(OversightCheck, ExecutedAfterItsEnd) {
  Story story;
  story.executed_at = story.terms.expires.value;
  expect_caught(story, "had expired");
}

TEST(OversightCheck, ExecutedInSpiteOfADenial) {
  Story story;
  story.votes = {{"bo", "commander"}, {"cy", "legal"}};
  story.change_approval = [](Approval& approval) { approval.approves = approval.role != "legal"; };
  story.executed_at = kTime + 60;
  expect_caught(story, "was denied by `cy`");
}

TEST(OversightCheck, ATouchThatWasNone) {
  Story story;
  story.presence = "touch";
  expect_caught(story, "security key");
}

// A removed key counts for what was being written just then, and no longer.
TEST(OversightCheck, KeysCountWhileTheyStand) {
  for (const int64_t later : {int64_t{4}, int64_t{60}}) {
    Story story;
    story.executed_at = kTime + later;
    Teller teller;
    teller.begin(story);
    teller.remove_key("cy", kTime + 3);
    teller.intent(story);
    EXPECT_EQ(teller.faults().empty(), later < kLeafLagSMax) << later;
  }
}

// What was shredded or withheld before is unknown, not wrong.
TEST(OversightCheck, WhatIsUnknownIsNoFault) {
  Story story;
  story.votes = {{"bo", "commander"}};
  EXPECT_EQ(Teller().tell(story, false), std::vector<std::string>());
}

// An emergency of an hour for logistics, reviewed within a day by cy, as a gate tells of it.
class Emergency {
 public:
  Emergency() {
    teller_.person("ana", {"planner"});
    teller_.person("bo", {"commander"});
    teller_.person("cy", {"legal"});
    terms_.break_glass = agreement::BreakGlass{"11.1", {"commander", "security"}, {"legal"}, 60, 24};
    teller_.under(&terms_);
  }
  Emergency& withheld() {
    teller_.withhold();
    return *this;
  }
  Emergency& declared(int64_t at, int64_t minutes = 60) {
    exchange::Facts facts;
    facts.set("context.moment.break_glass", false);
    facts.set("context.moment.purpose", std::string("analysis"));
    facts.set("declare.minutes", minutes);
    facts.set("declare.review_hours", int64_t{24});
    facts.set("principal.id", std::string("ana"));
    facts.set("resource.id", std::string("logistics"));
    teller_.say("declare", "allow", kTime + at, facts);
    return *this;
  }
  Emergency& decided(int64_t at, bool break_glass, const char* purpose = "logistics") {
    exchange::Facts facts;
    facts.set("context.moment.break_glass", break_glass);
    facts.set("context.moment.purpose", std::string(purpose));
    teller_.say("ask", "allow", kTime + at, facts);
    return *this;
  }
  Emergency& reviewed(int64_t at, const char* by, int emergency = 6) {
    exchange::Facts facts;
    facts.set("review.emergency", std::to_string(emergency));
    facts.set("review.person", std::string(by));
    teller_.say("emergency_review", "-", kTime + at, facts);
    return *this;
  }
  Emergency& caught(std::string_view because) {
    std::string all;
    for (const std::string& fault : teller_.faults()) all += fault + "\n";
    EXPECT_NE(all.find(because), std::string::npos) << because << " is not in: " << all;
    return *this;
  }
  void honest() { EXPECT_EQ(teller_.faults(), std::vector<std::string>()); }

 private:
  agreement::Terms terms_;
  Teller teller_;
};

TEST(EmergencyCheck, AnHonestStoryHasNoFault) {
  Emergency()
      .decided(0, false)
      .declared(10)
      .decided(20, true)
      .decided(20, false, "analysis")
      .decided(3600, true)
      .decided(3611, false)
      .reviewed(7200, "cy", 7)
      .declared(200'000)
      .decided(200'010, true)
      .honest();
}

// A declaration or a review may be among the leaves that cannot be opened.
TEST(EmergencyCheck, WhatIsUnknownIsNoFault) {
  Emergency().withheld().decided(0, true).honest();
  Emergency().withheld().declared(0).decided(600, false).declared(100'000).honest();
}

TEST(EmergencyCheck, BreakGlassThatNobodyDeclared) {
  Emergency().decided(0, true).caught("no emergency stood");
  Emergency().declared(0).decided(60, true, "analysis").caught("no emergency stood");
  Emergency().declared(0).decided(3601, true).caught("no emergency stood");
  Emergency().declared(0).reviewed(60, "cy").decided(600, true).caught("no emergency stood");
}

TEST(EmergencyCheck, BreakGlassThatIsKeptFromARule) { Emergency().declared(0).decided(600, false).caught("an emergency stood"); }

TEST(EmergencyCheck, LongerThanTheAgreementGrants) { Emergency().declared(0, 600).caught("600 minutes"); }

TEST(EmergencyCheck, AReviewThatIsOverdueIsPassedOver) {
  Emergency().declared(0).declared(100'000).caught("waits for its review");
}

TEST(EmergencyCheck, AReviewThatIsNone) {
  Emergency().declared(0).reviewed(60, "ana").caught("not theirs");
  Emergency().declared(0).reviewed(60, "bo").caught("not theirs");
  Emergency().declared(0).reviewed(60, "cy", 3).caught("did not declare");
}

}  // namespace
}  // namespace proviso::audit
