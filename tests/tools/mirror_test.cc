#include "tools/mirror.h"

#include <gtest/gtest.h>

namespace proviso::tools {
namespace {

TEST(HeaderValue, GoesThereAndBack) {
  // The table of MCP 2026-07-28, streamable-http, "Value Encoding".
  const std::pair<const char*, const char*> cases[] = {
      {"us-west1", "us-west1"},
      {"Hello, \xe4\xb8\x96\xe7\x95\x8c", "=?base64?SGVsbG8sIOS4lueVjA==?="},
      {" padded ", "=?base64?IHBhZGRlZCA=?="},
      {"line1\nline2", "=?base64?bGluZTEKbGluZTI=?="},
      {"=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="},
  };
  for (const auto& [text, header] : cases) {
    EXPECT_EQ(header_value(text), header);
    EXPECT_EQ(decoded_header(header).value_or("error"), text);
  }
  EXPECT_FALSE(decoded_header("=?base64?*?=").has_value());
}

std::string names(std::string_view schema) {
  json::Parser parser;
  const auto value = parser.parse(schema);
  const auto found = param_headers(*value);
  if (!found) return "error";
  std::string out;
  for (const ParamHeader& header : *found) out += header.name + ":" + header.path.back() + " ";
  return out;
}

TEST(ParamHeaders, TakesWhatIsReachableAndRefusesTheRest) {
  EXPECT_EQ(names(R"({"properties":{"a":{"type":"string","x-mcp-header":"A"},
                     "n":{"type":"object","properties":{"b":{"type":"integer","x-mcp-header":"B"}}}}})"),
            "A:a B:b ");
  const char* bad[] = {
      R"({"properties":{"a":{"type":"string","x-mcp-header":""}}})",
      R"({"properties":{"a":{"type":"string","x-mcp-header":"A B"}}})",
      R"({"properties":{"a":{"type":"string","x-mcp-header":"A\r\nB"}}})",
      R"({"properties":{"a":{"type":"number","x-mcp-header":"A"}}})",
      R"({"properties":{"a":{"type":"object","x-mcp-header":"A"}}})",
      R"({"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}})",
      R"({"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}})",
      R"({"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]})",
      R"({"$defs":{"d":{"type":"string","x-mcp-header":"A"}}})",
      R"({"x-mcp-header":"A","properties":{}})",
  };
  for (const char* schema : bad) EXPECT_EQ(names(schema), "error") << schema;
}

struct Case {
  const char* what;
  http::Headers head;
  bool holds;
};

TEST(Mirror, ChecksEveryHeaderAgainstTheBody) {
  json::Parser parser;
  const auto message = parse_message(
      R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"region":"x","limit":42}}})",
      parser);
  const std::vector<ParamHeader> params = {{"Region", {"region"}, "string"}, {"Limit", {"limit"}, "integer"}};
  const Case cases[] = {
      {"as it is", {{"Mcp-Method", "tools/call"}, {"Mcp-Name", "t"}, {"Mcp-Param-Region", "x"}, {"Mcp-Param-Limit", "42"}}, true},
      {"encoded", {{"Mcp-Method", "tools/call"}, {"Mcp-Name", "=?base64?dA==?="}, {"mcp-param-region", "x"}, {"Mcp-Param-Limit", "42.0"}}, true},
      {"another method", {{"Mcp-Method", "tools/list"}, {"Mcp-Name", "t"}, {"Mcp-Param-Region", "x"}, {"Mcp-Param-Limit", "42"}}, false},
      {"no method", {{"Mcp-Name", "t"}, {"Mcp-Param-Region", "x"}, {"Mcp-Param-Limit", "42"}}, false},
      {"another name", {{"Mcp-Method", "tools/call"}, {"Mcp-Name", "u"}, {"Mcp-Param-Region", "x"}, {"Mcp-Param-Limit", "42"}}, false},
      {"two names", {{"Mcp-Method", "tools/call"}, {"Mcp-Name", "t"}, {"Mcp-Name", "t"}, {"Mcp-Param-Region", "x"}, {"Mcp-Param-Limit", "42"}}, false},
      {"a parameter missing", {{"Mcp-Method", "tools/call"}, {"Mcp-Name", "t"}, {"Mcp-Param-Region", "x"}}, false},
      {"a parameter changed", {{"Mcp-Method", "tools/call"}, {"Mcp-Name", "t"}, {"Mcp-Param-Region", "y"}, {"Mcp-Param-Limit", "42"}}, false},
      {"base64 that is none", {{"Mcp-Method", "tools/call"}, {"Mcp-Name", "=?base64?*?="}, {"Mcp-Param-Region", "x"}, {"Mcp-Param-Limit", "42"}}, false},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(check_mirrored(one.head, *message, params, parser).has_value(), one.holds) << one.what;
  }
  http::Headers made = mirrored_headers(*message, params, parser);
  EXPECT_TRUE(check_mirrored(made, *message, params, parser).has_value());
  EXPECT_EQ(made.get_or("Mcp-Param-Limit", ""), "42");
}

}  // namespace
}  // namespace proviso::tools
