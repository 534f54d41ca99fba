#include "cli/cedar_corpus.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "cedar/authorizer.h"
#include "cedar/entities_json.h"
#include "cedar/formatter.h"
#include "cedar/policy_json.h"
#include "cedar/request_check.h"
#include "cedar/request_json.h"
#include "cedar/validator.h"
#include "cli/cedar_files.h"
#include "cli/output.h"

extern char** environ;

namespace proviso::cli {
namespace {

namespace fs = std::filesystem;
using namespace cedar;

struct Family {
  size_t passed = 0;
  size_t total = 0;
};

// Everything that one run counts. A case that throws out of simdjson is a miss, never a crash.
class Judge {
 public:
  explicit Judge(bool quiet) : quiet_(quiet) {}

  void run(const fs::path& root);
  [[nodiscard]] const std::map<std::string, Family>& families() const { return families_; }
  [[nodiscard]] const std::vector<std::string>& misses() const { return misses_; }

 private:
  void add(const std::string& family, bool passed, const std::string& what) {
    Family& counted = families_[family];
    ++counted.total;
    if (passed) {
      ++counted.passed;
      return;
    }
    misses_.push_back(family + ": " + what);
    if (!quiet_) print(red("differs ") + misses_.back());
  }
  template <class T>
  bool loaded(const std::string& family, const Result<T>& result, const std::string& what) {
    add(family, result.has_value(), what + (result ? "" : " " + result.error().message));
    return result.has_value();
  }

  void file(const fs::path& root, const fs::path& path);
  void case_file(const fs::path& root, const fs::path& path, json::Element description);
  void case_request(const Engine& engine, const Schema& schema, const Entities& entities, json::Element r,
                    const std::string& name);
  void validator_case(const fs::path& stem, json::Element description);
  void verdicts(const fs::path& file, const Schema& schema, const PolicySet& policies, bool each);
  void example(const fs::path& folder);
  void layout(const fs::path& formatted);
  void schema_pair(const fs::path& path);
  void oracle(const fs::path& path, json::Element root);
  void oracle_parse(json::Element one);
  void oracle_load(json::Element one);
  void oracle_policies(json::Element one, const Entities& entities);

  bool quiet_;
  std::map<std::string, Family> families_;
  std::vector<std::string> misses_;
};

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
  verdicts(root / "corpus-tests-validation" / (name + ".validation.json"), *schema, *policies, false);
  fs::path json_schema = root / "corpus-tests-json-schemas" / (name + ".cedarschema.json");
  if (auto json = slurp(json_schema)) {
    auto other = Schema::from_json(*json, name);
    add("JSON schemas", other && same_meaning(*other, *schema), name + (other ? "" : " " + other.error().message));
  }
  for (json::Element r : json::Array(description["requests"])) case_request(*engine, *schema, *entities, r, name);
}

// `X.validation.json`; `each`: the strict verdict too, and policy by policy.
void Judge::verdicts(const fs::path& file, const Schema& schema, const PolicySet& policies, bool each) {
  auto text = slurp(file);
  if (!text) return;
  json::Parser parser;
  auto expected = parser.parse(*text);
  if (!loaded("case files", expected, file.string())) return;
  ValidationOptions permissive;
  permissive.mode = Mode::kPermissive;
  auto loose = validate(schema, policies, permissive);
  std::string name = file.stem().string();
  add("permissive verdicts", !has_errors(loose) == bool((*expected)["policyValidation"]["permissive"]), name);
  if (!each) return;
  auto strict = validate(schema, policies);
  auto clean = [](const std::vector<Diagnostic>& all, std::string_view id) {
    return std::ranges::none_of(all, [&](const Diagnostic& d) { return d.policy == id && d.severity == Severity::kError; });
  };
  for (auto field : json::Object((*expected)["policyValidation"]["perPolicy"])) {
    std::string what = name + " " + std::string(field.key);
    add("validator policies, strict", clean(strict, field.key) == bool(field.value["strict"]), what);
    add("validator policies, permissive", clean(loose, field.key) == bool(field.value["permissive"]), what);
  }
}

void Judge::validator_case(const fs::path& stem, json::Element description) {
  auto schema_text = slurp(stem.string() + ".cedarschema");
  auto policy_text = slurp(stem.string() + ".cedar");
  auto verdict_text = slurp(stem.string() + ".validation.json");
  std::string name = stem.filename().string();
  if (!schema_text || !policy_text || !verdict_text) return add("validator cases", false, name + " is not whole");
  auto schema = Schema::parse(*schema_text, name);
  auto policies = PolicySet::parse(*policy_text, name);
  if (!loaded("validator cases", schema, name) || !loaded("validator cases", policies, name)) return;
  verdicts(stem.string() + ".validation.json", *schema, *policies, true);
  json::Parser parser;
  json::Element expected = *parser.parse(*verdict_text);
  auto verdict = json::Array(expected["requestValidation"]).begin();
  for (json::Element r : json::Array(description["requests"])) {
    auto request = request_from_json(r, &*schema);
    bool fits = request && check_request(*schema, *request);
    add("validator requests", fits == bool((*verdict)["strict"]), name);
    ++verdict;
  }
}

fs::path one_with(const fs::path& folder, const std::string& ending) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().string().ends_with(ending)) return entry.path();
  }
  return {};
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

std::string trimmed(const std::string& text) {
  size_t begin = text.find_first_not_of(" \n");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \n") - begin + 1);
}

void Judge::layout(const fs::path& formatted) {
  std::string stem = formatted.string();
  stem.resize(stem.size() - std::string_view(".formatted.cedar").size());
  auto text = slurp(stem + ".cedar");
  auto expected = slurp(formatted);
  auto got = text ? format(*text, stem) : text;
  add("formatter pairs", got && expected && trimmed(*got) == trimmed(*expected),
      stem + (got ? "" : " " + got.error().message));
}

void Judge::schema_pair(const fs::path& path) {
  std::string stem = path.string();
  stem.resize(stem.size() - std::string_view(".cedarschema.json").size());
  if (stem.ends_with(".resolved")) stem.resize(stem.size() - std::string_view(".resolved").size());
  if (!fs::exists(stem + ".cedarschema")) return;
  auto from_json = read_schema(path.string());
  auto from_text = read_schema(stem + ".cedarschema");
  if (!loaded("schema pairs", from_json, stem) || !loaded("schema pairs", from_text, stem)) return;
  add("schema pairs", same_meaning(*from_json, *from_text), stem);
  if (!fs::exists(stem + ".roundtrip.cedarschema")) return;
  auto again = read_schema(stem + ".roundtrip.cedarschema");
  add("schema pairs", again && same_meaning(*again, *from_text), stem + ".roundtrip");
}

void Judge::oracle_parse(json::Element one) {
  auto text = std::string(std::string_view(one["policy"]));
  auto policies = PolicySet::parse(text, "policy");
  bool accepted = policies && policies->policies().size() + policies->templates().size() == 1;
  add("oracle parse", accepted == (std::string_view(one["result"]) == "ok"), text);
  json::Element form;
  if (!accepted || one["json"].get(form) != simdjson::SUCCESS) return;
  const Policy& policy = policies->size() == 1 ? policies->policies()[0] : policies->templates()[0];
  json::Parser parser;
  auto written = parser.parse(to_json(policy));
  auto ours = written ? json::canonical(*written) : Result<std::string>(std::unexpected(written.error()));
  auto theirs = json::canonical(form);
  add("oracle JSON forms", ours && theirs && *ours == *theirs, text);
}

void Judge::oracle_load(json::Element one) {
  json::Element schema_text;
  bool with_schema = one["schema"].get(schema_text) == simdjson::SUCCESS && schema_text.is_string();
  bool expected = std::string_view(one["result"]) == "ok";
  auto name = std::string(std::string_view(one["name"]));
  std::optional<Schema> schema;
  bool good = true;
  if (with_schema) {
    auto parsed = Schema::parse(std::string_view(schema_text), name);
    good = parsed.has_value();
    if (parsed) schema = std::move(*parsed);
  }
  json::Element list;
  if (good && one["entities"].get(list) == simdjson::SUCCESS) {
    std::string text = list.is_string() ? std::string(std::string_view(list)) : json::to_text(list);
    good = entities_in(text, schema ? &*schema : nullptr).has_value();
  }
  add("oracle load", good == expected, name);
}

void Judge::oracle_policies(json::Element one, const Entities& entities) {
  auto name = std::string(std::string_view(one["id"]));
  auto policies = policies_from_json(json::to_text(one["policies"]), name);
  if (!policies) return add("oracle policy sets", false, name + " " + policies.error().message);
  auto engine = Engine::compile(std::move(*policies));
  for (json::Element r : json::Array(one["requests"])) {
    auto request = request_from_json(r);
    if (!request || !engine) return add("oracle policy sets", false, name);
    Response got = engine->is_authorized(*request, entities);
    bool allow = std::string_view(r["decision"]) == "allow";
    add("oracle policy sets", (got.decision == Answer::kAllow) == allow && reason_of(*engine, got) == strings(r["reason"]) &&
                                  errors_of(*engine, got) == strings(r["errors"]), name);
  }
}

// Told apart by what their cases hold.
void Judge::oracle(const fs::path& path, json::Element root) {
  std::optional<Entities> store;
  if (has(root, "entities")) {
    auto entities = entities_in(json::to_text(root["entities"]), nullptr);
    if (!loaded("oracle files", entities, path.string())) return;
    store = std::move(*entities);
  }
  for (json::Element one : json::Array(root["cases"])) {
    if (has(one, "policies") && store) {
      oracle_policies(one, *store);
    } else if (has(one, "policy")) {
      oracle_parse(one);
    } else if (has(one, "expr") && store) {
      auto asked = request_from_json(root["request"]);
      auto text = std::string(std::string_view(one["expr"]));
      auto expr = parse_expression(text, "expr");
      std::string got = "parse-error";
      if (expr && asked) {
        auto value = evaluate(**expr, *asked, *store);
        const bool* truth = value ? value->get_if<bool>() : nullptr;
        got = truth == nullptr ? "error" : *truth ? "true" : "false";
      }
      add("oracle expressions", got == std::string_view(one["result"]), text);
    } else if (has(one, "kind")) {
      oracle_load(one);
    }
  }
}

void Judge::file(const fs::path& root, const fs::path& path) {
  std::string name = path.string();
  if (name.ends_with(".formatted.cedar")) return layout(path);
  if (name.ends_with(".cedarschema.json")) return schema_pair(path);
  if (!name.ends_with(".json") || name.ends_with(".entities.json") || name.ends_with(".validation.json")) return;
  auto text = slurp(path);
  json::Parser parser;
  auto element = text ? parser.parse(*text) : Result<json::Element>(std::unexpected(text.error()));
  if (!element) return;  // not a file of cases
  fs::path stem = path.parent_path() / path.stem();
  if (has(*element, "cases")) {
    oracle(path, *element);
  } else if (has(*element, "requests") && fs::exists(stem.string() + ".validation.json") &&
             fs::exists(stem.string() + ".cedar")) {
    validator_case(stem, *element);
  } else if (has(*element, "requests") && has(*element, "policies") && has(*element, "shouldValidate")) {
    // Paths in a case are relative to the folder that its data was laid out in, one of those above it.
    fs::path base = path.parent_path();
    while (base != root && !fs::exists(base / std::string(std::string_view((*element)["policies"])))) base = base.parent_path();
    case_file(base, path, *element);
  }
}

void Judge::run(const fs::path& root) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_directory() && (fs::exists(entry.path() / "ALLOW") || fs::exists(entry.path() / "DENY"))) example(entry.path());
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const fs::path& path : files) {
    try {
      file(root, path);
    } catch (const simdjson::simdjson_error& error) {
      add("case files", false, path.string() + ": not the form of the data: " + error.what());
    }
  }
}

// A folder of this run's own that goes away at its end.
class Unpacked {
 public:
  Unpacked() {
    std::string name = (fs::temp_directory_path() / "proviso-cedar-XXXXXX").string();
    if (const char* made = ::mkdtemp(name.data())) path_ = made;
  }
  ~Unpacked() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Unpacked(const Unpacked&) = delete;
  Unpacked& operator=(const Unpacked&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Status unpack(const fs::path& archive, const fs::path& folder) {
  std::string from = archive.string();
  std::string to = folder.string();
  std::string words[] = {"tar", "-xzf", from, "-C", to};
  char* argv[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), words[4].data(), nullptr};
  pid_t child = 0;
  int status = 1;
  if (::posix_spawnp(&child, "tar", nullptr, nullptr, argv, environ) != 0 || ::waitpid(child, &status, 0) != child ||
      status != 0) {
    return fail(Code::kIo, "`" + from + "` could not be unpacked with tar");
  }
  return {};
}

void report(const Judge& judge, bool as_json) {
  if (!as_json) {
    for (const auto& [name, family] : judge.families()) print(fmt::format("{}: {}/{}", name, family.passed, family.total));
    return;
  }
  std::string out;
  json::Writer w(out);
  w.begin_object().key("families").begin_object();
  for (const auto& [name, family] : judge.families()) {
    w.key(name).begin_object().key("passed").uinteger(family.passed).key("total").uinteger(family.total).end_object();
  }
  w.end_object().key("misses").begin_array();
  for (const std::string& miss : judge.misses()) w.string(miss);
  w.end_array().end_object();
  print(out);
}

}  // namespace

int judge_corpus(const std::string& folder, bool as_json) {
  if (!fs::is_directory(folder)) return complain({Code::kNotFound, "`" + folder + "` is not a folder"});
  Judge judge(as_json);
  judge.run(folder);
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || !entry.path().string().ends_with(".tar.gz")) continue;
    Unpacked unpacked;
    if (Status done = unpack(entry.path(), unpacked.path()); !done) return complain(done.error());
    judge.run(unpacked.path());
  }
  report(judge, as_json);
  if (judge.families().empty()) return complain({Code::kNotFound, "`" + folder + "` holds no case that is known here"});
  return judge.misses().empty() ? 0 : 1;
}

}  // namespace proviso::cli
