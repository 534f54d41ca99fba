// Decisions as data (decisions.json), and what holds of every decision: determinism, threads, errors.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "agreement/support.h"

namespace proviso::agreement {
namespace {

using exchange::Facts;
using exchange::FactValue;

std::string text_of(json::Object object, std::string_view key) {
  std::string_view text;
  EXPECT_FALSE(object.at_key(key).get(text)) << key;
  return std::string(text);
}

json::Array array_of(json::Object object, std::string_view key) {
  json::Array array;
  EXPECT_FALSE(object.at_key(key).get(array)) << key;
  return array;
}

Facts facts_of_case(json::Object one) {
  Facts facts = facts_of(text_of(one, "role"), text_of(one, "purpose"));
  json::Object changes;
  EXPECT_FALSE(one.at_key("set").get(changes));
  for (const auto [path, value] : changes) {
    auto fact = exchange::parse_value(json::to_text(value));
    EXPECT_TRUE(fact.has_value()) << path;
    if (fact) facts.set(path, std::move(*fact));
  }
  for (json::Element path : array_of(one, "unset")) {
    std::string_view name;
    EXPECT_FALSE(path.get(name));
    facts = without(facts, name);
  }
  return facts;
}

std::vector<std::string> numbers_of(const Decision& decision) {
  std::vector<std::string> numbers;
  for (const ClauseRef& clause : decision.clauses) numbers.push_back(clause.number);
  return numbers;
}

TEST(Decide, EveryCaseOfTheTable) {
  const auto enclave = load_or_fail(folder("agreements/enclave"));
  const auto hospital = load_or_fail(folder("agreements/hospital"));
  ASSERT_TRUE(enclave && hospital);
  const auto text = read_file(source_path("tests/agreement/decisions.json"));
  ASSERT_TRUE(text.has_value());
  json::Parser parser;
  const auto root = parser.parse(*text);
  ASSERT_TRUE(root.has_value()) << root.error().message;
  json::Array cases;
  ASSERT_FALSE(root->get(cases));
  size_t passed = 0;
  size_t total = 0;
  for (json::Element element : cases) {
    json::Object one;
    ASSERT_FALSE(element.get(one));
    ++total;
    SCOPED_TRACE(text_of(one, "name"));
    const auto& agreement = text_of(one, "agreement") == "enclave" ? enclave : hospital;
    const auto verb = exchange::parse_verb(text_of(one, "verb"));
    ASSERT_TRUE(verb.has_value());
    const Decision got = agreement->decide(*verb, facts_of_case(one));
    std::vector<std::string> clauses;
    for (json::Element clause : array_of(one, "clauses")) {
      std::string_view number;
      ASSERT_FALSE(clause.get(number));
      clauses.emplace_back(number);
    }
    const std::string reason = text_of(one, "reason");
    EXPECT_EQ(outcome_name(got.outcome), text_of(one, "outcome")) << got.reason;
    EXPECT_EQ(numbers_of(got), clauses) << got.reason;
    EXPECT_NE(got.reason.find(reason), std::string::npos) << got.reason << "\nwanted: " << reason;
    EXPECT_TRUE(got.errors.empty());
    const bool ok = outcome_name(got.outcome) == text_of(one, "outcome") && numbers_of(got) == clauses &&
                    got.reason.find(reason) != std::string::npos;
    passed += ok ? 1 : 0;
  }
  std::printf("decisions: %zu/%zu\n", passed, total);
  EXPECT_GE(total, 60U);
}

TEST(Decide, MarksAndWholeComeFromSatisfiedPermits) {
  const auto hospital = load_or_fail(folder("agreements/hospital"));
  ASSERT_TRUE(hospital);
  const Decision note = hospital->decide(exchange::Verb::kAsk, facts_of("nurse", "documentation"));
  EXPECT_EQ(note.outcome, Outcome::kAllow);
  EXPECT_EQ(note.marks, std::vector<std::string>{"drafted with a model"});
  EXPECT_FALSE(note.whole);
  Facts triage = facts_of("nurse", "triage");
  triage.set("context.moment.particulars.ward", std::string("emergency"));
  const Decision order = hospital->decide(exchange::Verb::kAsk, triage);
  EXPECT_EQ(order.outcome, Outcome::kAllow);
  EXPECT_TRUE(order.whole);
  EXPECT_TRUE(order.marks.empty());
}

std::shared_ptr<const Agreement> hospital_with(const std::string& rules) {
  Files files = folder("agreements/hospital");
  std::string& clause = files["clauses/3-confidence.md"];
  clause.insert(clause.find("```examples"), "```cedar\n" + rules + "\n```\n\n");
  return load_or_fail(files);
}

// What a hold waits for is what a redaction leaves: first the one, then the other.
TEST(Decide, ARedactionComesBeforeAHold) {
  const auto both = hospital_with(
      "@hold(\"ethics\") forbid (principal, action == Action::\"ask\", resource)\n"
      "when { context.moment.purpose == Purpose::\"coding\" } unless { context.moment.approvals.ethics >= 1 };");
  ASSERT_TRUE(both);
  Facts facts = facts_of("clerk", "coding");
  EXPECT_EQ(both->decide(exchange::Verb::kAsk, facts).outcome, Outcome::kHold);
  facts.set("context.content.labels", std::vector<std::string>{"contact"});
  const Decision got = both->decide(exchange::Verb::kAsk, facts);
  EXPECT_EQ(got.outcome, Outcome::kRedact);
  EXPECT_EQ(got.redacts, (std::vector<std::string>{"contact", "personal_address", "personal_identifier", "personal_name"}));
  EXPECT_TRUE(got.awaits.empty());
}

// A tool call runs as it was decided or not at all.
TEST(Decide, NothingButAskAndReleaseIsRedacted) {
  const auto hospital = hospital_with(
      "permit (principal in Role::\"clerk\", action == Action::\"act\", resource);\n"
      "@redact forbid (principal, action == Action::\"act\", resource)\n"
      "when { context.content.labels.contains(\"contact\") };");
  ASSERT_TRUE(hospital);
  Facts facts = without(facts_of("clerk", "coding"), "context.tools_offered");
  facts.set("resource.type", std::string("Tool"));
  facts.set("resource.id", std::string("chart"));
  EXPECT_EQ(hospital->decide(exchange::Verb::kAct, facts).outcome, Outcome::kAllow);
  facts.set("context.content.labels", std::vector<std::string>{"contact"});
  const Decision got = hospital->decide(exchange::Verb::kAct, facts);
  EXPECT_EQ(got.outcome, Outcome::kDeny);
  EXPECT_TRUE(got.redacts.empty());
}

TEST(Decide, ClausesCarryTitleAndSourceLine) {
  const auto enclave = load_or_fail(folder("agreements/enclave"));
  ASSERT_TRUE(enclave);
  const Decision got = enclave->decide(exchange::Verb::kAsk, facts_of("analyst", "targeting"));
  ASSERT_EQ(got.clauses.size(), 1U);
  EXPECT_EQ(got.clauses[0].title, "Human judgement over force");
  const std::string text = folder("agreements/enclave").at("clauses/2-human-judgement.md");
  const auto line = 1 + std::count(text.begin(),
                                   text.begin() + static_cast<long>(text.find("@clause(\"2.1\")")), '\n');
  EXPECT_EQ(got.clauses[0].source, "clauses/2-human-judgement.md:" + std::to_string(line));
}

// An agreement allows nothing before its first second and after its last.
TEST(Decide, NothingIsAllowedOutsideThePeriod) {
  const auto enclave = load_or_fail(folder("agreements/enclave"));
  ASSERT_TRUE(enclave);
  Facts facts = facts_of("analyst", "analysis");
  const struct {
    const char* now;
    Outcome outcome;
  } cases[] = {{"2025-12-31T23:59:59Z", Outcome::kDeny},
               {"2026-01-01T00:00:00Z", Outcome::kAllow},
               {"2028-12-31T23:59:59Z", Outcome::kAllow},
               {"2029-01-01T00:00:00Z", Outcome::kDeny}};
  facts.set("principal.training_until", parse_time("2099-01-01")->value);
  for (const auto& c : cases) {
    facts.set("context.moment.now", parse_time(c.now)->value);
    const Decision got = enclave->decide(exchange::Verb::kAsk, facts);
    EXPECT_EQ(got.outcome, c.outcome) << c.now << ": " << got.reason;
  }
}

// Cedar alone would skip a forbid that fails; here its failure denies.
TEST(Decide, ARunTimeErrorInAnyPolicyDenies) {
  Files files = folder("tests/agreement/base");
  std::string& clause = files["clauses/1-use.md"];
  clause.replace(clause.find("permit"), 0,
                 "@hold(\"x\") forbid (principal, action == Action::\"ask\", resource)\n"
                 "when { context.content.bytes * 9223372036854775807 > 0 };\n");
  const auto agreement = load_or_fail(files);
  ASSERT_TRUE(agreement);
  Facts facts = facts_of("staff", "work");
  facts.set("context.content.bytes", int64_t{4});
  const Decision got = agreement->decide(exchange::Verb::kAsk, facts);
  EXPECT_EQ(got.outcome, Outcome::kDeny);
  ASSERT_EQ(got.errors.size(), 1U);
  EXPECT_TRUE(got.errors[0].starts_with("clause 1: ")) << got.errors[0];
  EXPECT_TRUE(got.reason.starts_with("clause 1 (Use) could not be judged")) << got.reason;
  // The negative control: the same request without the overflow is allowed.
  facts.set("context.content.bytes", int64_t{0});
  EXPECT_EQ(agreement->decide(exchange::Verb::kAsk, facts).outcome, Outcome::kAllow);
}

// A decision that would take too long is cut before every forbid was asked: it denies, and holds nothing.
TEST(Decide, WhatTakesTooLongIsDenied) {
  Files files = folder("tests/agreement/base");
  constexpr int kRulesEach = 6'800;  // three times that needs more steps than a decision has
  for (int file = 2; file <= 4; ++file) {
    std::string text = fmt::format("# {} Many\n\nMany rules.\n\n```cedar\n", file);
    for (int i = 0; i < kRulesEach; ++i) {
      text += "@hold(\"x\") forbid (principal, action, resource) when { context.moment.break_glass };\n";
    }
    files[fmt::format("clauses/{}-many.md", file)] = text + "```\n";
  }
  const auto agreement = load_or_fail(files);
  ASSERT_TRUE(agreement);
  const Decision got = agreement->decide(exchange::Verb::kAsk, facts_of("staff", "work"));
  EXPECT_EQ(got.outcome, Outcome::kDeny);
  EXPECT_NE(got.reason.find("more steps"), std::string::npos) << got.reason;
}

Facts declaration(const std::string& role) {
  Facts facts = facts_of(role, "logistics");
  facts.set("resource.type", std::string("Purpose"));
  facts.set("resource.id", std::string("logistics"));
  return facts;
}

// Break-glass is its approvers' too, whatever the rules say; and nobody's while a review is overdue.
TEST(Decide, NobodyBreaksTheGlassAlone) {
  Files files = folder("agreements/enclave");
  const auto agreement = load_or_fail(files);
  ASSERT_TRUE(agreement);
  Facts facts = declaration("planner");
  const auto decided = [&](const auto& under) { return under->decide(exchange::Verb::kDeclare, facts); };
  const std::vector<std::string> both = {"commander", "security"};
  for (const char* role : {"", "commander", "legal"}) {  // one at a time: never enough
    if (*role != 0) facts.set(std::string("context.moment.approvals.") + role, int64_t{1});
    const Decision got = decided(agreement);
    EXPECT_EQ(got.outcome, Outcome::kHold) << role;
    EXPECT_EQ(got.awaits, both);
    EXPECT_EQ(numbers_of(got), std::vector<std::string>{"11.1"});
  }
  facts.set("context.moment.approvals.security", int64_t{1});
  EXPECT_EQ(decided(agreement).outcome, Outcome::kAllow);
  facts.set(kOverdueFact, std::string("17"));
  const Decision overdue = decided(agreement);
  EXPECT_EQ(overdue.outcome, Outcome::kDeny);
  EXPECT_NE(overdue.reason.find("leaf 17"), std::string::npos) << overdue.reason;
}

TEST(Decide, WithoutItsTableThereIsNoEmergency) {
  Files files = folder("agreements/enclave");
  std::string& terms = files["agreement.toml"];
  terms.erase(terms.find("[break_glass]"), terms.find("[labels]") - terms.find("[break_glass]"));
  files.erase("clauses/11-emergency.md");
  files["clauses/11-emergency.md"] = "# 11 Emergency\n\nAnybody.\n\n```cedar\n@clause(\"11\")\n"
                                     "permit (principal, action == Action::\"declare\", resource);\n```\n";
  const auto agreement = load_or_fail(files);
  ASSERT_TRUE(agreement);
  const Decision got = agreement->decide(exchange::Verb::kDeclare, declaration("planner"));
  EXPECT_EQ(got.outcome, Outcome::kDeny);
  EXPECT_NE(got.reason.find("knows no emergency"), std::string::npos) << got.reason;
}

TEST(Decide, SameFactsSameDecision) {
  const auto one = load_or_fail(folder("agreements/enclave"));
  const auto two = load_or_fail(folder("agreements/enclave"));
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->digest(), two->digest());
  for (const char* purpose : {"analysis", "targeting", "logistics", "none"}) {
    const Facts facts = facts_of("analyst", purpose);
    const Decision first = one->decide(exchange::Verb::kAsk, facts);
    for (int i = 0; i < 10; ++i) {
      for (const auto& agreement : {one, two}) {
        const Decision again = agreement->decide(exchange::Verb::kAsk, facts);
        EXPECT_EQ(again.outcome, first.outcome);
        EXPECT_EQ(again.clauses, first.clauses);
        EXPECT_EQ(again.reason, first.reason);
      }
    }
  }
}

TEST(Decide, ManyThreadsShareOneAgreement) {
  const auto agreement = load_or_fail(folder("agreements/enclave"));
  ASSERT_TRUE(agreement);
  const Facts good = facts_of("analyst", "analysis");
  const Facts bad = facts_of("analyst", "targeting");
  const std::string reason = agreement->decide(exchange::Verb::kAsk, bad).reason;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        if (agreement->decide(exchange::Verb::kAsk, good).outcome != Outcome::kAllow) ++wrong;
        if (agreement->decide(exchange::Verb::kAsk, bad).reason != reason) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(Decide, LoadIsTheSameHoweverTheFilesWereGathered) {
  const Files files = folder("agreements/enclave");
  const auto agreement = load_or_fail(files);
  ASSERT_TRUE(agreement);
  EXPECT_EQ(agreement->manifest(), manifest_of(files));
  EXPECT_EQ(agreement->digest(), sha256(agreement->manifest()));
  Files with_signature = files;
  with_signature["signatures/operator.sig"] = "later";
  EXPECT_EQ(load_or_fail(with_signature)->digest(), agreement->digest());
}

// Proofs speak of requests whose entities are all known; what lies outside is refused before it is judged.
TEST(Decide, WhatNoProofSpeaksOfIsRefused) {
  Files files = folder("agreements/hospital");
  files.at("schema.cedarschema") += "\nentity Case = { \"sealed\": Bool };\n";
  std::string& schema = files.at("schema.cedarschema");
  const size_t brace = schema.find('{', schema.find("Particulars"));
  ASSERT_NE(brace, std::string::npos);
  schema.insert(brace + 1, " \"case\"?: Case, \"name\"?: String,");
  const auto agreement = load_or_fail(files);
  ASSERT_TRUE(agreement);
  Facts facts = facts_of("nurse", "documentation");
  EXPECT_EQ(agreement->decide(exchange::Verb::kAsk, facts).outcome, Outcome::kAllow);
  Facts dangling = facts;
  dangling.set("context.moment.particulars.case", std::string("unheard-of"));
  const Decision gap = agreement->decide(exchange::Verb::kAsk, dangling);
  EXPECT_EQ(gap.outcome, Outcome::kDeny);
  EXPECT_NE(gap.reason.find("of which nothing is known"), std::string::npos) << gap.reason;
  for (const char* path : {"principal.id", "context.moment.particulars.name", "principal.nationality"}) {
    Facts beyond = facts;
    beyond.set(path, std::string("x\xF0\xB0\x80\x80"));  // U+30000
    const Decision refused = agreement->decide(exchange::Verb::kAsk, beyond);
    EXPECT_EQ(refused.outcome, Outcome::kDeny) << path;
    EXPECT_NE(refused.reason.find("above U+2FFFF"), std::string::npos) << path << ": " << refused.reason;
    beyond.set(path, std::string("x\xF0\xAF\xBF\xBF"));  // U+2FFFF
    EXPECT_EQ(agreement->decide(exchange::Verb::kAsk, beyond).outcome, Outcome::kAllow) << path;
  }
}

}  // namespace
}  // namespace proviso::agreement
