// Validator cases, example applications, formatter and schema files: the rest of the shared data.
#include <algorithm>
#include <set>

#include "cedar/authorizer.h"
#include "cedar/entities_json.h"
#include "cedar/formatter.h"
#include "cedar/policy_json.h"
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
void judge_validator_case(const fs::path& stem, Tally& policies, Tally& permissive, Tally& entities, Tally& requests) {
  std::string name = stem.filename().string();
  auto schema = Schema::parse(slurp(stem.string() + ".cedarschema"), name);
  if (!schema) return policies.add(false, name + " " + schema.error().message);
  json::Parser parser;
  json::Element expected = *parser.parse(slurp(stem.string() + ".validation.json"));
  auto set = PolicySet::parse(slurp(stem.string() + ".cedar"), name);
  if (!set) return policies.add(false, name + " " + set.error().message);
  auto diagnostics = validate(*schema, *set);
  ValidationOptions admitting;
  admitting.mode = Mode::kPermissive;
  auto loose = validate(*schema, *set, admitting);
  for (auto field : json::Object(expected["policyValidation"]["perPolicy"])) {
    std::string id(field.key);
    std::string said;
    for (const Diagnostic& d : diagnostics) {
      if (d.policy == id && d.severity == Severity::kError) said += " " + d.to_string();
    }
    policies.add(said.empty() == bool(field.value["strict"]), name + " " + id + said);
    std::string loosely;
    for (const Diagnostic& d : loose) {
      if (d.policy == id && d.severity == Severity::kError) loosely += " " + d.to_string();
    }
    permissive.add(loosely.empty() == bool(field.value["permissive"]), name + " " + id + loosely);
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
  Tally permissive("cedar validator policies, permissive");
  Tally entities("cedar validator entities");
  Tally requests("cedar validator requests");
  for (const fs::path& file : files_below(*root, ".cedar")) {
    judge_validator_case(file.parent_path() / file.stem(), policies, permissive, entities, requests);
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

// `linked` beside the policies: the command line's form of template links.
Status add_links(PolicySet& set, const fs::path& folder) {
  fs::path file = folder / "linked";
  if (!fs::exists(file)) return {};
  json::Parser parser;
  for (json::Element link : json::Array(*parser.parse(slurp(file)))) {
    SlotValues values;
    for (auto field : json::Object(link["args"])) {
      (field.key == "?principal" ? values.principal : values.resource) = uid_of(text_of(field.value));
    }
    PV_TRY_VOID(set.link(text_of(link["template_id"]), text_of(link["link_id"]), std::move(values)));
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
  if (policies) {
    if (auto renamed = policies->use_id_annotations(); !renamed) return tally.add(false, renamed.error().message);
    if (auto linked = add_links(*policies, folder); !linked) return tally.add(false, linked.error().message);
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

std::string printed(const PolicySet& set) {
  std::string out;
  for (const Policy& p : set.templates()) out += to_text(p) + "\n";
  for (const Policy& p : set.policies()) out += to_text(p) + "\n";
  return out;
}

// Text to tree to JSON to tree to text is a fixed point: nothing is lost on the way.
void judge_round_trip(const fs::path& file, Tally& tally) {
  auto first = PolicySet::parse(slurp(file), file.filename().string());
  if (!first) return tally.add(false, first.error().message);
  std::string text = printed(*first);
  auto second = PolicySet::parse(text, "printed");
  if (!second) return tally.add(false, file.string() + " " + second.error().message + "\n" + text);
  auto third = policies_from_json(to_json(*second), "json");
  if (!third) return tally.add(false, file.string() + " " + third.error().message);
  tally.add(text == printed(*second) && to_json(*second) == to_json(*third), file.string());
}

TEST(Cases, PoliciesSurviveTextAndJson) {
  auto root = find_data("cedar policy files", "formatter");
  if (!root) return;
  Tally tally("cedar policy files, text to JSON to text");
  for (const char* folder : {"formatter", "examples", "cli-sample-data", "validator", "handwritten", "bench", "analysis"}) {
    for (const fs::path& file : files_below(data_root() / folder, ".cedar")) judge_round_trip(file, tally);
  }
}

std::string trimmed(const std::string& text) {
  size_t begin = text.find_first_not_of(" \n");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \n") - begin + 1);
}

void judge_layout(const fs::path& file, const fs::path& expected, Tally& tally) {
  auto got = format(slurp(file), file.filename().string());
  if (!got) return tally.add(false, file.string() + " " + got.error().message);
  tally.add(trimmed(*got) == trimmed(slurp(expected)), file.string() + "\n" + *got);
}

TEST(Cases, Formatter) {
  auto root = find_data("cedar formatter", "formatter");
  if (!root) return;
  Tally tally("cedar formatter pairs");
  for (const fs::path& file : files_below(*root, ".cedar")) {
    std::string name = file.string();
    std::string ending = ".formatted.cedar";
    if (!name.ends_with(ending)) continue;
    judge_layout(name.substr(0, name.size() - ending.size()) + ".cedar", file, tally);
  }
  Tally steady("cedar formatted policy files stay as they are");
  for (const char* folder : {"formatter", "examples", "cli-sample-data"}) {
    for (const fs::path& file : files_below(data_root() / folder, ".cedar")) {
      auto once = format(slurp(file), "once");
      auto twice = once ? format(*once, "twice") : once;
      steady.add(twice.has_value(), file.string() + (twice ? "" : " " + twice.error().message));
    }
  }
}

// policy-level-N follows N entities: valid at level N, not at N - 1.
TEST(Cases, Levels) {
  auto root = find_data("cedar levels", "cli-sample-data/tiny_sandboxes/level-validation");
  if (!root) return;
  Tally tally("cedar level validation");
  Schema schema = *Schema::parse(slurp(one_with(*root, ".cedarschema")), "schema");
  for (const fs::path& file : files_below(*root, ".cedar")) {
    std::string stem = file.stem().string();
    auto level = static_cast<uint32_t>(std::stoul(stem.substr(stem.rfind('-') + 1)));
    PolicySet set = *PolicySet::parse(slurp(file), stem);
    for (uint32_t allowed = 0; allowed < 4; ++allowed) {
      ValidationOptions options;
      options.level_max = allowed;
      tally.add(has_errors(validate(schema, set, options)) == (allowed < level), stem);
    }
  }
}

// X.resolved.cedarschema.json or X.cedarschema.json beside X.cedarschema, perhaps X.roundtrip.cedarschema.
void judge_schema_pair(const fs::path& file, Tally& pairs, Tally& ways) {
  std::string stem = file.string();
  std::string ending = ".cedarschema.json";
  if (!stem.ends_with(ending)) return;
  stem.resize(stem.size() - ending.size());
  if (stem.ends_with(".resolved")) stem.resize(stem.size() - 9);
  auto from_json = Schema::from_json(slurp(file), file.filename().string());
  if (!from_json) return pairs.add(false, from_json.error().message);
  auto from_text = Schema::parse(slurp(stem + ".cedarschema"), stem);
  if (!from_text) return pairs.add(false, from_text.error().message);
  pairs.add(same_meaning(*from_json, *from_text), file.string());
  if (fs::exists(stem + ".roundtrip.cedarschema")) {
    auto third = Schema::parse(slurp(stem + ".roundtrip.cedarschema"), stem);
    pairs.add(third && same_meaning(*third, *from_text), stem + ".roundtrip");
  }
  auto json = Schema::text_to_json(slurp(stem + ".cedarschema"), stem);
  auto there = json ? Schema::from_json(*json, "there") : Result<Schema>(std::unexpected(json.error()));
  ways.add(there && same_meaning(*there, *from_text), stem + (there ? "" : " " + there.error().message));
  auto text = Schema::json_to_text(slurp(file), stem);
  if (!text && text.error().code == Code::kUnsupported) {
    return ways.not_covered("a name that text cannot say: " + text.error().message);
  }
  auto back = text ? Schema::parse(*text, "back") : Result<Schema>(std::unexpected(text.error()));
  ways.add(back && same_meaning(*back, *from_json), file.string() + (back ? "" : " " + back.error().message));
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
  Tally pairs("cedar schema pairs, text and JSON mean the same");
  Tally ways("cedar schemas translated to the other syntax and back");
  for (const char* folder : {"schema-pairs", "cli-sample-data"}) {
    for (const fs::path& file : files_below(data_root() / folder, ".json")) judge_schema_pair(file, pairs, ways);
  }
}

}  // namespace
}  // namespace proviso::cedar
