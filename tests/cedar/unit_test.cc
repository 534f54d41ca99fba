// What no shared data says: places in Markdown, explanations, limits, the store's layers, and that
// each guard fails when its input is bad.
#include <gtest/gtest.h>

#include "base/json.h"
#include "cedar/authorizer.h"
#include "cedar/entities_json.h"
#include "cedar/policy_set.h"
#include "cedar/request_check.h"
#include "cedar/validator.h"

namespace proviso::cedar {
namespace {

constexpr std::string_view kSchema = R"(
  entity Role;
  entity Person in [Role] = { clearance: Long, nick?: String };
  entity ToolClass;
  entity Tool in [ToolClass];
  type Approvals = { commander: Long, legal: Long };
  action act appliesTo { principal: [Person], resource: [Tool],
    context: { approvals: Approvals, labels: Set<String>, now: datetime } };
)";

constexpr std::string_view kPolicies = R"(permit (principal in Role::"staff", action == Action::"act", resource)
when { principal.clearance > 1 && !context.labels.contains("secret") };

@clause("4.2") @hold("commander and legal officer")
forbid (principal, action == Action::"act", resource in ToolClass::"spend")
unless { context.approvals.commander >= 1 && context.approvals.legal >= 1 };
)";

struct World {
  Schema schema = *Schema::parse(kSchema, "core.cedarschema");
  std::shared_ptr<const Entities> base = std::make_shared<const Entities>(
      *Entities::create({{{"Role", "staff"}, {}, {}, {}},
                         {{"Tool", "dispatch"}, {}, {{"ToolClass", "spend"}}, {}},
                         {{"Tool", "read"}, {}, {{"ToolClass", "read"}}, {}}}));
  Entities entities = *Entities::extend(
      base, {{{"Person", "ana"}, {{"clearance", Value::integer(3)}}, {{"Role", "staff"}}, {}}});
  PolicySet policies = *PolicySet::parse(kPolicies, "clauses/4.md", 11);
  Engine engine = *Engine::compile(policies, &schema);

  static Request request(std::string_view tool, int64_t commander, int64_t legal) {
    Request out{{"Person", "ana"}, {"Action", "act"}, {"Tool", std::string(tool)}, {}};
    out.context.set("approvals", Value::record({{"commander", Value::integer(commander)},
                                                {"legal", Value::integer(legal)}}));
    out.context.set("labels", Value::set(Set::of_strings({})));
    out.context.set("now", Value::datetime_ms(0));
    return out;
  }
};

TEST(PolicySetTest, PlacesPointIntoTheFileAroundTheText) {
  World w;
  ASSERT_EQ(w.policies.size(), 2U);
  const Policy& forbid = w.policies.policies()[1];
  EXPECT_EQ(forbid.id, "policy1");
  EXPECT_EQ(forbid.file(), "clauses/4.md");
  EXPECT_EQ(forbid.line(), 14U);
  EXPECT_EQ(forbid.effect, Effect::kForbid);
  EXPECT_EQ(*forbid.annotation("hold"), "commander and legal officer");
  EXPECT_EQ(forbid.annotation("mark"), nullptr);
  EXPECT_TRUE(forbid.text().starts_with("@clause"));
  EXPECT_TRUE(forbid.text().ends_with(";"));
}

TEST(PolicySetTest, ErrorsNameFileLineAndColumn) {
  auto broken = PolicySet::parse("permit (principal, action, resource)\nwhen { 1 = 1 };", "c.md", 20);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message, "c.md:21:10: `=` is not an operator; write `==` to compare");
  auto slot = PolicySet::parse("permit (principal == ?resource, action, resource);", "t");
  ASSERT_FALSE(slot);
  EXPECT_EQ(slot.error().code, Code::kInvalid);
}

TEST(PolicySetTest, AddRefusesATakenIdAndLeavesTheSetAlone) {
  PolicySet set = *PolicySet::parse("permit (principal, action, resource);", "a");
  auto again = set.add("forbid (principal, action, resource);", "b", 1);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict);
  EXPECT_EQ(set.size(), 1U);
  EXPECT_TRUE(set.add("forbid (principal, action, resource);", "b", 1, "b"));
  EXPECT_EQ(set.policies()[1].id, "b0");
}

TEST(Authorizer, ReportsAllSatisfiedPermitsAndForbids) {
  World w;
  Response held = w.engine.is_authorized(World::request("dispatch", 1, 0), w.entities);
  EXPECT_EQ(held.decision, Answer::kDeny);
  EXPECT_EQ(held.permits, std::vector<uint32_t>{0});
  EXPECT_EQ(held.forbids, std::vector<uint32_t>{1});
  EXPECT_EQ(held.reason(), held.forbids);
  EXPECT_TRUE(held.errors.empty());
  Response released = w.engine.is_authorized(World::request("dispatch", 1, 1), w.entities);
  EXPECT_EQ(released.decision, Answer::kAllow);
  EXPECT_EQ(released.reason(), std::vector<uint32_t>{0});
}

TEST(Authorizer, SkipsAndListsAPolicyThatErrs) {
  World w;
  Request request = World::request("dispatch", 1, 1);
  request.context = Record{};
  Response response = w.engine.is_authorized(request, w.entities);
  EXPECT_EQ(response.decision, Answer::kDeny);
  ASSERT_EQ(response.errors.size(), 2U);
  EXPECT_EQ(response.errors[0].message, "the record has no attribute `labels`");
}

TEST(Explain, AHoldNamesItsUnmetApprovals) {
  World w;
  auto why = w.engine.explain(World::request("dispatch", 1, 0), w.entities);
  ASSERT_EQ(why.size(), 2U);
  EXPECT_EQ(why[1].verdict, Explanation::Verdict::kSatisfied);
  ASSERT_EQ(why[1].unmet.size(), 1U);
  EXPECT_EQ(why[1].unmet[0].text, "context.approvals.legal >= 1");
  EXPECT_EQ(why[1].unmet[0].file, "clauses/4.md");
  EXPECT_EQ(why[1].unmet[0].begin.line, 16U);
  auto both = w.engine.explain(World::request("dispatch", 0, 0), w.entities);
  EXPECT_EQ(both[1].unmet.size(), 2U);
}

TEST(Explain, APermitNamesItsFirstFailedConjunct) {
  World w;
  Request request = World::request("read", 0, 0);
  request.context.set("labels", Value::set(Set::of_strings({"secret"})));
  auto why = w.engine.explain(request, w.entities);
  EXPECT_EQ(why[0].verdict, Explanation::Verdict::kCondition);
  EXPECT_EQ(why[0].failed.text, "!context.labels.contains(\"secret\")");
  EXPECT_EQ(why[0].failed.begin, (Position{12, 35}));
  EXPECT_EQ(why[1].verdict, Explanation::Verdict::kResource);
  EXPECT_EQ(why[1].failed.text, "resource in ToolClass::\"spend\"");
  request.principal.id = "guest";
  why = w.engine.explain(request, w.entities);
  EXPECT_EQ(why[0].verdict, Explanation::Verdict::kPrincipal);
}

TEST(Explain, AnErrorNamesTheConjunctThatErred) {
  World w;
  Request request = World::request("read", 0, 0);
  request.context = Record{};
  auto why = w.engine.explain(request, w.entities);
  EXPECT_EQ(why[0].verdict, Explanation::Verdict::kError);
  EXPECT_EQ(why[0].failed.text, "!context.labels.contains(\"secret\")");
  EXPECT_EQ(why[0].error, "the record has no attribute `labels`");
}

TEST(EntitiesTest, AnExtensionSeesItsBaseAndTheBaseStaysAsItWas) {
  World w;
  EXPECT_TRUE(w.entities.is_in({"Person", "ana"}, {"Role", "staff"}));
  EXPECT_TRUE(w.entities.is_in({"Tool", "dispatch"}, {"ToolClass", "spend"}));
  EXPECT_EQ(w.base->find({"Person", "ana"}), nullptr);
  EXPECT_TRUE(w.entities.is_in({"No", "body"}, {"No", "body"}));
  EXPECT_FALSE(w.entities.is_in({"No", "body"}, {"Role", "staff"}));
}

TEST(EntitiesTest, AnExtensionClosesOverParentsInTheBase) {
  auto base = std::make_shared<const Entities>(
      *Entities::create({{{"G", "a"}, {}, {{"G", "b"}}, {}}, {{"G", "b"}, {}, {{"G", "c"}}, {}}}));
  Entities more = *Entities::extend(base, {{{"U", "x"}, {}, {{"U", "y"}}, {}}, {{"U", "y"}, {}, {{"G", "a"}}, {}}});
  EXPECT_TRUE(more.is_in({"U", "x"}, {"G", "c"}));
  EXPECT_EQ(more.all().size(), 4U);
}

TEST(EntitiesTest, RefusesCyclesDifferencesAndHiddenEntries) {
  auto cycle = Entities::create({{{"G", "a"}, {}, {{"G", "b"}}, {}}, {{"G", "b"}, {}, {{"G", "a"}}, {}}});
  ASSERT_FALSE(cycle);
  EXPECT_EQ(cycle.error().code, Code::kConflict);
  EXPECT_FALSE(Entities::create({{{"G", "a"}, {}, {{"G", "a"}}, {}}}));
  Entity one{{"G", "a"}, {{"x", Value::integer(1)}}, {}, {}};
  EXPECT_TRUE(Entities::create({one, one}));
  EXPECT_FALSE(Entities::create({one, {{"G", "a"}, {}, {}, {}}}));
  World w;
  EXPECT_FALSE(Entities::extend(w.base, {{{"Tool", "dispatch"}, {}, {}, {}}}));
  EXPECT_FALSE(Entities::extend(w.base, {{{"ToolClass", "spend"}, {}, {}, {}}}));
}

TEST(SchemaTest, GivesTypesByPath) {
  World w;
  const ActionDecl* act = w.schema.action("act");
  ASSERT_NE(act, nullptr);
  EXPECT_EQ(w.schema.action("train"), nullptr);
  EXPECT_EQ(to_string(*Schema::at(act->context, "approvals.legal")), "Long");
  EXPECT_EQ(to_string(*Schema::at(act->context, "labels")), "Set<String>");
  EXPECT_EQ(to_string(*Schema::at(act->context, "now")), "datetime");
  EXPECT_EQ(Schema::at(act->context, "approvals.none"), nullptr);
  const EntityTypeDecl* person = w.schema.entity_type("Person");
  ASSERT_NE(person, nullptr);
  bool required = true;
  EXPECT_EQ(to_string(*Schema::at(person->attributes, "nick", &required)), "String");
  EXPECT_FALSE(required);
  EXPECT_TRUE(person->ancestors.contains("Role"));
}

TEST(SchemaTest, SeveralTextsAreOneSchema) {
  auto both = Schema::parse({{"core", "entity A;", 1}, {"more", "entity B in [A];", 1}});
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_NE(both->entity_type("B"), nullptr);
  auto twice = Schema::parse({{"core", "entity A;", 1}, {"more", "\nentity A;", 5}});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message, "more:6:8: the entity type `A` is declared twice");
}

TEST(Validator, NamesThePlaceAndHelps) {
  World w;
  auto policies = *PolicySet::parse(
      "permit (principal, action, resource)\nwhen { principal.clearence > 1 };", "c.md", 3);
  auto found = validate(w.schema, policies);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].to_string(),
            "c.md:4:8: `Person` has no attribute `clearence` (did you mean `clearance`?)");
  EXPECT_EQ(found[0].policy, "policy0");
  EXPECT_TRUE(has_errors(found));
  EXPECT_FALSE(has_errors(validate(w.schema, w.policies)));
}

TEST(Validator, NoApplicableActionIsAnErrorUnlessTheSwitchSaysOtherwise) {
  World w;
  auto policies = *PolicySet::parse("permit (principal is Tool, action, resource);", "c");
  EXPECT_TRUE(has_errors(validate(w.schema, policies)));
  EXPECT_FALSE(has_errors(validate(w.schema, policies, {.no_applicable_action = Severity::kWarning})));
}

TEST(RequestCheck, RefusesWhatTheProofsDoNotCover) {
  World w;
  Request good = World::request("read", 0, 0);
  EXPECT_TRUE(check_request(w.schema, good));
  Request bad = good;
  bad.action.id = "train";
  EXPECT_FALSE(check_request(w.schema, bad));
  bad = good;
  bad.resource = {"Person", "ana"};
  EXPECT_FALSE(check_request(w.schema, bad));
  bad = good;
  bad.context.set("labels", Value::integer(1));
  auto said = check_request(w.schema, bad);
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error().message, "context: attribute `labels`: expected `Set<String>`, found long `1`");
  bad = good;
  bad.context.set("extra", Value::integer(1));
  EXPECT_FALSE(check_request(w.schema, bad));
}

std::string nested(std::string_view open, std::string_view inner, std::string_view close, size_t depth) {
  std::string out;
  for (size_t i = 0; i < depth; ++i) out += open;
  out += inner;
  for (size_t i = 0; i < depth; ++i) out += close;
  return out;
}

TEST(Limits, DepthIsBoundedHoweverItIsWritten) {
  EXPECT_TRUE(parse_expression(nested("(", "1", ")", 200), "e"));
  for (const std::string& deep :
       {nested("(", "1", ")", 100'000), nested("[", "1", "]", 100'000), nested("{a:", "1", "}", 100'000),
        nested("if true then 1 else ", "1", "", 100'000), nested("", "1", " + 1", 100'000),
        nested("", "context", ".a", 100'000), nested("ip(", "1", ")", 100'000), nested("!(", "true", ")", 100'000)}) {
    auto expr = parse_expression(deep, "e");
    ASSERT_FALSE(expr);
    EXPECT_EQ(expr.error().code, Code::kLimit) << deep.substr(0, 20);
  }
  // Chains of && and || are flat and may be long.
  EXPECT_TRUE(parse_expression("true" + nested("", "", " && true", 10'000), "e"));
  auto type = Schema::parse("entity A { x: " + nested("Set<", "Long", ">", 10'000) + " };", "s");
  ASSERT_FALSE(type);
  EXPECT_EQ(type.error().code, Code::kLimit);
}

TEST(Limits, AChainOfCommonTypesIsBounded) {
  std::string text = "type T0 = Long;";
  for (int i = 1; i <= 1'000; ++i) {
    text += "type T" + std::to_string(i) + " = { a: T" + std::to_string(i - 1) + ", b: T" +
            std::to_string(i - 1) + " };";
  }
  auto schema = Schema::parse(text, "s");
  ASSERT_FALSE(schema);
  EXPECT_EQ(schema.error().code, Code::kLimit);
}

TEST(Limits, SetsAndPatternsAreBounded) {
  auto parsed = [](const std::string& condition) { return PolicySet::parse("permit (principal, action, resource) when { " + condition + " };", "limits"); };
  std::string set = "[";
  for (size_t i = 0; i < kSetElementsMax; ++i) set += "1,";
  EXPECT_TRUE(parsed(set + "].contains(1)"));
  auto more = parsed(set + "1].contains(1)");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::kLimit);
  std::string pattern(kPatternBytesMax, 'x');
  EXPECT_TRUE(parsed("\"x\" like \"" + pattern + "\""));
  auto longer = parsed("\"x\" like \"" + pattern + "*\"");
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, Code::kLimit);
  std::string json = "[1";
  for (size_t i = 0; i < kSetElementsMax; ++i) json += ",1";
  json::Parser parser;
  auto value = value_from_json(*parser.parse(json + "]"));
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, Code::kLimit);
}

TEST(PatternTest, ManyWildcardsCostNoMoreThanTheirText) {
  auto expr = *parse_expression("context.s like \"" + nested("", "", "a*", 2'000) + "b\"", "e");
  Request request;
  request.context.set("s", Value::string(std::string(50'000, 'a')));
  auto value = evaluate(*expr, request, Entities());
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, Value::boolean(false));
}

TEST(ValueTest, SetsIgnoreOrderAndRepeats) {
  Value a = Value::set(Set({Value::integer(1), Value::string("x"), Value::integer(1)}));
  Value b = Value::set(Set({Value::string("x"), Value::integer(1)}));
  EXPECT_EQ(a, b);
  EXPECT_EQ(to_string(b), "[1, \"x\"]");
  EXPECT_FALSE(Value::datetime_ms(1) == Value::duration_ms(1));
  Record r{{"b", Value::integer(2)}, {"a", Value::boolean(true)}};
  EXPECT_EQ(to_string(Value::record(r)), "{\"a\": true, \"b\": 2}");
}

TEST(Printer, KeepsMeaningWhereSignsAndLevelsMeet) {
  for (const char* text :
       {"-(1)", "-(-1)", "!(!true)", "1 - (2 - 3)", "1 - 2 - 3", "(1 + 2) * 3", "a_b", "(if true then 1 else 2) + 1",
        "true && (false || true)", "true && (true && false)", "context[\"a b\"].c[\"if\"]", "-1.offset(1)",
        "\"a*\" like \"a\\*b*\\u{1f600}\"", "[1, {\"x y\": 2}].contains(3)", "principal is A::B in [A::B::\"c\\\"d\"]",
        "context has a.b.c", "context has \"a b\"", "ip(\"::1\").isInRange(ip(\"::/0\"))"}) {
    auto expr = parse_expression(text, "e");
    if (!expr) continue;
    std::string once = to_text(**expr);
    auto again = parse_expression(once, "e");
    ASSERT_TRUE(again) << text << " -> " << once << ": " << again.error().message;
    EXPECT_EQ(to_text(**again), once);
  }
  EXPECT_EQ(to_text(**parse_expression("(true && true) && (true && false)", "e")), "true && true && (true && false)");
  EXPECT_EQ(to_text(**parse_expression("-(1)", "e")), "-(1)");
}

TEST(Templates, ALinkDecidesAndATemplateDoesNot) {
  PolicySet set = *PolicySet::parse("permit (principal in ?principal, action, resource == ?resource);", "t");
  EXPECT_EQ(set.size(), 0U);
  ASSERT_TRUE(set.link("policy0", "ann", {EntityUid{"User", "ann"}, EntityUid{"Doc", "d"}}));
  EXPECT_EQ(set.link("policy0", "ann", {EntityUid{"User", "ann"}, EntityUid{"Doc", "d"}}).error().code, Code::kConflict);
  EXPECT_EQ(set.link("policy0", "half", {EntityUid{"User", "ann"}, std::nullopt}).error().code, Code::kInvalid);
  EXPECT_EQ(set.link("none", "x", {}).error().code, Code::kNotFound);
  EXPECT_EQ(to_text(set.policies()[0]), "permit (principal in User::\"ann\", action, resource == Doc::\"d\");");
  Engine engine = *Engine::compile(set);
  Request request{{"User", "ann"}, {"Action", "a"}, {"Doc", "d"}, {}};
  EXPECT_EQ(engine.is_authorized(request, Entities()).decision, Answer::kAllow);
  request.resource.id = "other";
  EXPECT_EQ(engine.is_authorized(request, Entities()).decision, Answer::kDeny);
}

// JSON can give an entity a common type as its shape; text lost it.
TEST(SchemaText, AShapeThatIsACommonTypeIsWrittenOut) {
  const char* json = R"({
    "": {"commonTypes": {"Plain": {"type": "Record", "attributes": {"p": {"type": "Long"}}}}, "entityTypes": {"E": {"shape": {"type": "Plain"}}}, "actions": {}},
    "NS": {"commonTypes": {"T": {"type": "Also"}, "Also": {"type": "Record", "attributes": {"u": {"type": "U"}}}},
           "entityTypes": {"U": {"shape": {"type": "T"}}, "V": {"shape": {"type": "Plain"}}}, "actions": {}},
    "Other": {"entityTypes": {"W": {"shape": {"type": "NS::T"}}, "U": {}}, "actions": {}}})";
  auto schema = Schema::from_json(json, "json");
  ASSERT_TRUE(schema) << schema.error().message;
  auto text = Schema::json_to_text(json, "json");
  ASSERT_TRUE(text) << text.error().message;
  auto back = Schema::parse(*text, "text");
  ASSERT_TRUE(back) << back.error().message << *text;
  EXPECT_TRUE(same_meaning(*schema, *back)) << *text;
  const Type* across = Schema::at(back->entity_type("Other::W")->attributes, "u");
  ASSERT_NE(across, nullptr) << *text;
  EXPECT_EQ(across->entity_name(), "NS::U");
}

}  // namespace
}  // namespace proviso::cedar
