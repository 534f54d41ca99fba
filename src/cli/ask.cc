// `proviso agreement ask`: what would be decided, before anybody does it.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "agreement/agreement.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/state_holder.h"

namespace proviso::cli {
namespace {

using agreement::Agreement;
using agreement::Decision;
using agreement::Outcome;
using Roles = std::map<std::string, std::vector<std::string>>;  // person -> their roles

constexpr int kDenied = 3;
constexpr int kHeld = 4;

struct AskOptions {
  std::string state = default_state();
  std::string folder, who, does = "ask", what, purpose, model, when;
  bool as_json = false;
};

// The register's people, and the one who asks as facts.
Result<Roles> registered(const std::string& state, const std::string& who, std::optional<exchange::Facts>& facts) {
  PV_TRY(const std::string answer, act_on_register(state, "GET", "/people", ""));
  json::Parser parser;
  PV_TRY(const json::Element root, parser.parse(answer));
  json::Array people;
  if (root.at_key("people").get(people) != simdjson::SUCCESS) {
    return fail(Code::kInternal, "the gate's answer cannot be read");
  }
  Roles out;
  for (json::Element person : people) {
    const std::string id = text_of(person, "id");
    out[id] = texts_of(person, "roles");
    if (id != who) continue;
    int64_t clearance = 0;
    if (person.at_key("clearance").get(clearance) != simdjson::SUCCESS) continue;
    PV_TRY(const UtcSeconds trained, parse_time(text_of(person, "training_until")));
    facts.emplace();
    facts->set("principal.id", id);
    facts->set("principal.roles", out[id]);
    facts->set("principal.clearance", clearance);
    facts->set("principal.nationality", text_of(person, "nationality"));
    facts->set("principal.training_until", trained.value);
  }
  if (!facts) {
    std::vector<std::string> known;
    for (const auto& [id, roles] : out) known.push_back(id);
    return fail(Code::kNotFound, fmt::format("the register knows nobody called `{}`; it knows {}", who, fmt::join(known, ", ")));
  }
  return out;
}

struct Answered {
  Decision decision;
  // Of a hold: each role that must approve, and who has it besides the one who asks.
  std::vector<std::pair<std::string, std::vector<std::string>>> approvers;
};

Result<Answered> answer(const AskOptions& options) {
  const bool sample = !options.folder.empty();
  PV_TRY(const agreement::Files files, read_tree(sample ? options.folder : options.state + "/agreement"));
  PV_TRY(const auto loaded, Agreement::load(files));
  agreement::Asked asked;
  asked.who = options.who;
  Roles people = loaded->example_people();
  if (!sample) {
    PV_TRY(people, registered(options.state, options.who, asked.person));
  }
  asked.does = options.does;
  asked.what = options.model.empty() ? options.what : "model " + options.model;
  if (!options.purpose.empty()) asked.when = "purpose=" + options.purpose + " ";
  if (!sample && options.when.find("now=") == std::string::npos) {
    asked.when += "now=" + format_time(SystemClock().now()) + " ";
  }
  asked.when += options.when;
  Answered out;
  PV_TRY(out.decision, loaded->ask(asked));
  for (const std::string& role : out.decision.awaits) {
    auto& [name, who] = out.approvers.emplace_back(role, std::vector<std::string>());
    for (const auto& [person, roles] : people) {
      if (person != options.who && std::ranges::find(roles, role) != roles.end()) who.push_back(person);
    }
  }
  return out;
}

void print_json(const Answered& answered) {
  std::string text;
  json::Writer out(text);
  out.begin_object().key("decision").string(agreement::outcome_name(answered.decision.outcome));
  out.key("reason").string(answered.decision.reason);
  out.key("clauses").begin_array();
  for (const agreement::ClauseRef& clause : answered.decision.clauses) {
    out.begin_object().key("number").string(clause.number).key("title").string(clause.title);
    out.key("source").string(clause.source).end_object();
  }
  out.end_array().key("awaits").begin_array();
  for (const auto& [role, people] : answered.approvers) {
    out.begin_object().key("role").string(role).key("people").begin_array();
    for (const std::string& person : people) out.string(person);
    out.end_array().end_object();
  }
  out.end_array().end_object();
  print(text);
}

int ask(const AskOptions& options) {
  const auto answered = answer(options);
  if (!answered) return complain(answered.error());
  const Decision& decision = answered->decision;
  const int exit = decision.outcome == Outcome::kAllow ? 0 : decision.outcome == Outcome::kHold ? kHeld : kDenied;
  if (options.as_json) {
    print_json(*answered);
    return exit;
  }
  const std::string name = agreement::outcome_name(decision.outcome);
  print(decision.outcome == Outcome::kAllow ? green(name) : red(name));
  if (!decision.reason.empty()) print("  " + decision.reason);
  for (const agreement::ClauseRef& clause : decision.clauses) {
    print(fmt::format("  clause {} {} ({})", clause.number, clause.title, clause.source));
  }
  for (const auto& [role, people] : answered->approvers) {
    print(fmt::format("  waits for {}: {}", role, people.empty() ? "nobody else has this role" : fmt::format("{}", fmt::join(people, ", "))));
  }
  return exit;
}

}  // namespace

void add_agreement_ask(CLI::App& command, int& status) {
  auto options = std::make_shared<AskOptions>();
  auto* sub = command.add_subcommand("ask", "would it be allowed, why not, and who could approve it");
  sub->add_option("folder", options->folder, "an agreement, with the people of its examples.json; else the one in the state folder, with the register's");
  sub->add_option("--as", options->who, "who would do it")->required();
  sub->add_option("--does", options->does, "the verb: ask, release, act, train …")->capture_default_str();
  auto* what = sub->add_option("--what", options->what, "\"tool ID\", \"dataset ID\", \"vendor ID\" or \"purpose ID\"");
  sub->add_option("--model", options->model, "a model's id")->excludes(what);
  sub->add_option("--purpose", options->purpose, "the purpose that would be named");
  sub->add_option("--when", options->when, "what else would be so, as in the table of an example: \"labels=secret marking=2\"");
  sub->add_option("--state", options->state, "state folder")->capture_default_str();
  sub->add_flag("--json", options->as_json, "answer in JSON");
  sub->footer("  proviso agreement ask --as ana --purpose logistics --model local\n"
              "  proviso agreement ask agreements/enclave --as planner --does act --what \"tool dispatch\" --purpose logistics\n"
              "The rules alone answer: stops and emergencies in force, and what inspection would find, are not known here.\n"
              "exit status: 0 allow, 3 deny, 4 hold, 1 it cannot be said");
  sub->callback([options, &status] { status = ask(*options); });
}

}  // namespace proviso::cli
