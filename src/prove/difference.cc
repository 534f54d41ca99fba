#include "prove/difference.h"

#include <algorithm>
#include <fmt/format.h>

#include "agreement/difference.h"
#include "base/check.h"
#include "base/json.h"
#include "prove/counterexample.h"
#include "prove/red_lines.h"

namespace proviso::prove {
namespace {

void put_party(json::Writer& out, const char* key, const agreement::Agreement& one) {
  out.key(key).begin_object();
  out.key("digest").string(one.digest().hex());
  out.key("revision").integer(one.terms().revision);
  out.key("title").string(one.terms().title);
  out.end_object();
}

void put_list(json::Writer& out, const char* key, const std::vector<std::string>& sentences) {
  out.key(key).begin_array();
  for (const std::string& one : sentences) out.string(one);
  out.end_array();
}

void put_environments(json::Writer& out, const Amendment& amendment) {
  out.key("environments").begin_array();
  for (const Comparison& one : amendment.environments) {
    out.begin_object();
    out.key("environment").string(to_string(one.env));
    out.key("relation").string(relation_name(one.relation));
    if (one.only_a.example) {
      out.key("newly_allowed").raw(to_json(*one.only_a.example));
      out.key("newly_allowed_in_words").string(in_words(*one.only_a.example));
    }
    out.end_object();
  }
  out.end_array();
}

void put_lines(json::Writer& out, const Amendment& amendment) {
  out.key("red_lines").begin_array();
  for (const agreement::Touched& one : amendment.touched) {
    out.begin_object();
    out.key("custodian").string(one.custodian);
    out.key("line").string(one.line);
    put_list(out, "reasons", one.reasons);
    out.end_object();
  }
  out.end_array();
}

Result<json::Object> object_of(json::Parser& parser, std::string_view text) {
  PV_TRY(const json::Element element, parser.parse(text));
  json::Object object;
  std::string_view format;
  if (element.get(object) != simdjson::SUCCESS || object["format"].get(format) != simdjson::SUCCESS ||
      format != agreement::kDifferenceFormat) {
    return fail(Code::kInvalid, "no difference of two agreements");
  }
  return object;
}

std::string text_of(json::Object object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

}  // namespace

std::string difference_text(const Amendment& amendment, const agreement::Agreement& from, const agreement::Agreement& to,
                            const std::optional<History>& history) {
  std::string text;
  json::Writer out(text);
  out.begin_object();
  out.key("format").string(agreement::kDifferenceFormat);
  put_party(out, "from", from);
  put_party(out, "to", to);
  put_list(out, "files", amendment.files);
  put_list(out, "wider_terms", amendment.wider);
  out.key("not_comparable").string(amendment.not_comparable);
  put_environments(out, amendment);
  put_lines(out, amendment);
  if (history) {
    out.key("history").begin_object();
    out.key("origin").string(history->origin);
    out.key("root").string(history->root.hex());
    out.key("size").uinteger(history->size);
    out.key("what_if").raw(history->what_if);
    out.end_object();
  }
  out.end_object();
  json::Parser parser;
  const auto parsed = parser.parse(text);
  PV_CHECK(parsed.has_value());
  auto canonical = json::canonical(*parsed);
  PV_CHECK(canonical.has_value());
  return *std::move(canonical);
}

Result<std::vector<std::string>> claims_of(std::string_view difference) {
  json::Parser parser;
  PV_TRY(const json::Object object, object_of(parser, difference));
  std::vector<std::string> claims{"not comparable: " + text_of(object, "not_comparable")};
  for (const char* key : {"from", "to", "files", "wider_terms", "red_lines"}) {
    json::Element value;
    if (object[key].get(value) != simdjson::SUCCESS) return fail(Code::kInvalid, fmt::format("`{}` is missing", key));
    claims.push_back(fmt::format("{}: {}", key, json::to_text(value)));
  }
  json::Array environments;
  if (object["environments"].get(environments) != simdjson::SUCCESS)
    return fail(Code::kInvalid, "`environments` is missing");
  for (const json::Element one : environments) {
    json::Object environment;
    if (one.get(environment) != simdjson::SUCCESS) return fail(Code::kInvalid, "an environment is no object");
    claims.push_back(fmt::format("{}: {}", text_of(environment, "environment"), text_of(environment, "relation")));
  }
  std::ranges::sort(claims);
  return claims;
}

Result<std::optional<History>> history_of(std::string_view difference) {
  json::Parser parser;
  PV_TRY(const json::Object object, object_of(parser, difference));
  json::Object told;
  if (object["history"].get(told) != simdjson::SUCCESS) return std::optional<History>();
  History history;
  history.origin = text_of(told, "origin");
  PV_TRY(history.root, digest_from_hex(text_of(told, "root")));
  json::Element what_if;
  if (told["size"].get(history.size) != simdjson::SUCCESS || told["what_if"].get(what_if) != simdjson::SUCCESS)
    return fail(Code::kInvalid, "`history` lacks `size` or `what_if`");
  history.what_if = json::to_text(what_if);
  return history;
}

}  // namespace proviso::prove
