#include <fmt/core.h>

#include "exchange/support.h"

namespace proviso::exchange {
namespace {

using test::member_json;
using test::member_text;
using test::words;

Frame test_frame() {
  return Frame{.id = "chatcmpl-x",
               .model = "asked",
               .created = 7,
               .include_usage = true,
               .stop_sequences = {"END"}};
}

std::vector<std::string> texts(json::Object object, std::string_view name) {
  std::vector<std::string> out;
  for (const json::Element item : object.at_key(name).get_array().value_unsafe()) {
    out.emplace_back(item.get_string().value_unsafe());
  }
  return out;
}

void check_expectations(json::Object want, const Answer& got) {
  const auto asked = [want](std::string_view name) {
    return want.at_key(name).error() == simdjson::SUCCESS;
  };
  if (asked("body")) EXPECT_EQ(got.body, member_json(want, "body"));
  if (asked("pieces")) EXPECT_EQ(words(got.pieces), texts(want, "pieces"));
  if (asked("usage")) EXPECT_EQ(words(got.usage), member_text(want, "usage"));
  std::vector<std::string> tools;
  for (const ToolCall& call : got.tool_calls) tools.push_back(words(call));
  if (asked("tools")) EXPECT_EQ(tools, texts(want, "tools"));
  std::vector<std::string> finishes;
  for (const Finish& finish : got.finishes) {
    finishes.push_back(std::to_string(finish.choice) + ":" + finish.reason +
                       (finish.stop_sequence.empty() ? "" : "=" + finish.stop_sequence));
  }
  if (asked("finishes")) EXPECT_EQ(finishes, texts(want, "finishes"));
}

TEST(Answers, Cases) {
  size_t passed = 0;
  size_t total = 0;
  for (const auto& file : test::files_in("tests/exchange/cases/answers")) {
    SCOPED_TRACE(file.filename().string());
    ++total;
    const int failed_before = test::failures();
    json::Parser case_parser;
    const auto element = case_parser.parse(test::read_file(file));
    ASSERT_TRUE(element) << element.error().message;
    const json::Object want = element->get_object().value_unsafe();
    const Protocol protocol = test::protocol_of(want);
    json::Parser parser;
    const Result<Answer> got =
        read_answer(protocol, member_json(want, "upstream"), parser, test_frame());
    if (const std::string code = member_text(want, "code"); !code.empty()) {
      EXPECT_FALSE(got);
      if (!got) {
        EXPECT_EQ(code_name(got.error().code), code);
        EXPECT_EQ(got.error().message.find("AKIA"), std::string::npos);
      }
    } else {
      EXPECT_TRUE(got) << got.error().message;
      if (got) check_expectations(want, *got);
    }
    if (test::failures() == failed_before) ++passed;
  }
  fmt::print("exchange answers: {}/{}\n", passed, total);
  EXPECT_GE(total, 25U);
}

// What the client gets must be described: every string of the body is in a piece or a tool call, or
// is ours (id, model), or is a word of the protocol.
void collect(json::Element element, std::vector<std::string>& out) {
  if (element.is_string()) out.emplace_back(element.get_string().value_unsafe());
  if (element.is_array()) {
    for (const json::Element item : element.get_array().value_unsafe()) collect(item, out);
  }
  if (element.is_object()) {
    for (const auto [key, value] : element.get_object().value_unsafe()) collect(value, out);
  }
}

std::vector<std::string> undescribed(const Answer& answer) {
  const std::set<std::string> ours = {"chatcmpl-x", "asked",    "chat.completion",   "message",
                                      "assistant",  "text",     "thinking",          "refusal",
                                      "tool_use",   "function", "redacted_thinking", "END",
                                      // of a Response
                                      "response", "completed", "incomplete", "max_output_tokens",
                                      "disabled", "output_text", "reasoning", "reasoning_text",
                                      "function_call", "rs_chatcmpl-x_0", "msg_chatcmpl-x_0",
                                      "msg_chatcmpl-x_1", "fc_chatcmpl-x_0", "fc_chatcmpl-x_1",
                                      "fc_chatcmpl-x_2"};
  json::Parser parser;
  std::vector<std::string> strings;
  collect(*parser.parse(answer.body), strings);
  std::vector<std::string> described;
  for (const Piece& piece : answer.pieces) described.push_back(piece.text.open_for_inspection());
  for (const ToolCall& call : answer.tool_calls) {
    for (const Piece& piece : pieces_of(call))
      described.push_back(piece.text.open_for_inspection());
  }
  for (const Finish& finish : answer.finishes) described.push_back(finish.reason);
  std::vector<std::string> out;
  for (const std::string& text : strings) {
    bool seen = ours.contains(text);
    for (const std::string& one : described) seen = seen || one.find(text) != std::string::npos;
    if (!seen) out.push_back(text);
  }
  return out;
}

TEST(Answers, EveryStringOfTheBodyIsDescribed) {
  size_t bodies = 0;
  for (const auto& file : test::files_in("tests/exchange/cases/answers")) {
    SCOPED_TRACE(file.filename().string());
    json::Parser case_parser;
    const json::Object want = case_parser.parse(test::read_file(file))->get_object().value_unsafe();
    const Protocol protocol = test::protocol_of(want);
    json::Parser parser;
    Result<Answer> got = read_answer(protocol, member_json(want, "upstream"), parser, test_frame());
    if (!got) continue;
    ++bodies;
    EXPECT_EQ(undescribed(*got), std::vector<std::string>{});
    EXPECT_EQ(got->body.find("secret"), std::string::npos) << got->body;
    // The guard itself: an answer whose pieces are dropped must be noticed.
    if (!got->pieces.empty()) {
      got->pieces.clear();
      EXPECT_FALSE(undescribed(*got).empty());
    }
  }
  EXPECT_GE(bodies, 10U);
}

TEST(Answers, MalformedBodiesSayNothingOfTheUpstream) {
  json::Parser parser;
  for (const char* body : {"", "null", "[]", "{\"AKIA\":1,\"AKIA\":2}", "<html>AKIA</html>"}) {
    for (const Protocol protocol : {Protocol::kOpenAiChat, Protocol::kAnthropicMessages}) {
      const auto got = read_answer(protocol, body, parser, test_frame());
      ASSERT_FALSE(got) << body;
      EXPECT_EQ(got.error().message.find("AKIA"), std::string::npos) << got.error().message;
    }
  }
}

TEST(Answers, TokenCounts) {
  json::Parser parser;
  EXPECT_EQ(*read_token_count(R"({"input_tokens":12,"x":"y"})", parser), 12U);
  EXPECT_FALSE(read_token_count(R"({"input_tokens":-1})", parser));
  EXPECT_FALSE(read_token_count(R"({"input_tokens":"12"})", parser));
  EXPECT_FALSE(read_token_count(R"({})", parser));
  EXPECT_FALSE(read_token_count("", parser));
  EXPECT_EQ(token_count_body(12), R"({"input_tokens":12})");
}

TEST(Answers, ToolCallsAreDescribedWithEscapesDecoded) {
  const ToolCall call{.id = "call_1",
                      .name = "send",
                      .arguments = UntrustedText(R"({"key":"\u0041KIA"})"),
                      .choice = 0};
  const std::vector<std::string> expected = {"tool_arguments#0 {\"key\":\"AKIA\"}",
                                             "tool_arguments#1~ {\"key\":\"\\u0041KIA\"}",
                                             "other#2 send", "other#3 call_1"};
  EXPECT_EQ(words(pieces_of(call)), expected);
}

}  // namespace
}  // namespace proviso::exchange
