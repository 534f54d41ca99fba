// Validator cases, example applications, formatter and schema files: the rest of the shared data.
#include <algorithm>
#include <set>

#include "cedar/authorizer.h"
#include "cedar/entities_json.h"
#include "cedar/policy_set.h"
#include "cedar/request_check.h"
#include "cedar/validator.h"
#include "data.h"

namespace proviso::cedar {
namespace {

using namespace test;
namespace fs = std::filesystem;

bool has_key(json::Element element, const char* key) {
  json::Element ignored;
  return element[key].get(ignored) == simdjson::SUCCESS;
}

// One verdict per policy, entity and request of a validator case.
void judge_validator_case(const fs::path& stem, Tally& policies, Tally& entities, Tally& requests) {
  std::string name = stem.filename().string();
  auto schema = Schema::parse(slurp(stem.string() + ".cedarschema"), name);
  if (!schema) return policies.add(false, name + " " + schema.error().message);
  json::Parser parser;
  json::Element expected = *parser.parse(slurp(stem.string() + ".validation.json"));
  auto set = PolicySet::parse(slurp(stem.string() + ".cedar"), name);
  if (!set) return policies.add(false, name + " " + set.error().message);
  auto diagnostics = validate(*schema, *set);
  for (auto field : json::Object(expected["policyValidation"]["perPolicy"])) {
    std::string id(field.key);
    std::string said;
    for (const Diagnostic& d : diagnostics) {
      if (d.policy == id && d.severity == Severity::kError) said += " " + d.to_string();
    }
    policies.add(said.empty() == bool(field.value["strict"]), name + " " + id + said);
  }
  json::Parser entity_parser;
  json::Element list = *entity_parser.parse(slurp(stem.string() + ".entities.json"));
  auto loaded = entities_from_json(list);
  if (!loaded) return entities.add(false, name + " " + loaded.error().message);
  for (auto field : json::Object(expected["entityValidation"]["perEntity"])) {
    auto at = std::ranges::find_if(*loaded, [&](const Entity& e) {
      return e.uid.type + "::" + e.uid.id == field.key;
    });
    if (at == loaded->end()) {
      entities.not_covered("verdicts for entities that the file does not hold");
      continue;
    }
    auto ok = check_entity(*schema, *at);
    entities.add(ok.has_value() != has_key(field.value, "errors"),
                 name + " " + std::string(field.key) + (ok ? "" : " " + ok.error().message));
  }
  json::Parser case_parser;
  json::Element description = *case_parser.parse(slurp(stem.string() + ".json"));
  auto verdict = json::Array(expected["requestValidation"]).begin();
  for (json::Element r : json::Array(description["requests"])) {
    Request request{*uid_from_json(r["principal"]), *uid_from_json(r["action"]), *uid_from_json(r["resource"]), {}};
    auto context = context_from_json(r["context"], &*schema, &request.action);
    bool ok = context.has_value();
    if (ok) {
      request.context = std::move(*context);
      ok = check_request(*schema, request).has_value();
    }
    requests.add(ok == bool((*verdict)["strict"]), name);
    ++verdict;
  }
}

TEST(Cases, Validator) {
  auto root = find_data("cedar validator cases", "validator/testdata");
  if (!root) return;
  Tally policies("cedar validator policies, strict");
  Tally entities("cedar validator entities");
  Tally requests("cedar validator requests");
  for (const fs::path& file : files_below(*root, ".cedar")) {
    judge_validator_case(file.parent_path() / file.stem(), policies, entities, requests);
  }
}

EntityUid uid_of(const std::string& text) {
  auto expr = parse_expression(text, "uid");
  const EntityUid* uid = expr ? (*expr)->value.get_if<EntityUid>() : nullptr;
  EXPECT_NE(uid, nullptr) << text;
  return uid != nullptr ? *uid : EntityUid{};
}

fs::path one_with(const fs::path& folder, const std::string& ending) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().string().ends_with(ending)) return entry.path();
  }
  return {};
}

void judge_example(const fs::path& folder, Tally& tally) {
  std::vector<std::pair<fs::path, bool>> requests;
  for (const char* verdict : {"ALLOW", "DENY"}) {
    for (const fs::path& file : files_below(folder / verdict, ".json")) {
      requests.emplace_back(file, std::string(verdict) == "ALLOW");
    }
  }
  auto policies = PolicySet::parse(slurp(one_with(folder, ".cedar")), folder.filename().string());
  if (!policies && policies.error().code == Code::kUnsupported) {
    for (size_t i = requests.size(); i > 0; --i) tally.not_covered("templates");
    return;
  }
  auto schema = Schema::parse(slurp(one_with(folder, ".cedarschema")), folder.filename().string());
  if (!policies || !schema) {
    return tally.add(false, folder.string() + (policies ? schema.error().message : policies.error().message));
  }
  auto diagnostics = validate(*schema, *policies);
  tally.add(!has_errors(diagnostics), folder.string() + " does not validate");
  json::Parser parser;
  json::Element json = *parser.parse(slurp(one_with(folder, "entities.json")));
  auto list = entities_from_json(json, &*schema);
  if (!list) {  // two examples hold an entity that their own schema does not admit; both say which
    std::printf("  cedar examples: %s read without its schema: %s\n", folder.filename().c_str(),
                list.error().message.c_str());
    list = entities_from_json(json);
  }
  if (!list) return tally.add(false, folder.string() + " " + list.error().message);
  Entities entities = *Entities::create(std::move(*list));
  Engine engine = *Engine::compile(std::move(*policies), &*schema);
  for (const auto& [file, allow] : requests) {
    json::Parser request_parser;
    json::Element r = *request_parser.parse(slurp(file));
    Request request{uid_of(text_of(r["principal"])), uid_of(text_of(r["action"])),
                    uid_of(text_of(r["resource"])), {}};
    if (has_key(r, "context")) request.context = *context_from_json(r["context"], &*schema, &request.action);
    bool allowed = engine.is_authorized(request, entities).decision == Answer::kAllow;
    tally.add(allowed == allow, file.string());
  }
}

TEST(Cases, Examples) {
  auto root = find_data("cedar examples", "examples");
  if (!root) return;
  Tally tally("cedar examples (validation and requests)");
  for (const auto& entry : fs::recursive_directory_iterator(*root)) {
    if (entry.is_directory() && fs::exists(entry.path() / "ALLOW")) judge_example(entry.path(), tally);
  }
}

// Text to tree to text to tree: the second text equals the first, so nothing was lost on the way.
void judge_round_trip(const fs::path& file, Tally& tally) {
  auto first = PolicySet::parse(slurp(file), file.filename().string());
  if (!first && first.error().code == Code::kUnsupported) return tally.not_covered("templates");
  if (!first) return tally.add(false, first.error().message);
  std::string printed;
  for (const Policy& p : first->policies()) printed += to_text(p) + "\n";
  auto second = PolicySet::parse(printed, "printed");
  if (!second) return tally.add(false, file.string() + " " + second.error().message + "\n" + printed);
  std::string again;
  for (const Policy& p : second->policies()) again += to_text(p) + "\n";
  tally.add(printed == again, file.string());
}

TEST(Cases, PrintedPoliciesReadBackTheSame) {
  auto root = find_data("cedar policy files", "formatter");
  if (!root) return;
  Tally tally("cedar policy files, text to text");
  for (const char* folder : {"formatter", "examples", "cli-sample-data", "validator", "handwritten", "bench", "analysis"}) {
    for (const fs::path& file : files_below(data_root() / folder, ".cedar")) judge_round_trip(file, tally);
  }
}

TEST(Cases, SchemaFiles) {
  auto root = find_data("cedar schema files", "schema-pairs");
  if (!root) return;
  Tally tally("cedar schema files read");
  for (const char* folder : {"schema-pairs", "examples", "cli-sample-data", "bench", "analysis"}) {
    for (const fs::path& file : files_below(data_root() / folder, ".cedarschema")) {
      auto schema = Schema::parse(slurp(file), file.string());
      tally.add(schema.has_value(), schema ? "" : schema.error().message);
    }
  }
  for (size_t i = files_below(*root, ".json").size(); i > 0; --i) tally.not_covered("JSON schemas");
}

}  // namespace
}  // namespace proviso::cedar
