// What it costs to read a request and an answer of 2.5 KB and to write both again, beside simdjson
// alone on the same bodies (parse and minify: no table, no pieces, no duplicate-key check), in one
// run.
#include <fmt/core.h>
#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/json.h"
#include "exchange/codec.h"
#include "exchange/stream.h"

namespace {

using namespace proviso;
using namespace proviso::exchange;

constexpr int kRounds = 21;
constexpr int kPerRound = 1000;

// CPU time of this thread: other work on the machine must not count.
double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

template <class Body>
double median_us(Body&& body) {
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round) {
    const double start = cpu_us();
    for (int i = 0; i < kPerRound; ++i) body();
    rounds.push_back((cpu_us() - start) / kPerRound);
  }
  std::ranges::sort(rounds);
  return rounds[rounds.size() / 2];
}

std::string prose(size_t bytes) {
  std::string out;
  while (out.size() < bytes)
    out += "The convoy leaves at dawn; \"route 7\" is closed.\nBring spares. ";
  out.resize(bytes);
  return out;
}

std::string request_body(bool anthropic) {
  std::string out = R"({"model":"local",)";
  if (anthropic) out += R"("max_tokens":512,"system":)" + json::quoted(prose(400)) + ",";
  out += R"("messages":[)";
  if (!anthropic) out += R"({"role":"system","content":)" + json::quoted(prose(400)) + "},";
  out += R"({"role":"user","content":)" + json::quoted(prose(600)) + "},";
  out += R"({"role":"assistant","content":)" + json::quoted(prose(600)) + "},";
  out += R"({"role":"user","content":)" + json::quoted(prose(700)) + R"(}],"temperature":0.7})";
  return out;
}

std::string answer_body(bool anthropic) {
  const std::string text = json::quoted(prose(2200));
  if (anthropic) {
    return R"({"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":)" +
           text +
           R"(}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":600,"output_tokens":500}})";
  }
  return R"({"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":)" +
         text +
         R"(},"finish_reason":"stop"}],"usage":{"prompt_tokens":600,"completion_tokens":500,"total_tokens":1100}})";
}

void whole_bodies(bool anthropic) {
  const Protocol protocol = anthropic ? Protocol::kAnthropicMessages : Protocol::kOpenAiChat;
  const std::string request = request_body(anthropic);
  const std::string answer = answer_body(anthropic);
  json::Parser parser;
  const double codec = median_us([&] {
    const auto read = read_request(protocol, anthropic ? Endpoint::kMessages : Endpoint::kChat,
                                   request, parser, ReadOptions{});
    PV_CHECK(read && read->pieces.size() == 4);
    const std::string upstream = upstream_body(*read, "the-upstream-name");
    const auto back = read_answer(protocol, answer, parser, frame_for(*read, "x", 7));
    PV_CHECK(upstream.size() > 2000 && back && back->body.size() > 2000);
  });
  simdjson::dom::parser bare;
  const double floor = median_us([&] {
    size_t written = simdjson::minify(bare.parse(request).value_unsafe()).size();
    written += simdjson::minify(bare.parse(answer).value_unsafe()).size();
    PV_CHECK(written > 4000);
  });
  fmt::print(
      "{:<10} {} + {} bytes: codec {:.2f} us, simdjson parse and minify {:.2f} us, ratio {:.2f}\n",
      anthropic ? "anthropic" : "openai", request.size(), answer.size(), codec, floor,
      codec / floor);
}

void stream(bool anthropic) {
  const Protocol protocol = anthropic ? Protocol::kAnthropicMessages : Protocol::kOpenAiChat;
  const Frame frame{
      .id = "x", .model = "m", .created = 7, .include_usage = false, .stop_sequences = {}};
  std::string bytes;
  StreamWriter source(protocol, frame);
  for (int i = 0; i < 200; ++i) source.text(bytes, Channel::kText, 0, "twenty bytes of text");
  source.finish(bytes,
                {{.choice = 0, .reason = anthropic ? "end_turn" : "stop", .stop_sequence = {}}},
                Usage{});
  std::vector<StreamEvent> events;
  std::string out;
  const double spent = median_us([&] {
    StreamReader reader(protocol, frame);
    StreamWriter writer(protocol, frame);
    out.clear();
    for (size_t from = 0; from < bytes.size(); from += 1400) {
      events.clear();
      reader.feed(std::string_view(bytes).substr(from, 1400), events);
      for (const StreamEvent& event : events) {
        if (event.kind == StreamEvent::Kind::kDelta) writer.text(out, event.channel, 0, event.text);
        if (event.kind == StreamEvent::Kind::kDone) writer.finish(out, event.finishes, event.usage);
      }
    }
    PV_CHECK(out == bytes);
  });
  fmt::print("{:<10} stream of 200 deltas, {} bytes: {:.2f} us, {:.0f} ns a delta\n",
             anthropic ? "anthropic" : "openai", bytes.size(), spent, spent * 1000 / 200);
}

}  // namespace

int main() {
  for (const bool anthropic : {false, true}) {
    whole_bodies(anthropic);
    stream(anthropic);
  }
  return 0;
}
