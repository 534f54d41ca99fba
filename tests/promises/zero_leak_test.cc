// Promise 3: a secret that a model writes reaches nobody, however its stream is cut, in any channel and
// choice of any protocol, and both modes give the same labels. In process: upstream bytes through the reader, the
// gate's Judge and the writer, as gate/stream_release.cc joins them; what a client would read is taken from
// the writer's bytes by another reader.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "base/json.h"
#include "exchange/codec.h"
#include "exchange/responses_reader.h"
#include "exchange/stream.h"
#include "gate/judge.h"
#include "inspect/secret_maker.h"

namespace proviso {
namespace {

using exchange::Channel;
using exchange::Frame;
using exchange::Protocol;
using exchange::StreamEvent;
using inspect::HoldBack;
using inspect::Inspector;

struct Scene {
  const char* name;
  Protocol protocol;
  Channel channel;
  int32_t choice = 0;  // that holds the secret; where it is not the first, the first says kInnocent
};
constexpr Scene kScenes[] = {
    {"openai content", Protocol::kOpenAiChat, Channel::kText},
    {"openai reasoning", Protocol::kOpenAiChat, Channel::kReasoning},
    {"openai refusal", Protocol::kOpenAiChat, Channel::kRefusal},
    {"openai tool arguments", Protocol::kOpenAiChat, Channel::kToolArguments},
    {"openai content of choice 1", Protocol::kOpenAiChat, Channel::kText, 1},
    {"openai reasoning of choice 1", Protocol::kOpenAiChat, Channel::kReasoning, 1},
    {"openai refusal of choice 1", Protocol::kOpenAiChat, Channel::kRefusal, 1},
    {"openai tool arguments of choice 1", Protocol::kOpenAiChat, Channel::kToolArguments, 1},
    {"responses content", Protocol::kOpenAiResponses, Channel::kText},
    {"responses reasoning", Protocol::kOpenAiResponses, Channel::kReasoning},
    {"responses refusal", Protocol::kOpenAiResponses, Channel::kRefusal},
    {"responses tool arguments", Protocol::kOpenAiResponses, Channel::kToolArguments},
    {"anthropic content", Protocol::kAnthropicMessages, Channel::kText},
    {"anthropic reasoning", Protocol::kAnthropicMessages, Channel::kReasoning},
    {"anthropic tool arguments", Protocol::kAnthropicMessages, Channel::kToolArguments},
};

constexpr std::string_view kInnocent[] = {"nothing ", "of note ", "here"};
constexpr std::string_view kSentence = "clause 6 forbids it";

struct Case {
  std::string kind;
  std::string text;  // what the model writes in that channel; tool arguments are JSON
  size_t begin = 0;
  size_t end = 0;
};

Frame frame() {
  return {.id = "chatcmpl-x", .model = "m", .created = 1, .include_usage = true, .stop_sequences = {}};
}

std::string openai_chunk(int32_t choice, const std::string& delta, const char* reason) {
  return "data: {\"id\":\"u\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
         "\"choices\":[{\"index\":" + std::to_string(choice) + ",\"delta\":" + delta +
         ",\"finish_reason\":" + reason + "}]}\n\n";
}

const char* openai_member(Channel channel) {
  switch (channel) {
    case Channel::kReasoning: return "reasoning_content";
    case Channel::kRefusal: return "refusal";
    default: return "content";
  }
}

// The pieces of one choice; where it is not the first, the first speaks between them.
std::string openai_stream(const Scene& scene, const std::vector<std::string_view>& pieces) {
  const bool tool = scene.channel == Channel::kToolArguments;
  const int32_t choice = scene.choice;
  std::string out = openai_chunk(0, "{\"role\":\"assistant\"}", "null");
  if (tool) {
    out += openai_chunk(choice, "{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\","
                                "\"function\":{\"name\":\"run\",\"arguments\":\"\"}}]}", "null");
  }
  size_t innocent = 0;
  for (std::string_view piece : pieces) {
    const std::string quoted = json::quoted(piece);
    if (choice > 0 && innocent < std::size(kInnocent)) {
      out += openai_chunk(0, "{\"content\":" + json::quoted(kInnocent[innocent++]) + "}", "null");
    }
    out += tool ? openai_chunk(choice, "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":" +
                                           quoted + "}}]}", "null")
                : openai_chunk(choice, std::string("{\"") + openai_member(scene.channel) + "\":" + quoted + "}",
                               "null");
  }
  if (choice > 0) out += openai_chunk(0, "{}", "\"stop\"");
  out += openai_chunk(choice, "{}", tool ? "\"tool_calls\"" : "\"stop\"");
  return out + "data: [DONE]\n\n";
}

std::string anthropic_event(const char* type, const std::string& members) {
  return std::string("event: ") + type + "\ndata: {\"type\":\"" + type + "\"" + members + "}\n\n";
}

std::string anthropic_stream(Channel channel, const std::vector<std::string_view>& pieces) {
  std::string out = anthropic_event(
      "message_start", ",\"message\":{\"id\":\"u\",\"type\":\"message\",\"role\":\"assistant\","
                       "\"model\":\"m\",\"content\":[],\"stop_reason\":null,"
                       "\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}");
  const char* block = "{\"type\":\"text\",\"text\":\"\"}";
  const char* delta = "text_delta\",\"text\":";
  if (channel == Channel::kReasoning) {
    block = "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}";
    delta = "thinking_delta\",\"thinking\":";
  } else if (channel == Channel::kToolArguments) {
    block = "{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"run\",\"input\":{}}";
    delta = "input_json_delta\",\"partial_json\":";
  }
  out += anthropic_event("content_block_start",
                         std::string(",\"index\":0,\"content_block\":") + block);
  for (std::string_view piece : pieces) {
    out += anthropic_event("content_block_delta", std::string(",\"index\":0,\"delta\":{\"type\":\"") +
                                                      delta + json::quoted(piece) + "}");
  }
  out += anthropic_event("content_block_stop", ",\"index\":0");
  const char* reason = channel == Channel::kToolArguments ? "tool_use" : "end_turn";
  out += anthropic_event("message_delta", std::string(",\"delta\":{\"stop_reason\":\"") + reason +
                                              "\",\"stop_sequence\":null},"
                                              "\"usage\":{\"output_tokens\":4}");
  return out + anthropic_event("message_stop", "");
}

std::string upstream_stream(const Scene& scene, const std::vector<std::string_view>& pieces) {
  return scene.protocol == Protocol::kAnthropicMessages ? anthropic_stream(scene.channel, pieces)
                                                        : openai_stream(scene, pieces);
}

std::string openai_answer(const Scene& scene, const std::string& quoted) {
  std::string message = "\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":"
                        "{\"name\":\"run\",\"arguments\":" + quoted + "}}]";
  if (scene.channel != Channel::kToolArguments) {
    message = std::string("\"") + openai_member(scene.channel) + "\":" + quoted;
  }
  const auto choice = [](int32_t index, const std::string& members) {
    return "{\"index\":" + std::to_string(index) + ",\"message\":{\"role\":\"assistant\"," + members +
           "},\"finish_reason\":\"stop\"}";
  };
  const std::string first = scene.choice == 0 ? "" : choice(0, "\"content\":\"nothing of note here\"") + ",";
  return "{\"id\":\"u\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[" + first +
         choice(scene.choice, message) +
         "],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}";
}

std::string whole_answer(const Scene& scene, const std::string& text) {
  const std::string quoted = json::quoted(text);
  if (scene.protocol != Protocol::kAnthropicMessages) return openai_answer(scene, quoted);
  std::string block = "{\"type\":\"text\",\"text\":" + quoted + "}";
  if (scene.channel == Channel::kReasoning) {
    block = "{\"type\":\"thinking\",\"thinking\":" + quoted + ",\"signature\":\"c2ln\"}";
  } else if (scene.channel == Channel::kToolArguments) {
    block = "{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"run\",\"input\":" + text + "}";
  }
  return "{\"id\":\"u\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[" +
         block + "],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
                 "\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}";
}

enum class Arguments { kInspected, kUnread };  // kUnread: a negative control

struct Passed {
  std::string client;               // bytes that the client gets
  std::vector<std::string> labels;  // that inspection found
  bool refused = false;
};

// The corridor's second half under an agreement that denies `secret`.
class Corridor {
 public:
  Corridor(const Inspector& inspector, Protocol protocol, Arguments arguments)
      : inspector_(inspector), judge_(inspector), reader_(protocol, frame()),
        writer_(protocol, frame()), arguments_(arguments) {}

  void feed(std::string_view bytes) {
    std::vector<StreamEvent> events;
    reader_.feed(bytes, events);
    for (const StreamEvent& event : events) take(event);
  }

  Passed finish() {
    std::vector<StreamEvent> events;
    reader_.end(events);
    for (const StreamEvent& event : events) take(event);
    passed_.labels = content_.labels;
    return std::move(passed_);
  }

 private:
  void take(const StreamEvent& event) {
    if (passed_.refused) return;
    std::vector<gate::Judged> judged;
    switch (event.kind) {
      case StreamEvent::Kind::kStart: writer_.start(passed_.client); return;
      case StreamEvent::Kind::kDelta:
        judge_.push(event.channel, event.group, exchange::Syntax::kPlain, event.text, judged);
        return let_go(judged, event.choice);
      case StreamEvent::Kind::kTextEnd:
        judge_.end(event.channel, event.group, judged);
        return let_go(judged, event.choice);
      case StreamEvent::Kind::kToolCall: return take_call(event.call);
      case StreamEvent::Kind::kDone:
        writer_.finish(passed_.client, event.finishes, event.usage);
        return;
      default: ADD_FAILURE() << "event " << static_cast<int>(event.kind) << ": " << event.text;
    }
  }

  void let_go(const std::vector<gate::Judged>& judged, int32_t choice) {
    for (const gate::Judged& part : judged) {
      content_.add(part.segment.labels, part.segment.top_score, part.segment.marking);
      if (!content_.labels.empty()) return refuse();
      writer_.text(passed_.client, part.text.channel, choice, part.segment.text);
    }
  }

  void take_call(const exchange::ToolCall& call) {
    if (arguments_ == Arguments::kInspected) {
      const auto found = gate::Judge::content_of(inspector_, exchange::pieces_of(call));
      content_.add(found.labels, found.top_score, found.marking);
      if (!content_.labels.empty()) return refuse();
    }
    writer_.tool_call(passed_.client, call);
  }

  void refuse() {
    passed_.refused = true;
    writer_.refuse(passed_.client, kSentence, "policy", {});
  }

  const Inspector& inspector_;
  gate::Judge judge_;
  gate::Content content_;
  exchange::StreamReader reader_;
  exchange::StreamWriter writer_;
  Arguments arguments_;
  Passed passed_;
};

// What a client reads of one channel of one choice, without the sentence that refuses.
std::string read_as_client(const Scene& scene, std::string_view bytes) {
  std::string text;
  if (scene.protocol == Protocol::kOpenAiResponses) {
    // The reader checks that the last event repeats the deltas and no more.
    exchange::test::ResponseStream stream(bytes);
    EXPECT_TRUE(stream.ended());
    text = stream.text(scene.channel);
  }
  std::vector<StreamEvent> events;
  exchange::StreamReader reader(scene.protocol, frame());
  if (scene.protocol != Protocol::kOpenAiResponses) reader.feed(bytes, events);
  for (const StreamEvent& event : events) {
    if (event.choice != scene.choice) continue;
    if (event.kind == StreamEvent::Kind::kDelta && event.channel == scene.channel) text += event.text;
    if (event.kind == StreamEvent::Kind::kToolCall) text += event.call.arguments.open_for_inspection();
  }
  if (scene.channel == Channel::kRefusal && text.ends_with(kSentence)) text.resize(text.size() - kSentence.size());
  return text;
}

struct Tally {
  size_t secrets = 0;
  size_t runs = 0;
  size_t leaked = 0;
  size_t different = 0;
};

void try_pieces(const Inspector& inspector, const Scene& scene, const Case& c,
                const std::vector<std::string_view>& pieces, const std::vector<std::string>& labels,
                Arguments arguments, Tally& tally) {
  Corridor corridor(inspector, scene.protocol, arguments);
  const std::string bytes = upstream_stream(scene, pieces);
  // The network cuts as well, elsewhere than the model.
  const size_t middle = (tally.runs * 37) % bytes.size();
  corridor.feed(std::string_view(bytes).substr(0, middle));
  corridor.feed(std::string_view(bytes).substr(middle));
  const Passed passed = corridor.finish();
  const std::string seen = read_as_client(scene, passed.client);
  ++tally.runs;
  tally.leaked += seen.size() > c.begin ? std::min(seen.size(), c.end) - c.begin : 0;
  tally.different += passed.labels == labels ? 0 : 1;
  EXPECT_TRUE(c.text.starts_with(seen)) << scene.name << ": " << seen;
}

std::vector<Case> make_cases(uint64_t seed, Channel channel) {
  inspect::SecretMaker maker(seed);
  std::vector<Case> cases;
  size_t carrier = 0;
  for (const inspect::Made& made : maker.every_kind()) {
    const inspect::Carrier& around =
        inspect::kCarriers[carrier++ % std::size(inspect::kCarriers)];
    const std::string before = around.before + made.lead;
    const std::string behind = made.tail + around.after;
    Case c{.kind = made.kind, .text = before};
    if (channel != Channel::kToolArguments) {
      c.begin = c.text.size();
      c.text += made.secret;
      c.end = c.text.size();
      c.text += behind;
    } else {
      const auto inner = [](const std::string& text) {
        const std::string quoted = json::quoted(text);
        return quoted.substr(1, quoted.size() - 2);
      };
      c.text = "{\"command\":\"" + inner(before);
      c.begin = c.text.size();
      c.text += inner(made.secret);
      c.end = c.text.size();
      c.text += inner(behind) + "\"}";
    }
    cases.push_back(std::move(c));
  }
  return cases;
}

// Places where a model may cut: between code points, for JSON strings cannot hold half of one.
std::vector<size_t> cuts_of(const std::string& text) {
  std::vector<size_t> cuts;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (static_cast<uint8_t>(text[i]) & 0xc0) != 0x80) cuts.push_back(i);
  }
  return cuts;
}

void try_scene(const Scene& scene, Tally& tally) {
  const Inspector inspector = Inspector::create().looking_for({});
  const bool every_pair = std::getenv("PROVISO_LONG") != nullptr;
  std::mt19937_64 random(17);
  for (const Case& c : make_cases(21, scene.channel)) {
    json::Parser parser;
    const auto answer =
        exchange::read_answer(scene.protocol, whole_answer(scene, c.text), parser, frame());
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    std::vector<exchange::Piece> pieces = answer->pieces;
    for (const exchange::ToolCall& call : answer->tool_calls) {
      for (exchange::Piece& piece : exchange::pieces_of(call)) pieces.push_back(std::move(piece));
    }
    const std::vector<std::string> labels = gate::Judge::content_of(inspector, pieces).labels;
    EXPECT_EQ(labels, std::vector<std::string>{"secret"}) << c.text;
    ++tally.secrets;

    const std::vector<size_t> cuts = cuts_of(c.text);
    const std::string_view text = c.text;
    const auto try_two = [&](size_t a, size_t b) {
      try_pieces(inspector, scene, c, {text.substr(0, a), text.substr(a, b - a), text.substr(b)},
                 labels, Arguments::kInspected, tally);
    };
    for (size_t cut : cuts) try_two(0, cut);
    if (every_pair) {
      for (size_t a : cuts) {
        for (size_t b : cuts) {
          if (a < b) try_two(a, b);
        }
      }
      continue;
    }
    for (int i = 0; i < 60; ++i) {
      const size_t a = cuts[random() % cuts.size()];
      const size_t b = cuts[random() % cuts.size()];
      try_two(std::min(a, b), std::max(a, b));
    }
  }
}

TEST(ZeroLeak, NoSecretReachesTheClientHoweverTheStreamIsCut) {
  for (const Scene& scene : kScenes) {
    Tally tally;
    try_scene(scene, tally);
    std::printf("promises: zero leak, %s: %zu secrets, %zu streams, leaked bytes %zu, labels unlike "
                "the whole answer's %zu\n",
                scene.name, tally.secrets, tally.runs, tally.leaked, tally.different);
    EXPECT_EQ(tally.leaked, 0u) << scene.name;
    EXPECT_EQ(tally.different, 0u) << scene.name;
  }
}

// The negative controls: without hold-back text leaks; with arguments unread, arguments do.
TEST(ZeroLeak, WithoutTheGuardsItLeaks) {
  const Inspector blind = Inspector::create({.hold_back = HoldBack::kOff}).looking_for({});
  for (const Scene& scene : kScenes) {
    Tally tally;
    size_t leaking = 0;
    const std::vector<Case> cases = make_cases(21, scene.channel);
    for (const Case& c : cases) {
      const size_t before = tally.leaked;
      const size_t cut = c.begin + (c.end - c.begin) / 2;
      const std::string_view text = c.text;
      try_pieces(blind, scene, c, {text.substr(0, cut), text.substr(cut)}, {}, Arguments::kUnread,
                 tally);
      leaking += tally.leaked > before ? 1 : 0;
    }
    std::printf("promises: guards off, %s: %zu of %zu leak\n", scene.name, leaking, cases.size());
    EXPECT_GT(leaking * 10, cases.size() * 8) << scene.name;
  }
}

// What is no secret passes unchanged, or the test above would prove nothing.
TEST(ZeroLeak, WhatIsNoSecretPasses) {
  const Inspector inspector = Inspector::create().looking_for({});
  const std::string text = "{\"command\":\"echo the password policy needs 14 characters\"}";
  for (const Scene& scene : kScenes) {
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      Corridor corridor(inspector, scene.protocol, Arguments::kInspected);
      corridor.feed(upstream_stream(scene, {std::string_view(text).substr(0, cut),
                                            std::string_view(text).substr(cut)}));
      const Passed passed = corridor.finish();
      EXPECT_FALSE(passed.refused);
      EXPECT_EQ(read_as_client(scene, passed.client), text) << scene.name;
    }
  }
}

}  // namespace
}  // namespace proviso
