#include "cli/cedar_files.h"

#include <iostream>
#include <iterator>

#include "base/file.h"
#include "base/json.h"
#include "cedar/entities_json.h"
#include "cedar/policy_json.h"
#include "cedar/request_json.h"

namespace proviso::cli {
namespace {

Result<cedar::SlotValues> slots_from(json::Element element) {
  json::Object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, R"(slots are given as {"?principal": "User::\"a\""})");
  }
  cedar::SlotValues out;
  for (auto field : object) {
    bool principal = field.key == "?principal";
    if (!principal && field.key != "?resource") {
      return fail(Code::kInvalid, "there is no slot `" + std::string(field.key) + "`");
    }
    std::string_view text;
    if (field.value.get_string().get(text) != simdjson::SUCCESS) {
      return fail(Code::kInvalid, "`" + std::string(field.key) + "` must be an entity as text, User::\"a\"");
    }
    PV_TRY(cedar::EntityUid uid, cedar::uid_from_text(text));
    (principal ? out.principal : out.resource) = std::move(uid);
  }
  return out;
}

}  // namespace

Result<std::string> read_input(const std::string& path) {
  if (path != "-") return read_file(path);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

Result<cedar::PolicySet> read_policies(const std::string& path) {
  PV_TRY(std::string text, read_input(path));
  auto policies = path.ends_with(".json") ? cedar::policies_from_json(text, path) : cedar::PolicySet::parse(text, path);
  if (policies) PV_TRY_VOID(policies->use_id_annotations());
  return policies;
}

Result<cedar::SlotValues> slot_values(std::string_view json) {
  json::Parser parser;
  PV_TRY(json::Element element, parser.parse(json));
  return slots_from(element);
}

Status read_links(cedar::PolicySet& policies, const std::string& path) {
  PV_TRY(std::string text, read_input(path));
  json::Parser parser;
  PV_TRY(json::Element element, parser.parse(text));
  json::Array list;
  if (element.get_array().get(list) != simdjson::SUCCESS) return fail(Code::kInvalid, path + ": links are a list");
  for (json::Element link : list) {
    std::string_view from;
    std::string_view id;
    json::Element args;
    if (link["template_id"].get_string().get(from) != simdjson::SUCCESS ||
        link["link_id"].get_string().get(id) != simdjson::SUCCESS || link["args"].get(args) != simdjson::SUCCESS) {
      return fail(Code::kInvalid, path + ": a link needs `template_id`, `link_id` and `args`");
    }
    PV_TRY(cedar::SlotValues values, slots_from(args));
    PV_TRY_VOID(policies.link(from, id, std::move(values)));
  }
  return {};
}

Result<cedar::Schema> read_schema(const std::string& path) {
  PV_TRY(std::string text, read_input(path));
  return path.ends_with(".json") ? cedar::Schema::from_json(text, path) : cedar::Schema::parse(text, path);
}

Result<cedar::Entities> read_entities(const std::string& path, const cedar::Schema* schema) {
  PV_TRY(std::string text, read_input(path));
  json::Parser parser;
  auto element = parser.parse(text);
  if (!element) return fail_at(path, std::move(element).error());
  auto list = cedar::entities_from_json(*element, schema);
  if (!list) return fail_at(path, std::move(list).error());
  return cedar::Entities::create(std::move(*list));
}

}  // namespace proviso::cli
