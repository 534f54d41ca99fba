// Verdicts and decisions: corpus, handwritten, validator and example cases.
#include <algorithm>

#include "base/file.h"
#include "cedar/entities_json.h"
#include "cedar/request_check.h"
#include "cedar/request_json.h"
#include "cedar/validator.h"
#include "cli/cedar_files.h"
#include "cli/cedar_judge.h"
#include "cli/output.h"

namespace proviso::cli {

namespace fs = std::filesystem;
using namespace cedar;

void Judge::add(const std::string& family, bool passed, const std::string& what) {
  Family& counted = families_[family];
  ++counted.total;
  if (passed) {
    ++counted.passed;
    return;
  }
  misses_.push_back(family + ": " + what);
  if (!quiet_) print(red("differs ") + misses_.back());
}

Result<std::string> slurp(const fs::path& path) { return read_file(path.string()); }

std::set<std::string> strings(json::Element array) {
  std::set<std::string> out;
  for (json::Element one : json::Array(array)) out.emplace(std::string_view(one));
  return out;
}

bool has(json::Element element, const char* key) {
  json::Element ignored;
  return element[key].get(ignored) == simdjson::SUCCESS;
}

std::set<std::string> reason_of(const Engine& engine, const Response& response) {
  std::set<std::string> out;
  for (uint32_t i : response.reason()) out.insert(engine.policies()[i].id);
  return out;
}
std::set<std::string> errors_of(const Engine& engine, const Response& response) {
  std::set<std::string> out;
  for (const PolicyError& e : response.errors) out.insert(engine.policies()[e.policy].id);
  return out;
}

Result<Entities> entities_in(std::string_view text, const Schema* schema) {
  json::Parser parser;
  PV_TRY(json::Element element, parser.parse(text));
  PV_TRY(std::vector<Entity> list, entities_from_json(element, schema));
  return Entities::create(std::move(list));
}

fs::path one_with(const fs::path& folder, const std::string& ending) {
  fs::path out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    bool fits = entry.is_regular_file() && entry.path().string().ends_with(ending);
    if (fits && (out.empty() || entry.path() < out)) out = entry.path();
  }
  return out;
}

void Judge::case_request(const Engine& engine, const Schema& schema, const Entities& entities, json::Element r,
                         const std::string& name) {
  json::Element expected_fit;
  bool fits = r["validateRequest"].get(expected_fit) != simdjson::SUCCESS || bool(expected_fit);
  auto request = request_from_json(r, &schema);
  bool fit = request.has_value() && check_request(schema, *request).has_value();
  add("request validation", fit == fits, name);
  if (!request) return;
  Response got = engine.is_authorized(*request, entities);
  auto expected = std::string(std::string_view(r["decision"]));
  bool allow = expected == "allow" || expected == "Allow";
  add("decisions", (got.decision == Answer::kAllow) == allow, name);
  add("reason sets", reason_of(engine, got) == strings(r["reason"]), name);
  add("error sets", errors_of(engine, got) == strings(r["errors"]), name);
}

void Judge::case_file(const fs::path& root, const fs::path& path, json::Element description) {
  std::string name = path.stem().string();
  auto text = [&](const char* key) { return slurp(root / std::string(std::string_view(description[key]))); };
  auto schema_text = text("schema");
  auto policy_text = text("policies");
  auto entity_text = text("entities");
  if (!loaded("case files", schema_text, name) || !loaded("case files", policy_text, name) ||
      !loaded("case files", entity_text, name)) {
    return;
  }
  auto schema = Schema::parse(*schema_text, name);
  auto policies = PolicySet::parse(*policy_text, name);
  if (!loaded("case files", schema, name) || !loaded("case files", policies, name)) return;
  auto entities = entities_in(*entity_text, &*schema);
  auto engine = Engine::compile(*policies, &*schema);
  if (!loaded("case files", entities, name) || !loaded("case files", engine, name)) return;
  bool valid = !has_errors(validate(*schema, *policies));
  add("validation verdicts", valid == bool(description["shouldValidate"]), name);
  if (newer_.contains(name)) {
    ValidationOptions newer;
    newer.no_applicable_action = Severity::kWarning;
    add("verdicts that 4.13 changed", !valid && !has_errors(validate(*schema, *policies, newer)), name);
  }
  json::Parser parser;
  if (auto more = slurp(root / "corpus-tests-validation" / (name + ".validation.json"))) {
    json::Element expected = parser.parse(*more).value();
    verdicts(expected, *schema, *policies, name);
    entity_verdicts(expected, *schema, *entity_text, name);
    request_verdicts(expected, *schema, description["requests"], name);
  }
  fs::path json_schema = root / "corpus-tests-json-schemas" / (name + ".cedarschema.json");
  if (auto json = slurp(json_schema)) {
    auto other = Schema::from_json(*json, name);
    add("JSON schemas", other && same_meaning(*other, *schema), name + (other ? "" : " " + other.error().message));
  }
  for (json::Element r : json::Array(description["requests"])) case_request(*engine, *schema, *entities, r, name);
}

// The verdicts of `X.validation.json`, for the whole set and policy by policy.
void Judge::verdicts(json::Element expected, const Schema& schema, const PolicySet& policies, const std::string& name) {
  ValidationOptions permissive;
  permissive.mode = Mode::kPermissive;
  auto strict = validate(schema, policies);
  auto loose = validate(schema, policies, permissive);
  json::Element said = expected["policyValidation"];
  add("strict verdicts", !has_errors(strict) == bool(said["strict"]), name);
  add("permissive verdicts", !has_errors(loose) == bool(said["permissive"]), name);
  auto clean = [](const std::vector<Diagnostic>& all, std::string_view id) {
    return std::ranges::none_of(all, [&](const Diagnostic& d) { return d.policy == id && d.severity == Severity::kError; });
  };
  for (auto field : json::Object(said["perPolicy"])) {
    std::string what = name + " " + std::string(field.key);
    add("policies, strict", clean(strict, field.key) == bool(field.value["strict"]), what);
    add("policies, permissive", clean(loose, field.key) == bool(field.value["permissive"]), what);
  }
}

// Entities are named `Type::id` there, without quotes. One that the file does not hold is an action of the schema.
void Judge::entity_verdicts(json::Element expected, const Schema& schema, std::string_view entities, const std::string& name) {
  json::Parser parser;
  auto element = parser.parse(entities);
  auto list = element ? entities_from_json(*element) : Result<std::vector<Entity>>(std::unexpected(element.error()));
  if (!loaded("case files", list, name)) return;
  std::ranges::move(schema.action_entities(), std::back_inserter(*list));
  std::map<std::string, const Entity*> by_name;
  for (const Entity& entity : *list) by_name.try_emplace(entity.uid.type + "::" + entity.uid.id, &entity);
  for (auto field : json::Object(expected["entityValidation"]["perEntity"])) {
    std::string key(field.key);
    auto at = by_name.find(key);
    bool valid = at != by_name.end() && check_entity(schema, *at->second).has_value();
    add("entity verdicts", valid != has(field.value, "errors"), name + " " + key);
  }
}

void Judge::request_verdicts(json::Element expected, const Schema& schema, json::Element requests, const std::string& name) {
  json::Array said = expected["requestValidation"];
  json::Array asked = requests;
  add("request verdicts, one for each request", said.size() == asked.size(), name);
  auto verdict = said.begin();
  for (json::Element r : asked) {
    if (!(verdict != said.end())) return;
    auto request = request_from_json(r, &schema);
    bool fits = request && check_request(schema, *request);
    add("request verdicts", fits == bool((*verdict)["strict"]), name);
    ++verdict;
  }
}

void Judge::validator_case(const fs::path& stem, json::Element description) {
  auto schema_text = slurp(stem.string() + ".cedarschema");
  auto policy_text = slurp(stem.string() + ".cedar");
  auto verdict_text = slurp(stem.string() + ".validation.json");
  auto entity_text = slurp(stem.string() + ".entities.json");
  std::string name = stem.filename().string();
  if (!schema_text || !policy_text || !verdict_text || !entity_text) return add("validator cases", false, name + " is not whole");
  auto schema = Schema::parse(*schema_text, name);
  auto policies = PolicySet::parse(*policy_text, name);
  json::Parser parser;
  auto expected = parser.parse(*verdict_text);
  if (!loaded("validator cases", schema, name) || !loaded("validator cases", policies, name) ||
      !loaded("validator cases", expected, name)) {
    return;
  }
  verdicts(*expected, *schema, *policies, name);
  entity_verdicts(*expected, *schema, *entity_text, name);
  request_verdicts(*expected, *schema, description["requests"], name);
}

void Judge::example(const fs::path& folder) {
  auto policies = read_policies(one_with(folder, ".cedar").string());
  auto schema = read_schema(one_with(folder, ".cedarschema").string());
  if (!loaded("examples", policies, folder.string()) || !loaded("examples", schema, folder.string())) return;
  if (fs::exists(folder / "linked")) {
    if (auto linked = read_links(*policies, (folder / "linked").string()); !linked) {
      return add("examples", false, linked.error().message);
    }
  }
  add("examples", !has_errors(validate(*schema, *policies)), folder.string() + " does not validate");
  std::string entity_file = one_with(folder, "entities.json").string();
  auto entities = read_entities(entity_file, &*schema);
  if (!entities) entities = read_entities(entity_file, nullptr);  // two hold an entity that their schema refuses
  auto engine = Engine::compile(std::move(*policies), &*schema);
  if (!entities || !engine) return add("examples", false, folder.string());
  for (const char* verdict : {"ALLOW", "DENY"}) {
    if (!fs::exists(folder / verdict)) continue;
    for (const auto& entry : fs::directory_iterator(folder / verdict)) {
      json::Parser parser;
      auto text = slurp(entry.path());
      auto element = text ? parser.parse(*text) : Result<json::Element>(std::unexpected(text.error()));
      auto request = element ? request_from_json(*element, &*schema) : Result<Request>(std::unexpected(element.error()));
      bool allow = request && engine->is_authorized(*request, *entities).decision == Answer::kAllow;
      add("examples", request && allow == (std::string_view(verdict) == "ALLOW"), entry.path().string());
    }
  }
}

}  // namespace proviso::cli
