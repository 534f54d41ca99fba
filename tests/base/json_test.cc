#include "base/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace proviso::json {
namespace {

using namespace std::string_literals;

std::string rewritten(std::string_view text) {
  Parser parser;
  const Result<Element> value = parser.parse(text);
  return value ? to_text(*value) : "error " + value.error().message;
}

Error refusal(std::string_view text) {
  Parser parser;
  const Result<Element> value = parser.parse(text);
  return value ? Error{Code::kInternal, "accepted " + to_text(*value)} : value.error();
}

TEST(JsonIn, WritesBackInItsOwnOrder) {
  const std::pair<const char*, const char*> cases[] = {
      {R"( {"b" : [1, -2, 3.5, 1.0, 1e3, true, false, null], "a":{"":""}} )",
       R"({"b":[1,-2,3.5,1.0,1000.0,true,false,null],"a":{"":""}})"},
      {"18446744073709551615", "18446744073709551615"},
      {"-9223372036854775808", "-9223372036854775808"},
      {R"("\u00fc\ud83c\udf0d\/\u0001\n\"\\")", "\"\xc3\xbc\xf0\x9f\x8c\x8d/\\u0001\\n\\\"\\\\\""},
      {"[]", "[]"},
      {"{}", "{}"},
      {"[[],{},[[]]]", "[[],{},[[]]]"},
      {"0.1", "0.1"},
      {"1e-7", "1e-07"},
      {"5e-324", "5e-324"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
  };
  for (const auto& [in, out] : cases) {
    EXPECT_EQ(rewritten(in), out);
    EXPECT_EQ(rewritten(rewritten(in)), out);
  }
}

TEST(JsonIn, RefusesWhatIsNotOneJsonDocument) {
  const std::string cases[] = {"",
                               " ",
                               "{",
                               "}",
                               "[1,]",
                               "{\"a\":1,}",
                               "{a:1}",
                               "{'a':1}",
                               "[1 2]",
                               "1 2",
                               "{} {}",
                               "{}x",
                               "01",
                               "+1",
                               "1.",
                               ".5",
                               "NaN",
                               "Infinity",
                               "1e999",
                               "nul",
                               "\"\n\"",
                               "\"\\x\"",
                               "\"\\u12\"",
                               "\"",
                               "\"\xff\"",
                               "\"\\ud800\"",
                               "\"\\udc00\"",
                               "\"\\uD800\\u0041\"",
                               "{\"\\udc00\":1}",
                               "[\"\\uDFFF\"]",
                               "\xef\xbb\xbf{}",
                               "// x\n1",
                               "123456789012345678901234567890",
                               "{\"a\":1}\0"s};
  for (const std::string& text : cases) {
    EXPECT_EQ(refusal(text).code, Code::kInvalid) << text << " -> " << refusal(text).message;
  }
}

TEST(JsonIn, TextThatPointsNowhereIsEmpty) {
  EXPECT_EQ(refusal(std::string_view()).code, Code::kInvalid);
}

TEST(JsonIn, NamesTheDuplicateKeyAtEveryDepth) {
  const std::pair<std::string, const char*> cases[] = {
      {R"({"a":1,"a":2})", "a"},
      {R"({"x":{"model":1,"y":0,"model":2}})", "model"},
      {R"([[{"k":[{"dup":1,"dup":1}]}]])", "dup"},
      {R"({"role":1,"\u0072ole":2})", "role"},  // one key, two spellings
  };
  for (const auto& [text, key] : cases) {
    EXPECT_EQ(refusal(text).code, Code::kInvalid);
    EXPECT_EQ(refusal(text).message, "duplicate key `"s + key + "`");
  }
  // Beyond the size where keys are sorted, too; and the same key in two objects is none.
  std::string wide = "{";
  for (int i = 0; i < 50; ++i) wide += "\"k" + std::to_string(i) + "\":{\"same\":1},";
  EXPECT_EQ(refusal(wide + "\"last\":1}").code, Code::kInternal);
  EXPECT_EQ(refusal(wide + "\"k17\":1}").message, "duplicate key `k17`");
}

TEST(JsonIn, DepthIsLimitedExactly) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(rewritten(nested(kDepthMax)), nested(kDepthMax));
  EXPECT_EQ(refusal(nested(kDepthMax + 1)).code, Code::kLimit);
  EXPECT_EQ(refusal(nested(1'000'000)).code, Code::kLimit);
  EXPECT_EQ(refusal(std::string(1'000'000, '[')).code, Code::kInvalid);
  for (const char* inner : {"1", "\"\"", "null"}) {
    const auto around = [&](size_t depth) {
      return std::string(depth, '[') + inner + std::string(depth, ']');
    };
    EXPECT_EQ(rewritten(around(kDepthMax)), around(kDepthMax));
    EXPECT_EQ(refusal(around(kDepthMax + 1)).code, Code::kLimit);
  }
  std::string objects;
  for (size_t i = 0; i <= kDepthMax; ++i) objects += "{\"a\":";
  EXPECT_EQ(refusal(objects + "1" + std::string(kDepthMax + 1, '}')).code, Code::kLimit);
}

TEST(JsonIn, OneParserServesManyTexts) {
  Parser parser;
  for (size_t size : {1u, 100'000u, 10u}) {
    const std::string text = "[\"" + std::string(size, 'x') + "\"]";
    EXPECT_EQ(to_text(parser.parse(text).value()), text);
    EXPECT_FALSE(parser.parse("{"));
  }
  Parser moved = std::move(parser);
  EXPECT_EQ(to_text(moved.parse("[1]").value()), "[1]");
}

TEST(JsonOut, EscapesLikeRfc8785AtEveryAlignment) {
  for (int c = 0; c < 0x80; ++c) {
    for (size_t before = 0; before < 20; ++before) {
      const std::string text =
          std::string(before, 'a') + static_cast<char>(c) + "tail of some length";
      Parser parser;
      const std::string written = json::quoted(text);
      const Result<Element> value = parser.parse(written);
      ASSERT_TRUE(value) << written;
      EXPECT_EQ(value->get_string().value(), text);
      const bool escaped = written.size() > text.size() + 2;
      EXPECT_EQ(escaped, c < 0x20 || c == '"' || c == '\\') << c;
    }
  }
  EXPECT_EQ(quoted("\b\t\n\f\r\x01\x1f\x7f\"\\/"),
            "\"\\b\\t\\n\\f\\r\\u0001\\u001f\x7f\\\"\\\\/\"");
}

TEST(JsonOut, PutsItsOwnCommas) {
  std::string out;
  Writer(out)
      .begin_object()
      .key("a")
      .begin_array()
      .integer(-1)
      .uinteger(2)
      .end_array()
      .key("b")
      .begin_object()
      .end_object()
      .key("c")
      .raw("[0]")
      .key("d")
      .null()
      .key("e")
      .boolean(true)
      .key("f")
      .real(0.5)
      .key("g")
      .string("x")
      .end_object();
  EXPECT_EQ(out, R"({"a":[-1,2],"b":{},"c":[0],"d":null,"e":true,"f":0.5,"g":"x"})");
}

TEST(JsonOut, BrokenRealsStopTheProgram) {
  std::string out;
  EXPECT_DEATH(Writer(out).real(std::numeric_limits<double>::infinity()), "broken invariant");
}

TEST(Canonical, SortsByUtf16AndRefusesReals) {
  const auto canonical_of = [](std::string_view text) {
    Parser parser;
    return canonical(parser.parse(text).value());
  };
  EXPECT_EQ(canonical_of(R"({"b":1,"a":{"d":[2,1],"c":null},"":0,"A":true})").value(),
            R"({"":0,"A":true,"a":{"c":null,"d":[2,1]},"b":1})");
  // RFC 8785 section 3.2.3: the keys of its sorting example.
  EXPECT_EQ(
      canonical_of(R"({"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7})")
          .value(),
      "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,\"\xf0\x9f\x98\x80\":5,"
      "\"\xef\xac\xb3\":3}");
  EXPECT_EQ(canonical_of("{\"\xf0\x90\x80\x80\":1,\"\xed\x9f\xbf\":2,\"\xee\x80\x80\":3}").value(),
            "{\"\xed\x9f\xbf\":2,\"\xf0\x90\x80\x80\":1,\"\xee\x80\x80\":3}");
  EXPECT_EQ(canonical_of("[9007199254740991,-9007199254740991]").value(),
            "[9007199254740991,-9007199254740991]");
  for (const char* bad : {"1.5", "[1.0]", "{\"a\":1e2}", "9007199254740992", "-9007199254740992",
                          "18446744073709551615"}) {
    EXPECT_EQ(canonical_of(bad).error().code, Code::kInvalid) << bad;
  }
}

TEST(Canonical, NumbersOfOthersAsEcmaScriptWritesThem) {
  // RFC 8785, appendix B, and the edges of ECMA-262's exponents.
  const std::pair<const char*, const char*> cases[] = {
      {"0", "0"}, {"-0.0", "0"}, {"1.0", "1"}, {"-1.50", "-1.5"}, {"95.5", "95.5"}, {"1e3", "1000"},
      {"5e-324", "5e-324"}, {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"9007199254740992", "9007199254740992"}, {"295147905179352825856.0", "295147905179352830000"},
      {"1e20", "100000000000000000000"}, {"1e21", "1e+21"}, {"1e23", "1e+23"}, {"0.000001", "0.000001"},
      {"1e-7", "1e-7"}, {"1.5e-7", "1.5e-7"}, {"333333333.33333329", "333333333.3333333"},
      {"18446744073709551615", "18446744073709552000"},
  };
  Parser parser;
  for (const auto& [in, out] : cases) {
    const auto value = parser.parse(in);
    EXPECT_EQ(value ? canonical_with_numbers(*value) : "error", out) << in;
  }
  const auto object = parser.parse(R"({"b":1.0,"a":[2.5,{"d":1e2,"c":true}]})");
  EXPECT_EQ(canonical_with_numbers(*object), R"({"a":[2.5,{"c":true,"d":100}],"b":1})");
}

}  // namespace
}  // namespace proviso::json
