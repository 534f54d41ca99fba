#include "exchange/stream_reader.h"

#include <variant>

#include "exchange/sse.h"

namespace proviso::exchange {

using Kind = StreamEvent::Kind;

StreamEvent& Events::add(Kind kind) {
  StreamEvent& event = out_.emplace_back();
  event.kind = kind;
  return event;
}

void Events::delta(Channel channel, int32_t choice, int32_t group, std::string_view text) {
  StreamEvent& event = add(Kind::kDelta);
  event.channel = channel;
  event.readable = channel == Channel::kFile ? Readable::kNo : Readable::kYes;
  event.choice = choice;
  event.group = group;
  event.text.assign(text);
}

void Events::text_end(Channel channel, int32_t choice, int32_t group) {
  StreamEvent& event = add(Kind::kTextEnd);
  event.channel = channel;
  event.choice = choice;
  event.group = group;
}

void Events::tool_call(ToolCall call) {
  StreamEvent& event = add(Kind::kToolCall);
  event.choice = call.choice;
  event.call = std::move(call);
}

void Events::end(Kind kind, std::string text) {
  if (ended_) return;
  ended_ = true;
  add(kind).text = std::move(text);
}

struct StreamReader::State {
  SseParser sse;
  json::Parser parser;
  std::variant<OpenAiStream, AnthropicStream> protocol;
  bool ended = false;

  void take(const SseParser::Event& event, std::vector<StreamEvent>& out) {
    Events events(out);
    std::visit([&](auto& half) { half.take(event.name, event.data, parser, events); }, protocol);
    ended = events.ended();
  }
};

StreamReader::StreamReader(Protocol protocol, const Frame& frame)
    : state_(std::make_unique<State>()) {
  if (protocol == Protocol::kAnthropicMessages) {
    state_->protocol.emplace<AnthropicStream>(frame.stop_sequences);
  } else if (protocol == Protocol::kOpenAiResponses) {
    state_->protocol.emplace<OpenAiStream>(OpenAiStream::For::kResponse);
  }
}
StreamReader::~StreamReader() = default;
StreamReader::StreamReader(StreamReader&&) noexcept = default;
StreamReader& StreamReader::operator=(StreamReader&&) noexcept = default;

void StreamReader::feed(std::string_view bytes, std::vector<StreamEvent>& out) {
  if (state_->ended) return;
  state_->sse.feed(bytes);
  while (!state_->ended) {
    const std::optional<SseParser::Event> event = state_->sse.next();
    if (!event) break;
    state_->take(*event, out);
  }
  if (!state_->ended && state_->sse.too_long()) {
    state_->ended = true;
    Events(out).end(Kind::kUnknown,
                    "an event is longer than " + std::to_string(kEventBytesMax) + " bytes");
  }
}

void StreamReader::end(std::vector<StreamEvent>& out) {
  if (state_->ended) return;
  // The blank line after the terminal event is often lost; half an event is never taken for one.
  while (const std::optional<SseParser::Event> event = state_->sse.last()) {
    if (event->complete || event->data == "[DONE]" || state_->parser.parse(event->data)) {
      state_->take(*event, out);
    }
    if (state_->ended || !event->complete) break;
  }
  if (state_->ended) return;
  state_->ended = true;
  Events(out).end(Kind::kCut, "the upstream closed before its terminal event");
}

bool StreamReader::ended() const { return state_->ended; }

const Usage& StreamReader::usage() const {
  return std::visit([](const auto& half) -> const Usage& { return half.usage; }, state_->protocol);
}

}  // namespace proviso::exchange
