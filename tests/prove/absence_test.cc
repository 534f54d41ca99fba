// What a schema can carry, as data; then small random schemas, each against every small value that it admits.
#include "prove/absence.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

namespace proviso::prove {
namespace {

using agreement::Kind;
using arguments::InputSchema;

std::shared_ptr<const InputSchema> compiled(const std::string& text) {
  json::Parser parser;
  const auto schema = parser.parse(text);
  if (!schema) return nullptr;
  auto read = InputSchema::compile(*schema);
  return read ? *read : nullptr;
}

struct Case {
  const char* kind;
  const char* schema;
  Carries carries;
  const char* place;
  const char* why;
};

// Each closed form, and the same with one guard taken away.
constexpr Case kCases[] = {
    {"person", R"({"type":"object","additionalProperties":false})", Carries::kNo, "", ""},
    {"person", R"({"type":"object"})", Carries::kYes, "/arguments", "any name"},
    {"person", R"({"type":"object","additionalProperties":true})", Carries::kYes, "/arguments", "any name"},
    {"person", R"({"additionalProperties":{"type":"boolean"}})", Carries::kYes, "/arguments", "any name"},
    {"person", R"({"properties":{"part":{"enum":["bolt","nut"]},"count":{"type":"integer","minimum":1,"maximum":99},"soon":{"type":"boolean"}},
      "additionalProperties":false})", Carries::kNo, "", ""},
    {"person", R"({"properties":{"part":{"type":"string"}},"additionalProperties":false})", Carries::kTooOpen, "/arguments/part", "any string"},
    {"person", R"({"properties":{"part":{"type":"string","maxLength":1}},"additionalProperties":false})", Carries::kNo, "", ""},
    {"person", R"({"properties":{"part":{"type":"string","maxLength":2}},"additionalProperties":false})", Carries::kTooOpen, "/arguments/part", "up to 2"},
    {"person", R"({"properties":{"part":{"type":"string","format":"date"}},"additionalProperties":false})", Carries::kTooOpen, "/arguments/part", "any string"},
    {"person", R"({"properties":{"part":{}},"additionalProperties":false})", Carries::kYes, "/arguments/part", "any name"},
    {"person", R"({"properties":{"part":{"type":["null","string"]}},"additionalProperties":false})", Carries::kTooOpen, "/arguments/part", "any string"},
    {"person", R"({"properties":{"passport_no":{"enum":["a"]}},"additionalProperties":false})", Carries::kYes, "/arguments/passport_no", "named so"},
    {"person", R"({"properties":{"passport_no":false,"part":{"const":1}},"additionalProperties":false})", Carries::kNo, "", ""},
    {"person", R"({"properties":{"p\u0430rt":{"const":1}},"additionalProperties":false})", Carries::kYes, "/arguments/p\xD0\xB0rt", "plain ASCII"},
    {"person", R"({"properties":{"part":{"enum":[{"owner":1}]}},"additionalProperties":false})", Carries::kYes, "/arguments/part", "`owner`"},
    {"person", R"({"properties":{"count":{"type":"integer"}},"additionalProperties":false})", Carries::kTooOpen, "/arguments/count", "too many digits"},
    {"person", R"({"properties":{"count":{"type":"integer","minimum":0,"maximum":99999}},"additionalProperties":false})", Carries::kNo, "", ""},
    {"person", R"({"properties":{"count":{"type":"integer","minimum":0,"maximum":100000}},"additionalProperties":false})", Carries::kTooOpen, "/arguments/count", "digits"},
    {"person", R"({"properties":{"count":{"type":"integer","minimum":-100000,"maximum":0}},"additionalProperties":false})", Carries::kTooOpen, "/arguments/count", "digits"},
    {"person", R"({"properties":{"share":{"type":"number","minimum":0,"maximum":1}},"additionalProperties":false})", Carries::kTooOpen, "/arguments/share", "fractions"},
    {"person", R"({"properties":{"share":{"type":"number","minimum":0,"maximum":50,"multipleOf":5}},"additionalProperties":false})", Carries::kNo, "", ""},
    {"person", R"({"properties":{"list":{"type":"array","items":{"type":"boolean"}}},"additionalProperties":false})", Carries::kNo, "", ""},
    {"person", R"({"properties":{"list":{"type":"array"}},"additionalProperties":false})", Carries::kYes, "/arguments/list/*", "any name"},
    {"person", R"({"properties":{"list":{"type":"array","maxItems":0}},"additionalProperties":false})", Carries::kNo, "", ""},
    {"person", R"({"properties":{"list":{"type":"array","minItems":3,"items":{"type":"string"}}},"additionalProperties":false})", Carries::kTooOpen, "/arguments/list/*", "any string"},
    {"person", R"({"properties":{"in":{"$ref":"#/$defs/in"}},"additionalProperties":false,"$defs":{"in":{"properties":{"a":{"const":1}},"type":"object","additionalProperties":false}}})",
     Carries::kNo, "", ""},
    {"person", R"({"properties":{"in":{"$ref":"#/$defs/in"}},"additionalProperties":false,"$defs":{"in":{"properties":{"a":{"const":1}},"type":"object"}}})",
     Carries::kYes, "/arguments/in", "any name"},
    // Combinators: what one part closes is closed; what an alternative opens is open.
    {"person", R"({"allOf":[{"additionalProperties":false,"properties":{"a":{"const":1}}},{"properties":{"a":{"type":"string"}}}]})", Carries::kNo, "", ""},
    {"person", R"({"allOf":[{"properties":{"a":{"const":1}}},{"properties":{"a":{"type":"string"}}}]})", Carries::kYes, "/arguments", "any name"},
    {"person", R"({"allOf":[{"additionalProperties":false,"properties":{"a":{"type":"string"}}},{"properties":{"a":{"maxLength":1}}}]})", Carries::kNo, "", ""},
    {"person", R"({"anyOf":[{"properties":{"a":{"const":1}},"additionalProperties":false},{"properties":{"b":{"const":1}},"additionalProperties":false}]})", Carries::kNo, "", ""},
    {"person", R"({"anyOf":[{"properties":{"a":{"const":1}},"additionalProperties":false},{"properties":{"b":{"const":1}}}]})", Carries::kYes, "/arguments", "any name"},
    {"person", R"({"oneOf":[{"properties":{"a":{"const":1}},"required":["a"],"additionalProperties":false},{"properties":{"b":{"type":"string"}},"required":["b"],"additionalProperties":false}]})",
     Carries::kTooOpen, "/arguments/b", "any string"},
    {"person", R"({"if":{"properties":{"a":{"const":1}}},"then":{"additionalProperties":false,"properties":{"a":{}}}})", Carries::kTooOpen, "/arguments", "any name"},
    {"person", R"({"additionalProperties":false,"properties":{"a":{"type":"string"}},"not":{"required":["a"]}})", Carries::kTooOpen, "/arguments/a", "any string"},
    // Null says "left out" of any member that need not be there, and its name travels.
    {"person", R"({"properties":{"email":{"type":"string","allOf":[false]}},"additionalProperties":false})", Carries::kYes, "/arguments/email", "as null"},
    {"person", R"({"const":{},"properties":{"email":{"type":"string"}}})", Carries::kYes, "/arguments/email", "as null"},
    {"person", R"({"const":{},"properties":{"part":{"type":"string"}}})", Carries::kNo, "", ""},
    // The other kind looks at other names, and at smaller numbers.
    {"coordinate", R"({"properties":{"passport_no":{"enum":["a"]}},"additionalProperties":false})", Carries::kNo, "", ""},
    {"coordinate", R"({"properties":{"targetLat":{"type":"boolean"}},"additionalProperties":false})", Carries::kYes, "/arguments/targetLat", "named so"},
    {"coordinate", R"({"properties":{"plate":{"type":"boolean"}},"additionalProperties":false})", Carries::kNo, "", ""},
    {"coordinate", R"({"properties":{"plan":{"properties":{"grid-ref":{"const":1}},"type":"object","additionalProperties":false}},"additionalProperties":false})",
     Carries::kYes, "/arguments/plan/grid-ref", "named so"},
    {"coordinate", R"({"properties":{"count":{"type":"integer","minimum":0,"maximum":999}},"additionalProperties":false})", Carries::kNo, "", ""},
    {"coordinate", R"({"properties":{"count":{"type":"integer","minimum":0,"maximum":1000}},"additionalProperties":false})", Carries::kTooOpen, "/arguments/count", "digits"},
};

TEST(Absence, OfEachClosedFormAndTheSameOpened) {
  for (const Case& one : kCases) {
    const auto schema = compiled(one.schema);
    ASSERT_NE(schema, nullptr) << one.schema;
    const Absence found = can_carry(*schema, *agreement::built_in_kind(one.kind));
    EXPECT_EQ(found.carries, one.carries) << one.schema << " " << found.place << " " << found.why;
    EXPECT_EQ(found.place, one.place) << one.schema << found.why;
    EXPECT_NE(found.why.find(one.why), std::string::npos) << one.schema << found.why;
    if (found.carries == Carries::kYes) EXPECT_FALSE(found.example.empty()) << one.schema;
    if (!found.example.empty()) EXPECT_TRUE(schema->check_text(found.example)) << one.schema << found.example;
  }
}

TEST(Absence, NamesAreReadByTheirParts) {
  const Kind& place = *agreement::built_in_kind("coordinate");
  for (const char* name : {"lat", "LAT", "targetLat", "target_lat", "lat1", "GPSFix", "map.grid", "Coordinates", "latlon", "wgs84", "geo-hash", "x"}) {
    EXPECT_TRUE(names_kind(name, place)) << name;
  }
  const Kind& person = *agreement::built_in_kind("person");
  for (const char* name : {"address", "addresses", "homeAddresses", "nationalities", "identities", "surnames", "allSSNs", "listIMEIs", "SSNs", "personalNationalIDs"}) {
    EXPECT_TRUE(names_kind(name, person)) << name;
  }
  for (const char* name : {"plate", "latin", "ration", "texture", "gridlock", ""}) EXPECT_FALSE(names_kind(name, place)) << name;
}

TEST(Absence, MoreAlternativesThanAreLookedAtAreTooOpen) {
  std::string schema = R"({"additionalProperties":false,"allOf":[)";
  for (int i = 0; i < 40; ++i) schema += fmt::format(R"({}{{"anyOf":[{{"minProperties":0}},{{"maxProperties":9}}]}})", i == 0 ? "" : ",");
  const auto read = compiled(schema + "]}");
  ASSERT_NE(read, nullptr);
  const Absence found = can_carry(*read, *agreement::built_in_kind("person"));
  EXPECT_EQ(found.carries, Carries::kTooOpen);
  EXPECT_NE(found.why.find("more alternatives"), std::string::npos) << found.why;
}

// --- Brute force: random small schemas over a small world of values.

const Kind kSmall = {"small", {"lat"}, 2, 2, "ab"};  // text of two characters, numbers of two digits, a member `lat`

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  std::string schema(int depth) {
    std::string out = "{";
    const auto add = [&](const std::string& member) { out += (out.size() > 1 ? "," : "") + member; };
    if (chance(2)) add("\"type\":" + pick({"\"object\"", "\"array\"", "\"string\"", "\"integer\"", "\"boolean\"", "[\"object\",\"null\"]", "\"number\""}));
    if (chance(6)) add("\"enum\":" + pick({"[1]", "[\"ab\",1]", "[{\"a\":1}]", "[{\"lat\":1}]", "[true,null]", "[[\"ab\"]]"}));
    if (chance(5)) add("\"maxLength\":" + pick({"0", "1", "2"}));
    if (chance(6)) add("\"minLength\":" + pick({"1", "2"}));
    if (chance(4)) add("\"maximum\":" + pick({"1", "9", "10"}));
    if (chance(4)) add("\"minimum\":" + pick({"-10", "0", "1"}));
    if (chance(3)) add("\"multipleOf\":" + pick({"1", "3"}));
    if (chance(5)) add("\"maxItems\":" + pick({"0", "1"}));
    if (chance(5)) add("\"required\":" + pick({"[\"a\"]", "[\"lat\"]", "[\"a\",\"b\"]"}));
    if (chance(6)) add("\"maxProperties\":" + pick({"0", "1"}));
    if (depth > 0) {
      if (chance(2)) add("\"properties\":{\"a\":" + schema(depth - 1) + (chance(2) ? ",\"b\":" + schema(depth - 1) : "") + (chance(6) ? ",\"lat\":" + schema(depth - 1) : "") + "}");
      if (chance(3)) add("\"items\":" + schema(depth - 1));
      for (const char* word : {"allOf", "anyOf", "oneOf"}) {
        if (chance(5)) add(fmt::format("\"{}\":[{},{}]", word, schema(depth - 1), schema(depth - 1)));
      }
      if (chance(9)) add("\"not\":" + schema(depth - 1));
      if (chance(9)) add("\"if\":" + schema(depth - 1) + ",\"then\":" + schema(depth - 1) + ",\"else\":" + schema(depth - 1));
    }
    if (!chance(3)) add("\"additionalProperties\":" + (depth > 0 && chance(5) ? schema(depth - 1) : "false"));
    return out + "}";
  }

 private:
  bool chance(int one_in) { return random_() % static_cast<uint64_t>(one_in) == 0; }
  std::string pick(std::initializer_list<const char*> all) { return *(all.begin() + random_() % all.size()); }
  std::mt19937_64 random_;
};

// Every value of the small world, with whether it carries the kind.
struct Value {
  std::string text;
  bool carries;
};

const std::vector<Value>& world() {
  static const std::vector<Value> all = [] {
    const std::vector<Value> leaves = {{"null", false}, {"true", false}, {"0", false}, {"1", false},  {"3", false},   {"9", false},
                                       {"10", true},    {"-10", true},   {"0.5", true}, {"3.25", true}, {"\"\\u0000b\"", true}, {"\"\"", false}, {"\"a\"", false}, {"\"ab\"", true}};
    std::vector<Value> inner = leaves;
    inner.push_back({"[]", false});
    inner.push_back({"{}", false});
    for (const Value& one : leaves) {
      inner.push_back({"[" + one.text + "]", one.carries});
      for (const char* name : {"a", "b", "lat"}) {
        inner.push_back({fmt::format("{{\"{}\":{}}}", name, one.text), one.carries || std::string_view(name) == "lat"});
      }
    }
    std::vector<Value> out = {{"{}", false}};
    for (const Value& one : inner) {
      for (const char* name : {"a", "b", "lat"}) out.push_back({fmt::format("{{\"{}\":{}}}", name, one.text), one.carries || std::string_view(name) == "lat"});
      for (const Value& other : leaves) out.push_back({fmt::format("{{\"a\":{},\"b\":{}}}", one.text, other.text), one.carries || other.carries});
    }
    return out;
  }();
  return all;
}

// A value that stands in `enum` was read by the parties: text and numbers in it count for nothing. The world knows
// no such thing, so schemas whose choices hold them are told apart by leaving those values out.
bool listed(const std::string& schema, const std::string& value) {
  return schema.find("\"ab\"") != std::string::npos && value.find("\"ab\"") != std::string::npos;
}

TEST(Absence, NoSchemaThatIsProvenAdmitsWhatCarriesTheKind) {
  const bool longer = std::getenv("PROVISO_LONG") != nullptr;
  const int rounds = longer ? 20'000 : 300;
  Maker maker(20261127);
  int proven = 0, open = 0, shown = 0, witnessed = 0;
  for (int i = 0; i < rounds; ++i) {
    const std::string text = maker.schema(2);
    const auto schema = compiled(text);
    if (schema == nullptr) continue;  // two lists of values in one place
    const Absence found = can_carry(*schema, kSmall);
    proven += found.carries == Carries::kNo;
    shown += found.carries == Carries::kYes;
    open += found.carries == Carries::kTooOpen;
    if (found.carries == Carries::kYes) EXPECT_TRUE(schema->check_text(found.example)) << text << found.example;
    bool carried = false;
    for (const Value& value : world()) {
      if (!value.carries || listed(text, value.text) || !schema->check_text(value.text)) continue;
      carried = true;
      ASSERT_NE(found.carries, Carries::kNo) << text << " admits " << value.text;
    }
    witnessed += carried;
  }
  RecordProperty("proven", proven);
  fmt::print("{} schemas: {} proven, {} with an example, {} too open; of {} a value of the small world carries it\n", rounds, proven, shown, open, witnessed);
  EXPECT_GT(proven, rounds / 20);
  EXPECT_GT(shown, rounds / 20);
  EXPECT_GT(witnessed, rounds / 20);
}

}  // namespace
}  // namespace proviso::prove
