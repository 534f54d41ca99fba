#include "arguments/definition.h"

#include <fmt/format.h>

namespace proviso::arguments {
namespace {

constexpr std::string_view kPinDomain = "proviso-tool-v1\n";

Result<std::string> text_of(json::Object object, std::string_view name) {
  std::string_view text;
  if (object.at_key(name).get(text) != simdjson::SUCCESS) return fail(Code::kInvalid, fmt::format("it lacks `{}`", name));
  return std::string(text);
}

}  // namespace

std::string server_identity(std::string_view id, std::string_view where) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("id").string(id);
  writer.key("where").string(where);
  writer.end_object();
  return out;
}

Digest definition_digest(std::string_view identity, json::Element definition) {
  return sha256({kPinDomain, identity, "\n", json::canonical_with_numbers(definition)});
}

Held held_to(json::Element definition) {
  json::Object object;
  json::Element schema;
  if (definition.get(object) != simdjson::SUCCESS || object.at_key("inputSchema").get(schema) != simdjson::SUCCESS) {
    return {nullptr, "too open to tell: the definition has no `inputSchema`"};
  }
  auto compiled = InputSchema::compile(schema);
  if (!compiled) return {nullptr, std::move(compiled.error().message)};
  return {std::move(*compiled), ""};
}

Result<Paper> read_paper(std::string_view text) {
  json::Parser parser;
  PV_TRY(const json::Element document, parser.parse(text));
  json::Object object, server, definition;
  json::Element whole;
  if (document.get(object) != simdjson::SUCCESS || object.size() != 2 ||
      object.at_key("server").get(server) != simdjson::SUCCESS || server.size() != 2 ||
      object.at_key("definition").get(whole) != simdjson::SUCCESS || whole.get(definition) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, R"(a definition is {"server":{"id":…,"where":…},"definition":{…}})");
  }
  Paper out;
  PV_TRY(out.server, text_of(server, "id"));
  PV_TRY(const std::string where, text_of(server, "where"));
  PV_TRY(out.tool, text_of(definition, "name"));
  out.pin = definition_digest(server_identity(out.server, where), whole);
  out.held = held_to(whole);
  return out;
}

std::string paper_text(std::string_view server, std::string_view where, std::string_view definition_json) {
  return fmt::format("{{\"server\":{},\"definition\":{}}}\n", server_identity(server, where), definition_json);
}

}  // namespace proviso::arguments
