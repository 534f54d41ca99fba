#include "oversight/oversight.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "oversight/support.h"

namespace proviso::oversight {
namespace {

using test::House;
using test::kExpires;
using test::kNow;

// A ledger in memory that holds what real leaves hold: text and contents.
class Ledger {
 public:
  uint64_t add(audit::Leaf leaf, exchange::Facts facts,
               std::vector<std::pair<std::string, std::string>> payloads = {}) {
    audit::Contents contents{std::string(32, 's'), std::move(facts), std::move(payloads)};
    leaf.time = kNow;
    leaf.node = "node";
    leaf.fact_count = contents.facts.items().size();
    leaf.fact_root = audit::fact_root(contents.facts, contents.secret);
    entries_.push_back(leaf.text());
    contents_.push_back(contents.encode());
    return entries_.size() - 1;
  }
  uint64_t open(const Hold& hold) {
    audit::Leaf leaf;
    leaf.verb = "act";
    leaf.decision = "hold";
    leaf.agreement = hold.terms.agreement;
    exchange::Facts facts;
    facts.set("decision.clauses", hold.clauses);
    facts.set("exchange.id", hold.exchange);
    put_hold(facts, hold);
    return add(leaf, facts, {{"action", hold.action.text()}, {"rendering", hold.rendering}});
  }
  uint64_t vote(const Docket::Judged& judged) {
    audit::Leaf leaf;
    leaf.verb = kVoteVerb;
    leaf.decision = "-";
    return add(leaf, facts_of(judged.hold, judged.vote));
  }
  uint64_t allow(const std::string& verb, const std::string& hold, const std::string& stop = "") {
    audit::Leaf leaf;
    leaf.verb = verb;
    leaf.decision = "allow";
    exchange::Facts facts;
    if (!hold.empty()) put_hold_id(facts, hold);
    if (!stop.empty()) {
      facts.set("principal.id", std::string("sec"));
      facts.set("resource.id", stop);
      facts.set("resource.type", std::string("Vendor"));
      facts.set("stop.reason", std::string("found leaking"));
    }
    return add(leaf, facts);
  }
  Source source() {
    Source source;
    source.origin = test::kOrigin;
    source.size = [this] { return entries_.size(); };
    source.entry = [this](uint64_t i) -> Result<std::string> { return ++read_, entries_.at(i); };
    source.scan = [this](uint64_t from, const auto& visit) -> Status {
      for (uint64_t i = from; i < entries_.size(); ++i) {
        ++read_;
        if (Status seen = visit(i, entries_[i]); !seen) return seen;
      }
      return {};
    };
    source.open_contents = [this](uint64_t i) -> Result<std::string> {
      if (shredded_ == i) return fail(Code::kUnavailable, "shredded");
      return contents_.at(i);
    };
    return source;
  }
  uint64_t shredded_ = UINT64_MAX;
  uint64_t read_ = 0;

 private:
  std::vector<std::string> entries_;
  std::vector<std::string> contents_;
};

std::unique_ptr<Oversight> start(House& house, Ledger& ledger) {
  auto opened = Oversight::open(house.store(), house.people(), ledger.source(), 3);
  EXPECT_TRUE(opened) << opened.error().message;
  return std::move(*opened);
}

// The whole way of a hold through leaves alone: another process finds what this one knew.
TEST(Oversight, IsMadeAgainFromTheLedger) {
  House house;
  Ledger ledger;
  const Hold hold = house.opened();
  ledger.open(hold);
  const auto judged = house.judge(house.statement(hold.terms.id, "bo", "commander"), "bo");
  const uint64_t vote = ledger.vote(*judged);
  for (int i = 0; i < 50; ++i) ledger.allow("ask", "");

  const auto oversight = start(house, ledger);
  const Hold found = oversight->docket().get(hold.terms.id).value();
  EXPECT_EQ(found.action, hold.action);
  EXPECT_EQ(found.rendering, hold.rendering);
  EXPECT_EQ(found.awaits, hold.awaits);
  EXPECT_EQ(found.terms.expires, hold.terms.expires);
  ASSERT_EQ(found.votes.size(), 1u);
  EXPECT_EQ(found.votes[0].leaf, vote);
  EXPECT_EQ(oversight->docket().approvals(found, kNow).by_role.at("commander"), 1);

  ledger.allow("act", hold.terms.id);
  EXPECT_STREQ(state_name(start(house, ledger)->docket().get(hold.terms.id).value(), kNow), "consumed");
}

// After flush() a start reads the leaves that matter and the newest ones, not the log.
TEST(Oversight, AStartReadsLittle) {
  House house;
  Ledger ledger;
  const Hold hold = house.opened();
  ledger.open(hold);
  ledger.allow("stop", "", "acme");
  for (uint64_t i = 0; i < kTailLeavesMax; ++i) ledger.allow("ask", "");
  {
    const auto oversight = start(house, ledger);
    ASSERT_TRUE(oversight->flush(kNow));
  }
  ledger.read_ = 0;
  const auto oversight = start(house, ledger);
  EXPECT_EQ(ledger.read_, 2u);
  EXPECT_TRUE(oversight->docket().get(hold.terms.id));
  ASSERT_EQ(oversight->stops()->all().size(), 1u);
  EXPECT_EQ(oversight->stops()->all()[0].id, "acme");
  EXPECT_EQ(oversight->stops()->all()[0].leaf, 1u);
}

// What is being written while the index is, is read again at the next start; without begin() it would be lost.
TEST(Oversight, AnIndexNeverPassesWhatIsPending) {
  for (const bool begun : {true, false}) {
    House house;
    Ledger ledger;
    const Hold hold = house.opened();
    const auto first = start(house, ledger);
    std::optional<Oversight::Pending> pending;
    if (begun) pending.emplace(first->begin());
    ledger.open(hold);  // durable, and this process does not get to apply it
    for (uint64_t i = 0; i < 2 * kTailLeavesMax; ++i) ledger.allow("ask", "");
    ASSERT_TRUE(first->flush(kNow));
    EXPECT_EQ(start(house, ledger)->docket().get(hold.terms.id).has_value(), begun);
  }
}

TEST(Oversight, ConsumptionOutlivesTheIndex) {
  House house;
  Ledger ledger;
  const Hold hold = house.opened();
  const auto first = start(house, ledger);
  first->apply(ledger.open(hold), Opened{hold});
  ASSERT_TRUE(first->flush(kNow));
  ledger.allow("act", hold.terms.id);  // durable, then the power went
  const auto second = start(house, ledger);
  EXPECT_FALSE(second->docket().claim(hold.terms.id));
  EXPECT_FALSE(second->docket().open_hold(hold.terms.action, kNow));
}

TEST(Oversight, StopsStandUntilTheyAreLifted) {
  House house;
  Ledger ledger;
  ledger.allow("stop", "", "acme");
  EXPECT_NE(start(house, ledger)->stops()->find("Vendor", "acme"), nullptr);
  EXPECT_EQ(start(house, ledger)->stops()->find("Model", "acme"), nullptr);
  ledger.allow("admit", "", "acme");
  EXPECT_EQ(start(house, ledger)->stops()->find("Vendor", "acme"), nullptr);
}

TEST(Oversight, WhatIsShreddedIsPassedOver) {
  House house;
  Ledger ledger;
  const Hold hold = house.opened();
  ledger.shredded_ = ledger.open(hold);
  EXPECT_TRUE(start(house, ledger)->docket().concerning(house.people().person("ana").value()).empty());
}

TEST(Oversight, EmergenciesStandForTheirPurposeAndMinutesAndWaitForTheirReview) {
  House house;
  Ledger ledger;
  agreement::BreakGlass terms;
  terms.minutes = 60;
  terms.review_hours = 24;
  audit::Leaf leaf;
  leaf.verb = "declare";
  leaf.decision = "allow";
  exchange::Facts facts;
  facts.set("principal.id", std::string("ana"));
  facts.set("resource.id", std::string("logistics"));
  put_emergency(facts, "the bridge is out", terms);
  ledger.allow("ask", "");
  const uint64_t declared = ledger.add(leaf, facts);
  const auto stands = [&](int64_t after, const char* purpose = "logistics") {
    return start(house, ledger)->emergencies()->stands(purpose, {kNow.value + after});
  };
  EXPECT_TRUE(stands(0));
  EXPECT_TRUE(stands(3599));
  EXPECT_FALSE(stands(3600));
  EXPECT_FALSE(stands(10, "maintenance"));
  const auto overdue = [&](int64_t hours) -> std::optional<uint64_t> {
    const auto known = start(house, ledger)->emergencies();
    const Emergency* one = known->overdue({kNow.value + 3600 * hours});
    return one == nullptr ? std::nullopt : std::optional(one->leaf);
  };
  EXPECT_EQ(overdue(24), std::nullopt);
  EXPECT_EQ(overdue(25), declared);
  audit::Leaf review;
  review.verb = kReviewVerb;
  review.decision = "-";
  ledger.add(review, review_facts(declared, "cy", "rightly declared"));
  EXPECT_FALSE(stands(10)) << "a review ends it";
  EXPECT_EQ(overdue(25), std::nullopt);
}

TEST(Emergencies, AreDeclaredOnceForAPurposeAndNoMoreThanAnybodyReviews) {
  const auto one = [](uint64_t leaf) {
    return Emergency{fmt::format("purpose {}", leaf), "ana", "the bridge is out", kNow, {kNow.value + 60}, {kNow.value + 3660}, leaf};
  };
  Emergencies known;
  for (uint64_t leaf = 1; leaf < kEmergenciesMax; ++leaf) known = known.with(one(leaf));
  EXPECT_EQ(known.room_for("purpose 1", kNow).error().code, Code::kConflict);
  EXPECT_TRUE(known.room_for("purpose 1", {kNow.value + 60})) << "it stands no more";
  EXPECT_TRUE(known.room_for("logistics", kNow));
  known = known.with(one(kEmergenciesMax));
  EXPECT_EQ(known.room_for("logistics", kNow).error().code, Code::kLimit);
  EXPECT_EQ(known.room_for("logistics", {kNow.value + 60}).error().code, Code::kLimit) << "it waits for its review";
  EXPECT_TRUE(known.without(7).room_for("logistics", kNow));
}

TEST(Oversight, StateOfAnotherLogIsNamed) {
  House house;
  {
    Ledger ledger;
    const Hold hold = house.opened();
    for (int i = 0; i < 5; ++i) ledger.allow("ask", "");
    const auto oversight = start(house, ledger);
    oversight->apply(ledger.open(hold), Opened{hold});
    ASSERT_TRUE(oversight->flush(kNow));
  }
  Ledger shorter;
  const auto opened = Oversight::open(house.store(), house.people(), shorter.source(), 3);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace proviso::oversight
