#include <algorithm>

#include "base/check.h"
#include "base/json.h"
#include "exchange/codec.h"
#include "exchange/fields.h"
#include "exchange/responses.h"

namespace proviso::exchange {
namespace {

constexpr std::string_view kModelKey = R"({"model":)";  // every upstream body begins so

std::span<const Field> fields_of(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::kChat:
      return openai_fields();
    case Endpoint::kResponses:
      return responses_fields();
    case Endpoint::kMessages:
      return anthropic_fields();
    case Endpoint::kCountTokens:
      return count_tokens_fields();
  }
  return {};
}

bool true_member(json::Object object, std::string_view name) {
  const auto value = object.at_key(name);
  return value.error() == simdjson::SUCCESS && value.is_bool() && value.get_bool().value_unsafe();
}

Result<std::string> model_of(json::Object root) {
  const auto value = root.at_key("model");
  if (value.error() != simdjson::SUCCESS) return fail(Code::kInvalid, "`model` is required");
  if (!value.is_string()) return fail(Code::kInvalid, "`model` must be a string");
  const std::string_view model = value.get_string().value_unsafe();
  if (model.empty()) return fail(Code::kInvalid, "`model` must name a model");
  if (model.size() > kModelNameBytesMax) {
    return fail(Code::kLimit,
                "`model` is longer than " + std::to_string(kModelNameBytesMax) + " bytes");
  }
  return std::string(model);
}

std::vector<std::string> stops_of(json::Object root, std::string_view name) {
  std::vector<std::string> stops;
  const auto value = root.at_key(name);
  if (value.error() != simdjson::SUCCESS) return stops;
  if (value.is_string()) stops.emplace_back(value.get_string().value_unsafe());
  if (value.is_array()) {
    for (const json::Element item : value.get_array().value_unsafe()) {
      if (item.is_string()) stops.emplace_back(item.get_string().value_unsafe());
    }
  }
  return stops;
}

// What the codec has a say in, read from a body that the walk has already found well-typed.
void read_settings(json::Object root, Request& request) {
  const bool openai = request.protocol == Protocol::kOpenAiChat;
  request.stream = true_member(root, "stream");
  request.stop_sequences = stops_of(root, openai ? "stop" : "stop_sequences");
  const auto tools = root.at_key("tools");
  if (tools.error() == simdjson::SUCCESS && tools.is_array()) {
    request.tools_offered = static_cast<uint32_t>(tools.get_array().value_unsafe().size());
  }
  const auto choices = root.at_key("n");
  if (openai && choices.error() == simdjson::SUCCESS && choices.is_int64()) {
    request.choices = static_cast<uint32_t>(choices.get_int64().value_unsafe());
  }
  const auto options = root.at_key("stream_options");
  if (openai && options.error() == simdjson::SUCCESS && options.is_object()) {
    request.include_usage = true_member(options.get_object().value_unsafe(), "include_usage");
  }
}

bool goes_with(Protocol protocol, Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::kChat:
      return protocol == Protocol::kOpenAiChat;
    case Endpoint::kResponses:
      return protocol == Protocol::kOpenAiResponses;
    case Endpoint::kMessages:
    case Endpoint::kCountTokens:
      return protocol == Protocol::kAnthropicMessages;
  }
  return false;
}

// The client's own metadata, which its answer repeats; nothing where a part of it was redacted.
std::string metadata_of(json::Object root, const Request& request) {
  const auto metadata = root.at_key("metadata");
  if (metadata.error() != simdjson::SUCCESS || !metadata.is_object()) return {};
  std::string text = json::to_text(metadata.value_unsafe());
  const bool described = std::ranges::any_of(
      request.pieces, [&](const Piece& piece) { return piece.text.open_for_inspection() == text; });
  return described ? text : std::string();
}

// Walks the request into a text of its own shape, and writes from that what a chat completion says.
Status cross_to_chat(json::Object root, const ReadOptions& options, Request& request,
                     json::Writer& writer) {
  std::string own;
  json::Writer own_writer(own);
  own_writer.begin_object();
  const ReadOptions table_only{
      .anthropic_version = options.anthropic_version, .passthrough = {}, .replacements = options.replacements};
  Walk walk(own_writer, request, table_only);
  PV_TRY_VOID(walk.members(root, responses_fields(), nullptr));
  own_writer.end_object();
  json::Parser parser;
  PV_TRY(const json::Element element, parser.parse(own));
  const json::Object carried = element.get_object().value_unsafe();
  write_chat_members(writer, carried);
  request.settings = repeated_settings(carried, metadata_of(root, request));
  return {};
}

}  // namespace

Endpoint upstream_endpoint(Endpoint endpoint) {
  return endpoint == Endpoint::kResponses ? Endpoint::kChat : endpoint;
}

Result<Request> read_request(Protocol protocol, Endpoint endpoint, std::string_view body,
                             json::Parser& parser, const ReadOptions& options) {
  PV_CHECK(goes_with(protocol, endpoint));
  PV_TRY(const json::Element element, parser.parse(body));
  if (!element.is_object()) return fail(Code::kInvalid, "the body must be a JSON object");
  const json::Object root = element.get_object().value_unsafe();

  Request request;
  request.protocol = protocol;
  request.count_only = endpoint == Endpoint::kCountTokens;
  request.anthropic_version = options.anthropic_version;
  PV_TRY(request.model, model_of(root));

  std::string& out = request.upstream_body;
  out.reserve(body.size() + 64);
  json::Writer writer(out);
  writer.begin_object().key("model").string(request.model);
  if (endpoint == Endpoint::kResponses) {
    PV_TRY_VOID(cross_to_chat(root, options, request, writer));
  } else {
    Walk walk(writer, request, options);
    PV_TRY_VOID(walk.members(root, fields_of(endpoint), nullptr));
  }
  read_settings(root, request);
  if (request.stream) {
    writer.key("stream").boolean(true);
    if (upstream_protocol(protocol) == Protocol::kOpenAiChat) {
      writer.key("stream_options").begin_object().key("include_usage").boolean(true).end_object();
    }
  }
  writer.end_object();
  return request;
}

Result<Request> read_request(Protocol protocol, Endpoint endpoint, std::string_view body,
                             json::Parser& parser, std::span<const std::string> passthrough) {
  return read_request(protocol, endpoint, body, parser, ReadOptions{.passthrough = passthrough});
}

std::string upstream_body(const Request& request, std::string_view upstream_model) {
  PV_CHECK(request.upstream_body.starts_with(kModelKey));
  const size_t written = kModelKey.size() + json::quoted(request.model).size();
  const std::string_view rest = std::string_view(request.upstream_body).substr(written);
  std::string out;
  out.reserve(request.upstream_body.size() + upstream_model.size() + 2);
  out.append(kModelKey).append(json::quoted(upstream_model)).append(rest);
  return out;
}

Frame frame_for(const Request& request, std::string_view exchange_id, int64_t now_seconds) {
  const char* prefix = request.protocol == Protocol::kOpenAiChat        ? "chatcmpl-"
                       : request.protocol == Protocol::kOpenAiResponses ? "resp_"
                                                                        : "msg_";
  return Frame{.id = std::string(prefix).append(exchange_id),
               .model = request.model,
               .created = now_seconds,
               .include_usage = request.include_usage,
               .stop_sequences = request.stop_sequences,
               .choices = request.choices,
               .settings = request.settings};
}

std::vector<Piece> pieces_of(const ToolCall& call) {
  std::vector<Piece> pieces;
  pieces.reserve(4);
  int32_t group = 0;
  add_json_text(pieces, Channel::kToolArguments, call.arguments.open_for_inspection(), group);
  for (const std::string& text : {call.name, call.id}) {
    Piece& piece = pieces.emplace_back();
    piece.channel = Channel::kOther;
    piece.text = UntrustedText(text);
    piece.group = group++;
  }
  return pieces;
}

}  // namespace proviso::exchange
