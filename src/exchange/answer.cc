#include "base/json.h"
#include "exchange/codec.h"
#include "exchange/responses.h"
#include "exchange/wire.h"

namespace proviso::exchange {
namespace {

std::unexpected<Error> not_an_answer(const std::string& what) {
  return fail(Code::kInvalid, "the upstream's answer is not one of this protocol: " + what);
}

// An answer while it is read.
struct Draft : Answer {
  const Replacements* replacements = nullptr;
  int32_t texts = 0;  // said() so far

  std::string_view said(std::string_view text) {
    const int32_t source = texts++;
    if (replacements == nullptr) return text;
    const auto other = replacements->find(source);
    return other == replacements->end() ? text : std::string_view(other->second);
  }
};

void add_piece(Draft& answer, Channel channel, std::string_view text, int32_t group,
               Readable readable = Readable::kYes) {
  Piece& piece = answer.pieces.emplace_back();
  if (readable == Readable::kYes) piece.source = answer.texts - 1;
  piece.channel = channel;
  piece.readable = readable;
  piece.text = UntrustedText(std::string(text));
  piece.group = group;
}

// Reads a textual member, describes it and writes it; absent ones are written as null if `always`.
Status carry_text(json::Object from, std::string_view name, std::string_view as, Channel channel,
                  int32_t group, bool always, Draft& answer, json::Writer& writer) {
  std::string_view text;
  switch (get_text(from, name, text)) {
    case Got::kWrongType:
      return not_an_answer("`" + std::string(name) + "` is not a string");
    case Got::kAbsent:
      if (always) writer.key(as).null();
      return {};
    case Got::kFound:
      break;
  }
  text = answer.said(text);
  if (!text.empty()) add_piece(answer, channel, text, group);
  writer.key(as).string(text);
  return {};
}

Status openai_tool_call(json::Element item, int32_t choice, Draft& answer, json::Writer& writer) {
  if (!item.is_object()) return not_an_answer("a tool call is not an object");
  const json::Object object = item.get_object().value_unsafe();
  std::string_view type = "function";
  if (get_text(object, "type", type) == Got::kWrongType || type != "function") {
    return fail(Code::kUnsupported, "the upstream's answer has a tool call that is not a function");
  }
  json::Object function;
  std::string_view id;
  std::string_view name;
  std::string_view arguments;
  if (get_object(object, "function", function) != Got::kFound ||
      get_text(object, "id", id) != Got::kFound ||
      get_text(function, "name", name) != Got::kFound ||
      get_text(function, "arguments", arguments) == Got::kWrongType) {
    return not_an_answer("a tool call lacks its id, name or arguments");
  }
  ToolCall call{.id = std::string(id),
                .name = std::string(name),
                .arguments = UntrustedText(std::string(arguments)),
                .choice = choice};
  PV_TRY_VOID(check_tool_call(call));
  writer.begin_object().key("id").string(id).key("type").string("function");
  writer.key("function").begin_object();
  writer.key("name").string(name).key("arguments").string(arguments);
  writer.end_object().end_object();
  answer.tool_calls.push_back(std::move(call));
  return {};
}

Status openai_message(json::Object message, int32_t choice, Draft& answer, json::Writer& writer) {
  if (const std::string_view name = undescribed_member(message); !name.empty()) {
    return fail(Code::kUnsupported, "the upstream's answer has a `" + std::string(name) + "`");
  }
  writer.begin_object().key("role").string("assistant");
  PV_TRY_VOID(carry_text(message, "reasoning_content", "reasoning_content", Channel::kReasoning,
                         choice, false, answer, writer));
  PV_TRY_VOID(
      carry_text(message, "content", "content", Channel::kText, choice, true, answer, writer));
  PV_TRY_VOID(
      carry_text(message, "refusal", "refusal", Channel::kRefusal, choice, true, answer, writer));
  json::Array calls;
  const Got got = get_array(message, "tool_calls", calls);
  if (got == Got::kWrongType) return not_an_answer("`tool_calls` is not a list");
  if (got == Got::kFound && calls.size() > 0) {
    if (answer.tool_calls.size() + calls.size() > kToolCallsMax) {
      return fail(Code::kLimit, "the upstream's answer has more than " +
                                    std::to_string(kToolCallsMax) + " tool calls");
    }
    writer.key("tool_calls").begin_array();
    for (const json::Element item : calls)
      PV_TRY_VOID(openai_tool_call(item, choice, answer, writer));
    writer.end_array();
  }
  writer.end_object();
  return {};
}

Status openai_choice(json::Element item, int32_t choice, Draft& answer, json::Writer& writer) {
  if (!item.is_object()) return not_an_answer("a choice is not an object");
  const json::Object object = item.get_object().value_unsafe();
  int64_t index = choice;
  if (get_integer(object, "index", index) == Got::kWrongType || index != choice) {
    return not_an_answer("its choices are not in order");
  }
  json::Object message;
  if (get_object(object, "message", message) != Got::kFound)
    return not_an_answer("a choice has no message");
  std::string_view reason;
  if (get_text(object, "finish_reason", reason) != Got::kFound || !is_finish_reason(reason)) {
    return not_an_answer("a choice has no known finish_reason");
  }
  writer.begin_object().key("index").integer(choice).key("message");
  PV_TRY_VOID(openai_message(message, choice, answer, writer));
  writer.key("logprobs").null().key("finish_reason").string(reason).end_object();
  answer.finishes.push_back({.choice = choice, .reason = std::string(reason), .stop_sequence = {}});
  return {};
}

Status openai_answer(json::Object root, const Frame& frame, Draft& answer, json::Writer& writer) {
  json::Array choices;
  if (get_array(root, "choices", choices) != Got::kFound || choices.size() == 0) {
    return not_an_answer("it has no choices");
  }
  if (choices.size() > kChoicesMax) {
    return fail(Code::kLimit,
                "the upstream's answer has more than " + std::to_string(kChoicesMax) + " choices");
  }
  writer.begin_object().key("id").string(frame.id).key("object").string("chat.completion");
  writer.key("created").integer(frame.created).key("model").string(frame.model);
  writer.key("choices").begin_array();
  int32_t choice = 0;
  for (const json::Element item : choices)
    PV_TRY_VOID(openai_choice(item, choice++, answer, writer));
  writer.end_array();
  json::Object usage;
  if (get_object(root, "usage", usage) == Got::kFound) {
    read_openai_usage(usage, answer.usage);
    writer.key("usage");
    write_openai_usage(writer, answer.usage);
  }
  writer.end_object();
  return {};
}

Status anthropic_tool_use(json::Object block, Draft& answer, json::Writer& writer) {
  std::string_view id;
  std::string_view name;
  const auto input = block.at_key("input");
  if (get_text(block, "id", id) != Got::kFound || get_text(block, "name", name) != Got::kFound ||
      input.error() != simdjson::SUCCESS || !input.is_object()) {
    return not_an_answer("a tool_use block lacks its id, name or input");
  }
  if (answer.tool_calls.size() == kToolCallsMax) {
    return fail(Code::kLimit, "the upstream's answer has more than " +
                                  std::to_string(kToolCallsMax) + " tool calls");
  }
  ToolCall call{.id = std::string(id), .name = std::string(name), .arguments = {}, .choice = 0};
  std::string arguments = json::to_text(input.value_unsafe());
  writer.key("id").string(id).key("name").string(name).key("input").raw(arguments);
  call.arguments = UntrustedText(std::move(arguments));
  PV_TRY_VOID(check_tool_call(call));
  answer.tool_calls.push_back(std::move(call));
  return {};
}

Status anthropic_block(json::Element item, Runs& runs, Draft& answer, json::Writer& writer) {
  std::optional<Channel> ended;
  if (!item.is_object()) return not_an_answer("a content block is not an object");
  const json::Object block = item.get_object().value_unsafe();
  std::string_view type;
  if (get_text(block, "type", type) != Got::kFound)
    return not_an_answer("a content block has no type");
  writer.begin_object().key("type").string(type);
  std::string_view text;
  if (type == "text") {
    if (get_text(block, "text", text) != Got::kFound)
      return not_an_answer("a text block has no text");
    PV_TRY_VOID(carry_text(block, "text", "text", Channel::kText, runs.enter(Channel::kText, ended),
                           false, answer, writer));
  } else if (type == "thinking") {
    PV_TRY_VOID(carry_text(block, "thinking", "thinking", Channel::kReasoning,
                           runs.enter(Channel::kReasoning, ended), false, answer, writer));
    if (get_text(block, "signature", text) == Got::kFound && !text.empty()) {
      PV_TRY_VOID(carry_text(block, "signature", "signature", Channel::kOther,
                             runs.enter(Channel::kOther, ended), false, answer, writer));
    }
  } else if (type == "redacted_thinking") {
    if (get_text(block, "data", text) != Got::kFound)
      return not_an_answer("a redacted block has no data");
    add_piece(answer, Channel::kFile, text, runs.enter(Channel::kFile, ended), Readable::kNo);
    writer.key("data").string(text);
  } else if (type == "tool_use") {
    runs.leave();
    PV_TRY_VOID(anthropic_tool_use(block, answer, writer));
  } else {
    return fail(Code::kUnsupported,
                "the upstream's answer has a content block of a type that is not known here");
  }
  writer.end_object();
  return {};
}

Status anthropic_ending(json::Object root, const Frame& frame, Runs& runs, Draft& answer,
                        json::Writer& writer) {
  std::string_view reason;
  if (get_text(root, "stop_reason", reason) != Got::kFound || !is_stop_reason(reason)) {
    return not_an_answer("it has no known stop_reason");
  }
  std::string_view sequence;
  if (get_text(root, "stop_sequence", sequence) == Got::kWrongType) {
    return not_an_answer("`stop_sequence` is not a string");
  }
  Finish finish{.choice = 0,
                .reason = std::string(stop_reason_with_tools(reason, !answer.tool_calls.empty())),
                .stop_sequence = known_stop_sequence(sequence, frame)};
  writer.key("stop_reason").string(finish.reason).key("stop_sequence");
  if (finish.stop_sequence.empty()) {
    writer.null();
  } else {
    writer.string(finish.stop_sequence);
  }
  json::Object details;
  std::optional<Channel> ended;
  if (get_object(root, "stop_details", details) == Got::kFound) {
    writer.key("stop_details").begin_object().key("type").string("refusal").key("category").null();
    PV_TRY_VOID(carry_text(details, "explanation", "explanation", Channel::kRefusal,
                           runs.enter(Channel::kRefusal, ended), true, answer, writer));
    writer.end_object();
  }
  answer.finishes.push_back(std::move(finish));
  return {};
}

Status anthropic_answer(json::Object root, const Frame& frame, Draft& answer,
                        json::Writer& writer) {
  json::Array content;
  std::string_view type;
  if (get_text(root, "type", type) != Got::kFound || type != "message" ||
      get_array(root, "content", content) != Got::kFound) {
    return not_an_answer("it is not a message with content");
  }
  if (content.size() > kListItemsMax)
    return fail(Code::kLimit, "the upstream's answer has too many blocks");
  writer.begin_object().key("id").string(frame.id).key("type").string("message");
  writer.key("role").string("assistant").key("model").string(frame.model);
  writer.key("content").begin_array();
  Runs runs;
  for (const json::Element item : content) PV_TRY_VOID(anthropic_block(item, runs, answer, writer));
  writer.end_array();
  PV_TRY_VOID(anthropic_ending(root, frame, runs, answer, writer));
  json::Object usage;
  if (get_object(root, "usage", usage) == Got::kFound) read_anthropic_usage(usage, answer.usage);
  writer.key("usage");
  write_anthropic_usage(writer, answer.usage);
  writer.end_object();
  return {};
}

}  // namespace

Result<Answer> read_answer(Protocol protocol, std::string_view body, json::Parser& parser,
                           const Frame& frame, const Replacements* replacements) {
  // The parser's own sentence would quote the upstream; what a model wrote is not ours to say.
  const Result<json::Element> element = parser.parse(body);
  if (!element)
    return fail(element.error().code, "the upstream's answer is not JSON that is read here");
  if (!element->is_object()) return not_an_answer("it is not an object");
  const json::Object root = element->get_object().value_unsafe();
  Draft answer;
  answer.replacements = replacements;
  answer.body.reserve(body.size() + 128);
  json::Writer writer(answer.body);
  PV_TRY_VOID(protocol == Protocol::kAnthropicMessages
                  ? anthropic_answer(root, frame, answer, writer)
                  : openai_answer(root, frame, answer, writer));
  if (protocol == Protocol::kOpenAiResponses) {
    if (answer.finishes.size() > 1) {
      return fail(Code::kUnsupported, "the upstream's answer has several choices, a Response has one");
    }
    answer.body = response_body(frame, answer);
  }
  std::string_view id;
  if (get_text(root, "id", id) == Got::kFound) answer.upstream_id = id.substr(0, kToolNameBytesMax);
  answer.input_tokens = answer.usage.input_tokens;
  answer.output_tokens = answer.usage.output_tokens;
  return Answer(std::move(answer));
}

Result<uint64_t> read_token_count(std::string_view body, json::Parser& parser) {
  const Result<json::Element> element = parser.parse(body);
  if (!element)
    return fail(element.error().code, "the upstream's answer is not JSON that is read here");
  int64_t count = -1;
  if (!element->is_object() ||
      get_integer(element->get_object().value_unsafe(), "input_tokens", count) != Got::kFound ||
      count < 0) {
    return not_an_answer("it has no `input_tokens`");
  }
  return static_cast<uint64_t>(count);
}

std::string token_count_body(uint64_t input_tokens) {
  std::string out;
  json::Writer(out).begin_object().key("input_tokens").uinteger(input_tokens).end_object();
  return out;
}

}  // namespace proviso::exchange
