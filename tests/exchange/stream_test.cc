#include <fmt/core.h>
#include <algorithm>
#include <random>

#include "exchange/reply.h"
#include "exchange/support.h"

namespace proviso::exchange {
namespace {

using test::member_text;
using test::read_all;
using test::words;
using Kind = StreamEvent::Kind;

Frame test_frame(bool include_usage = true) {
  return Frame{.id = "chatcmpl-x",
               .model = "asked",
               .created = 7,
               .include_usage = include_usage,
               .stop_sequences = {"END"}};
}

std::vector<StreamEvent> read_split(Protocol protocol, std::string_view bytes,
                                    std::vector<size_t> cuts) {
  std::ranges::sort(cuts);
  StreamReader reader(protocol, test_frame());
  std::vector<StreamEvent> events;
  size_t from = 0;
  for (const size_t cut : cuts) {
    reader.feed(bytes.substr(from, cut - from), events);
    from = cut;
  }
  reader.feed(bytes.substr(from), events);
  reader.end(events);
  return events;
}

std::string with_line_ends(std::string_view text, std::string_view line_end) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out.append(line_end);
    } else {
      out += c;
    }
  }
  return out;
}

struct StreamCase {
  std::string name;
  Protocol protocol = Protocol::kOpenAiChat;
  std::string stream;
  std::vector<std::string> events;
};

std::vector<StreamCase> stream_cases() {
  std::vector<StreamCase> out;
  for (const auto& file : test::files_in("tests/exchange/cases/streams")) {
    json::Parser parser;
    const json::Object object = parser.parse(test::read_file(file))->get_object().value_unsafe();
    StreamCase one;
    one.name = file.filename().string();
    one.protocol = test::protocol_of(object);
    one.stream = member_text(object, "stream");
    for (const json::Element item : object.at_key("events").get_array().value_unsafe()) {
      one.events.emplace_back(item.get_string().value_unsafe());
    }
    out.push_back(std::move(one));
  }
  return out;
}

TEST(Streams, CasesInEverySplit) {
  size_t passed = 0;
  size_t total = 0;
  std::mt19937 random(7);
  for (const StreamCase& one : stream_cases()) {
    SCOPED_TRACE(one.name);
    ++total;
    const int failed_before = test::failures();
    for (const std::string_view line_end : {"\n", "\r\n", "\r"}) {
      const std::string bytes = with_line_ends(one.stream, line_end);
      EXPECT_EQ(words(read_split(one.protocol, bytes, {})), one.events);
      std::vector<size_t> every(bytes.size());
      for (size_t i = 0; i < every.size(); ++i) every[i] = i;
      EXPECT_EQ(words(read_split(one.protocol, bytes, every)), one.events);
      for (size_t cut = 0; cut < bytes.size(); cut += 19) {
        EXPECT_EQ(words(read_split(one.protocol, bytes, {cut})), one.events) << cut;
        EXPECT_EQ(words(read_split(one.protocol, bytes, {cut, random() % bytes.size()})),
                  one.events);
      }
    }
    if (test::failures() == failed_before) ++passed;
  }
  fmt::print("exchange streams: {}/{}\n", passed, total);
  EXPECT_GE(total, 50U);
}

TEST(Streams, NothingFollowsALastEvent) {
  const std::string whole = "data: [DONE]\n\ndata: {\"choices\":[]}\n\n";
  StreamReader reader(Protocol::kOpenAiChat, test_frame());
  std::vector<StreamEvent> events;
  reader.feed(whole, events);
  EXPECT_TRUE(reader.ended());
  reader.feed(whole, events);
  reader.end(events);
  EXPECT_EQ(events.size(), 1U);
}

TEST(Streams, AnEventThatNeverEndsIsBounded) {
  for (const std::string_view opening : {"data: ", "data", "event: x\ndata: a\ndata: "}) {
    StreamReader reader(Protocol::kOpenAiChat, test_frame());
    std::vector<StreamEvent> events;
    reader.feed(opening, events);
    const std::string block(1 << 16, 'x');
    for (int i = 0; i < 128 && !reader.ended(); ++i) reader.feed(block, events);
    ASSERT_TRUE(reader.ended());
    EXPECT_EQ(events.back().kind, Kind::kUnknown);
  }
  // The same in lines that are short, each of them.
  StreamReader reader(Protocol::kOpenAiChat, test_frame());
  std::vector<StreamEvent> events;
  const std::string line = "data: " + std::string(1000, 'x') + "\n";
  for (int i = 0; i < 8192 && !reader.ended(); ++i) reader.feed(line, events);
  EXPECT_TRUE(reader.ended());
}

TEST(Streams, ToolArgumentsAreBounded) {
  StreamReader reader(Protocol::kOpenAiChat, test_frame());
  std::vector<StreamEvent> events;
  const std::string chunk =
      R"(data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"w","arguments":")" +
      std::string(100000, 'x') + "\"}}]}}]}\n\n";
  for (int i = 0; i < 11; ++i) reader.feed(chunk, events);
  ASSERT_TRUE(reader.ended());
  EXPECT_EQ(events.back().text, "a tool call's arguments are too long");
}

TEST(Streams, AllToolCallsTogetherAreBounded) {
  StreamReader reader(Protocol::kOpenAiChat, test_frame());
  std::vector<StreamEvent> events;
  for (int i = 0; i < 5 && !reader.ended(); ++i) {
    reader.feed(R"(data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":)" +
                    std::to_string(i) + R"(,"id":"c","function":{"name":"w","arguments":")" +
                    std::string(1000000, 'x') + "\"}}]}}]}\n\n",
                events);
  }
  ASSERT_TRUE(reader.ended());
  EXPECT_EQ(events.back().text, "a tool call's arguments are too long");
}

// A signature that a hostile model makes long must end its stream, not the gate.
TEST(Streams, ASignatureIsBounded) {
  std::string bytes =
      "data: {\"type\":\"message_start\",\"message\":{}}\n\n"
      "data: "
      "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\"}}"
      "\n\n";
  const std::string delta =
      "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\","
      "\"signature\":\"" +
      std::string(40000, 'A') + "\"}}\n\n";
  bytes += delta;
  EXPECT_EQ(read_all(Protocol::kAnthropicMessages, bytes).back().kind, Kind::kCut);
  bytes += delta;
  EXPECT_EQ(read_all(Protocol::kAnthropicMessages, bytes).back().kind, Kind::kUnknown);
}

// What the gate does with a stream, without the judgement in between.
std::string rewrite(Protocol protocol, const std::vector<StreamEvent>& events, const Frame& frame) {
  std::string out;
  StreamWriter writer(protocol, frame);
  for (const StreamEvent& event : events) {
    switch (event.kind) {
      case Kind::kStart:
        writer.start(out, event.usage.input_tokens);
        break;
      case Kind::kDelta:
        writer.text(out, event.channel, event.choice, event.text);
        break;
      case Kind::kTextEnd:
        writer.text_end(out, event.channel);
        break;
      case Kind::kToolCall:
        writer.tool_call(out, event.call);
        break;
      case Kind::kDone:
        writer.finish(out, event.finishes, event.usage);
        break;
      default:
        ADD_FAILURE();
        break;
    }
    StreamWriter::comment(out);
  }
  return out;
}

TEST(Streams, WhatIsWrittenReadsTheSame) {
  size_t streams = 0;
  for (const StreamCase& one : stream_cases()) {
    SCOPED_TRACE(one.name);
    if (!one.events.back().starts_with("done")) continue;
    if (one.protocol == Protocol::kOpenAiResponses) continue;  // responses_test.cc
    ++streams;
    const std::vector<StreamEvent> events = read_split(one.protocol, one.stream, {});
    const std::string written = rewrite(one.protocol, events, test_frame());
    // A block without text is not written, so its end does not come back either.
    std::vector<std::string> expected = one.events;
    std::erase_if(expected, [&](const std::string& line) {
      return line == "end text#0" && std::ranges::none_of(expected, [](const std::string& other) {
               return other.starts_with("text#0");
             });
    });
    for (size_t cut = 0; cut < written.size(); cut += 3) {
      EXPECT_EQ(words(read_split(one.protocol, written, {cut})), expected) << written;
    }
    EXPECT_EQ(written.find("secret"), std::string::npos);
  }
  EXPECT_GE(streams, 15U);
}

// Generated exchanges: any order of texts and tools survives writer and reader, in any split.
TEST(Streams, GeneratedRoundTrips) {
  std::mt19937 random(11);
  const std::vector<std::string> samples = {"a", "é😀",      "\"\\\n\r\t",  "data: x\n\n",
                                            "",  "\x01\x7f", "\xE2\x80\xA8"};
  for (int round = 0; round < 300; ++round) {
    const Protocol protocol = round % 2 == 0 ? Protocol::kOpenAiChat : Protocol::kAnthropicMessages;
    const bool openai = protocol == Protocol::kOpenAiChat;
    std::string out;
    std::string text;
    std::string reasoning;
    std::vector<std::string> tools;
    StreamWriter writer(protocol, test_frame());
    writer.start(out, 3);
    for (size_t step = random() % 12; step > 0; --step) {
      const std::string& sample = samples[random() % samples.size()];
      switch (random() % 3) {
        case 0:
          writer.text(out, Channel::kText, 0, sample);
          text += sample;
          break;
        case 1:
          writer.text(out, Channel::kReasoning, 0, sample);
          reasoning += sample;
          break;
        default: {
          const ToolCall call{.id = "c" + std::to_string(step),
                              .name = "n\"" + sample,
                              .arguments = UntrustedText("{\"k\":" + json::quoted(sample) + "}"),
                              .choice = 0};
          writer.tool_call(out, call);
          tools.push_back(words(call));
        }
      }
    }
    const std::string reason = openai ? "length" : "max_tokens";
    writer.finish(out, {{.choice = 0, .reason = reason, .stop_sequence = {}}},
                  Usage{.input_tokens = 3, .output_tokens = 9});
    const auto events = read_split(protocol, out, {random() % out.size(), random() % out.size()});
    std::string text_back;
    std::string reasoning_back;
    std::vector<std::string> tools_back;
    for (const StreamEvent& event : events) {
      if (event.kind == Kind::kDelta && event.channel == Channel::kText) text_back += event.text;
      if (event.kind == Kind::kDelta && event.channel == Channel::kReasoning)
        reasoning_back += event.text;
      if (event.kind == Kind::kToolCall) tools_back.push_back(words(event.call));
    }
    EXPECT_EQ(text_back, text);
    EXPECT_EQ(reasoning_back, reasoning);
    EXPECT_EQ(tools_back, tools);
    ASSERT_EQ(events.back().kind, Kind::kDone) << out;
    EXPECT_EQ(events.back().usage, (Usage{.input_tokens = 3, .output_tokens = 9}));
    EXPECT_EQ(events.back().finishes.front().reason, reason);
  }
}

// One verdict on every channel: an answer that comes streamed is described in the same pieces as
// the whole answer of the same content.
TEST(Streams, DescribeTheSamePiecesAsWholeAnswers) {
  size_t compared = 0;
  for (const auto& file : test::files_in("tests/exchange/cases/answers")) {
    SCOPED_TRACE(file.filename().string());
    json::Parser case_parser;
    const json::Object want = case_parser.parse(test::read_file(file))->get_object().value_unsafe();
    const Protocol protocol = test::protocol_of(want);
    if (protocol == Protocol::kOpenAiResponses) continue;  // responses_test.cc
    json::Parser parser;
    const auto answer =
        read_answer(protocol, test::member_json(want, "upstream"), parser, test_frame());
    if (!answer || answer->tool_calls.size() + answer->pieces.size() == 0) continue;
    // Writers take texts in order; where a tool stands between them only the streams say.
    if (!answer->tool_calls.empty() && answer->pieces.size() > 1) continue;
    ++compared;
    std::string out;
    StreamWriter writer(protocol, test_frame());
    int32_t group = -1;
    Channel channel = Channel::kText;
    for (const Piece& piece : answer->pieces) {
      if (group >= 0 && piece.group != group) writer.text_end(out, channel);
      group = piece.group;
      channel = piece.channel;
      writer.text(out, channel, protocol == Protocol::kOpenAiChat ? piece.group : 0,
                  piece.text.open_for_inspection());
    }
    for (const ToolCall& call : answer->tool_calls) writer.tool_call(out, call);
    writer.finish(out, answer->finishes, answer->usage);
    std::vector<std::string> pieces;
    for (const StreamEvent& event : read_all(protocol, out, test_frame())) {
      if (event.kind != Kind::kDelta) continue;
      const Piece piece{.channel = event.channel,
                        .readable = event.readable,
                        .text = UntrustedText(event.text),
                        .group = event.group};
      pieces.push_back(words(piece));
    }
    std::vector<std::string> expected = words(answer->pieces);
    std::ranges::sort(expected);
    std::ranges::sort(pieces);
    EXPECT_EQ(pieces, expected) << out;
  }
  EXPECT_GE(compared, 8U);
}

}  // namespace
}  // namespace proviso::exchange
