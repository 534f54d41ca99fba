#include "exchange/stream_reader.h"

namespace proviso::exchange {

using Kind = StreamEvent::Kind;

AnthropicStream::AnthropicStream(std::vector<std::string> stop_sequences) {
  frame_.stop_sequences = std::move(stop_sequences);
}

void AnthropicStream::take(std::string_view name, std::string_view data, json::Parser& parser,
                           Events& events) {
  if (name == "ping" && data.empty()) return;
  const Result<json::Element> element = parser.parse(data);
  if (!element || !element->is_object())
    return events.end(Kind::kUnknown, "an event is not a JSON object");
  const json::Object root = element->get_object().value_unsafe();
  std::string_view type;
  if (get_text(root, "type", type) != Got::kFound)
    return events.end(Kind::kUnknown, "an event without a type");
  if (!name.empty() && name != type) {
    return events.end(Kind::kUnknown, "an event whose name and type disagree");
  }
  if (type == "ping") return;
  if (type == "error") {
    json::Object error;
    std::string_view message;
    if (get_object(root, "error", error) == Got::kFound) get_text(error, "message", message);
    return events.end(Kind::kError, shortened(message));
  }
  if (!started_ && type == "content_block_start") {
    // llama-server leaves out message_start when its first token gives no text. Nothing in it is passed on
    // but a count, and the client's is ours.
    started_ = true;
    events.add(Kind::kStart).usage = usage;
  }
  if ((type == "message_start") == started_) {
    return events.end(Kind::kUnknown, "message_start is not the first event, or not the only one");
  }
  if (type == "message_start") return message_start(root, events);
  if (type == "content_block_start") return block_start(root, events);
  if (type == "content_block_delta") return block_delta(root, events);
  if (type == "content_block_stop") return block_stop(root, parser, events);
  if (type == "message_delta") return message_delta(root, events);
  if (type == "message_stop") return message_stop(events);
  events.end(Kind::kUnknown, "an event of the type " + shortened(type));
}

void AnthropicStream::message_start(json::Object root, Events& events) {
  json::Object message;
  json::Array content;
  if (get_object(root, "message", message) != Got::kFound) {
    return events.end(Kind::kUnknown, "message_start without a message");
  }
  const Got got = get_array(message, "content", content);
  if (got == Got::kWrongType || (got == Got::kFound && content.size() > 0)) {
    return events.end(Kind::kUnknown, "message_start with content");
  }
  started_ = true;
  json::Object counted;
  if (get_object(message, "usage", counted) == Got::kFound) read_anthropic_usage(counted, usage);
  std::string_view id;
  get_text(message, "id", id);
  StreamEvent& start = events.add(Kind::kStart);
  start.text.assign(id.substr(0, kToolNameBytesMax));
  start.usage = usage;
}

void AnthropicStream::enter(Channel channel, Events& events) {
  std::optional<Channel> ended;
  const int32_t before = runs_.group();
  runs_.enter(channel, ended);
  if (ended && *ended != Channel::kFile) events.text_end(*ended, 0, before);
}

void AnthropicStream::leave(Events& events) {
  const std::optional<Channel> ended = runs_.leave();
  if (ended && *ended != Channel::kFile) events.text_end(*ended, 0, runs_.group());
}

void AnthropicStream::say(Channel channel, std::string_view text, Events& events) {
  // A writer keeps these two until their block or the message ends.
  if (channel == Channel::kOther || channel == Channel::kRefusal) {
    kept_bytes_ += text.size();
    if (kept_bytes_ > kSignatureBytesMax) {
      return events.end(Kind::kUnknown, "a signature or refusal is too long");
    }
  }
  if (!text.empty()) events.delta(channel, 0, runs_.group(), text);
}

bool AnthropicStream::at_open_block(json::Object root) const {
  int64_t index = -1;
  return block_ != Block::kNone && get_integer(root, "index", index) == Got::kFound &&
         index == block_index_;
}

void AnthropicStream::block_start(json::Object root, Events& events) {
  int64_t index = -1;
  json::Object block;
  std::string_view type;
  if (block_ != Block::kNone || !reason_.empty() ||
      get_integer(root, "index", index) != Got::kFound || index <= block_index_ ||
      get_object(root, "content_block", block) != Got::kFound ||
      get_text(block, "type", type) != Got::kFound) {
    return events.end(Kind::kUnknown, "a content block that starts where none may");
  }
  block_index_ = index;
  std::string_view text;
  if (type == "text") {
    block_ = Block::kText;
    enter(Channel::kText, events);
    if (get_text(block, "text", text) == Got::kFound) say(Channel::kText, text, events);
  } else if (type == "thinking") {
    block_ = Block::kThinking;
    kept_bytes_ = 0;
    enter(Channel::kReasoning, events);
    if (get_text(block, "thinking", text) == Got::kFound) say(Channel::kReasoning, text, events);
    if (get_text(block, "signature", text) == Got::kFound && !text.empty()) {
      enter(Channel::kOther, events);
      say(Channel::kOther, text, events);
    }
  } else if (type == "redacted_thinking" && get_text(block, "data", text) == Got::kFound) {
    block_ = Block::kRedacted;
    enter(Channel::kFile, events);
    say(Channel::kFile, text, events);
  } else if (type == "tool_use") {
    block_ = Block::kTool;
    leave(events);
    tool_start(block, events);
  } else {
    events.end(Kind::kUnknown, "a content block of the type " + shortened(type));
  }
}

void AnthropicStream::tool_start(json::Object block, Events& events) {
  std::string_view id;
  std::string_view name;
  if (++calls_ > kToolCallsMax) return events.end(Kind::kUnknown, "too many tool calls");
  if (get_text(block, "id", id) != Got::kFound || get_text(block, "name", name) != Got::kFound) {
    return events.end(Kind::kUnknown, "a tool_use block without id or name");
  }
  call_ = ToolCall{.id = std::string(id), .name = std::string(name), .arguments = {}, .choice = 0};
  arguments_.clear();
  input_ = "{}";
  const auto input = block.at_key("input");
  if (input.error() == simdjson::SUCCESS && input.is_object())
    input_ = json::to_text(input.value_unsafe());
}

void AnthropicStream::block_delta(json::Object root, Events& events) {
  json::Object delta;
  std::string_view type;
  if (!at_open_block(root) || get_object(root, "delta", delta) != Got::kFound ||
      get_text(delta, "type", type) != Got::kFound) {
    return events.end(Kind::kUnknown, "a delta that belongs to no open block");
  }
  std::string_view text;
  if (type == "text_delta" && block_ == Block::kText &&
      get_text(delta, "text", text) == Got::kFound) {
    return say(Channel::kText, text, events);
  }
  if (type == "thinking_delta" && block_ == Block::kThinking &&
      get_text(delta, "thinking", text) == Got::kFound) {
    if (!text.empty()) enter(Channel::kReasoning, events);
    return say(Channel::kReasoning, text, events);
  }
  if (type == "signature_delta" && block_ == Block::kThinking &&
      get_text(delta, "signature", text) == Got::kFound) {
    if (!text.empty()) enter(Channel::kOther, events);
    return say(Channel::kOther, text, events);
  }
  if (type == "input_json_delta" && block_ == Block::kTool &&
      get_text(delta, "partial_json", text) == Got::kFound) {
    if (arguments_.size() + text.size() > kToolArgumentsBytesMax) {
      return events.end(Kind::kUnknown, "a tool call's arguments are too long");
    }
    arguments_.append(text);
    return;
  }
  // Whole answers leave citations out as well: they quote documents by place, past inspection.
  if (type == "citations_delta" && block_ == Block::kText) return;
  events.end(Kind::kUnknown, "a delta of the type " + shortened(type));
}

void AnthropicStream::block_stop(json::Object root, json::Parser& parser, Events& events) {
  if (!at_open_block(root)) return events.end(Kind::kUnknown, "a block that stops but is not open");
  const bool tool = block_ == Block::kTool;
  block_ = Block::kNone;
  if (!tool) return;
  if (arguments_.empty()) arguments_ = input_;
  const Result<json::Element> element = parser.parse(arguments_);
  if (!element || !element->is_object()) {
    return events.end(Kind::kUnknown, "a tool call whose input is not a JSON object");
  }
  call_.arguments = UntrustedText(std::exchange(arguments_, {}));
  if (const Status status = check_tool_call(call_); !status) {
    return events.end(Kind::kUnknown, status.error().message);
  }
  events.tool_call(std::exchange(call_, {}));
}

void AnthropicStream::message_delta(json::Object root, Events& events) {
  json::Object delta;
  json::Object counted;
  if (block_ != Block::kNone || get_object(root, "delta", delta) != Got::kFound) {
    return events.end(Kind::kUnknown, "a message_delta where none may stand");
  }
  if (get_object(root, "usage", counted) == Got::kFound) read_anthropic_usage(counted, usage);
  std::string_view reason;
  std::string_view sequence;
  switch (get_text(delta, "stop_reason", reason)) {
    case Got::kAbsent:
      break;
    case Got::kFound:
      if (is_stop_reason(reason)) {
        reason_.assign(stop_reason_with_tools(reason, calls_ > 0));
        break;
      }
      [[fallthrough]];
    case Got::kWrongType:
      return events.end(Kind::kUnknown, "a stop_reason that is not known");
  }
  if (get_text(delta, "stop_sequence", sequence) == Got::kFound) {
    stop_sequence_ = known_stop_sequence(sequence, frame_);
  }
  json::Object details;
  std::string_view explanation;
  if (get_object(delta, "stop_details", details) == Got::kFound &&
      get_text(details, "explanation", explanation) == Got::kFound && !explanation.empty()) {
    enter(Channel::kRefusal, events);
    say(Channel::kRefusal, explanation, events);
  }
}

void AnthropicStream::message_stop(Events& events) {
  if (block_ != Block::kNone || reason_.empty()) {
    return events.end(Kind::kCut, "message_stop came before the message had a stop_reason");
  }
  leave(events);
  events.end(Kind::kDone, {});
  StreamEvent& event = events.last();
  event.usage = usage;
  event.finishes.push_back({.choice = 0, .reason = reason_, .stop_sequence = stop_sequence_});
}

}  // namespace proviso::exchange
