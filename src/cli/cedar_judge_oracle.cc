// Files of answers that another engine gave: expressions, policy texts, entity files and policy sets.
#include <optional>

#include "cedar/policy_json.h"
#include "cedar/request_json.h"
#include "cli/cedar_judge.h"

namespace proviso::cli {

namespace fs = std::filesystem;
using namespace cedar;

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

}  // namespace proviso::cli
