#include "tools/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace proviso::tools {
namespace {

// Newest first. All of them open with `initialize` and speak streamable HTTP.
constexpr std::array<std::string_view, 3> kLegacyVersions = {kLegacyVersion, "2025-06-18", "2025-03-26"};

Status not_json_rpc(std::string_view why) {
  return fail(Code::kInvalid, fmt::format("this is no JSON-RPC 2.0 message: {}", why));
}

Status read_id(json::Element value, Message& message) {
  const bool fine = value.is_string() || value.is_int64();
  if (!fine) return not_json_rpc("`id` is a string or an integer");
  message.id = json::to_text(value);
  if (message.id.size() > kIdBytesMax) {
    return fail(Code::kLimit, fmt::format("`id` is longer than {} bytes", kIdBytesMax));
  }
  return {};
}

struct Seen {
  bool version = false, method = false, params = false, result = false, error = false;
};

Status read_member(std::string_view name, json::Element value, Message& message, Seen& seen) {
  if (name == "jsonrpc") {
    std::string_view version;
    seen.version = value.get(version) == simdjson::SUCCESS && version == "2.0";
    return seen.version ? Status{} : not_json_rpc("`jsonrpc` must be \"2.0\"");
  }
  if (name == "id") return read_id(value, message);
  if (name == "method") {
    std::string_view method;
    if (value.get(method) != simdjson::SUCCESS || method.empty()) return not_json_rpc("`method` is a string");
    if (method.size() > kMethodBytesMax) {
      return fail(Code::kLimit, fmt::format("`method` is longer than {} bytes", kMethodBytesMax));
    }
    message.method = std::string(method);
    seen.method = true;
    return {};
  }
  const bool known = name == "params" || name == "result" || name == "error";
  if (!known) return not_json_rpc(fmt::format("it has no member `{}`", name.substr(0, 60)));
  if (!value.is_object()) return not_json_rpc(fmt::format("`{}` must be an object", name));
  (name == "params" ? seen.params : name == "result" ? seen.result : seen.error) = true;
  (name == "params" ? message.params : message.body) = json::to_text(value);
  return {};
}

Status settle(Message& message, const Seen& seen, json::Object root) {
  if (!seen.version) return not_json_rpc("it lacks `jsonrpc`");
  if (seen.method) {
    if (seen.result || seen.error) return not_json_rpc("a request has no `result` or `error`");
    message.kind = message.id.empty() ? Message::Kind::kNotification : Message::Kind::kRequest;
    if (!seen.params) message.params = "{}";
    return {};
  }
  if (seen.params || seen.result == seen.error) {
    return not_json_rpc("it needs a `method`, or one of `result` and `error`");
  }
  message.kind = seen.result ? Message::Kind::kResult : Message::Kind::kError;
  if (seen.result && message.id.empty()) return not_json_rpc("a result names its request's `id`");
  if (seen.result) return {};
  int64_t code = 0;
  std::string_view words;
  if (root.at_pointer("/error/code").get(code) != simdjson::SUCCESS ||
      root.at_pointer("/error/message").get(words) != simdjson::SUCCESS) {
    return not_json_rpc("`error` holds an integer `code` and a string `message`");
  }
  return {};
}

}  // namespace

std::optional<std::string_view> legacy_version(std::string_view asked) {
  const auto* const known = std::find(kLegacyVersions.begin(), kLegacyVersions.end(), asked);
  if (known == kLegacyVersions.end()) return std::nullopt;
  return *known;
}

Result<Message> parse_message(std::string_view text, json::Parser& parser, std::string* id_out) {
  PV_TRY(const json::Element document, parser.parse(text));
  json::Object root;
  if (document.is_array()) return fail(Code::kInvalid, "batches are not part of MCP: send one message");
  if (document.get(root) != simdjson::SUCCESS) return fail(Code::kInvalid, "a message is a JSON object");
  Message message;
  Seen seen;
  Status first;
  for (const auto field : root) {
    Status read = read_member(field.key, field.value, message, seen);
    if (!read && first) first = std::move(read);
  }
  if (first) first = settle(message, seen, root);
  if (id_out != nullptr) *id_out = message.id;
  if (!first) return std::unexpected(std::move(first.error()));
  return message;
}

std::string request_text(std::string_view id, std::string_view method, std::string_view params) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":{},"params":{}}})", id, json::quoted(method), params);
}

std::string notification_text(std::string_view method, std::string_view params) {
  return fmt::format(R"({{"jsonrpc":"2.0","method":{},"params":{}}})", json::quoted(method), params);
}

std::string result_text(std::string_view id, std::string_view result) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", id, result);
}

std::string error_with_body(std::string_view id, std::string_view body) {
  if (id.empty()) return fmt::format(R"({{"jsonrpc":"2.0","error":{}}})", body);
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"error":{}}})", id, body);
}

std::string error_text(std::string_view id, int code, std::string_view message, std::string_view data) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("code").integer(code);
  writer.key("message").string(message);
  if (!data.empty()) writer.key("data").raw(data);
  writer.end_object();
  return error_with_body(id, body);
}

std::string changed(json::Object object, const std::vector<Change>& changes) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  const auto change_of = [&changes](std::string_view name) {
    return std::find_if(changes.begin(), changes.end(),
                        [name](const Change& change) { return change.name == name; });
  };
  for (const auto field : object) {
    const auto change = change_of(field.key);
    if (change == changes.end()) {
      writer.key(field.key).element(field.value);
    } else if (change->json) {
      writer.key(field.key).raw(*change->json);
    }
  }
  for (const Change& change : changes) {
    json::Element there;
    if (change.json && object.at_key(change.name).get(there) != simdjson::SUCCESS) {
      writer.key(change.name).raw(*change.json);
    }
  }
  writer.end_object();
  return out;
}

std::string changed_text(std::string_view object_text, json::Parser& parser,
                         const std::vector<Change>& changes) {
  const auto document = parser.parse(object_text);
  PV_CHECK(document.has_value() && document->is_object());
  return changed(document->get_object().value_unsafe(), changes);
}

std::optional<std::string_view> text_member(json::Object object, std::string_view name) {
  std::string_view text;
  if (object.at_key(name).get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<json::Object> object_member(json::Object object, std::string_view name) {
  json::Object inner;
  if (object.at_key(name).get(inner) != simdjson::SUCCESS) return std::nullopt;
  return inner;
}

std::string member_text(json::Object object, std::string_view name) {
  json::Element value;
  if (object.at_key(name).get(value) != simdjson::SUCCESS) return {};
  return json::to_text(value);
}

}  // namespace proviso::tools
