#include "exchange/reply.h"

#include <array>
#include <ctime>

#include "base/json.h"
#include "exchange/responses.h"
#include "exchange/stream.h"
#include "exchange/wire.h"

namespace proviso::exchange {
namespace {

struct ErrorRow {
  int status;
  const char* openai;
  const char* anthropic;
  bool retryable;
};

constexpr std::array<ErrorRow, 10> kErrors = {{
    {400, "invalid_request_error", "invalid_request_error", false},
    {401, "authentication_error", "authentication_error", false},
    {403, "permission_error", "permission_error", false},
    {404, "not_found_error", "not_found_error", false},
    {413, "invalid_request_error", "request_too_large", false},
    {429, "rate_limit_error", "rate_limit_error", true},
    {500, "server_error", "api_error", false},
    {502, "server_error", "api_error", true},
    {503, "server_error", "overloaded_error", true},
    {504, "server_error", "timeout_error", true},
}};

const ErrorRow& row(ErrorKind kind) { return kErrors[static_cast<size_t>(kind)]; }

std::string denial_text(std::string_view sentence) {
  return std::string(kDenialPrefix).append(sentence);
}

std::string denial_response(const Frame& frame, const std::string& text) {
  Answer answer;
  Piece& piece = answer.pieces.emplace_back();
  piece.text = UntrustedText(text);
  answer.finishes.push_back({.choice = 0, .reason = "content_filter", .stop_sequence = {}});
  return response_body(frame, answer);
}

// "2027-03-01T00:00:00Z"; the first ten characters are the date.
std::string utc(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return "1970-01-01T00:00:00Z";
  std::array<char, 40> text{};
  const size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

void write_model(json::Writer& writer, const ModelEntry& entry) {
  writer.begin_object().key("id").string(entry.id).key("object").string("model");
  writer.key("created").integer(entry.created).key("owned_by").string(entry.owned_by);
  writer.key("type").string("model").key("display_name").string(entry.id);
  writer.key("created_at").string(utc(entry.created));
  if (entry.retires) {
    const std::string when = utc(*entry.retires);
    writer.key("shutdown_date").string(std::string_view(when).substr(0, 10));
    writer.key("retires_at").string(when);
  }
  writer.end_object();
}

}  // namespace

int error_status(ErrorKind kind) { return row(kind).status; }

const char* error_type(Protocol protocol, ErrorKind kind) {
  return upstream_protocol(protocol) == Protocol::kOpenAiChat ? row(kind).openai : row(kind).anthropic;
}

bool error_retryable(ErrorKind kind) { return row(kind).retryable; }

std::string error_body(Protocol protocol, ErrorKind kind, std::string_view message,
                       std::string_view code, std::string_view request_id, std::string_view param) {
  std::string out;
  json::Writer writer(out);
  const auto word = [&writer](std::string_view name, std::string_view value) {
    writer.key(name);
    if (value.empty()) {
      writer.null();
    } else {
      writer.string(value);
    }
  };
  writer.begin_object();
  if (upstream_protocol(protocol) == Protocol::kOpenAiChat) {
    writer.key("error").begin_object().key("message").string(message);
    writer.key("type").string(error_type(protocol, kind));
    word("param", param);
    word("code", code);
    writer.end_object();
  } else {
    writer.key("type").string("error").key("error").begin_object();
    writer.key("type")
        .string(error_type(protocol, kind))
        .key("message")
        .string(message)
        .end_object();
    writer.key("request_id").string(request_id);
  }
  writer.end_object();
  return out;
}

std::string denial_message(Protocol protocol, const Frame& frame, std::string_view sentence) {
  const std::string text = denial_text(sentence);
  if (protocol == Protocol::kOpenAiResponses) return denial_response(frame, text);
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("id").string(frame.id);
  if (protocol == Protocol::kOpenAiChat) {
    writer.key("object").string("chat.completion").key("created").integer(frame.created);
    writer.key("model").string(frame.model).key("choices").begin_array();
    for (uint32_t choice = 0; choice < frame.choices; ++choice) {
      writer.begin_object().key("index").uinteger(choice).key("message").begin_object();
      writer.key("role").string("assistant").key("content").string(text).key("refusal").null();
      writer.end_object().key("logprobs").null().key("finish_reason").string("content_filter");
      writer.end_object();
    }
    writer.end_array().key("usage");
    write_openai_usage(writer, Usage{});
  } else {
    writer.key("type").string("message").key("role").string("assistant");
    writer.key("model").string(frame.model).key("content").begin_array().begin_object();
    writer.key("type").string("text").key("text").string(text).end_object().end_array();
    writer.key("stop_reason").string("refusal").key("stop_sequence").null();
    writer.key("stop_details").begin_object().key("type").string("refusal");
    writer.key("category").string("policy").key("explanation").string(sentence).end_object();
    writer.key("usage");
    write_anthropic_usage(writer, Usage{});
  }
  writer.end_object();
  return out;
}

std::string denial_stream(Protocol protocol, const Frame& frame, std::string_view sentence) {
  std::string out;
  StreamWriter writer(protocol, frame);
  std::vector<Finish> finishes;
  for (uint32_t i = 0; i < frame.choices; ++i) {
    const auto choice = static_cast<int32_t>(i);
    writer.text(out, Channel::kText, choice, denial_text(sentence));
    finishes.push_back({.choice = choice, .reason = "content_filter", .stop_sequence = {}});
  }
  if (upstream_protocol(protocol) == Protocol::kOpenAiChat) {
    writer.finish(out, finishes, Usage{});
  } else {
    writer.refuse(out, sentence, "policy", Usage{});
  }
  return out;
}

std::string models_list(std::span<const ModelEntry> entries) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object().key("object").string("list").key("data").begin_array();
  for (const ModelEntry& entry : entries) write_model(writer, entry);
  writer.end_array().key("has_more").boolean(false).key("first_id");
  if (entries.empty()) {
    writer.null().key("last_id").null();
  } else {
    writer.string(entries.front().id).key("last_id").string(entries.back().id);
  }
  writer.end_object();
  return out;
}

std::string model_body(const ModelEntry& entry) {
  std::string out;
  json::Writer writer(out);
  write_model(writer, entry);
  return out;
}

}  // namespace proviso::exchange
