#include "tools/mirror.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/bytes.h"

namespace proviso::tools {
namespace {

constexpr std::string_view kOpening = "=?base64?";
constexpr std::string_view kClosing = "?=";
constexpr std::string_view kPrefix = "Mcp-Param-";
constexpr size_t kSchemaDepthMax = 32;  // of `properties` in `properties`: real schemas have three

bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [kOthers](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

std::unexpected<Error> bad_annotation(std::string_view why) {
  return fail(Code::kInvalid, fmt::format("an `x-mcp-header` {}", why));
}

// True if an annotation stands anywhere in `value`.
bool holds_annotation(json::Element value) {
  if (value.is_array()) {
    for (const json::Element item : value.get_array().value_unsafe()) {
      if (holds_annotation(item)) return true;
    }
    return false;
  }
  if (!value.is_object()) return false;
  for (const auto field : value.get_object().value_unsafe()) {
    if (field.key == "x-mcp-header" || holds_annotation(field.value)) return true;
  }
  return false;
}

Status collect(json::Object schema, std::vector<std::string>& path, std::vector<ParamHeader>& out);

Status annotate(json::Object property, const std::vector<std::string>& path, std::vector<ParamHeader>& out) {
  json::Element mark;
  if (property.at_key("x-mcp-header").get(mark) != simdjson::SUCCESS) return {};
  std::string_view name;
  // SPEC streamable-http: constraints on `x-mcp-header` values.
  if (mark.get(name) != simdjson::SUCCESS || !is_token(name)) return bad_annotation("is no header name");
  const auto type = text_member(property, "type");
  if (!type || (*type != "string" && *type != "integer" && *type != "boolean")) {
    return bad_annotation(fmt::format("`{}` stands at a parameter that is no string, integer or boolean", name));
  }
  for (const ParamHeader& known : out) {
    if (http::equal_fold(known.name, name)) return bad_annotation(fmt::format("`{}` is there twice", name));
  }
  if (out.size() == kParamHeadersMax) {
    return fail(Code::kLimit, fmt::format("a tool has at most {} parameters in headers", kParamHeadersMax));
  }
  out.push_back({std::string(name), path, std::string(*type)});
  return {};
}

Status collect(json::Object schema, std::vector<std::string>& path, std::vector<ParamHeader>& out) {
  if (path.size() > kSchemaDepthMax) return fail(Code::kLimit, "an input schema is nested too deeply");
  for (const auto field : schema) {
    if (field.key == "x-mcp-header") continue;  // taken by annotate(), or refused below at the root
    if (field.key != "properties") {
      if (holds_annotation(field.value)) {
        return bad_annotation(fmt::format("stands below `{}`, where no header can reach", field.key));
      }
      continue;
    }
    json::Object properties;
    if (field.value.get(properties) != simdjson::SUCCESS) continue;
    for (const auto property : properties) {
      json::Object inner;
      if (property.value.get(inner) != simdjson::SUCCESS) continue;
      path.emplace_back(property.key);
      PV_TRY_VOID(annotate(inner, path, out));
      PV_TRY_VOID(collect(inner, path, out));
      path.pop_back();
    }
  }
  return {};
}

// The argument's value at the path, as a header shows it; nothing where it is absent or null.
std::optional<std::string> shown_value(json::Object arguments, const ParamHeader& header) {
  json::Object at = arguments;
  for (size_t i = 0; i + 1 < header.path.size(); ++i) {
    const auto inner = object_member(at, header.path[i]);
    if (!inner) return std::nullopt;
    at = *inner;
  }
  json::Element value;
  if (at.at_key(header.path.back()).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return std::string(text);
  return json::to_text(value);
}

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

bool same_value(const ParamHeader& header, std::string_view shown, std::string_view body) {
  if (header.type != "integer") return shown == body;
  const auto a = number_of(shown);
  const auto b = number_of(body);
  return a && b && *a == *b;
}

std::unexpected<Error> mismatch(std::string_view header, std::string_view why) {
  return fail(Code::kInvalid, fmt::format("header mismatch: `{}` {}", header, why));
}

}  // namespace

Result<std::vector<ParamHeader>> param_headers(json::Element input_schema) {
  std::vector<ParamHeader> out;
  json::Object schema;
  if (input_schema.get(schema) != simdjson::SUCCESS) return out;
  json::Element root_mark;
  if (schema.at_key("x-mcp-header").get(root_mark) == simdjson::SUCCESS) {
    return bad_annotation("stands at the root of a schema");
  }
  std::vector<std::string> path;
  PV_TRY_VOID(collect(schema, path, out));
  return out;
}

std::string header_value(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  const bool padded = !text.empty() && (text.front() == ' ' || text.back() == ' ');
  const bool marked = text.starts_with(kOpening) && text.ends_with(kClosing);
  if (plain && !padded && !marked) return std::string(text);
  return fmt::format("{}{}{}", kOpening, base64_encode(text), kClosing);
}

Result<std::string> decoded_header(std::string_view value) {
  if (!value.starts_with(kOpening) || !value.ends_with(kClosing) ||
      value.size() < kOpening.size() + kClosing.size()) {
    return std::string(value);
  }
  value.remove_prefix(kOpening.size());
  value.remove_suffix(kClosing.size());
  return base64_decode(value);
}

std::string mirrored_name(std::string_view method, json::Object params) {
  std::string_view member;
  if (method == "tools/call" || method == "prompts/get") member = "name";
  if (method == "resources/read") member = "uri";
  if (method == "tasks/get" || method == "tasks/update" || method == "tasks/cancel") member = "taskId";
  if (member.empty()) return {};
  return std::string(text_member(params, member).value_or(""));
}

http::Headers mirrored_headers(const Message& message, const std::vector<ParamHeader>& param_headers,
                               json::Parser& parser) {
  http::Headers headers;
  headers.add("MCP-Protocol-Version", kModernVersion);
  headers.add("Mcp-Method", message.method);
  const auto params = parser.parse(message.params);
  json::Object object;
  if (!params || params->get(object) != simdjson::SUCCESS) return headers;
  const std::string name = mirrored_name(message.method, object);
  if (!name.empty()) headers.add("Mcp-Name", header_value(name));
  const auto arguments = object_member(object, "arguments");
  if (!arguments) return headers;
  for (const ParamHeader& header : param_headers) {
    const auto shown = shown_value(*arguments, header);
    if (shown) headers.add(std::string(kPrefix) + header.name, header_value(*shown));
  }
  return headers;
}

Status check_mirrored(const http::Headers& head, const Message& message,
                      const std::vector<ParamHeader>& param_headers, json::Parser& parser) {
  for (const char* name : {"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"}) {
    if (head.count(name) > 1) return mismatch(name, "is there more than once");
  }
  if (head.get_or("Mcp-Method", "") != message.method) {
    return mismatch("Mcp-Method", "does not repeat the body's `method`");
  }
  PV_TRY(const json::Element params, parser.parse(message.params));
  json::Object object;
  if (params.get(object) != simdjson::SUCCESS) return {};
  const std::string name = mirrored_name(message.method, object);
  if (!name.empty()) {
    const auto shown = decoded_header(head.get_or("Mcp-Name", ""));
    if (!shown || *shown != name) return mismatch("Mcp-Name", "does not repeat what the body names");
  }
  json::Object arguments;
  const bool given = object.at_key("arguments").get(arguments) == simdjson::SUCCESS;
  for (const ParamHeader& header : param_headers) {
    const std::string field = std::string(kPrefix) + header.name;
    const auto body = given ? shown_value(arguments, header) : std::nullopt;
    const auto sent = head.get(field);
    if (head.count(field) > 1) return mismatch(field, "is there more than once");
    if (body.has_value() != sent.has_value()) {
      return mismatch(field, body ? "is missing, and the argument is there" : "is there without its argument");
    }
    if (!body) continue;
    const auto shown = decoded_header(*sent);
    if (!shown || !same_value(header, *shown, *body)) return mismatch(field, "does not repeat its argument");
  }
  return {};
}

}  // namespace proviso::tools
