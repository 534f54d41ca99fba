#include "exchange/responses_stream.h"

namespace proviso::exchange {
namespace {

void join(std::string& list, std::string_view more) {
  if (!list.empty()) list += ',';
  list += more;
}

// "response.output_text" and what is done to it.
std::string part_word(Channel channel, std::string_view what) {
  std::string out = channel == Channel::kRefusal     ? "response.refusal."
                    : channel == Channel::kReasoning ? "response.reasoning_text."
                                                     : "response.output_text.";
  return out.append(what);
}

}  // namespace

json::Writer ResponsesStream::open(std::string& out, std::string_view type) {
  out.append("event: ").append(type).append("\ndata: ");
  json::Writer writer(out);
  writer.begin_object().key("type").string(type).key("sequence_number").uinteger(sequence_++);
  return writer;
}

json::Writer ResponsesStream::open_in_item(std::string& out, std::string_view type) {
  json::Writer writer = open(out, type);
  writer.key("item_id").string(id_).key("output_index").uinteger(items_);
  return writer;
}

json::Writer ResponsesStream::open_in_part(std::string& out, std::string_view type) {
  json::Writer writer = open_in_item(out, type);
  writer.key("content_index").uinteger(parts_done_);
  return writer;
}

void ResponsesStream::close(std::string& out, json::Writer& writer) {
  writer.end_object();
  out.append("\n\n");
}

void ResponsesStream::response_event(std::string& out, const Frame& frame, std::string_view type,
                                     const ResponseState& state, const Usage* usage) {
  json::Writer writer = open(out, type);
  writer.key("response");
  write_response(writer, frame, state, output_, usage);
  close(out, writer);
}

void ResponsesStream::item_event(std::string& out, std::string_view type, std::string_view item) {
  json::Writer writer = open(out, type);
  writer.key("output_index").uinteger(items_).key("item").raw(item);
  close(out, writer);
}

void ResponsesStream::part_event(std::string& out, std::string_view type, std::string_view text) {
  json::Writer writer = open_in_part(out, type);
  writer.key("part").raw(part_json(*part_, text));
  close(out, writer);
}

void ResponsesStream::start(std::string& out, const Frame& frame) {
  const ResponseState state{"in_progress", {}, {}};
  response_event(out, frame, "response.created", state, nullptr);
  response_event(out, frame, "response.in_progress", state, nullptr);
}

void ResponsesStream::open_part(std::string& out, const Frame& frame, Channel channel) {
  if (part_ == channel) return;
  const Channel item = channel == Channel::kReasoning ? Channel::kReasoning : Channel::kText;
  if (item_ == item) {
    close_part(out);
  } else {
    close_item(out, kCompleted);
    item_ = item;
    id_ = item_id(frame, item == Channel::kReasoning ? "rs_" : "msg_", items_);
    item_event(out, "response.output_item.added", text_item_json(id_, item, {}, "in_progress"));
  }
  part_ = channel;
  part_event(out, "response.content_part.added", {});
}

void ResponsesStream::close_part(std::string& out) {
  if (!part_) return;
  json::Writer writer = open_in_part(out, part_word(*part_, "done"));
  writer.key(*part_ == Channel::kRefusal ? "refusal" : "text").string(text_);
  if (*part_ == Channel::kText) writer.key("logprobs").begin_array().end_array();
  close(out, writer);
  part_event(out, "response.content_part.done", text_);
  join(parts_, part_json(*part_, text_));
  ++parts_done_;
  part_.reset();
  text_.clear();
}

void ResponsesStream::close_item(std::string& out, std::string_view status) {
  if (!item_) return;
  close_part(out);
  const std::string item = text_item_json(id_, *item_, parts_, status);
  item_event(out, "response.output_item.done", item);
  join(output_, item);
  ++items_;
  item_.reset();
  parts_.clear();
  parts_done_ = 0;
}

void ResponsesStream::text(std::string& out, const Frame& frame, Channel channel,
                           std::string_view text) {
  open_part(out, frame, channel);
  json::Writer writer = open_in_part(out, part_word(channel, "delta"));
  writer.key("delta").string(text);
  if (channel == Channel::kText) writer.key("logprobs").begin_array().end_array();
  close(out, writer);
  text_ += text;
}

void ResponsesStream::tool_call(std::string& out, const Frame& frame, const ToolCall& call) {
  close_item(out, kCompleted);
  id_ = item_id(frame, "fc_", items_);
  const std::string& arguments = call.arguments.open_for_inspection();
  item_event(out, "response.output_item.added", call_item_json(id_, call, {}, "in_progress"));
  json::Writer delta = open_in_item(out, "response.function_call_arguments.delta");
  delta.key("delta").string(arguments);
  close(out, delta);
  json::Writer done = open_in_item(out, "response.function_call_arguments.done");
  done.key("name").string(call.name).key("arguments").string(arguments);
  close(out, done);
  const std::string item = call_item_json(id_, call, arguments, kCompleted);
  item_event(out, "response.output_item.done", item);
  join(output_, item);
  ++items_;
}

void ResponsesStream::end(std::string& out, const Frame& frame, std::string_view type,
                          const ResponseState& state, const Usage* usage) {
  close_item(out, state.status == kCompleted ? kCompleted : "incomplete");
  response_event(out, frame, type, state, usage);
}

void ResponsesStream::finish(std::string& out, const Frame& frame, std::string_view finish_reason,
                             const Usage& usage) {
  const ResponseState state = state_of(finish_reason);
  end(out, frame, "response." + std::string(state.status), state, &usage);
}

void ResponsesStream::refuse(std::string& out, const Frame& frame, std::string_view sentence,
                             const Usage& usage) {
  text(out, frame, Channel::kRefusal, sentence);
  finish(out, frame, "content_filter", usage);
}

void ResponsesStream::error(std::string& out, const Frame& frame, std::string_view message,
                            std::string_view type, std::string_view code) {
  const ResponseState state{
      .status = "failed", .incomplete = {}, .error = message, .error_code = "server_error"};
  end(out, frame, "response.failed", state, nullptr);
  json::Writer writer = open(out, "error");
  writer.key("code").string(code).key("message").string(message).key("param").null();
  // SDKs look for the error body of the API, the protocol's description has its members alone.
  writer.key("error").begin_object().key("message").string(message).key("type").string(type);
  writer.key("param").null().key("code").string(code).end_object();
  close(out, writer);
}

}  // namespace proviso::exchange
