#include "exchange/stream_reader.h"

namespace proviso::exchange {

using Kind = StreamEvent::Kind;

namespace {

constexpr Channel kSpoken[] = {Channel::kReasoning, Channel::kText, Channel::kRefusal};
constexpr std::string_view kSpokenNames[] = {"reasoning_content", "content", "refusal"};

std::string error_text(json::Object root) {
  json::Object error;
  std::string_view text;
  if (get_object(root, "error", error) == Got::kFound) {
    get_text(error, "message", text);
  } else {
    get_text(root, "error", text);
  }
  return shortened(text);
}

bool has(json::Object object, std::string_view name) {
  const auto value = object.at_key(name);
  return value.error() == simdjson::SUCCESS && !value.is_null();
}

}  // namespace

void OpenAiStream::take(std::string_view name, std::string_view data, json::Parser& parser,
                        Events& events) {
  if (data == "[DONE]") return done(events);
  if (name == "ping") return;
  const Result<json::Element> element = parser.parse(data);
  if (!element || !element->is_object())
    return events.end(Kind::kUnknown, "an event is not a JSON object");
  const json::Object root = element->get_object().value_unsafe();
  if (has(root, "error")) return events.end(Kind::kError, error_text(root));
  if (name == "error") {
    std::string_view message;
    get_text(root, "message", message);
    return events.end(Kind::kError, shortened(message));
  }
  if (!name.empty() && name != "message") {
    return events.end(Kind::kUnknown, "an event of the name " + shortened(name));
  }
  chunk(root, events);
}

void OpenAiStream::chunk(json::Object root, Events& events) {
  json::Object counted;
  const Got got_usage = get_object(root, "usage", counted);
  if (got_usage == Got::kFound) read_openai_usage(counted, usage);
  json::Array items;
  const Got got_choices = get_array(root, "choices", items);
  if (got_usage == Got::kWrongType || got_choices == Got::kWrongType ||
      (got_choices == Got::kAbsent && got_usage == Got::kAbsent)) {
    return events.end(Kind::kUnknown, "a chunk without choices");
  }
  if (!started_) {
    started_ = true;
    std::string_view id;
    get_text(root, "id", id);
    StreamEvent& start = events.add(Kind::kStart);
    start.text.assign(id.substr(0, kToolNameBytesMax));
    start.usage = usage;
  }
  if (got_choices == Got::kAbsent) return;
  for (const json::Element item : items) {
    if (!item.is_object()) return events.end(Kind::kUnknown, "a choice that is not an object");
    choice(item.get_object().value_unsafe(), events);
    if (events.ended()) return;
  }
}

void OpenAiStream::choice(json::Object object, Events& events) {
  int64_t index = 0;
  const Got got = get_integer(object, "index", index);
  const int64_t choices = for_response_ ? 1 : static_cast<int64_t>(kChoicesMax);
  if (got == Got::kWrongType || index < 0 || index >= choices) {
    return events.end(Kind::kUnknown, "a choice with an index that is not possible");
  }
  if (choices_.size() <= static_cast<size_t>(index))
    choices_.resize(static_cast<size_t>(index) + 1);
  choices_[static_cast<size_t>(index)].open = true;
  json::Object changed;
  switch (get_object(object, "delta", changed)) {
    case Got::kWrongType:
      return events.end(Kind::kUnknown, "a delta that is not an object");
    case Got::kFound:
      delta(changed, static_cast<int32_t>(index), events);
      break;
    case Got::kAbsent:
      break;
  }
  if (events.ended()) return;
  std::string_view reason;
  switch (get_text(object, "finish_reason", reason)) {
    case Got::kAbsent:
      return;
    case Got::kFound:
      if (is_finish_reason(reason)) return finish(static_cast<int32_t>(index), reason, events);
      [[fallthrough]];
    case Got::kWrongType:
      return events.end(Kind::kUnknown, "a finish_reason that is not known");
  }
}

void OpenAiStream::delta(json::Object object, int32_t index, Events& events) {
  if (!undescribed_member(object).empty()) {
    return events.end(Kind::kUnknown, "a delta with a " + std::string(undescribed_member(object)));
  }
  for (size_t i = 0; i < std::size(kSpoken) && !events.ended(); ++i) {
    speak(object, kSpokenNames[i], kSpoken[i], index, events);
  }
  if (events.ended()) return;
  json::Array calls;
  switch (get_array(object, "tool_calls", calls)) {
    case Got::kAbsent:
      return;
    case Got::kWrongType:
      return events.end(Kind::kUnknown, "tool_calls that are not a list");
    case Got::kFound:
      break;
  }
  for (const json::Element item : calls) {
    tool_delta(item, index, events);
    if (events.ended()) return;
  }
}

void OpenAiStream::speak(json::Object object, std::string_view name, Channel channel, int32_t index,
                         Events& events) {
  std::string_view text;
  const Got got = get_text(object, name, text);
  if (got == Got::kWrongType)
    return events.end(Kind::kUnknown, "a delta whose text is not a string");
  if (got == Got::kAbsent || text.empty()) return;
  Choice& choice = choices_[static_cast<size_t>(index)];
  if (choice.finished) return events.end(Kind::kUnknown, "a delta after its choice had finished");
  text_bytes_ += text.size();
  if (for_response_ && text_bytes_ > kResponseBytesMax)
    return events.end(Kind::kUnknown, "an answer is too long for a streamed Response");
  for (size_t i = 0; i < std::size(kSpoken); ++i) choice.spoke[i] |= kSpoken[i] == channel;
  events.delta(channel, index, index, text);
}

void OpenAiStream::tool_delta(json::Element item, int32_t index, Events& events) {
  constexpr const char* kNoTool = "a tool call that is not described as one";
  int64_t place = -1;
  if (!item.is_object()) return events.end(Kind::kUnknown, kNoTool);
  const json::Object object = item.get_object().value_unsafe();
  std::string_view type = "function";
  if (get_integer(object, "index", place) != Got::kFound || place < 0 ||
      get_text(object, "type", type) == Got::kWrongType || type != "function") {
    return events.end(Kind::kUnknown, kNoTool);
  }
  Choice& choice = choices_[static_cast<size_t>(index)];
  if (choice.finished)
    return events.end(Kind::kUnknown, "a tool call after its choice had finished");
  const auto [found, fresh] = choice.calls.try_emplace(place);
  if (fresh && ++calls_ > kToolCallsMax) return events.end(Kind::kUnknown, "too many tool calls");
  ToolCall& call = found->second;
  call.choice = index;
  std::string_view id;
  std::string_view name;
  std::string_view arguments;
  json::Object function;
  const Got got = get_object(object, "function", function);
  if (got == Got::kWrongType || get_text(object, "id", id) == Got::kWrongType) {
    return events.end(Kind::kUnknown, kNoTool);
  }
  if (got == Got::kFound && (get_text(function, "name", name) == Got::kWrongType ||
                             get_text(function, "arguments", arguments) == Got::kWrongType)) {
    return events.end(Kind::kUnknown, kNoTool);
  }
  // Some upstreams repeat id and name; a second, different one would be another call.
  const auto settle = [](std::string& kept, std::string_view given) {
    if (kept.empty()) kept.assign(given);
    return given.empty() || kept == given;
  };
  if (!settle(call.id, id) || !settle(call.name, name)) {
    return events.end(Kind::kUnknown, "a tool call that changes its id or name");
  }
  held_bytes_ += arguments.size();
  if (call.arguments.size() + arguments.size() > kToolArgumentsBytesMax ||
      held_bytes_ > kToolCallsBytesMax) {
    return events.end(Kind::kUnknown, "a tool call's arguments are too long");
  }
  call.arguments.append(arguments);
}

void OpenAiStream::finish(int32_t index, std::string_view reason, Events& events) {
  Choice& choice = choices_[static_cast<size_t>(index)];
  if (choice.finished) return events.end(Kind::kUnknown, "a choice that finishes twice");
  choice.finished = true;
  choice.reason.assign(reason);
  for (size_t i = 0; i < std::size(kSpoken); ++i) {
    if (choice.spoke[i]) events.text_end(kSpoken[i], index, index);
  }
  for (auto& [place, call] : choice.calls) {
    if (const Status status = check_tool_call(call); !status) {
      return events.end(Kind::kUnknown, status.error().message);
    }
    events.tool_call(std::move(call));
  }
  choice.calls.clear();
}

void OpenAiStream::done(Events& events) {
  std::vector<Finish> finishes;
  bool open = false;
  for (size_t i = 0; i < choices_.size(); ++i) {
    if (!choices_[i].open) continue;
    open = open || !choices_[i].finished;
    finishes.push_back(
        {.choice = static_cast<int32_t>(i), .reason = choices_[i].reason, .stop_sequence = {}});
  }
  if (open || finishes.empty() || finishes.front().choice != 0) {
    return events.end(Kind::kCut, "the terminal event came before every choice had finished");
  }
  events.end(Kind::kDone, {});
  StreamEvent& event = events.last();
  event.usage = usage;
  event.finishes = std::move(finishes);
}

}  // namespace proviso::exchange
