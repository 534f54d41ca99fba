#include "tools/message.h"

#include <gtest/gtest.h>

namespace proviso::tools {
namespace {

TEST(Message, ReadsEachKind) {
  json::Parser parser;
  const auto request = parse_message(R"({"jsonrpc":"2.0","id":"a","method":"m","params":{"x":1.5}})", parser);
  ASSERT_TRUE(request.has_value()) << request.error().message;
  EXPECT_EQ(request->kind, Message::Kind::kRequest);
  EXPECT_EQ(request->id, "\"a\"");
  EXPECT_EQ(request->params, R"({"x":1.5})");
  const auto notification = parse_message(R"({"jsonrpc":"2.0","method":"m"})", parser);
  ASSERT_TRUE(notification.has_value());
  EXPECT_EQ(notification->kind, Message::Kind::kNotification);
  EXPECT_EQ(notification->params, "{}");
  const auto result = parse_message(R"({"jsonrpc":"2.0","id":7,"result":{}})", parser);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->kind, Message::Kind::kResult);
  const auto error = parse_message(R"({"jsonrpc":"2.0","error":{"code":-1,"message":"x"}})", parser);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind, Message::Kind::kError);
}

TEST(Message, RefusesWhatIsNone) {
  const char* cases[] = {
      "[]", "1", "{}", R"([{"jsonrpc":"2.0","method":"m"}])", R"({"jsonrpc":"1.0","method":"m"})",
      R"({"method":"m"})", R"({"jsonrpc":"2.0","method":1})", R"({"jsonrpc":"2.0","method":""})",
      R"({"jsonrpc":"2.0","id":null,"method":"m"})", R"({"jsonrpc":"2.0","id":1.5,"method":"m"})",
      R"({"jsonrpc":"2.0","method":"m","params":[]})", R"({"jsonrpc":"2.0","method":"m","extra":1})",
      R"({"jsonrpc":"2.0","id":1,"method":"m","result":{}})", R"({"jsonrpc":"2.0","id":1,"result":{},"error":{}})",
      R"({"jsonrpc":"2.0","result":{}})", R"({"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"m"}})",
      R"({"jsonrpc":"2.0","id":1,"id":2,"method":"m"})",
  };
  json::Parser parser;
  for (const char* text : cases) EXPECT_FALSE(parse_message(text, parser).has_value()) << text;
  const std::string long_method = R"({"jsonrpc":"2.0","method":")" + std::string(kMethodBytesMax + 1, 'm') + "\"}";
  EXPECT_EQ(parse_message(long_method, parser).error().code, Code::kLimit);
}

TEST(Message, GivesTheIdOfWhatItRefuses) {
  json::Parser parser;
  std::string id;
  EXPECT_FALSE(parse_message(R"({"jsonrpc":"2.0","id":9,"method":"m","extra":1})", parser, &id).has_value());
  EXPECT_EQ(id, "9");
}

TEST(Message, ChangesMembersAndKeepsTheRest) {
  json::Parser parser;
  EXPECT_EQ(changed_text(R"({"a":1,"b":2,"c":3})", parser, {{"b", "9"}, {"c", std::nullopt}, {"d", "4"}}),
            R"({"a":1,"b":9,"d":4})");
  EXPECT_EQ(changed_text("{}", parser, {{"x", std::nullopt}}), "{}");
}

}  // namespace
}  // namespace proviso::tools
