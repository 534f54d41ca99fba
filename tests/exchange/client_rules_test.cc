// What the official SDKs were measured to need of a server: each test is a row of that table.
#include <algorithm>

#include "exchange/reply.h"
#include "exchange/support.h"

namespace proviso::exchange {
namespace {

constexpr Protocol kOpenAi = Protocol::kOpenAiChat;
constexpr Protocol kAnthropic = Protocol::kAnthropicMessages;

Frame test_frame(bool include_usage = false) {
  return Frame{
      .id = "x", .model = "m", .created = 7, .include_usage = include_usage, .stop_sequences = {}};
}

struct Sent {
  std::string event;  // of `event:`
  std::string data;
};

std::vector<Sent> frames_of(std::string_view stream) {
  std::vector<Sent> out;
  while (!stream.empty()) {
    const size_t end = stream.find("\n\n");
    std::string_view frame = stream.substr(0, end);
    stream.remove_prefix(end == std::string_view::npos ? stream.size() : end + 2);
    Sent sent;
    while (!frame.empty()) {
      const size_t stop = frame.find('\n');
      const std::string_view line = frame.substr(0, stop);
      frame.remove_prefix(stop == std::string_view::npos ? frame.size() : stop + 1);
      if (line.starts_with("event: ")) sent.event = line.substr(7);
      if (line.starts_with("data: ")) sent.data = line.substr(6);
    }
    if (!sent.data.empty()) out.push_back(sent);
  }
  return out;
}

// Answers JSON pointers on one document.
class Doc {
 public:
  explicit Doc(std::string_view text) : parsed_(parser_.parse(text)) {
    EXPECT_TRUE(parsed_) << text;
  }
  // The value as JSON text; empty where there is none.
  std::string at(std::string_view pointer) const {
    const auto value = parsed_->at_pointer(pointer);
    return value.error() == simdjson::SUCCESS ? json::to_text(value.value_unsafe()) : std::string();
  }

 private:
  json::Parser parser_;
  Result<json::Element> parsed_;
};

ToolCall a_call(std::string id) {
  return ToolCall{
      .id = std::move(id), .name = "w", .arguments = UntrustedText("{\"a\":1}"), .choice = 0};
}

std::string a_stream(Protocol protocol, bool include_usage = false) {
  std::string out;
  StreamWriter writer(protocol, test_frame(include_usage));
  writer.start(out, 3);
  writer.text(out, Channel::kReasoning, 0, "hm");
  writer.text(out, Channel::kText, 0, "hello");
  writer.tool_call(out, a_call("c1"));
  writer.tool_call(out, a_call("c2"));
  writer.text(out, Channel::kText, 0, "more");
  writer.finish(out,
                {{.choice = 0,
                  .reason = protocol == kOpenAi ? "tool_calls" : "tool_use",
                  .stop_sequence = {}}},
                Usage{.input_tokens = 3, .output_tokens = 4});
  return out;
}

TEST(OpenAiClients, FirstDeltaHasTheRole) {
  const auto frames = frames_of(a_stream(kOpenAi));
  EXPECT_EQ(Doc(frames[0].data).at("/choices/0/delta/role"), "\"assistant\"");
  for (size_t i = 1; i + 1 < frames.size(); ++i) {
    EXPECT_EQ(Doc(frames[i].data).at("/choices/0/delta/role"), "") << frames[i].data;
  }
}

TEST(OpenAiClients, EveryChunkHasChoicesAndEveryToolDeltaItsIndex) {
  const auto frames = frames_of(a_stream(kOpenAi, true));
  size_t tools = 0;
  for (const Sent& sent : frames) {
    EXPECT_EQ(sent.event, "");  // a named event reaches raw readers as a chunk of another shape
    if (sent.data == "[DONE]") continue;
    const Doc doc(sent.data);
    EXPECT_NE(doc.at("/choices"), "");
    EXPECT_EQ(doc.at("/object"), "\"chat.completion.chunk\"");
    if (doc.at("/choices/0/delta/tool_calls").empty()) continue;
    EXPECT_EQ(doc.at("/choices/0/delta/tool_calls/0/index"), std::to_string(tools++));
  }
  EXPECT_EQ(tools, 2U);
}

TEST(OpenAiClients, TheUsageChunkComesOnlyIfAskedAndWithEmptyChoices) {
  const auto asked = frames_of(a_stream(kOpenAi, true));
  const Doc usage(asked[asked.size() - 2].data);
  EXPECT_EQ(usage.at("/choices"), "[]");
  EXPECT_EQ(usage.at("/usage/total_tokens"), "7");
  EXPECT_EQ(asked.back().data, "[DONE]");
  for (const Sent& sent : frames_of(a_stream(kOpenAi, false))) {
    EXPECT_EQ(sent.data.find("usage"), std::string::npos);
  }
}

TEST(OpenAiClients, ARefusalInMidStreamEndsNatively) {
  std::string out;
  StreamWriter writer(kOpenAi, test_frame());
  writer.text(out, Channel::kText, 0, "so far");
  writer.refuse(out, "clause 7 forbids it", "policy", Usage{});
  EXPECT_TRUE(writer.ended());
  const auto frames = frames_of(out);
  ASSERT_GE(frames.size(), 4U);
  EXPECT_EQ(frames.back().data, "[DONE]");
  EXPECT_EQ(Doc(frames[frames.size() - 2].data).at("/choices/0/finish_reason"),
            "\"content_filter\"");
  EXPECT_EQ(Doc(frames[frames.size() - 3].data).at("/choices/0/delta/refusal"),
            "\"clause 7 forbids it\"");
  const auto events = test::read_all(kOpenAi, out);
  EXPECT_EQ(events.back().kind, StreamEvent::Kind::kDone);
}

TEST(OpenAiClients, ARefusalBeforeAnyTextIsACompleteStream) {
  std::string out;
  StreamWriter writer(kOpenAi, test_frame());
  writer.refuse(out, "no", "policy", Usage{});
  EXPECT_EQ(test::words(test::read_all(kOpenAi, out)),
            (std::vector<std::string>{"start", "refusal#0 no", "end refusal#0",
                                      "done 0:content_filter 0/0/0/0/0"}));
}

// A choice that nothing was said of yet is refused with the others: an SDK that waits for it must not wait on.
TEST(OpenAiClients, ARefusalInMidStreamEndsEveryChoiceThatWasAskedFor) {
  Frame frame = test_frame();
  frame.choices = 3;
  std::string out;
  StreamWriter writer(kOpenAi, frame);
  writer.text(out, Channel::kText, 1, "so far");
  writer.refuse(out, "no", "policy", Usage{});
  EXPECT_EQ(test::words(test::read_all(kOpenAi, out)),
            (std::vector<std::string>{
                "start", "text#1 so far", "refusal#0 no", "end refusal#0", "refusal#1 no",
                "end text#1", "end refusal#1", "refusal#2 no", "end refusal#2",
                "done 0:content_filter 1:content_filter 2:content_filter 0/0/0/0/0"}));
}

TEST(OpenAiClients, ADenialInTheFormOfAnAnswerIsSaidToEveryChoice) {
  Frame frame = test_frame();
  frame.choices = 2;
  json::Parser parser;
  const auto answer = read_answer(kOpenAi, denial_message(kOpenAi, frame, "no"), parser, frame);
  ASSERT_TRUE(answer);
  EXPECT_EQ(test::words(answer->pieces),
            (std::vector<std::string>{"text#0 I cannot assist with this. [proviso] Refused: no", "text#1 I cannot assist with this. [proviso] Refused: no"}));
  const auto events = test::read_all(kOpenAi, denial_stream(kOpenAi, frame, "no"));
  EXPECT_EQ(test::words({events.back()}),
            (std::vector<std::string>{"done 0:content_filter 1:content_filter 0/0/0/0/0"}));
}

TEST(OpenAiClients, AnErrorInMidStreamIsADataFrameAndTheLast) {
  std::string out;
  StreamWriter writer(kOpenAi, test_frame());
  writer.start(out);
  writer.error(out, "server_error", "the model failed", "upstream_failed", "x");
  const auto frames = frames_of(out);
  EXPECT_EQ(Doc(frames.back().data).at("/error/message"), "\"the model failed\"");
  EXPECT_EQ(Doc(frames.back().data).at("/error/code"), "\"upstream_failed\"");
  EXPECT_EQ(out.find("[DONE]"), std::string::npos);
}

TEST(AnthropicClients, EveryFrameNamesItsEvent) {
  for (const Sent& sent : frames_of(a_stream(kAnthropic))) {
    EXPECT_EQ("\"" + sent.event + "\"", Doc(sent.data).at("/type"));
  }
  EXPECT_EQ(a_stream(kAnthropic).find("[DONE]"), std::string::npos);
}

TEST(AnthropicClients, BlocksAreContiguousAndNeverOverlap) {
  int64_t open = -1;
  int64_t next = 0;
  const auto frames = frames_of(a_stream(kAnthropic));
  EXPECT_EQ(frames.front().event, "message_start");
  EXPECT_EQ(Doc(frames.front().data).at("/message/usage/input_tokens"), "3");
  for (const Sent& sent : frames) {
    const std::string index = Doc(sent.data).at("/index");
    if (sent.event == "content_block_start") {
      EXPECT_EQ(open, -1);
      EXPECT_EQ(index, std::to_string(next));
      open = next++;
    } else if (sent.event == "content_block_delta") {
      EXPECT_EQ(index, std::to_string(open));
    } else if (sent.event == "content_block_stop") {
      EXPECT_EQ(index, std::to_string(open));
      open = -1;
    }
  }
  EXPECT_EQ(next, 5);  // thinking, text, two tools, text
  EXPECT_EQ(open, -1);
}

TEST(AnthropicClients, MessageDeltaAlwaysCountsOutputAndMessageStopIsLast) {
  const auto frames = frames_of(a_stream(kAnthropic));
  ASSERT_GE(frames.size(), 2U);
  const Sent& delta = frames[frames.size() - 2];
  EXPECT_EQ(delta.event, "message_delta");
  EXPECT_EQ(Doc(delta.data).at("/usage/output_tokens"), "4");
  EXPECT_EQ(Doc(delta.data).at("/delta/stop_reason"), "\"tool_use\"");
  EXPECT_EQ(frames.back().event, "message_stop");
}

TEST(AnthropicClients, ARefusalInMidStreamCarriesTheClause) {
  std::string out;
  StreamWriter writer(kAnthropic, test_frame());
  writer.text(out, Channel::kText, 0, "so far");
  writer.refuse(out, "clause 7 forbids it", "policy", Usage{.output_tokens = 2});
  const auto frames = frames_of(out);
  const Doc delta(frames[frames.size() - 2].data);
  EXPECT_EQ(delta.at("/delta/stop_reason"), "\"refusal\"");
  EXPECT_EQ(delta.at("/delta/stop_details"),
            R"({"type":"refusal","category":"policy","explanation":"clause 7 forbids it"})");
  EXPECT_EQ(delta.at("/usage/output_tokens"), "2");
  EXPECT_EQ(frames[frames.size() - 3].event, "content_block_stop");
  EXPECT_EQ(frames.back().event, "message_stop");
}

TEST(AnthropicClients, ASignatureComesInOneDelta) {
  std::string out;
  StreamWriter writer(kAnthropic, test_frame());
  writer.text(out, Channel::kReasoning, 0, "hm");
  writer.text(out, Channel::kOther, 0, "c2");
  writer.text(out, Channel::kOther, 0, "ln");
  writer.text_end(out, Channel::kOther);
  writer.text(out, Channel::kReasoning, 0, "again");
  writer.text(out, Channel::kOther, 0, "Mg==");
  writer.text(out, Channel::kText, 0, "a");
  writer.finish(out, {{.choice = 0, .reason = "end_turn", .stop_sequence = {}}}, Usage{});
  std::vector<std::string> signatures;
  for (const Sent& sent : frames_of(out)) {
    const std::string one = Doc(sent.data).at("/delta/signature");
    if (!one.empty()) signatures.push_back(one);
  }
  EXPECT_EQ(signatures, (std::vector<std::string>{"\"c2ln\"", "\"Mg==\""}));
}

TEST(AnthropicClients, AnErrorInMidStreamIsANamedEvent) {
  std::string out;
  StreamWriter writer(kAnthropic, test_frame());
  writer.start(out);
  writer.error(out, "api_error", "the model failed", "upstream_failed", "req");
  const auto frames = frames_of(out);
  EXPECT_EQ(frames.back().event, "error");
  EXPECT_EQ(
      frames.back().data,
      R"({"type":"error","error":{"type":"api_error","message":"the model failed"},"request_id":"req"})");
}

TEST(BothClients, CommentsAreNoFrames) {
  std::string out;
  StreamWriter::comment(out);
  EXPECT_TRUE(out.starts_with(":"));
  EXPECT_TRUE(frames_of(out).empty());
}

TEST(BothClients, ErrorsHaveTheProtocolsBody) {
  EXPECT_EQ(
      error_body(kOpenAi, ErrorKind::kDenied, "clause 7", "clause_denied", "req"),
      R"({"error":{"message":"clause 7","type":"permission_error","param":null,"code":"clause_denied"}})");
  EXPECT_EQ(
      error_body(kOpenAi, ErrorKind::kInvalidRequest, "bad", "", "req", "messages[0]"),
      R"({"error":{"message":"bad","type":"invalid_request_error","param":"messages[0]","code":null}})");
  EXPECT_EQ(
      error_body(kAnthropic, ErrorKind::kDenied, "clause 7", "clause_denied", "req"),
      R"({"type":"error","error":{"type":"permission_error","message":"clause 7"},"request_id":"req"})");
}

TEST(BothClients, ADenialIsAskedOnceOnly) {
  EXPECT_EQ(error_status(ErrorKind::kDenied), 403);  // 409, 429 and 5xx are sent three times
  EXPECT_FALSE(error_retryable(ErrorKind::kDenied));
  EXPECT_FALSE(error_retryable(ErrorKind::kInvalidRequest));
  EXPECT_FALSE(error_retryable(ErrorKind::kAuthentication));
  EXPECT_TRUE(error_retryable(ErrorKind::kRateLimit));
  EXPECT_EQ(error_status(ErrorKind::kInvalidRequest), 400);
  EXPECT_EQ(error_status(ErrorKind::kAuthentication), 401);
  EXPECT_EQ(error_status(ErrorKind::kNotFound), 404);
  EXPECT_EQ(error_status(ErrorKind::kTooLarge), 413);
  EXPECT_EQ(error_status(ErrorKind::kRateLimit), 429);
  EXPECT_EQ(error_status(ErrorKind::kInternal), 500);
  EXPECT_EQ(error_status(ErrorKind::kUpstream), 502);
  EXPECT_EQ(error_status(ErrorKind::kUnavailable), 503);
  EXPECT_EQ(error_status(ErrorKind::kTimeout), 504);
  EXPECT_STREQ(error_type(kAnthropic, ErrorKind::kUnavailable), "overloaded_error");
  EXPECT_STREQ(error_type(kOpenAi, ErrorKind::kUnavailable), "server_error");
}

TEST(BothClients, ADenialCanBeAnAnswer) {
  json::Parser parser;
  for (const Protocol protocol : {kOpenAi, kAnthropic}) {
    const std::string body = denial_message(protocol, test_frame(), "clause 7");
    const auto answer = read_answer(protocol, body, parser, test_frame());
    ASSERT_TRUE(answer) << body;
    EXPECT_EQ(answer->finishes.front().reason, protocol == kOpenAi ? "content_filter" : "refusal");
    EXPECT_EQ(test::words(answer->pieces.front()), "text#0 I cannot assist with this. [proviso] Refused: clause 7");
    const auto events = test::read_all(protocol, denial_stream(protocol, test_frame(), "clause 7"));
    EXPECT_EQ(events.back().kind, StreamEvent::Kind::kDone);
    EXPECT_EQ(events.back().finishes.front().reason, answer->finishes.front().reason);
    EXPECT_EQ(events[1].text, "I cannot assist with this. [proviso] Refused: clause 7");
  }
}

TEST(BothClients, ModelsAreListedForBothSdks) {
  const std::vector<ModelEntry> entries = {
      {.id = "local", .owned_by = "us", .created = 0, .retires = std::nullopt},
      {.id = "big", .owned_by = "vendor", .created = 1700000000, .retires = 1803859200}};
  const Doc list(models_list(entries));
  EXPECT_EQ(list.at("/object"), "\"list\"");
  EXPECT_EQ(list.at("/data/0/id"), "\"local\"");
  EXPECT_EQ(list.at("/data/0/object"), "\"model\"");
  EXPECT_EQ(list.at("/data/0/type"), "\"model\"");
  EXPECT_EQ(list.at("/data/0/created_at"), "\"1970-01-01T00:00:00Z\"");
  EXPECT_EQ(list.at("/data/0/shutdown_date"), "");
  EXPECT_EQ(list.at("/data/1/shutdown_date"), "\"2027-03-01\"");
  EXPECT_EQ(list.at("/data/1/retires_at"), "\"2027-03-01T00:00:00Z\"");
  EXPECT_EQ(list.at("/has_more"), "false");
  EXPECT_EQ(list.at("/first_id"), "\"local\"");
  EXPECT_EQ(list.at("/last_id"), "\"big\"");
  EXPECT_EQ(Doc(models_list({})).at("/data"), "[]");
  EXPECT_EQ(Doc(model_body(entries[1])).at("/owned_by"), "\"vendor\"");
}

TEST(BothClients, IdsHaveTheProtocolsPrefix) {
  Request request;
  EXPECT_EQ(frame_for(request, "e1", 7).id, "chatcmpl-e1");
  request.protocol = kAnthropic;
  EXPECT_EQ(frame_for(request, "e1", 7).id, "msg_e1");
}

}  // namespace
}  // namespace proviso::exchange
