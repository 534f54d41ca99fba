#include <algorithm>

#include "base/check.h"
#include "base/json.h"
#include "exchange/reply.h"
#include "exchange/responses_stream.h"
#include "exchange/stream.h"
#include "exchange/wire.h"

namespace proviso::exchange {
namespace {

constexpr std::string_view kEndOfEvent = "\n\n";

void append_quoted(std::string& out, std::string_view text) { json::Writer(out).string(text); }

// Anthropic's clients drop frames without `event:`, so every frame has it.
json::Writer open_event(std::string& out, std::string_view type) {
  out.append("event: ").append(type).append("\ndata: ");
  json::Writer writer(out);
  writer.begin_object().key("type").string(type);
  return writer;
}

void close_event(std::string& out, json::Writer& writer) {
  writer.end_object();
  out.append(kEndOfEvent);
}

void block_delta(std::string& out, int32_t index, std::string_view type, std::string_view member,
                 std::string_view text) {
  json::Writer writer = open_event(out, "content_block_delta");
  writer.key("index").integer(index).key("delta").begin_object();
  writer.key("type").string(type).key(member).string(text).end_object();
  close_event(out, writer);
}

void block_stop(std::string& out, int32_t index) {
  json::Writer writer = open_event(out, "content_block_stop");
  writer.key("index").integer(index);
  close_event(out, writer);
}

std::string_view delta_member(Channel channel) {
  switch (channel) {
    case Channel::kText:
      return "content";
    case Channel::kReasoning:
      return "reasoning_content";
    case Channel::kRefusal:
      return "refusal";
    default:
      return {};
  }
}

}  // namespace

StreamWriter::StreamWriter(Protocol protocol, Frame frame)
    : protocol_(protocol), frame_(std::move(frame)) {
  if (protocol_ == Protocol::kOpenAiResponses) responses_ = std::make_unique<ResponsesStream>();
  if (protocol_ != Protocol::kOpenAiChat) return;
  prefix_ = "data: ";
  json::Writer writer(prefix_);
  writer.begin_object().key("id").string(frame_.id).key("object").string("chat.completion.chunk");
  writer.key("created").integer(frame_.created).key("model").string(frame_.model);
  prefix_ += R"(,"choices":[)";
}

StreamWriter::~StreamWriter() = default;
StreamWriter::StreamWriter(StreamWriter&&) noexcept = default;
StreamWriter& StreamWriter::operator=(StreamWriter&&) noexcept = default;

void StreamWriter::begin(std::string& out) {
  if (!started_) start(out);
}

void StreamWriter::start(std::string& out, uint64_t input_tokens) {
  PV_CHECK(!started_ && !ended_);
  started_ = true;
  if (responses_) return responses_->start(out, frame_);
  if (protocol_ == Protocol::kOpenAiChat) return openai_role(out, 0);
  json::Writer writer = open_event(out, "message_start");
  writer.key("message").begin_object().key("id").string(frame_.id).key("type").string("message");
  writer.key("role").string("assistant").key("model").string(frame_.model);
  writer.key("content").begin_array().end_array();
  writer.key("stop_reason").null().key("stop_sequence").null().key("usage");
  write_anthropic_usage(writer, Usage{.input_tokens = input_tokens});
  writer.end_object();
  close_event(out, writer);
}

void StreamWriter::text(std::string& out, Channel channel, int32_t choice, std::string_view text) {
  PV_CHECK(!ended_);
  if (text.empty()) return;
  begin(out);
  if (protocol_ == Protocol::kAnthropicMessages) return anthropic_text(out, channel, text);
  const std::string_view member = delta_member(channel);
  PV_CHECK(!member.empty());  // no OpenAI upstream speaks on another channel
  if (responses_) return responses_->text(out, frame_, channel, text);
  openai_role(out, choice);
  open_chunk(out, choice);
  out.append("\"").append(member).append("\":");
  append_quoted(out, text);
  close_chunk(out, {});
}

void StreamWriter::text_end(std::string& out, Channel channel) {
  if (protocol_ == Protocol::kAnthropicMessages && channel == Channel::kOther) close_block(out);
}

void StreamWriter::tool_call(std::string& out, const ToolCall& call) {
  PV_CHECK(!ended_);
  begin(out);
  if (protocol_ == Protocol::kAnthropicMessages) return anthropic_tool(out, call);
  if (responses_) return responses_->tool_call(out, frame_, call);
  openai_role(out, call.choice);
  const int32_t index = tools_sent_[static_cast<size_t>(call.choice)]++;
  open_chunk(out, call.choice);
  out += R"("tool_calls":[)";
  json::Writer writer(out);
  writer.begin_object().key("index").integer(index).key("id").string(call.id);
  writer.key("type").string("function").key("function").begin_object();
  writer.key("name").string(call.name).key("arguments");
  writer.string(call.arguments.open_for_inspection()).end_object().end_object();
  out += ']';
  close_chunk(out, {});
}

void StreamWriter::finish(std::string& out, const std::vector<Finish>& finishes,
                          const Usage& usage) {
  PV_CHECK(!ended_);
  begin(out);
  ended_ = true;
  if (protocol_ == Protocol::kAnthropicMessages) {
    const Finish fallback{.choice = 0, .reason = "end_turn", .stop_sequence = {}};
    return anthropic_end(out, finishes.empty() ? fallback : finishes.front(), {}, usage);
  }
  if (responses_) {
    return responses_->finish(out, frame_, finishes.empty() ? "stop" : finishes.front().reason, usage);
  }
  for (const Finish& one : finishes) {
    openai_role(out, one.choice);
    open_chunk(out, one.choice);
    close_chunk(out, one.reason);
  }
  openai_end(out, usage);
}

void StreamWriter::refuse(std::string& out, std::string_view sentence, std::string_view category,
                          const Usage& usage) {
  PV_CHECK(!ended_);
  begin(out);
  ended_ = true;
  if (protocol_ == Protocol::kAnthropicMessages) {
    refusal_.assign(sentence);
    return anthropic_end(out, Finish{.choice = 0, .reason = "refusal", .stop_sequence = {}},
                         category, usage);
  }
  if (responses_) return responses_->refuse(out, frame_, sentence, usage);
  // A choice that had not begun yet is over too: who waits for it must hear so.
  for (uint32_t i = 0; i < frame_.choices; ++i) openai_role(out, static_cast<int32_t>(i));
  for (size_t i = 0; i < role_sent_.size(); ++i) {
    if (!role_sent_[i]) continue;
    const auto choice = static_cast<int32_t>(i);
    open_chunk(out, choice);
    out += R"("refusal":)";
    append_quoted(out, sentence);
    close_chunk(out, {});
    open_chunk(out, choice);
    close_chunk(out, "content_filter");
  }
  openai_end(out, usage);
}

void StreamWriter::error(std::string& out, std::string_view type, std::string_view message,
                         std::string_view code, std::string_view request_id) {
  PV_CHECK(!ended_);
  if (responses_) begin(out);
  ended_ = true;
  if (responses_) return responses_->error(out, frame_, message, type, code);
  if (protocol_ == Protocol::kAnthropicMessages) {
    json::Writer writer = open_event(out, "error");
    writer.key("error").begin_object().key("type").string(type).key("message").string(message);
    writer.end_object().key("request_id").string(request_id);
    return close_event(out, writer);
  }
  out += "data: ";
  json::Writer writer(out);
  writer.begin_object().key("error").begin_object().key("message").string(message);
  writer.key("type").string(type).key("param").null().key("code").string(code);
  writer.end_object().end_object();
  out.append(kEndOfEvent);
}

void StreamWriter::comment(std::string& out) { out += ": waiting\n\n"; }

void StreamWriter::openai_role(std::string& out, int32_t choice) {
  PV_CHECK(choice >= 0 && choice < static_cast<int32_t>(kChoicesMax));
  const auto index = static_cast<size_t>(choice);
  if (role_sent_.size() <= index) {
    role_sent_.resize(index + 1, false);
    tools_sent_.resize(index + 1, 0);
  }
  if (role_sent_[index]) return;
  role_sent_[index] = true;
  open_chunk(out, choice);
  out += R"("role":"assistant","content":"")";
  close_chunk(out, {});
}

void StreamWriter::open_chunk(std::string& out, int32_t choice) {
  out.append(prefix_).append(R"({"index":)").append(std::to_string(choice)).append(R"(,"delta":{)");
}

void StreamWriter::close_chunk(std::string& out, std::string_view finish_reason) {
  if (finish_reason.empty()) {
    out += R"(},"finish_reason":null}]})";
  } else {
    out += R"(},"finish_reason":)";
    append_quoted(out, finish_reason);
    out += "}]}";
  }
  out.append(kEndOfEvent);
}

void StreamWriter::openai_end(std::string& out, const Usage& usage) {
  if (frame_.include_usage) {
    out.append(prefix_).append(R"(],"usage":)");
    json::Writer writer(out);
    write_openai_usage(writer, usage);
    out.append("}").append(kEndOfEvent);
  }
  out.append("data: [DONE]").append(kEndOfEvent);
}

void StreamWriter::open_block(std::string& out, Block block) {
  if (block_ == block) return;
  close_block(out);
  block_ = block;
  json::Writer writer = open_event(out, "content_block_start");
  writer.key("index").integer(next_block_).key("content_block").begin_object().key("type");
  if (block == Block::kText) {
    writer.string("text").key("text").string("");
  } else {
    writer.string("thinking").key("thinking").string("").key("signature").string("");
  }
  writer.end_object();
  close_event(out, writer);
}

void StreamWriter::close_block(std::string& out) {
  if (block_ == Block::kNone) return;
  // SDKs assign a signature, they do not add to it: it must come in one delta.
  if (!signature_.empty())
    block_delta(out, next_block_, "signature_delta", "signature", signature_);
  signature_.clear();
  block_stop(out, next_block_++);
  block_ = Block::kNone;
}

void StreamWriter::anthropic_text(std::string& out, Channel channel, std::string_view text) {
  switch (channel) {
    case Channel::kText:
      open_block(out, Block::kText);
      return block_delta(out, next_block_, "text_delta", "text", text);
    case Channel::kReasoning:
      if (!signature_.empty()) close_block(out);
      open_block(out, Block::kThinking);
      return block_delta(out, next_block_, "thinking_delta", "thinking", text);
    case Channel::kOther:
      if (signature_.size() + text.size() > kSignatureBytesMax) close_block(out);
      open_block(out, Block::kThinking);
      signature_.append(text);
      return;
    case Channel::kRefusal:
      refusal_.append(text);
      return;
    case Channel::kFile: {
      close_block(out);
      json::Writer writer = open_event(out, "content_block_start");
      writer.key("index").integer(next_block_).key("content_block").begin_object();
      writer.key("type").string("redacted_thinking").key("data").string(text).end_object();
      close_event(out, writer);
      return block_stop(out, next_block_++);
    }
    default:
      PV_CHECK(false);  // the reader speaks on no other channel
  }
}

void StreamWriter::anthropic_tool(std::string& out, const ToolCall& call) {
  close_block(out);
  json::Writer writer = open_event(out, "content_block_start");
  writer.key("index").integer(next_block_).key("content_block").begin_object();
  writer.key("type").string("tool_use").key("id").string(call.id).key("name").string(call.name);
  writer.key("input").begin_object().end_object().end_object();
  close_event(out, writer);
  block_delta(out, next_block_, "input_json_delta", "partial_json",
              call.arguments.open_for_inspection());
  block_stop(out, next_block_++);
}

void StreamWriter::anthropic_end(std::string& out, const Finish& finish, std::string_view category,
                                 const Usage& usage) {
  close_block(out);
  json::Writer writer = open_event(out, "message_delta");
  writer.key("delta").begin_object().key("stop_reason").string(finish.reason).key("stop_sequence");
  if (finish.stop_sequence.empty()) {
    writer.null();
  } else {
    writer.string(finish.stop_sequence);
  }
  if (!refusal_.empty()) {
    writer.key("stop_details").begin_object().key("type").string("refusal").key("category");
    if (category.empty()) {
      writer.null();
    } else {
      writer.string(category);
    }
    writer.key("explanation").string(refusal_).end_object();
  }
  writer.end_object().key("usage");
  write_anthropic_usage(writer, usage);
  close_event(out, writer);
  json::Writer stop = open_event(out, "message_stop");
  close_event(out, stop);
}

}  // namespace proviso::exchange
