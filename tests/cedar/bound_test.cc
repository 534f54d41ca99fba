// The work of a decision and of an explanation is bounded, and follows what there is, not what a request names.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <thread>

#include "cedar/authorizer.h"
#include "cedar/policy_set.h"
#include "cedar/schema.h"

namespace proviso::cedar {
namespace {

// A set whose every policy compares two long lists.
Engine costly_engine(uint64_t steps_max) {
  std::string text;
  for (int i = 0; i < 200; ++i) {
    text += "permit (principal, action, resource) when { context.a == context.b || context.n == " + std::to_string(i) + " };\n";
    text += "forbid (principal, action, resource) when { context.a.containsAll([context.n, " + std::to_string(i) + "]) };\n";
  }
  return *Engine::compile(*PolicySet::parse(text, "costly"), nullptr, {.steps_max = steps_max});
}

Request costly_request() {
  std::vector<Value> many;
  for (int i = 0; i < 5000; ++i) many.push_back(Value::integer(i * 7 + 1000));
  Request out{{"User", "u"}, {"Action", "a"}, {"Doc", "d"}, {}};
  out.context = Record{{"a", Value::set(Set(many))}, {"b", Value::set(Set(many))}, {"n", Value::integer(-1)}};
  return out;
}

TEST(Bound, ADecisionThatCostsTooMuchIsCutShortAndDenies) {
  Response out = costly_engine(10'000).is_authorized(costly_request(), Entities());
  EXPECT_TRUE(out.cut_short);
  EXPECT_EQ(out.decision, Answer::kDeny);
  ASSERT_FALSE(out.errors.empty());
  EXPECT_NE(out.errors.back().message.find("10000 steps"), std::string::npos);
}

// Operators whose work follows the size of their operands, once each: what is bounded is the operand.
TEST(Bound, EveryOperandThatIsTooLargeIsCutShort) {
  std::vector<Value> entities;
  for (int i = 0; i < 30'000; ++i) entities.push_back(Value::entity("Group", std::to_string(i)));
  Request request{{"User", "u"}, {"Action", "a"}, {"Doc", "d"}, {}};
  request.context = Record{{"long", Value::string(std::string(2'000'000, '1'))},
                           {"entity", Value::entity("T", std::string(2'000'000, '1'))},
                           {"set", Value::set(Set(entities))},
                           {"nested", Value::set(Set({Value::set(Set(entities))}))}};
  for (const char* condition :
       {"context.set == context.set", "context.set.containsAll(context.set)", "[context.nested].contains(context.nested)",
        "context.long == context.long", "context.entity == context.entity", "context.entity has a", "context.long like \"*2*\"",
        "decimal(context.long) == decimal(\"1.0\")", "principal.hasTag(context.long)", "{a: context.set} == {a: context.set}"}) {
    auto set = PolicySet::parse(std::string("permit (principal, action, resource) when { ") + condition + " };", "bound");
    ASSERT_TRUE(set) << set.error().message;
    Response out = Engine::compile(*set)->is_authorized(request, Entities());
    EXPECT_TRUE(out.cut_short) << condition;
    EXPECT_EQ(out.decision, Answer::kDeny) << condition;
  }
  // The control: the same operators on small operands.
  Response out = costly_engine(EngineOptions::kUnbounded).is_authorized(costly_request(), Entities());
  EXPECT_FALSE(out.cut_short);
}

TEST(Bound, TheSameDecisionUnboundedIsWhole) {
  Response out = costly_engine(EngineOptions::kUnbounded).is_authorized(costly_request(), Entities());
  EXPECT_FALSE(out.cut_short);
  EXPECT_EQ(out.decision, Answer::kAllow);
  EXPECT_EQ(out.permits.size(), 200U);
}

// The steps that a decision needs, found by asking under ever smaller bounds; each on a thread of its own if `cold`.
uint64_t steps_needed(const PolicySet& set, const Request& request, const Entities& store, bool cold) {
  for (uint64_t steps = 1;; ++steps) {
    Engine engine = *Engine::compile(set, nullptr, {.steps_max = steps});
    Response out;
    if (!cold) engine.is_authorized(request, store, out);
    if (cold) {
      std::thread([&] { engine.is_authorized(request, store, out); }).join();
    } else {
      engine.is_authorized(request, store, out);
    }
    if (!out.cut_short) return steps;
  }
}

TEST(Bound, WhatAThreadDidBeforeChangesNothing) {
  std::vector<EntityUid> groups;
  for (int i = 0; i < 50; ++i) groups.push_back({"Group", std::to_string(i)});
  Entities store = *Entities::create({{{"User", "u"}, {}, groups, {}}});
  Request request{{"User", "u"}, {"Action", "a"}, {"Doc", "d"}, {}};
  PolicySet set = *PolicySet::parse("permit (principal in Group::\"7\", action, resource);", "p");
  uint64_t cold = steps_needed(set, request, store, true);
  EXPECT_EQ(steps_needed(set, request, store, false), cold);
  EXPECT_GE(cold, 100U);  // the groups were counted
}

// Entities that are in `count` groups and folders, and a few policies about them.
struct Crowd {
  explicit Crowd(size_t count) {
    std::vector<EntityUid> groups;
    std::vector<EntityUid> folders;
    for (size_t i = 0; i < count; ++i) {
      groups.push_back({"Group", std::to_string(i)});
      folders.push_back({"Folder", std::to_string(i)});
    }
    store = *Entities::create({{{"User", "u"}, {}, groups, {}}, {{"Doc", "d"}, {}, folders, {}}});
  }
  Entities store;
  Request request{{"User", "u"}, {"Action", "a"}, {"Doc", "d"}, {}};
};

TEST(Bound, ManyGroupsTimesManyFoldersCostWhatThePoliciesDo) {
  Crowd crowd(1000);
  std::string text;
  for (int i = 0; i < 200; ++i) {
    std::string n = std::to_string(i * 5);
    text += "permit (principal in Group::\"" + n + "\", action, resource in Folder::\"" + n + "\");\n";
  }
  Response out = Engine::compile(*PolicySet::parse(text, "p"))->is_authorized(crowd.request, crowd.store);
  EXPECT_FALSE(out.cut_short);
  EXPECT_EQ(out.permits.size(), 200U);
}

// Scopes of every form over few names, so that they meet; more keys than policies and fewer.
TEST(Bound, TheIndexNeverChangesTheAnswer) {
  std::mt19937 random(20261126);
  auto pick = [&](uint32_t below) { return std::to_string(random() % below); };
  auto scope = [&](const std::string& variable, const std::string& type, const std::string& group) {
    switch (random() % 5) {
      case 0: return variable;
      case 1: return variable + " is " + type;
      case 2: return variable + " == " + type + "::\"" + pick(3) + "\"";
      case 3: return variable + " is " + type + " in " + group + "::\"" + pick(12) + "\"";
      default: return variable + " in " + group + "::\"" + pick(12) + "\"";
    }
  };
  size_t satisfied = 0;
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (uint32_t i = random() % 40; i > 0; --i) {
      text += random() % 3 == 0 ? "forbid (" : "permit (";
      text += scope("principal", "User", "Group") + ", " +
              (random() % 2 == 0 ? "action" : "action in [Action::\"" + pick(3) + "\", Action::\"" + pick(3) + "\"]") + ", " +
              scope("resource", "Doc", "Folder") + ");\n";
    }
    auto some = [&](const char* type) {
      std::vector<EntityUid> out;
      for (uint32_t i = random() % 12; i > 0; --i) out.push_back({type, pick(12)});
      return out;
    };
    Entities store = *Entities::create({{{"User", "0"}, {}, some("Group"), {}},
                                        {{"Doc", "0"}, {}, some("Folder"), {}},
                                        {{"Action", "0"}, {}, {{"Action", "1"}}, {}}});
    Request request{{"User", "0"}, {"Action", "0"}, {"Doc", "0"}, {}};
    PolicySet set = *PolicySet::parse(text, "p");
    Response with = Engine::compile(set)->is_authorized(request, store);
    Response without = Engine::compile(set, nullptr, {.index = false})->is_authorized(request, store);
    ASSERT_EQ(with.permits, without.permits) << text;
    ASSERT_EQ(with.forbids, without.forbids) << text;
    satisfied += with.permits.size() + with.forbids.size();
  }
  EXPECT_GT(satisfied, 300U);
}

// One condition's answer, error kind included, for ana who is in Group 3.
std::string in_set(const std::string& set, const Entities& store) {
  PolicySet policies = *PolicySet::parse("permit (principal, action, resource) when { principal in " + set + " };", "p");
  Response out = Engine::compile(policies)->is_authorized({{"User", "ana"}, {"Action", "a"}, {"Doc", "d"}, {}}, store);
  if (out.cut_short) return "cut";
  if (!out.errors.empty()) return out.errors[0].message;
  return out.decision == Answer::kAllow ? "in" : "not in";
}

std::string groups_from(int begin, int end, const std::string& last = "") {
  std::string out = "[";
  for (int i = begin; i < end; ++i) out += (i == begin ? "Group::\"" : ", Group::\"") + std::to_string(i) + "\"";
  return out + last + "]";
}

TEST(Bound, InOverALargeListIsWholeAndAsOverASmallOne) {
  Entities store = *Entities::create({{{"User", "ana"}, {}, {{"Group", "3"}}, {}}, {{"Group", "3"}, {}, {{"Group", "all"}}, {}}});
  for (int size : {5, 5000}) {
    EXPECT_EQ(in_set(groups_from(0, size), store), "in") << size;
    EXPECT_EQ(in_set(groups_from(4, 4 + size), store), "not in") << size;
    EXPECT_EQ(in_set(groups_from(4, 4 + size, ", Group::\"all\""), store), "in") << size;
    EXPECT_EQ(in_set(groups_from(4, 4 + size, ", User::\"ana\""), store), "in") << size;
    EXPECT_EQ(in_set(groups_from(0, size, ", \"text\""), store), "expected entity, found string") << size;
    EXPECT_EQ(in_set(groups_from(0, size, ", {}"), store), "expected entity, found record") << size;
  }
}

// `x in [a, b]` is `x in a || x in b`, however many there are on either side, in a store laid over another, and for
// actions that only the schema knows.
TEST(Bound, InOverAListIsInOneOfThem) {
  std::mt19937 random(4);
  auto some = [&](const std::string& type, size_t count) {
    std::vector<EntityUid> out;
    for (size_t i = 0; i < count; ++i) out.push_back({type, std::to_string(random() % 60)});
    return out;
  };
  std::string groups;
  for (int i = 0; i < 60; ++i) groups += fmt::format("action \"{}\";\n", i);
  std::string parents;
  for (const EntityUid& uid : some("Action", 12)) parents += (parents.empty() ? "\"" : ", \"") + uid.id + "\"";
  const Schema schema = *Schema::parse(
      "entity User, Doc;\n" + groups + "action a in [" + parents + "] appliesTo { principal: User, resource: Doc };", "s");
  size_t held = 0;
  for (int round = 0; round < 400; ++round) {
    auto base = std::make_shared<const Entities>(*Entities::create({{{"User", "u"}, {}, some("G", std::array{0U, 3U, 30U}[random() % 3]), {}}}));
    Entities over = *Entities::extend(base, {{{"User", "v"}, {}, some("G", std::array{1U, 9U, 40U}[random() % 3]), {}}});
    const std::string what = std::array{"principal", "resource", "action"}[random() % 3];
    std::string list;
    std::string each;
    for (const EntityUid& uid : some(what == "action" ? "Action" : "G", std::array{1U, 5U, 12U, 50U}[random() % 4])) {
      list += (list.empty() ? "" : ", ") + to_string(uid);
      each += (each.empty() ? "" : " || ") + what + " in " + to_string(uid);
    }
    const PolicySet set = *PolicySet::parse("permit (principal, action, resource) when { " + what + " in [" + list + "] };\n" +
                                                "permit (principal, action, resource) when { " + each + " };", "p");
    const Response out = Engine::compile(set, &schema)->is_authorized({{"User", "u"}, {"Action", "a"}, {"User", "v"}, {}}, over);
    ASSERT_TRUE(out.errors.empty());
    ASSERT_NE(out.permits.size(), 1U) << what << " in [" << list << "]";
    held += out.permits.size() / 2;
  }
  EXPECT_GT(held, 100U);
  EXPECT_LT(held, 350U);
}

TEST(Bound, AnExplanationThatCostsTooMuchSaysWhatItLeftOut) {
  Request request{{"User", "u"}, {"Action", "a"}, {"Doc", "d"}, {}};
  request.context = Record{{"long", Value::string(std::string(2'000'000, '1'))}};
  std::string text = "permit (principal, action, resource);";
  for (int i = 2; i < 20; ++i) text += "permit (principal, action, resource) when { context.long like \"*" + std::to_string(i) + "2*\" };\n";
  Engine engine = *Engine::compile(*PolicySet::parse(text, "p"));
  std::vector<Explanation> all = engine.explain(request, Entities());
  ASSERT_EQ(all.size(), 19U);
  EXPECT_EQ(all.front().verdict, Explanation::Verdict::kSatisfied);
  EXPECT_EQ(all[1].verdict, Explanation::Verdict::kCondition);
  EXPECT_EQ(all.back().verdict, Explanation::Verdict::kUnknown);
  EXPECT_EQ(engine.explain(18, request, Entities()).verdict, Explanation::Verdict::kCondition);
}

TEST(Bound, PlacesAreThoseOfCountingFromTheStart) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    std::string text;
    for (size_t i = 0, size = random() % 2000; i < size; ++i) {
      text += random() % 40 == 0 ? "\n" : random() % 5 == 0 ? "\u00e9" : "x";
    }
    Source source("f", text, 5);
    Position at{5, 1};
    for (uint32_t offset = 0; offset <= text.size(); ++offset) {
      ASSERT_EQ(source.position(offset), at) << offset;
      if (offset == text.size()) break;
      if (text[offset] == '\n') {
        at = {at.line + 1, 1};
      } else if ((static_cast<unsigned char>(text[offset]) & 0xC0U) != 0x80U) {
        ++at.column;
      }
    }
    EXPECT_EQ(source.position(1U << 30U), at);
  }
}

TEST(Bound, FieldsInAnyOrderAreOneRecord) {
  std::vector<Field> down;
  Record up;
  for (int i = 999; i >= 0; --i) down.push_back({"k" + std::to_string(i), Value::integer(i)});
  for (int i = 0; i < 1000; ++i) up.set("k" + std::to_string(i), Value::integer(i));
  EXPECT_EQ(Record(down), up);
}

}  // namespace
}  // namespace proviso::cedar
