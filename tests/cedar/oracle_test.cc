// The answers of cedar-wasm 4.13.0 on hand-made expressions, policies, entity files and policy sets.
#include <algorithm>
#include <set>

#include "cedar/authorizer.h"
#include "cedar/entities_json.h"
#include "cedar/policy_json.h"
#include "cedar/policy_set.h"
#include "data.h"

namespace proviso::cedar {
namespace {

using namespace test;

Request request_from(json::Element element) {
  Request out;
  out.principal = *uid_from_json(element["principal"]);
  out.action = *uid_from_json(element["action"]);
  out.resource = *uid_from_json(element["resource"]);
  out.context = *context_from_json(element["context"]);
  return out;
}

TEST(Oracle, Expressions) {
  auto path = find_data("cedar oracle expr", "oracle/expr.json");
  if (!path) return;
  json::Parser parser;
  json::Element root = *parser.parse(slurp(*path));
  Entities entities = *Entities::create(*entities_from_json(root["entities"]));
  Request request = request_from(root["request"]);
  Tally tally("cedar oracle expr");
  for (json::Element one : json::Array(root["cases"])) {
    std::string text = text_of(one["expr"]);
    std::string expected = text_of(one["result"]);
    auto expr = parse_expression(text, "expr");
    std::string got = "parse-error";
    if (expr) {
      auto value = evaluate(**expr, request, entities);
      const bool* truth = value ? value->get_if<bool>() : nullptr;
      got = truth == nullptr ? "error" : *truth ? "true" : "false";
    }
    std::string detail = text + " expected " + expected + ", got " + got;
    if (!expr) detail += " " + expr.error().message;
    tally.add(got == expected, detail);
  }
}

TEST(Oracle, Parse) {
  auto path = find_data("cedar oracle parse", "oracle/parse.json");
  if (!path) return;
  json::Parser parser;
  json::Element root = *parser.parse(slurp(*path));
  Tally tally("cedar oracle parse");
  Tally forms("cedar oracle parse: JSON forms, there and back");
  for (json::Element one : json::Array(root["cases"])) {
    std::string text = text_of(one["policy"]);
    auto policies = PolicySet::parse(text, "policy");
    bool accepted = policies && policies->policies().size() + policies->templates().size() == 1;
    bool expected = text_of(one["result"]) == "ok";
    tally.add(accepted == expected, text + (policies ? " was accepted" : " " + policies.error().message));
    json::Element expected_json;
    if (!accepted || one["json"].get(expected_json) != simdjson::SUCCESS) continue;
    const Policy& policy = policies->size() == 1 ? policies->policies()[0] : policies->templates()[0];
    json::Parser inner;
    std::string written = to_json(policy);
    forms.add(*json::canonical(*inner.parse(written)) == *json::canonical(expected_json), text + " " + written);
    auto back = policies_from_json(written, "json");
    forms.add(back && to_json(back->size() == 1 ? back->policies()[0] : back->templates()[0]) == written,
              text + (back ? "" : " " + back.error().message));
  }
}

TEST(Oracle, Load) {
  auto path = find_data("cedar oracle load", "oracle/load.json");
  if (!path) return;
  json::Parser parser;
  json::Element root = *parser.parse(slurp(*path));
  Tally tally("cedar oracle load");
  for (json::Element one : json::Array(root["cases"])) {
    bool expected = text_of(one["result"]) == "ok";
    std::string name = text_of(one["name"]);
    json::Element schema_text;
    bool has_schema = one["schema"].get(schema_text) == simdjson::SUCCESS && schema_text.is_string();
    std::optional<Result<Schema>> schema;
    if (has_schema) schema = Schema::parse(std::string_view(schema_text), "schema");
    Status outcome;
    if (has_schema && !*schema) {
      outcome = std::unexpected(schema->error());
    } else if (text_of(one["kind"]) == "entities") {
      json::Element list;
      if (one["entities"].get(list) != simdjson::SUCCESS) {
        tally.not_covered("cases without an entity list");
        continue;
      }
      std::string text = list.is_string() ? text_of(list) : json::to_text(list);
      json::Parser inner;
      auto parsed = inner.parse(text);
      if (!parsed) {
        outcome = std::unexpected(parsed.error());
      } else {
        auto entities = entities_from_json(*parsed, has_schema ? &**schema : nullptr);
        if (!entities) {
          outcome = std::unexpected(entities.error());
        } else if (auto store = Entities::create(std::move(*entities)); !store) {
          outcome = std::unexpected(store.error());
        }
      }
    }
    tally.add(outcome.has_value() == expected,
              name + (outcome ? " was accepted" : " " + outcome.error().message));
  }
}

std::set<std::string> strings(json::Element array) {
  std::set<std::string> out;
  for (json::Element one : json::Array(array)) out.insert(text_of(one));
  return out;
}

TEST(Oracle, MultiPolicy) {
  auto path = find_data("cedar oracle multi-policy", "oracle/multi-policy.json");
  if (!path) return;
  json::Parser parser;
  json::Element root = *parser.parse(slurp(*path));
  Entities entities = *Entities::create(*entities_from_json(root["entities"]));
  Tally tally("cedar oracle multi-policy requests");
  for (json::Element one : json::Array(root["cases"])) {
    auto read = policies_from_json(json::to_text(one["policies"]), "policies");
    if (!read) {
      tally.add(false, text_of(one["id"]) + " " + read.error().message);
      continue;
    }
    PolicySet set = std::move(*read);
    std::vector<std::string> ids;
    for (const Policy& policy : set.policies()) ids.push_back(policy.id);
    Engine engine = *Engine::compile(std::move(set));
    for (json::Element r : json::Array(one["requests"])) {
      Response response = engine.is_authorized(request_from(r), entities);
      std::set<std::string> reason;
      std::set<std::string> errors;
      for (uint32_t i : response.reason()) reason.insert(ids[i]);
      for (const PolicyError& e : response.errors) errors.insert(ids[e.policy]);
      bool allow = response.decision == Answer::kAllow;
      tally.add(allow == (text_of(r["decision"]) == "allow") && reason == strings(r["reason"]) &&
                    errors == strings(r["errors"]),
                text_of(one["id"]));
    }
  }
}

}  // namespace
}  // namespace proviso::cedar
