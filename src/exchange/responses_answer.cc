// Response objects: what a chat completion said, as items of `output`.
#include "exchange/responses.h"
#include "exchange/wire.h"

namespace proviso::exchange {
namespace {

constexpr std::string_view kIdPrefix = "resp_";

void write_usage(json::Writer& writer, const Usage* usage) {
  writer.key("usage");
  if (usage == nullptr) {
    writer.null();
    return;
  }
  writer.begin_object().key("input_tokens").uinteger(usage->input_tokens);
  writer.key("input_tokens_details").begin_object();
  writer.key("cached_tokens").uinteger(usage->cache_read_tokens).end_object();
  writer.key("output_tokens").uinteger(usage->output_tokens);
  writer.key("output_tokens_details").begin_object();
  writer.key("reasoning_tokens").uinteger(usage->reasoning_tokens).end_object();
  writer.key("total_tokens").uinteger(usage->input_tokens + usage->output_tokens);
  writer.end_object();
}

void write_error(json::Writer& writer, const ResponseState& state) {
  writer.key("error");
  if (state.error.empty()) {
    writer.null();
    return;
  }
  writer.begin_object().key("code").string(state.error_code).key("message").string(state.error);
  writer.end_object();
}

}  // namespace

std::string item_id(const Frame& frame, std::string_view prefix, size_t index) {
  std::string_view exchange = frame.id;
  if (exchange.starts_with(kIdPrefix)) exchange.remove_prefix(kIdPrefix.size());
  return std::string(prefix).append(exchange).append("_").append(std::to_string(index));
}

std::string part_json(Channel channel, std::string_view text) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("type");
  if (channel == Channel::kRefusal) {
    writer.string("refusal").key("refusal").string(text);
  } else if (channel == Channel::kReasoning) {
    writer.string("reasoning_text").key("text").string(text);
  } else {
    writer.string("output_text").key("text").string(text);
    writer.key("annotations").begin_array().end_array();
    writer.key("logprobs").begin_array().end_array();
  }
  writer.end_object();
  return out;
}

std::string text_item_json(std::string_view id, Channel channel, std::string_view parts,
                           std::string_view status) {
  std::string out;
  json::Writer writer(out);
  const std::string content = "[" + std::string(parts) + "]";
  writer.begin_object().key("id").string(id).key("type");
  if (channel == Channel::kReasoning) {
    writer.string("reasoning").key("summary").begin_array().end_array();
  } else {
    writer.string("message").key("role").string("assistant");
  }
  writer.key("content").raw(content).key("status").string(status).end_object();
  return out;
}

std::string call_item_json(std::string_view id, const ToolCall& call, std::string_view arguments,
                           std::string_view status) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("id").string(id).key("type").string("function_call");
  writer.key("call_id").string(call.id).key("name").string(call.name);
  writer.key("arguments").string(arguments).key("status").string(status).end_object();
  return out;
}

ResponseState state_of(std::string_view finish_reason) {
  if (finish_reason == "length") return {"incomplete", "max_output_tokens", {}};
  if (finish_reason == "content_filter") return {"incomplete", "content_filter", {}};
  return {kCompleted, {}, {}};
}

void write_response(json::Writer& writer, const Frame& frame, const ResponseState& state,
                    std::string_view output, const Usage* usage) {
  writer.begin_object().key("id").string(frame.id).key("object").string("response");
  writer.key("created_at").integer(frame.created).key("model").string(frame.model);
  writer.key("status").string(state.status);
  write_error(writer, state);
  writer.key("incomplete_details");
  if (state.incomplete.empty()) {
    writer.null();
  } else {
    writer.begin_object().key("reason").string(state.incomplete).end_object();
  }
  writer.key("output").raw("[" + std::string(output) + "]");
  write_usage(writer, usage);
  writer.key("store").boolean(false).key("background").boolean(false);
  writer.key("previous_response_id").null().key("truncation");
  // The settings follow as text of ours, each with its comma.
  writer.raw("\"disabled\"" + frame.settings);
  writer.end_object();
}

std::string response_body(const Frame& frame, const Answer& answer) {
  const ResponseState state = state_of(answer.finishes.front().reason);
  std::string output;
  size_t index = 0;
  const auto add = [&](const std::string& item) {
    if (index++ > 0) output += ',';
    output += item;
  };
  std::string thoughts;
  std::string said;  // text, then a refusal
  for (const Piece& piece : answer.pieces) {
    std::string& parts = piece.channel == Channel::kReasoning ? thoughts : said;
    parts.append(parts.empty() ? "" : ",");
    parts += part_json(piece.channel, piece.text.open_for_inspection());
  }
  // What the end cut off is the last text, if nothing came behind it.
  const std::string_view last = answer.tool_calls.empty() ? state.status : kCompleted;
  if (!thoughts.empty()) {
    add(text_item_json(item_id(frame, "rs_", index), Channel::kReasoning, thoughts,
                       said.empty() ? last : kCompleted));
  }
  if (!said.empty()) add(text_item_json(item_id(frame, "msg_", index), Channel::kText, said, last));
  for (const ToolCall& call : answer.tool_calls) {
    add(call_item_json(item_id(frame, "fc_", index), call, call.arguments.open_for_inspection(),
                       kCompleted));
  }
  std::string out;
  json::Writer writer(out);
  write_response(writer, frame, state, output, &answer.usage);
  return out;
}

}  // namespace proviso::exchange
