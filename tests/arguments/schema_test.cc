// Which schemas are looked at, and what arguments they refuse, as data.
#include "arguments/schema.h"

#include <gtest/gtest.h>
#include <fmt/format.h>

#include "arguments/definition.h"

namespace proviso::arguments {
namespace {

Result<std::shared_ptr<const InputSchema>> compiled(std::string_view text) {
  json::Parser parser;
  PV_TRY(const json::Element schema, parser.parse(text));
  return InputSchema::compile(schema);
}

struct Case {
  const char* schema;
  const char* arguments;
  const char* wrong;  // what the sentence says; empty: it conforms
};

constexpr const char* kOrder = R"({"type":"object","properties":{"part":{"enum":["bolt","nut"]},"count":{"type":"integer",
  "minimum":1,"maximum":100},"note":{"type":"string","maxLength":5}},"required":["part"],"additionalProperties":false})";

constexpr Case kCases[] = {
    {kOrder, R"({"part":"bolt","count":100,"note":"now"})", ""},
    {kOrder, R"({"part":"bolt","count":1.0})", ""},
    {kOrder, R"({"part":"screw"})", "/part is none of the values that are listed"},
    {kOrder, R"({"count":1})", "the argument object lacks a member that is required"},
    {kOrder, R"({"part":"bolt","who":"Ada"})", "the argument object has a member that the schema does not name"},
    {kOrder, R"({"part":"bolt","count":101})", "/count is too large"},
    {kOrder, R"({"part":"bolt","count":0})", "/count is too small"},
    {kOrder, R"({"part":"bolt","count":1.5})", "/count is of another type"},
    {kOrder, R"({"part":"bolt","count":"1"})", "/count is of another type"},
    {kOrder, R"({"part":"bolt","note":"länger"})", "/note is too long"},
    {kOrder, R"({"part":"bolt","note":"läng!"})", ""},
    {kOrder, R"({"part":"bolt","note":null,"count":null})", ""},
    {kOrder, R"({"part":null})", "/part is none of the values that are listed"},
    {kOrder, R"({"part":"bolt","who":null})", "the argument object has a member that the schema does not name"},
    {kOrder, R"({"part":"bolt\u0000Ada"})", "U+0000"},
    {kOrder, R"({"part":"bolt","note":"\u0000a long note"})", "U+0000"},
    {kOrder, R"({"part":"bolt","count\u0000":1})", "U+0000"},
    {R"({"type":"object","properties":{"n":{"type":"number","multipleOf":1}}})", R"({"n":4.5})", "/n is of another type"},
    {R"({"type":"object","properties":{"n":{"multipleOf":2}}})", R"({"n":4.5})", "/n is of another type"},
    {R"({"type":"object","properties":{"n":{"multipleOf":2}}})", R"({"n":-100000000000000000000.0})", "too large to be divided"},
    {R"({"type":"object","properties":{"n":{"multipleOf":2}}})", R"({"n":"two"})", ""},
    {R"({"type":"object","properties":{"n":{"type":"number","multipleOf":2}}})", R"({"n":4.0})", ""},
    {kOrder, R"(["bolt"])", "the arguments are no object"},
    {kOrder, R"({"part":"bolt","part":"nut"})", "the arguments are no JSON object"},
    {R"({"type":"object","properties":{"n":{"type":"integer","maximum":10}}})", R"({"n":18446744073709551615})", "says more than it is read as"},
    {R"({"type":"object","properties":{"n":{"type":"number","exclusiveMaximum":1}}})", R"({"n":1})", "/n is too large"},
    {R"({"type":"object","properties":{"n":{"type":"number","exclusiveMaximum":1}}})", R"({"n":0.5})", ""},
    {R"({"type":"object","properties":{"n":{"multipleOf":3}}})", R"({"n":4})", "/n is no multiple"},
    {R"({"type":"object","properties":{"n":{"const":{"a":[1,true]}}}})", R"({"n":{"a":[1.0,true]}})", ""},
    {R"({"type":"object","properties":{"n":{"const":{"a":[1,true]}}}})", R"({"n":{"a":[1,1]}})", "/n is none"},
    {R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"boolean"},"maxItems":2,"uniqueItems":true}}})",
     R"({"a":[true,false]})", ""},
    {R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"boolean"},"uniqueItems":true}}})",
     R"({"a":[true,true]})", "/a has an item twice"},
    {R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"boolean"}}}})", R"({"a":[true,3]})", "/a/1 is of another type"},
    {R"({"type":"object","properties":{"a":{"$ref":"#/$defs/b"}},"$defs":{"b":{"type":"string"}}})", R"({"a":1})", "/a is of another type"},
    {R"({"type":"object","properties":{"a":{"$ref":"#/$defs/b/properties/c"}},"$defs":{"b":{"properties":{"c":{"type":"string"}}}}})",
     R"({"a":"x"})", ""},
    {R"({"type":"object","allOf":[{"required":["a"]},{"required":["b"]}]})", R"({"a":1})", "lacks a member"},
    {R"({"type":"object","anyOf":[{"required":["a"]},{"required":["b"]}]})", R"({"b":1})", ""},
    {R"({"type":"object","anyOf":[{"required":["a"]},{"required":["b"]}]})", R"({"c":1})", "lacks a member"},
    {R"({"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]})", R"({"a":1,"b":1})", "more than one"},
    {R"({"type":"object","not":{"required":["a"]}})", R"({"a":1})", "excludes"},
    {R"({"type":"object","if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}})", R"({"a":1})", "lacks a member"},
    {R"({"type":"object","if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}})", R"({"c":1})", ""},
    {R"({"type":"object","properties":{"a":false}})", R"({"a":1})", "does not fit"},
    {R"({"type":"object","additionalProperties":{"type":"integer"}})", R"({"Ada":"x"})", "/* is of another type"},
    {R"({"type":"object","additionalProperties":{"type":"integer"}})", R"({"4915112345678":"x"})", "/* is of another type"},
    {R"({"type":["object","null"],"minProperties":1})", R"({})", "too few members"},
    {R"({"properties":{"a/b~c":{"type":"string","minLength":2}}})", R"({"a/b~c":"x"})", "/a~1b~0c is too short"},
};

TEST(Schema, HoldsArgumentsToIt) {
  for (const Case& one : kCases) {
    const auto schema = compiled(one.schema);
    ASSERT_TRUE(schema) << one.schema << ": " << schema.error().message;
    const Status held = (*schema)->check_text(one.arguments);
    if (std::string_view(one.wrong).empty()) {
      EXPECT_TRUE(held) << one.schema << one.arguments << ": " << (held ? "" : held.error().message);
      continue;
    }
    ASSERT_FALSE(held) << one.schema << one.arguments;
    EXPECT_NE(held.error().message.find(one.wrong), std::string::npos) << one.arguments << ": " << held.error().message;
    EXPECT_EQ(held.error().message.find("Ada"), std::string::npos) << "a caller's own name is said again";
  }
}

TEST(Schema, WhatItDoesNotLookAtIsTooOpenToTell) {
  constexpr std::pair<const char*, const char*> kOpen[] = {
      {R"({"properties":{"a":{"pattern":"^x$"}}})", "/properties/a/pattern"},
      {R"({"patternProperties":{}})", "/patternProperties"},
      {R"({"unevaluatedProperties":false})", "/unevaluatedProperties"},
      {R"({"$dynamicRef":"#x"})", "/$dynamicRef"},
      {R"({"$anchor":"x"})", "/$anchor"},
      {R"({"$id":"https://x.example/a"})", "/$id"},
      {R"({"properties":{"a":{"$ref":"https://x.example/a"}}})", "/properties/a/$ref points outside"},
      {R"({"properties":{"a":{"$ref":"#/$defs/b","minLength":1}},"$defs":{"b":{}}})", "/properties/a/minLength stands beside"},
      {R"({"properties":{"a":{"$ref":"#"}}})", "leads back to itself"},
      {R"({"items":[{"type":"string"}]})", "/items is a list"},
      {R"({"prefixItems":[]})", "/prefixItems"},
      {R"({"contains":{}})", "/contains"},
      {R"({"propertyNames":{}})", "/propertyNames"},
      {R"({"dependentRequired":{}})", "/dependentRequired"},
      {R"({"multipleOf":0.1})", "/multipleOf"},
      {R"({"maximum":9007199254740993})", "/maximum"},
      {R"({"$schema":"https://json-schema.org/draft/2019-09/schema"})", "/$schema names another dialect"},
      {R"({"not":{"not":{"unknown":1}}})", "/not/not/unknown"},
  };
  for (const auto& [schema, place] : kOpen) {
    const auto read = compiled(schema);
    ASSERT_FALSE(read) << schema;
    EXPECT_EQ(read.error().code, Code::kUnsupported) << schema;
    EXPECT_TRUE(read.error().message.starts_with("too open to tell: ")) << read.error().message;
    EXPECT_NE(read.error().message.find(place), std::string::npos) << read.error().message;
  }
}

// Whoever gets the text sees all of its digits, and the validator only the double that they are nearest to.
TEST(Schema, ANumberThatSaysMoreThanItIsReadAsIsRefused) {
  const auto schema = *compiled(R"({"type":"object","properties":{"n":{"type":"number"}}})");
  for (const char* number : {"1.00000000000000000000000000000000006503111234", "1e-99999", "1e-400", "1.0e0", "10e1", "0e00000000000000000000000000000006503111234",
                             "9.0000000000000001", "99999.000000000001", "9007199254740993.0", "18446744073709551615",
                             "100000000000000000000000000000000000000000e-40", "0.1000000000000000055511151231257827"}) {
    const std::string text = fmt::format(R"({{"n":{}}})", number);
    const Status refused = schema->check_text(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.error().message.find("says more than it is read as"), std::string::npos) << refused.error().message;
    // The control: read as a double it fits.
    json::Parser parser;
    const auto read = parser.parse(text);
    if (read) EXPECT_TRUE(schema->check(*read)) << text;
  }
  for (const char* number : {"0", "-0", "-0.0", "1", "1.0", "2.50", "0.1", "-12.25", "9223372036854775807", "0.30000000000000004", "100.000", "1e2", "1E2", "1e-05", "1e-5",
                             "5e-04", "1e+05", "1e+20", "2.5e-4", "-1.5E+300", "0.0005", "100000.0"}) {
    EXPECT_TRUE(schema->check_text(fmt::format(R"({{"n":{}}})", number))) << number;
  }
  EXPECT_TRUE(schema->check_text(R"({"a":"1e-99999","b":[true,false,null,"\"1e9"],"e1":{"e":1}})"));
}

TEST(Schema, ListedNumbersAreExactOrTooOpenToTell) {
  for (const char* choices : {R"("enum":[9007199254740992])", R"("const":12345678901234567890)", R"("const":{"a":[9007199254740992]})", R"("enum":[1e300])"}) {
    const auto schema = compiled(fmt::format(R"({{"type":"object","properties":{{"lot":{{{}}}}}}})", choices));
    ASSERT_FALSE(schema) << choices;
    EXPECT_EQ(schema.error().code, Code::kUnsupported);
  }
  EXPECT_TRUE(compiled(R"({"type":"object","properties":{"lot":{"enum":[9007199254740991,-1.5]}}})"));
}

// What is looked at for U+0000 is all of the schema, or the schema is too open to tell.
TEST(Schema, AnAnnotationHidesNothing) {
  std::string many = "0";
  for (int i = 0; i < 20'500; ++i) many += ",0";
  const auto schema = compiled(R"({"examples":[)" + many + R"(],"type":"object","properties":{"part":{"enum":["axle\u0000Ada"]}}})");
  ASSERT_FALSE(schema);
  EXPECT_EQ(schema.error().code, Code::kUnsupported);
}

TEST(Schema, WhatIsNoSchemaIsRefused) {
  for (const char* schema : {R"([])", R"({"type":"text"})", R"({"type":[]})", R"({"enum":1})", R"({"required":true})",
                             R"({"minLength":-1})", R"({"anyOf":[]})", R"({"properties":{"a":3}})", R"({"$ref":"#/none"})"}) {
    const auto read = compiled(schema);
    ASSERT_FALSE(read) << schema;
    EXPECT_EQ(read.error().code, Code::kInvalid) << schema << read.error().message;
  }
}

TEST(Schema, WorkIsBounded) {
  std::string wide = R"({"properties":{)";
  for (int i = 0; i < 3000; ++i) wide += fmt::format("{}\"p{}\":{{}}", i == 0 ? "" : ",", i);
  EXPECT_FALSE(compiled(wide + "}}"));
  std::string doubling = R"({"$ref":"#/$defs/d0","$defs":{)";  // 2^20 subschemas, references put in place
  for (int i = 0; i < 20; ++i) doubling += fmt::format(R"("d{}":{{"allOf":[{{"$ref":"#/$defs/d{}"}},{{"$ref":"#/$defs/d{}"}}]}},)", i, i + 1, i + 1);
  const auto read = compiled(doubling + R"("d20":{}}})");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kUnsupported);
  std::string many = R"({"a":[)";
  for (int i = 0; i < 30'000; ++i) many += i == 0 ? "1" : ",1";
  const auto schema = compiled(R"({"properties":{"a":{"uniqueItems":true}}})");
  ASSERT_TRUE(schema);
  const Status held = (*schema)->check_text(many + "]}");
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, Code::kLimit);
}

TEST(Definition, APaperSaysItsPin) {
  const std::string tool = R"({"name":"order","inputSchema":{"type":"object"},"description":"x"})";
  const auto paper = read_paper(paper_text("stock", "https://stock.example/mcp", tool));
  ASSERT_TRUE(paper) << paper.error().message;
  EXPECT_EQ(paper->tool, "order");
  EXPECT_EQ(paper->server, "stock");
  ASSERT_NE(paper->held.schema, nullptr);
  json::Parser parser;
  const auto definition = parser.parse(tool);
  EXPECT_EQ(paper->pin, definition_digest(server_identity("stock", "https://stock.example/mcp"), *definition));
  EXPECT_NE(paper->pin, definition_digest(server_identity("stock", "https://other.example/mcp"), *definition));
  EXPECT_EQ(read_paper(paper_text("s", "w", R"({"name":"n"})"))->held.schema, nullptr);
  for (const char* bad : {"{}", R"({"server":{"id":"a"},"definition":{"name":"n"}})", R"({"server":{"id":"a","where":"b"},"definition":{}})",
                          R"({"server":{"id":"a","where":"b"},"definition":{"name":"n"},"more":1})"}) {
    EXPECT_FALSE(read_paper(bad)) << bad;
  }
}

}  // namespace
}  // namespace proviso::arguments
