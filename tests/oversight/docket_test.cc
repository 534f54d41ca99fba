#include "oversight/docket.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "oversight/support.h"

namespace proviso::oversight {
namespace {

using test::House;
using test::kExpires;
using test::kNow;
using Counts = std::map<std::string, int64_t>;

void expect_refused(const Result<Docket::Judged>& judged, Code code, std::string_view because) {
  ASSERT_FALSE(judged);
  EXPECT_EQ(judged.error().code, code) << judged.error().message;
  EXPECT_NE(judged.error().message.find(because), std::string::npos) << judged.error().message;
}

TEST(Docket, TwoPeopleOfTwoRolesCount) {
  House house;
  const Hold hold = house.opened();
  EXPECT_EQ(house.counted(hold.terms.id), Counts{});
  house.vote(hold.terms.id, "bo", "commander");
  house.vote(hold.terms.id, "cy", "legal");
  EXPECT_EQ(house.counted(hold.terms.id), (Counts{{"commander", 1}, {"legal", 1}}));
  EXPECT_EQ(house.docket().approvals(house.docket().get(hold.terms.id).value(), kNow).votes.size(), 2u);
}

// A person who holds both roles is one person: they speak in one of them.
TEST(Docket, OnePersonCountsOnceWhateverTheyHold) {
  House house;
  const Hold hold = house.opened();
  house.vote(hold.terms.id, "di", "commander");
  expect_refused(house.judge(house.statement(hold.terms.id, "di", "legal"), "di"), Code::kConflict, "once");
  EXPECT_EQ(house.counted(hold.terms.id), (Counts{{"commander", 1}}));
}

TEST(Docket, TwoKeysOfOnePersonCountOnce) {
  House house;
  house.change(house.people().plan_approver_key("bo", test::public_line("bo-second")));
  const Hold hold = house.opened();
  house.vote(hold.terms.id, "bo", "commander");
  const audit::Approval second = house.statement(hold.terms.id, "bo", "commander");
  expect_refused(house.docket().judge_vote(second.text(), House::sign(second, "bo-second"), "bo", kNow),
                 Code::kConflict, "once");
  // Had two votes of one person reached the ledger, they would still count once.
  auto vote = house.docket().get(hold.terms.id)->votes.front();
  vote.key = sshsig::PersonKey{test::key_of("bo-second").public_key(), ""}.fingerprint();
  house.docket().apply(99, Voted{hold.terms.id, vote});
  EXPECT_EQ(house.counted(hold.terms.id), (Counts{{"commander", 1}}));
}

TEST(Docket, NobodyApprovesTheirOwnAction) {
  House house;
  const Hold hold = house.opened();
  EXPECT_TRUE(house.docket().show(hold.terms.id, "ana", kNow)->nonce.empty());
  audit::Approval approval = house.statement(hold.terms.id, "bo", "commander");
  expect_refused(house.judge(approval, "ana"), Code::kUnverified, "themselves");
  // Nor would a vote of the requester count, had it reached the ledger.
  Vote vote{"ana", "commander", true, House::fingerprint("ana"), {}, kNow, 0};
  house.docket().apply(99, Voted{hold.terms.id, vote});
  EXPECT_EQ(house.counted(hold.terms.id), Counts{});
}

// Every member is bound: one that says something else is of another hold.
TEST(Docket, AnyChangedMemberIsRefused) {
  House house;
  const Hold hold = house.opened();
  const auto changed = [&](auto change) {
    audit::Approval approval = house.statement(hold.terms.id, "bo", "commander");
    change(approval);
    return house.judge(approval, "bo");
  };
  const Digest other = sha256("other");
  expect_refused(changed([&](auto& a) { a.terms.action = other; }), Code::kUnverified, "`action`");
  expect_refused(changed([&](auto& a) { a.terms.rendering = other; }), Code::kUnverified, "`rendering`");
  expect_refused(changed([&](auto& a) { a.terms.agreement = other; }), Code::kUnverified, "`agreement`");
  expect_refused(changed([&](auto& a) { a.terms.origin = "log.example/elsewhere"; }), Code::kUnverified, "`origin`");
  expect_refused(changed([&](auto& a) { a.terms.expires.value += 1; }), Code::kUnverified, "`expires`");
  expect_refused(changed([&](auto& a) { a.terms.id = "h_0"; }), Code::kNotFound, "no hold");
  expect_refused(changed([&](auto& a) { a.nonce = std::string(32, '0'); }), Code::kUnverified, "nonce");
  expect_refused(changed([&](auto& a) { a.shown_at.value -= 1; }), Code::kUnverified, "nonce");
  expect_refused(changed([&](auto& a) { a.decided_at.value -= 1; }), Code::kInvalid, "shown_at");
  expect_refused(changed([&](auto& a) { a.decided_at.value += 120; }), Code::kInvalid, "ahead");
  expect_refused(changed([&](auto& a) { a.reason = "ok"; }), Code::kInvalid, "reason");
  expect_refused(changed([&](auto& a) { a.role = "legal"; }), Code::kUnverified, "role");
  expect_refused(changed([&](auto& a) { a.role = "planner"; }), Code::kUnverified, "does not wait for the role");
  EXPECT_TRUE(changed([](auto&) {}));
}

// Any byte of what was signed, and any byte of the signature.
TEST(Docket, AnyChangedByteIsRefused) {
  House house;
  const Hold hold = house.opened();
  const audit::Approval approval = house.statement(hold.terms.id, "bo", "commander");
  const std::string text = approval.text();
  const std::string signature = House::sign(approval, "bo");
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(house.docket().judge_vote(changed, signature, "bo", kNow)) << i;
  }
  for (size_t i = 0; i < signature.size(); ++i) {
    std::string changed = signature;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(house.docket().judge_vote(text, changed, "bo", kNow)) << i;
  }
  EXPECT_TRUE(house.docket().judge_vote(text, signature, "bo", kNow));
}

TEST(Docket, AStatementWorksOnce) {
  House house;
  const Hold hold = house.opened();
  const audit::Approval approval = house.statement(hold.terms.id, "bo", "commander");
  ASSERT_TRUE(house.judge(approval, "bo"));
  expect_refused(house.judge(approval, "bo"), Code::kUnverified, "nonce");
  // A second hold of the same action asks for a signature of its own.
  const Hold second = house.opened();
  EXPECT_EQ(second.terms.action, hold.terms.action);
  audit::Approval moved = approval;
  moved.terms.id = second.terms.id;
  expect_refused(house.judge(moved, "bo"), Code::kUnverified, "nonce");
}

TEST(Docket, AKeyIsItsPersonsAndItsNamespaceIsApproval) {
  House house;
  const Hold hold = house.opened();
  const audit::Approval approval = house.statement(hold.terms.id, "bo", "commander");
  const auto judge = [&](const std::string& signature, const std::string& person) {
    return house.docket().judge_vote(approval.text(), signature, person, kNow);
  };
  expect_refused(judge(House::sign(approval, "cy"), "bo"), Code::kUnverified, "not a key");
  expect_refused(judge(House::sign(approval, "stranger"), "bo"), Code::kUnverified, "not a key");
  expect_refused(judge(House::sign(approval, "bo"), "cy"), Code::kUnverified, "not a key");
  expect_refused(judge(House::sign(approval, "bo", "proviso-agreement-v1"), "bo"), Code::kUnverified, "namespace");
  expect_refused(judge(House::sign(approval, "bo", "file"), "bo"), Code::kUnverified, "namespace");
  EXPECT_TRUE(judge(House::sign(approval, "bo"), "bo"));
}

TEST(Docket, ARoleThatNobodyAskedForCountsNothing) {
  House house;
  house.enter("bo", {"commander", "planner"});
  const Hold hold = house.opened();
  expect_refused(house.judge(house.statement(hold.terms.id, "bo", "planner"), "bo"), Code::kUnverified,
                 "does not wait for the role");
}

// A hold's id is no key to it.
TEST(Docket, AStolenIdShowsNothing) {
  House house;
  const Hold hold = house.opened();
  for (const char* person : {"ed", "nobody"}) {
    const auto shown = house.docket().show(hold.terms.id, person, kNow);
    ASSERT_FALSE(shown) << person;
    EXPECT_EQ(shown.error().code, Code::kNotFound);
  }
  EXPECT_TRUE(house.docket().show(hold.terms.id, "bo", kNow));
}

TEST(Docket, SilenceDenies) {
  House house;
  const Hold hold = house.opened();
  house.vote(hold.terms.id, "bo", "commander");
  const audit::Approval late = house.statement(hold.terms.id, "cy", "legal");
  expect_refused(house.judge(late, "cy", kExpires), Code::kConflict, "expired");
  EXPECT_EQ(house.counted(hold.terms.id, kExpires), Counts{});
  EXPECT_FALSE(house.docket().open_hold(hold.terms.action, kExpires));
  EXPECT_STREQ(state_name(house.docket().get(hold.terms.id).value(), kExpires), "expired");
  EXPECT_TRUE(house.judge(late, "cy", {kExpires.value - 1}));
}

TEST(Docket, ADenialBeatsEveryApproval) {
  House house;
  const Hold hold = house.opened();
  house.vote(hold.terms.id, "bo", "commander");
  house.vote(hold.terms.id, "cy", "legal");
  house.vote(hold.terms.id, "di", "legal", false);
  EXPECT_EQ(house.counted(hold.terms.id), Counts{});
  EXPECT_FALSE(house.docket().claim(hold.terms.id));
  EXPECT_STREQ(state_name(house.docket().get(hold.terms.id).value(), kNow), "denied");
}

// What counts is who somebody is when it is executed.
TEST(Docket, RolesAndKeysAreAskedForAtTheEnd) {
  House house;
  const Hold hold = house.opened();
  house.vote(hold.terms.id, "bo", "commander");
  house.vote(hold.terms.id, "cy", "legal");
  house.enter("bo", {"planner"});
  EXPECT_EQ(house.counted(hold.terms.id), (Counts{{"legal", 1}}));
  house.change(house.people().plan_approver_key_removal(House::fingerprint("cy")));
  EXPECT_EQ(house.counted(hold.terms.id), Counts{});
  house.enter("bo", {"commander"});
  EXPECT_EQ(house.counted(hold.terms.id), (Counts{{"commander", 1}}));
  house.change(house.people().plan_person_removal("bo"));
  EXPECT_EQ(house.counted(hold.terms.id), Counts{});
}

TEST(Docket, ClausesCanAskForATouchAndAPin) {
  House house;
  house.change(house.people().plan_approver_key("bo", test::security_key_line("bo-sk")));
  const auto with = [&](agreement::Presence wanted, uint8_t flags) {
    HoldPlan plan = House::plan();
    plan.action.arguments = fmt::format("[{},{}]", static_cast<int>(wanted), flags);
    plan.presence = wanted;
    Hold hold = house.docket().plan_hold(std::move(plan), kNow, kExpires).value();
    house.docket().apply(50, Opened{hold});
    const audit::Approval approval = house.statement(hold.terms.id, "bo", "commander");
    auto judged = house.docket().judge_vote(
        approval.text(), test::security_key_signature("bo-sk", approval.text(), flags), "bo", kNow);
    house.docket().apply(51, Withdrawn{hold.terms.id});
    return judged;
  };
  using agreement::Presence;
  EXPECT_TRUE(with(Presence::kNone, 0));
  expect_refused(with(Presence::kTouch, 0), Code::kUnverified, "security key");
  EXPECT_TRUE(with(Presence::kTouch, 1));
  expect_refused(with(Presence::kPin, 1), Code::kUnverified, "PIN");
  EXPECT_TRUE(with(Presence::kPin, 5));
  // A key in a file shows neither.
  HoldPlan plan = House::plan();
  plan.presence = Presence::kTouch;
  const Hold hold = house.opened(std::move(plan));
  expect_refused(house.judge(house.statement(hold.terms.id, "bo", "commander"), "bo"), Code::kUnverified,
                 "security key");
}

TEST(Docket, OneExecutionTakesIt) {
  House house;
  const Hold hold = house.opened();
  EXPECT_TRUE(house.docket().claim(hold.terms.id));
  EXPECT_FALSE(house.docket().claim(hold.terms.id));
  EXPECT_FALSE(house.docket().open_hold(hold.terms.action, kNow));
  house.docket().apply(60, Consumed{hold.terms.id});
  EXPECT_FALSE(house.docket().claim(hold.terms.id));
  EXPECT_STREQ(state_name(house.docket().get(hold.terms.id).value(), kNow), "consumed");
  EXPECT_EQ(house.counted(hold.terms.id), Counts{});
}

TEST(Docket, TheSameActionIsTheSameHoldAndNoOtherIs) {
  House house;
  const Hold hold = house.opened();
  EXPECT_EQ(house.docket().open_hold(House::plan().action.digest(), kNow)->terms.id, hold.terms.id);
  const auto other = [&](auto change) {
    HoldPlan plan = House::plan();
    change(plan.action);
    return house.docket().open_hold(plan.action.digest(), kNow).has_value();
  };
  EXPECT_FALSE(other([](auto& a) { a.arguments = R"({"part":"axle","quantity":5})"; }));
  EXPECT_FALSE(other([](auto& a) { a.requester = "bo"; }));
  EXPECT_FALSE(other([](auto& a) { a.purpose = "planning"; }));
  EXPECT_FALSE(other([](auto& a) { a.resource_id = "order_part"; }));
  EXPECT_FALSE(other([](auto& a) { a.resource_type = "Model"; }));
  EXPECT_FALSE(other([](auto& a) { a.verb = exchange::Verb::kAsk; }));
  EXPECT_FALSE(other([](auto& a) { a.agreement = sha256("another"); }));
  EXPECT_TRUE(other([](auto&) {}));
}

TEST(Docket, AFloodIsRefusedAndEndsWithItsHolds) {
  House house;
  std::vector<Hold> holds;
  for (int i = 0; i < 3; ++i) holds.push_back(house.opened(House::plan(fmt::format("[{}]", i))));
  const auto another = [&] { return house.docket().plan_hold(House::plan("[9]"), kNow, kExpires); };
  ASSERT_FALSE(another());
  EXPECT_EQ(another().error().code, Code::kLimit);
  house.docket().apply(70, Withdrawn{holds[0].terms.id});
  EXPECT_TRUE(another());
  house.opened(House::plan("[4]"));
  EXPECT_FALSE(another());
  EXPECT_TRUE(house.docket().sweep(kExpires).empty());  // expired: no longer counted, still to be looked at
  EXPECT_TRUE(another());
  EXPECT_EQ(house.docket().sweep({kExpires.value + kEndedKeptSeconds}).size(), 4u);
  EXPECT_TRUE(house.docket().concerning(house.people().person("ana").value()).empty());
}

TEST(Docket, WhatIsTooLongToBeReadIsNeverHeld) {
  House house;
  const auto planned = house.docket().plan_hold(House::plan(std::string(audit::kActionBytesMax, 'x')), kNow, kExpires);
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, Code::kUnsupported);
}

TEST(Docket, AllTogetherAreBounded) {
  House house;
  Docket docket(house.people(), test::kOrigin, 100, 2000);
  const auto open = [&](int number) {
    auto planned = docket.plan_hold(House::plan(fmt::format("[{},\"{}\"]", number, std::string(600, 'x'))), kNow, kExpires);
    if (planned) docket.apply(static_cast<uint64_t>(number), Opened{*planned});
    return planned.has_value();
  };
  EXPECT_TRUE(open(1));
  EXPECT_TRUE(open(2));
  EXPECT_FALSE(open(3));
  EXPECT_EQ(docket.sweep({kExpires.value + kEndedKeptSeconds}).size(), 2u);
  EXPECT_TRUE(open(4));
}

TEST(Docket, AListIsForWhomItConcernsAndHasNoTexts) {
  House house;
  const Hold hold = house.opened();
  const auto listed_for = [&](const char* who) { return house.docket().concerning(house.people().person(who).value()); };
  for (const char* who : {"ana", "bo", "cy", "di"}) {
    const auto listed = listed_for(who);
    ASSERT_EQ(listed.size(), 1u) << who;
    EXPECT_EQ(listed[0].terms.id, hold.terms.id);
    EXPECT_EQ(listed[0].action.resource_id, "order_parts");
    EXPECT_TRUE(listed[0].action.arguments.empty() && listed[0].rendering.empty());
  }
  EXPECT_TRUE(listed_for("ed").empty());
}

TEST(Docket, WatchersHearOfTheirHold) {
  House house;
  const Hold hold = house.opened();
  int heard = 0;
  const uint64_t token = house.docket().watch(hold.terms.id, [&] { ++heard; });
  house.vote(hold.terms.id, "bo", "commander");
  house.opened(House::plan("[1]"));
  EXPECT_EQ(heard, 1);
  house.docket().unwatch(hold.terms.id, token);
  house.vote(hold.terms.id, "cy", "legal");
  EXPECT_EQ(heard, 1);
}

// What is seen is what is there.
TEST(Rendering, HidesNothingAndLetsNothingHide) {
  HoldPlan plan = House::plan("{\"note\":\"to \\u202eevil\\u202c\\u200b\",\"n\":1}");
  const std::string text = audit::rendering_of(plan.action, plan.words);
  EXPECT_NE(text.find("who asks    ana (planner)\n"), std::string::npos) << text;
  EXPECT_NE(text.find("wants to    act `order_parts`, a tool of class spend\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\\u{202e}evil\\u{202c}\\u{200b}"), std::string::npos) << text;
  EXPECT_NE(text.find("\"n\": 1"), std::string::npos) << text;
  HoldPlan lines = House::plan("first\nheld by     nobody at all");
  EXPECT_EQ(audit::rendering_of(lines.action, lines.words).find("\nheld by     nobody"), std::string::npos);
}

TEST(Action, ReadsBackExactlyAndNothingElse) {
  const audit::Action action = House::plan().action;
  EXPECT_EQ(audit::Action::parse(action.text()).value(), action);
  EXPECT_FALSE(audit::Action::parse(action.text() + " "));
  std::string more = action.text();
  more.insert(1, "\"a\":1,");
  EXPECT_FALSE(audit::Action::parse(more));
  EXPECT_EQ(audit::canonical_arguments("{\"b\": 1, \"a\":[]}"), R"({"a":[],"b":1})");
  EXPECT_EQ(audit::canonical_arguments("{\"a\": 1.5}"), "{\"a\": 1.5}");
  EXPECT_EQ(audit::canonical_arguments("no json"), "no json");
}

}  // namespace
}  // namespace proviso::oversight
