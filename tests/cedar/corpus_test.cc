// Whole cases: policies, schema, entities and requests with the verdicts of cedar-policy 4.10.
#include <algorithm>
#include <map>
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

std::set<std::string> strings(json::Element array) {
  std::set<std::string> out;
  for (json::Element one : json::Array(array)) out.insert(text_of(one));
  return out;
}

struct Tallies {
  explicit Tallies(const std::string& family)
      : load(family + " loading"),
        validation(family + " validation verdicts"),
        permissive(family + " permissive verdicts"),
        requests(family + " request validation"),
        decisions(family + " decisions"),
        reasons(family + " reason sets"),
        errors(family + " error sets"),
        indexed(family + " answers with the index") {}
  Tally load, validation, permissive, requests, decisions, reasons, errors, indexed;
};

struct Case {
  Schema schema;
  Entities entities;
  Engine plain;
  Engine indexed;
  bool valid = false;
  bool permissive = false;
  std::string diagnostics;
};

Result<Case> load_case(const fs::path& base, json::Element description) {
  PV_TRY(Schema schema, Schema::parse(slurp(base / text_of(description["schema"])), "schema"));
  PV_TRY(PolicySet policies, PolicySet::parse(slurp(base / text_of(description["policies"])), "policies"));
  json::Parser parser;
  PV_TRY(json::Element json, parser.parse(slurp(base / text_of(description["entities"]))));
  PV_TRY(std::vector<Entity> list, entities_from_json(json, &schema));
  PV_TRY(Entities entities, Entities::create(std::move(list)));
  auto diagnostics = validate(schema, policies);
  PV_TRY(Engine plain, Engine::compile(policies, nullptr, {.index = false}));
  PV_TRY(Engine indexed, Engine::compile(policies, &schema));
  Case out{std::move(schema), std::move(entities), std::move(plain), std::move(indexed), !has_errors(diagnostics), false, {}};
  out.permissive = !has_errors(validate(out.schema, policies, {.mode = Mode::kPermissive}));
  for (const Diagnostic& d : diagnostics) out.diagnostics += " " + d.to_string();
  return out;
}

std::set<std::string> ids_of(const Engine& engine, const std::vector<uint32_t>& indices) {
  std::set<std::string> out;
  for (uint32_t i : indices) out.insert(engine.policies()[i].id);
  return out;
}

std::set<std::string> error_ids(const Engine& engine, const Response& response) {
  std::set<std::string> out;
  for (const PolicyError& e : response.errors) out.insert(engine.policies()[e.policy].id);
  return out;
}

bool fits_expected(json::Element request) {
  json::Element given;
  return request["validateRequest"].get(given) != simdjson::SUCCESS || bool(given);
}

void judge_request(const Case& one, json::Element r, const std::string& name, Tallies& tallies) {
  Request request;
  request.principal = *uid_from_json(r["principal"]);
  request.action = *uid_from_json(r["action"]);
  request.resource = *uid_from_json(r["resource"]);
  auto context = context_from_json(r["context"], &one.schema, &request.action);
  if (!context) return tallies.requests.add(!fits_expected(r), name + " " + context.error().message);
  request.context = std::move(*context);
  bool fits = fits_expected(r);
  auto ok = check_request(one.schema, request);
  tallies.requests.add(ok.has_value() == fits, name + (ok ? "" : " " + ok.error().message));
  json::Element decision;
  if (r["decision"].get(decision) != simdjson::SUCCESS) return;
  Response got = one.plain.is_authorized(request, one.entities);
  bool allow = got.decision == Answer::kAllow;
  std::string expected = text_of(decision);
  tallies.decisions.add(allow == (expected == "allow" || expected == "Allow"), name);
  tallies.reasons.add(ids_of(one.plain, got.reason()) == strings(r["reason"]), name);
  tallies.errors.add(error_ids(one.plain, got) == strings(r["errors"]), name);
  Response again = one.indexed.is_authorized(request, one.entities);
  tallies.indexed.add(again.decision == got.decision && again.permits == got.permits &&
                          again.forbids == got.forbids &&
                          error_ids(one.indexed, again) == error_ids(one.plain, got),
                      name);
}

void judge_file(const fs::path& base, const fs::path& file, Tallies& tallies) {
  json::Parser parser;
  std::string text = slurp(file);
  json::Element description = *parser.parse(text);
  auto one = load_case(base, description);
  tallies.load.add(one.has_value(), file.stem().string() + (one ? "" : " " + one.error().message));
  if (!one) return;
  bool expected = bool(description["shouldValidate"]);
  tallies.validation.add(one->valid == expected, file.stem().string() + one->diagnostics);
  fs::path verdicts = base / "corpus-tests-validation" / (file.stem().string() + ".validation.json");
  if (fs::exists(verdicts)) {
    json::Parser inner;
    json::Element v = *inner.parse(slurp(verdicts));
    tallies.permissive.add(one->permissive == bool(v["policyValidation"]["permissive"]), file.stem().string());
  }
  for (json::Element r : json::Array(description["requests"])) {
    judge_request(*one, r, file.stem().string(), tallies);
  }
}

TEST(Corpus, Handwritten) {
  auto root = find_data("cedar handwritten", "handwritten");
  if (!root) return;
  Tallies tallies("cedar handwritten");
  for (const fs::path& file : files_below(*root / "tests", ".json")) judge_file(*root, file, tallies);
}

// A folder of this run's own that goes away at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "proviso-cedar-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(Corpus, Generated) {
  auto archive = find_data("cedar corpus", "corpus-dev.tar.gz");
  if (!archive) return;
  TemporaryFolder folder;
  std::string command = "tar xzf '" + archive->string() + "' -C '" + folder.path().string() + "' corpus-tests corpus-tests-validation";
  ASSERT_EQ(std::system(command.c_str()), 0);
  Tallies tallies("cedar corpus");
  for (const fs::path& file : files_below(folder.path() / "corpus-tests", ".json")) {
    if (file.string().ends_with(".entities.json")) continue;
    judge_file(folder.path(), file, tallies);
  }
}

}  // namespace
}  // namespace proviso::cedar
