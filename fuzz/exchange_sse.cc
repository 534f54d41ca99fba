// A stream says the same in every split, and what a writer makes of it reads as a stream again: of a
// Responses stream its deltas and its end. The first byte chooses the protocol, the second where the
// stream is cut in two.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/json.h"
#include "exchange/stream.h"

namespace {

using namespace proviso::exchange;
using Kind = StreamEvent::Kind;

struct Summary {
  std::string text[9];  // by channel
  size_t calls = 0;
  Kind last = Kind::kCut;
  bool operator==(const Summary&) const = default;
};

std::vector<StreamEvent> read(Protocol protocol, const Frame& frame, std::string_view bytes,
                              size_t cut) {
  StreamReader reader(protocol, frame);
  std::vector<StreamEvent> events;
  reader.feed(bytes.substr(0, cut), events);
  reader.feed(bytes.substr(cut), events);
  reader.end(events);
  PV_CHECK(reader.ended());
  return events;
}

Summary summary(const std::vector<StreamEvent>& events) {
  Summary out;
  for (const StreamEvent& event : events) {
    if (event.kind == Kind::kDelta) out.text[static_cast<size_t>(event.channel)] += event.text;
    if (event.kind == Kind::kToolCall) ++out.calls;
    out.last = event.kind;
  }
  return out;
}

std::string member(proviso::json::Object object, std::string_view name) {
  const auto value = object.at_key(name);
  const bool text = value.error() == simdjson::SUCCESS && value.is_string();
  return text ? std::string(value.get_string().value_unsafe()) : std::string();
}

// Of the writer's own events.
Summary summary_of_response(std::string_view bytes) {
  Summary out;
  uint64_t sequence = 0;
  while (!bytes.empty()) {
    const size_t end = bytes.find("\n\n");
    const size_t data = bytes.find("\ndata: ");
    PV_CHECK(bytes.starts_with("event: ") && data < end && end != std::string_view::npos);
    const std::string_view name = bytes.substr(7, data - 7);
    proviso::json::Parser parser;
    const auto element = parser.parse(bytes.substr(data + 7, end - data - 7));
    PV_CHECK(element.has_value() && element->is_object());
    const auto event = element->get_object().value_unsafe();
    PV_CHECK(member(event, "type") == name);
    PV_CHECK(event.at_key("sequence_number").get_uint64().value_unsafe() == sequence++);
    const std::string delta = member(event, "delta");
    if (name == "response.output_text.delta") out.text[static_cast<size_t>(Channel::kText)] += delta;
    if (name == "response.reasoning_text.delta") out.text[static_cast<size_t>(Channel::kReasoning)] += delta;
    if (name == "response.function_call_arguments.done") ++out.calls;
    const bool last = name == "response.completed" || name == "response.incomplete";
    PV_CHECK(out.last == Kind::kCut);  // nothing after it
    if (last) out.last = Kind::kDone;
    bytes.remove_prefix(end + 2);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Protocol protocol = (data[0] & 1U) != 0   ? Protocol::kAnthropicMessages
                            : (data[0] & 2U) != 0 ? Protocol::kOpenAiResponses
                                                  : Protocol::kOpenAiChat;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Frame frame{
      .id = "x", .model = "m", .created = 7, .include_usage = true, .stop_sequences = {"END"}};
  const std::vector<StreamEvent> events = read(protocol, frame, bytes, 0);
  const Summary first = summary(events);
  PV_CHECK(first == summary(read(protocol, frame, bytes, data[1] % (bytes.size() + 1))));

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
        writer.refuse(out, "no", "policy", event.usage);
        break;
    }
  }
  const Summary again = protocol == Protocol::kOpenAiResponses
                            ? summary_of_response(out)
                            : summary(read(protocol, frame, out, out.size() / 2));
  PV_CHECK(again.last == Kind::kDone && again.calls == first.calls);
  for (const Channel channel :
       {Channel::kText, Channel::kReasoning, Channel::kOther, Channel::kFile}) {
    PV_CHECK(again.text[static_cast<size_t>(channel)] == first.text[static_cast<size_t>(channel)]);
  }
  return 0;
}
