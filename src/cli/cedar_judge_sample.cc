// The sample folders of Cedar's command line. What must come out is said by the names of files there:
// tests-combined, tests-named pass; tests-fail and whatever ends in -error or -reason does not; a policy
// file named bad or invalid does not validate, and its good sibling does.
#include <algorithm>

#include "cedar/policy_json.h"
#include "cedar/request_check.h"
#include "cedar/request_json.h"
#include "cedar/validator.h"
#include "cli/cedar_files.h"
#include "cli/cedar_judge.h"

namespace proviso::cli {

namespace fs = std::filesystem;
using namespace cedar;

// {request, entities, decision, reason, num_errors}
bool Judge::sample_test(json::Element test, const Engine& engine, const Schema& schema) const {
  json::Element asked;
  json::Element list;
  if (test["request"].get(asked) != simdjson::SUCCESS || test["entities"].get(list) != simdjson::SUCCESS) return false;
  auto request = request_from_json(asked, &schema);
  auto entities = entities_in(json::to_text(list), &schema);
  if (!request || !entities || !check_request(schema, *request)) return false;
  Response got = engine.is_authorized(*request, *entities);
  bool allow = std::string_view(test["decision"]) == "allow";
  return (got.decision == Answer::kAllow) == allow && reason_of(engine, got) == strings(test["reason"]) &&
         got.errors.size() == uint64_t(test["num_errors"]);
}

void Judge::sample_tests(const fs::path& path, json::Element tests) {
  fs::path folder = path.parent_path();
  std::string stem = path.stem().string();
  fs::path policy_file = folder / "policy.cedar";
  if (!fs::exists(policy_file)) policy_file = folder / (stem == "test-policy-error" ? "invalid_policy.cedar" : "valid_policy.cedar");
  auto policies = read_policies(policy_file.string());
  auto schema = read_schema((folder / "schema.cedarschema").string());
  if (!loaded("samples", policies, path.string()) || !loaded("samples", schema, path.string())) return;
  bool valid = !has_errors(validate(*schema, *policies));
  auto engine = Engine::compile(std::move(*policies), &*schema);
  json::Array list;
  bool passed = valid && engine && tests.get_array().get(list) == simdjson::SUCCESS;
  if (passed) {
    passed = std::ranges::all_of(list, [&](json::Element test) { return sample_test(test, *engine, *schema); });
  }
  bool must_pass = stem == "tests-combined" || stem == "tests-named";
  add(must_pass ? "sample tests that pass" : "sample tests that must not pass", passed == must_pass, path.string());
}

// X_bad.cedar beside X.cedar, invalid_X.cedar beside valid_X.cedar.
void Judge::sample_policies(const fs::path& bad) {
  auto schema = read_schema((bad.parent_path() / "schema.cedarschema").string());
  if (!loaded("samples", schema, bad.string())) return;
  std::string name = bad.filename().string();
  std::string good = name.starts_with("invalid_") ? name.substr(2) : name.substr(0, name.rfind("_bad")) + ".cedar";
  auto valid = [&](const fs::path& path) {
    auto policies = read_policies(path.string());
    return policies && !has_errors(validate(*schema, *policies));
  };
  add("sample policies that must not validate", !valid(bad), bad.string());
  add("sample policies that validate", valid(bad.parent_path() / good), good);
}

// policy-level-N follows N entities: valid at level N, not at N - 1.
void Judge::levels(const fs::path& path) {
  auto schema = read_schema(one_with(path.parent_path(), ".cedarschema").string());
  auto policies = read_policies(path.string());
  if (!loaded("levels", schema, path.string()) || !loaded("levels", policies, path.string())) return;
  std::string stem = path.stem().string();
  auto level = static_cast<uint32_t>(std::stoul(stem.substr(stem.rfind('-') + 1)));
  for (uint32_t allowed = 0; allowed <= level + 1; ++allowed) {
    ValidationOptions options;
    options.level_max = allowed;
    add("levels", has_errors(validate(*schema, *policies, options)) == (allowed < level), stem);
  }
}

// X.cedar.json: readable unless its name says that its properties are wrong; the form of X.cedar if that is there.
void Judge::policy_json(const fs::path& path) {
  auto text = slurp(path);
  auto policies = text ? policies_from_json(*text, path.string()) : Result<PolicySet>(std::unexpected(text.error()));
  bool faulty = path.string().find("_properties") != std::string::npos;
  add(faulty ? "policies in JSON that must be refused" : "policies in JSON read", policies.has_value() != faulty,
      path.string() + (policies ? "" : " " + policies.error().message));
  std::string plain = path.string().substr(0, path.string().size() - std::string_view(".json").size());
  if (!policies || !fs::exists(plain)) return;
  auto from_text = read_policies(plain);
  add("policies in text and JSON mean the same", from_text && to_json(*from_text) == to_json(*policies), path.string());
}

}  // namespace proviso::cli
