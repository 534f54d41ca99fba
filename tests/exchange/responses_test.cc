// Responses: the stream's order, and that stream and whole answer are the same object.
#include "exchange/responses_reader.h"

#include <random>

#include "exchange/reply.h"
#include "exchange/support.h"

namespace proviso::exchange {
namespace {

using test::ResponseStream;
constexpr Protocol kResponses = Protocol::kOpenAiResponses;

Frame test_frame() {
  return Frame{.id = "resp_x", .model = "asked", .created = 7, .include_usage = false, .stop_sequences = {}};
}

ToolCall a_call(std::string id, std::string arguments = "{\"a\":1}") {
  return ToolCall{.id = std::move(id), .name = "w", .arguments = UntrustedText(std::move(arguments)), .choice = 0};
}

// What the gate does with a stream that it allows.
std::string rewrite(std::string_view upstream) {
  std::string out;
  StreamWriter writer(kResponses, test_frame());
  for (const StreamEvent& event : test::read_all(kResponses, upstream, test_frame())) {
    switch (event.kind) {
      case StreamEvent::Kind::kStart: writer.start(out, event.usage.input_tokens); break;
      case StreamEvent::Kind::kDelta: writer.text(out, event.channel, event.choice, event.text); break;
      case StreamEvent::Kind::kTextEnd: writer.text_end(out, event.channel); break;
      case StreamEvent::Kind::kToolCall: writer.tool_call(out, event.call); break;
      case StreamEvent::Kind::kDone: writer.finish(out, event.finishes, event.usage); break;
      default: ADD_FAILURE() << event.text;
    }
    StreamWriter::comment(out);
  }
  return out;
}

// The chat stream that says what a whole chat answer says.
std::string as_chat_stream(const Answer& answer) {
  std::string out;
  Frame frame = test_frame();
  frame.include_usage = true;
  StreamWriter writer(Protocol::kOpenAiChat, frame);
  for (const Piece& piece : answer.pieces) {
    const std::string& text = piece.text.open_for_inspection();
    writer.text(out, piece.channel, 0, std::string_view(text).substr(0, 1));
    writer.text(out, piece.channel, 0, std::string_view(text).substr(1));
  }
  for (const ToolCall& call : answer.tool_calls) writer.tool_call(out, call);
  writer.finish(out, answer.finishes, answer.usage);
  return out;
}

TEST(Responses, AStreamEndsWithTheObjectThatAWholeAnswerIs) {
  size_t compared = 0;
  for (const auto& file : test::files_in("tests/exchange/cases/answers")) {
    SCOPED_TRACE(file.filename().string());
    json::Parser case_parser;
    const json::Object want = case_parser.parse(test::read_file(file))->get_object().value_unsafe();
    if (test::protocol_of(want) != kResponses) continue;
    json::Parser parser;
    const auto answer = read_answer(kResponses, test::member_json(want, "upstream"), parser, test_frame());
    if (!answer) continue;
    ++compared;
    ResponseStream stream(rewrite(as_chat_stream(*answer)));
    EXPECT_TRUE(stream.ended());
    EXPECT_EQ(stream.response(), answer->body);
  }
  EXPECT_GE(compared, 6U);
}

TEST(Responses, TheEventsComeInTheProtocolsOrder) {
  std::string out;
  StreamWriter writer(kResponses, test_frame());
  writer.start(out, 3);
  writer.text(out, Channel::kReasoning, 0, "hm");
  writer.text(out, Channel::kText, 0, "a");
  writer.text(out, Channel::kText, 0, "b");
  writer.tool_call(out, a_call("c1"));
  writer.finish(out, {{.choice = 0, .reason = "tool_calls", .stop_sequence = {}}}, Usage{});
  EXPECT_TRUE(writer.ended());
  ResponseStream stream(out);
  EXPECT_TRUE(stream.ended());
  EXPECT_EQ(stream.types(),
            (std::vector<std::string>{
                "response.created", "response.in_progress",
                "response.output_item.added", "response.content_part.added",
                "response.reasoning_text.delta", "response.reasoning_text.done",
                "response.content_part.done", "response.output_item.done",
                "response.output_item.added", "response.content_part.added",
                "response.output_text.delta", "response.output_text.delta",
                "response.output_text.done", "response.content_part.done",
                "response.output_item.done",
                "response.output_item.added", "response.function_call_arguments.delta",
                "response.function_call_arguments.done", "response.output_item.done",
                "response.completed"}));
}

TEST(Responses, ARefusalInMidStreamIsAnIncompleteResponseThatSaysWhy) {
  std::string out;
  StreamWriter writer(kResponses, test_frame());
  writer.text(out, Channel::kText, 0, "so far");
  writer.refuse(out, "clause 7 forbids it", "policy", Usage{.output_tokens = 2});
  EXPECT_TRUE(writer.ended());
  ResponseStream stream(out);
  EXPECT_TRUE(stream.ended());
  EXPECT_EQ(stream.types().back(), "response.incomplete");
  EXPECT_EQ(stream.text(Channel::kText), "so far");
  EXPECT_EQ(stream.text(Channel::kRefusal), "clause 7 forbids it");
  EXPECT_NE(stream.response().find(R"("incomplete_details":{"reason":"content_filter"})"), std::string::npos);
}

TEST(Responses, ARefusalBeforeAnyTextIsACompleteStream) {
  std::string out;
  StreamWriter writer(kResponses, test_frame());
  writer.refuse(out, "no", "policy", Usage{});
  ResponseStream stream(out);
  EXPECT_TRUE(stream.ended());
  EXPECT_EQ(stream.text(Channel::kRefusal), "no");
}

// An SDK raises on `error` only; a reader of the protocol waits for `response.failed`.
TEST(Responses, AnErrorInMidStreamFailsTheResponseAndRaises) {
  std::string out;
  StreamWriter writer(kResponses, test_frame());
  writer.text(out, Channel::kText, 0, "so far");
  writer.error(out, "server_error", "the model failed", "model_failed", "x");
  ResponseStream stream(out);
  EXPECT_TRUE(stream.ended());
  ASSERT_GE(stream.types().size(), 2U);
  EXPECT_EQ(stream.types()[stream.types().size() - 2], "response.failed");
  EXPECT_EQ(stream.types().back(), "error");
  EXPECT_NE(stream.response().find("the model failed"), std::string::npos);
}

TEST(Responses, GeneratedStreamsKeepTheOrder) {
  std::mt19937 random(5);
  const std::vector<std::string> samples = {"a", "é😀", "\"\\\n\r\t", "data: x\n\n", "", "\x01\x7f"};
  for (int round = 0; round < 300; ++round) {
    std::string out;
    std::map<Channel, std::string> said;
    StreamWriter writer(kResponses, test_frame());
    for (size_t step = random() % 12; step > 0; --step) {
      const std::string& sample = samples[random() % samples.size()];
      constexpr Channel kSpoken[] = {Channel::kText, Channel::kReasoning, Channel::kRefusal};
      const size_t what = random() % 4;
      if (what < 3) {
        writer.text(out, kSpoken[what], 0, sample);
        said[kSpoken[what]] += sample;
      } else {
        const ToolCall call = a_call("c" + std::to_string(step), "{\"k\":" + json::quoted(sample) + "}");
        writer.tool_call(out, call);
        said[Channel::kToolArguments] += call.arguments.open_for_inspection();
      }
    }
    if (round % 3 == 0) {
      writer.refuse(out, "no", "policy", Usage{});
      said[Channel::kRefusal] += "no";
    } else {
      writer.finish(out, {{.choice = 0, .reason = round % 3 == 1 ? "stop" : "length", .stop_sequence = {}}}, Usage{});
    }
    ResponseStream stream(out);
    EXPECT_TRUE(stream.ended());
    for (const auto& [channel, text] : said) EXPECT_EQ(stream.text(channel), text);
  }
}

// The end repeats all of the text, so a model that never stops must not fill the gate.
TEST(Responses, TheTextOfAStreamIsBounded) {
  const std::string delta = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" +
                            std::string(1 << 20, 'x') + "\"}}]}\n\n";
  StreamReader reader(kResponses, test_frame());
  StreamReader chat(Protocol::kOpenAiChat, test_frame());
  std::vector<StreamEvent> events;
  std::vector<StreamEvent> chat_events;
  for (int i = 0; i < 5; ++i) {
    reader.feed(delta, events);
    chat.feed(delta, chat_events);
  }
  ASSERT_TRUE(reader.ended());
  EXPECT_EQ(events.back().kind, StreamEvent::Kind::kUnknown);
  EXPECT_FALSE(chat.ended());
}

TEST(Responses, ADenialCanBeAnAnswer) {
  const std::string body = denial_message(kResponses, test_frame(), "clause 7");
  ResponseStream stream(denial_stream(kResponses, test_frame(), "clause 7"));
  EXPECT_TRUE(stream.ended());
  EXPECT_EQ(stream.response(), body);
  EXPECT_EQ(stream.text(Channel::kText), "I cannot assist with this. [proviso] Refused: clause 7");
  EXPECT_NE(body.find(R"("incomplete_details":{"reason":"content_filter"})"), std::string::npos);
  EXPECT_EQ(error_body(kResponses, ErrorKind::kDenied, "clause 7", "clause_denied", "req"),
            error_body(Protocol::kOpenAiChat, ErrorKind::kDenied, "clause 7", "clause_denied", "req"));
}

TEST(Responses, IdsHaveTheProtocolsPrefix) {
  Request request;
  request.protocol = kResponses;
  EXPECT_EQ(frame_for(request, "e1", 7).id, "resp_e1");
  EXPECT_NE(denial_message(kResponses, frame_for(request, "e1", 7), "no").find("\"msg_e1_0\""), std::string::npos);
}

}  // namespace
}  // namespace proviso::exchange
