#include "tools/definition.h"

#include <gtest/gtest.h>

#include <set>

namespace proviso::tools {
namespace {

constexpr std::string_view kPlain =
    R"({"name":"t","description":"d","inputSchema":{"type":"object","properties":{"a":{"type":"number","default":95.5}}}})";

Digest digest_of(std::string_view definition, std::string_view id = "s", std::string_view where = "http://h/mcp") {
  json::Parser parser;
  const auto value = parser.parse(definition);
  const auto read = read_definition(*value, id, server_identity(id, where));
  EXPECT_TRUE(read.has_value()) << read.error().message;
  return read->digest;
}

TEST(Definition, OrderAndSpaceDoNotMatter) {
  EXPECT_EQ(digest_of(kPlain),
            digest_of(R"({ "inputSchema": {"properties":{"a":{"default":9.55e1,"type":"number"}},"type":"object"},
                           "description":"d", "name":"t" })"));
}

TEST(Definition, WhateverElseChangesIsAnotherDigest) {
  std::set<Digest> seen = {digest_of(kPlain), digest_of(kPlain, "other"), digest_of(kPlain, "s", "http://g/mcp")};
  const char* others[] = {
      R"({"name":"u","description":"d","inputSchema":{"type":"object","properties":{"a":{"type":"number","default":95.5}}}})",
      R"({"name":"t","description":"d.","inputSchema":{"type":"object","properties":{"a":{"type":"number","default":95.5}}}})",
      R"({"name":"t","description":"d","inputSchema":{"type":"object","properties":{"a":{"type":"number","default":95}}}})",
      R"({"name":"t","description":"d","inputSchema":{"type":"object","properties":{"a":{"type":"number","default":95.5}}},"outputSchema":{}})",
      R"({"name":"t","description":"d","inputSchema":{"type":"object","properties":{"a":{"type":"number","default":95.5}}},"annotations":{"readOnlyHint":true}})",
      R"({"name":"t","description":"d","inputSchema":{"type":"object","properties":{"a":{"type":"number","default":95.5}}},"_meta":{"x/y":1}})",
      R"({"name":"t","description":"d","inputSchema":{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"}}}})",
  };
  for (const char* other : others) EXPECT_TRUE(seen.insert(digest_of(other)).second) << other;
  EXPECT_NE(channel_digest("resources", server_identity("s", "w")), channel_digest("prompts", server_identity("s", "w")));
  EXPECT_NE(channel_digest("resources", server_identity("s", "w")), channel_digest("resources", server_identity("s", "v")));
}

TEST(Definition, HiddenCharactersAreShown) {
  json::Parser parser;
  EXPECT_EQ(shown_definition(R"({"name":"t","description":"x\u0007","n":[1.5,true,null]})", parser),
            R"({"name":"t","description":"x\\u{7}","n":[1.5,true,null]})");
}

TEST(Pieces, EveryStringIsSeenAndBytesAreCounted) {
  json::Parser parser;
  const auto value = parser.parse(
      R"({"content":[{"type":"text","text":"AKIA"},{"type":"text","text":"IOSF\n"},
          {"type":"image","data":"/9j/","mimeType":"image/png"},
          {"type":"resource","resource":{"uri":"x","blob":"c2VjcmV0"}},
          {"type":"audio","data":"not base64!"}],"structuredContent":{"deep":[{"k":"v"}]}})");
  size_t unreadable = 0;
  std::string all;
  for (const auto& piece : pieces_of_json(exchange::Channel::kToolResult, *value)) {
    if (piece.readable == exchange::Readable::kNo) {
      ++unreadable;
      continue;
    }
    all += piece.text.open_for_inspection() + "\n";
  }
  EXPECT_EQ(unreadable, 1U);  // the picture
  for (const char* part : {"AKIAIOSF\n", "secret", "not base64!", "\"deep\"", "\"k\":\"v\""}) {
    EXPECT_NE(all.find(part), std::string::npos) << part;
  }
}

}  // namespace
}  // namespace proviso::tools
