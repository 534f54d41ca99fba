// `proviso cedar`: the policy language by itself, in the words of Cedar's own command line.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "cedar/authorizer.h"
#include "cedar/formatter.h"
#include "cedar/policy_json.h"
#include "cedar/request_check.h"
#include "cedar/request_json.h"
#include "cedar/validator.h"
#include "cli/cedar_corpus.h"
#include "cli/cedar_files.h"
#include "cli/command.h"
#include "cli/output.h"

namespace proviso::cli {
namespace {

constexpr int kDenied = 3;  // exit status of an answer that is deny

struct CedarOptions {
  std::string policies, links, schema, entities, request, principal, action, resource, context;
  std::string mode = "strict", direction, input = "-", template_id, new_id, arguments, folder;
  int level = -1;
  bool as_json = false, cedar_4_13 = false, check = false, write = false;
  cedar::FormatOptions format;
};

struct Question {
  std::optional<cedar::Schema> schema;
  std::optional<cedar::Entities> entities;
  std::optional<cedar::Engine> engine;
  cedar::Request request;
};

Result<cedar::PolicySet> policies_of(const CedarOptions& options) {
  PV_TRY(cedar::PolicySet set, read_policies(options.policies));
  if (!options.links.empty()) PV_TRY_VOID(read_links(set, options.links));
  return set;
}

Result<cedar::Request> request_of(const CedarOptions& options, const cedar::Schema* schema) {
  json::Parser parser;
  if (!options.request.empty()) {
    PV_TRY(std::string text, read_input(options.request));
    PV_TRY(json::Element element, parser.parse(text));
    return cedar::request_from_json(element, schema);
  }
  std::string text;
  json::Writer w(text);
  w.begin_object().key("principal").string(options.principal).key("action").string(options.action);
  w.key("resource").string(options.resource);
  if (!options.context.empty()) {
    PV_TRY(std::string context, read_input(options.context));
    PV_TRY(json::Element checked, parser.parse(context));
    w.key("context").element(checked);
  }
  w.end_object();
  PV_TRY(json::Element element, parser.parse(text));
  return cedar::request_from_json(element, schema);
}

Result<Question> question_of(const CedarOptions& options) {
  Question out;
  PV_TRY(cedar::PolicySet set, policies_of(options));
  if (!options.schema.empty()) {
    PV_TRY(out.schema, read_schema(options.schema));
  }
  const cedar::Schema* schema = out.schema ? &*out.schema : nullptr;
  PV_TRY(out.entities, read_entities(options.entities, schema));
  PV_TRY(out.request, request_of(options, schema));
  if (schema != nullptr) PV_TRY_VOID(cedar::check_request(*schema, out.request));
  PV_TRY(out.engine, cedar::Engine::compile(std::move(set), schema));
  return out;
}

int authorize(const CedarOptions& options) {
  auto question = question_of(options);
  if (!question) return complain(question.error());
  cedar::Response response = question->engine->is_authorized(question->request, *question->entities);
  bool allow = response.decision == cedar::Answer::kAllow;
  if (options.as_json) {
    std::string out;
    cedar::write_response(*question->engine, response, out);
    print(out);
    return allow ? 0 : kDenied;
  }
  print(allow ? green("ALLOW") : red("DENY"));
  for (uint32_t i : response.reason()) {
    const cedar::Policy& policy = question->engine->policies()[i];
    print(fmt::format("  because of {} ({}:{})", policy.id, policy.file(), policy.line()));
  }
  for (const cedar::PolicyError& error : response.errors) {
    print(fmt::format("  {} {}: {}", red("error in"), question->engine->policies()[error.policy].id, error.message));
  }
  if (response.cut_short) {
    print(fmt::format("  {}: it needs more than {} steps, so not every policy was asked", red("cut short"),
                      cedar::kDecisionStepsMax));
  }
  return allow ? 0 : kDenied;
}

const char* verdict_name(cedar::Explanation::Verdict verdict) {
  using enum cedar::Explanation::Verdict;
  switch (verdict) {
    case kSatisfied: return "satisfied";
    case kPrincipal: return "principal";
    case kAction: return "action";
    case kResource: return "resource";
    case kCondition: return "condition";
    case kError: return "error";
    case kUnknown: return "unknown";
  }
  return "";
}

void explain_json(const Question& question, const std::vector<cedar::Explanation>& all) {
  std::string out;
  json::Writer w(out);
  w.begin_array();
  for (const cedar::Explanation& one : all) {
    w.begin_object().key("policyId").string(question.engine->policies()[one.policy].id);
    w.key("verdict").string(verdict_name(one.verdict));
    auto excerpt = [&w](const cedar::Excerpt& e) {
      w.begin_object().key("file").string(e.file).key("line").uinteger(e.begin.line);
      w.key("column").uinteger(e.begin.column).key("text").string(e.text).end_object();
    };
    if (!one.failed.text.empty()) {
      w.key("failed");
      excerpt(one.failed);
      w.key("in_unless").boolean(one.in_unless);
    }
    w.key("unmet").begin_array();
    for (const cedar::Excerpt& e : one.unmet) excerpt(e);
    w.end_array();
    if (!one.error.empty()) w.key("error").string(one.error);
    w.end_object();
  }
  w.end_array();
  print(out);
}

int explain(const CedarOptions& options) {
  auto question = question_of(options);
  if (!question) return complain(question.error());
  std::vector<cedar::Explanation> all = question->engine->explain(question->request, *question->entities);
  if (options.as_json) {
    explain_json(*question, all);
    return 0;
  }
  for (const cedar::Explanation& one : all) {
    const cedar::Policy& policy = question->engine->policies()[one.policy];
    std::string head = fmt::format("{} ({})", bold(policy.id), policy.effect == cedar::Effect::kPermit ? "permit" : "forbid");
    if (one.verdict == cedar::Explanation::Verdict::kSatisfied) {
      print(head + ": satisfied");
    } else if (one.verdict == cedar::Explanation::Verdict::kUnknown) {
      print(head + ": not explained, the steps of an explanation were used up");
    } else {
      print(fmt::format("{}: {}, {}:{}:{}: `{}`{}", head,
                        one.verdict == cedar::Explanation::Verdict::kError ? "error" : "does not apply",
                        one.failed.file, one.failed.begin.line, one.failed.begin.column, one.failed.text,
                        one.error.empty() ? (one.in_unless ? " is true" : " is false") : ": " + one.error));
    }
    for (const cedar::Excerpt& e : one.unmet) {
      print(fmt::format("    would not apply if `{}` were true ({}:{})", e.text, e.file, e.begin.line));
    }
  }
  return 0;
}

Result<std::vector<cedar::Diagnostic>> diagnose(const CedarOptions& options) {
  PV_TRY(cedar::PolicySet set, policies_of(options));
  PV_TRY(cedar::Schema schema, read_schema(options.schema));
  cedar::ValidationOptions how;
  how.mode = options.mode == "permissive" ? cedar::Mode::kPermissive : cedar::Mode::kStrict;
  if (options.level >= 0) how.level_max = static_cast<uint32_t>(options.level);
  if (options.cedar_4_13) how.no_applicable_action = cedar::Severity::kWarning;
  return cedar::validate(schema, set, how);
}

int validate(const CedarOptions& options) {
  auto diagnostics = diagnose(options);
  if (!diagnostics) return complain(diagnostics.error());
  bool valid = !cedar::has_errors(*diagnostics);
  if (!options.as_json) {
    for (const cedar::Diagnostic& d : *diagnostics) {
      print(fmt::format("{} {}: {}", d.severity == cedar::Severity::kError ? red("error") : "warning", d.policy, d.to_string()));
    }
    print(valid ? green("valid") : red("not valid"));
    return valid ? 0 : 1;
  }
  std::string out;
  json::Writer w(out);
  w.begin_object().key("valid").boolean(valid).key("diagnostics").begin_array();
  for (const cedar::Diagnostic& d : *diagnostics) {
    w.begin_object().key("severity").string(d.severity == cedar::Severity::kError ? "error" : "warning");
    w.key("policyId").string(d.policy).key("file").string(d.file).key("line").uinteger(d.line);
    w.key("column").uinteger(d.column).key("message").string(d.message).key("help").string(d.help).end_object();
  }
  w.end_array().end_object();
  print(out);
  return valid ? 0 : 1;
}

void put(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.ends_with('\n')) std::fputc('\n', stdout);
}

int format(const CedarOptions& options) {
  auto text = read_input(options.input);
  if (!text) return complain(text.error());
  auto out = cedar::format(*text, options.input, options.format);
  if (!out) return complain(out.error());
  if (options.check) {
    if (*out == *text) return 0;
    return complain({Code::kInvalid, "`" + options.input + "` is not formatted; `proviso cedar format --write` does it"});
  }
  if (!options.write) {
    put(*out);
    return 0;
  }
  Status done = write_file_durable(options.input, *out, FileMode::kShared);
  return done ? 0 : complain(done.error());
}

Result<std::string> translated_policy(const CedarOptions& options) {
  PV_TRY(std::string text, read_input(options.input));
  if (options.direction == "cedar-to-json") {
    PV_TRY(cedar::PolicySet set, cedar::PolicySet::parse(text, options.input));
    return cedar::to_json(set);
  }
  PV_TRY(cedar::PolicySet set, cedar::policies_from_json(text, options.input));
  std::string out;
  for (const auto* family : {&set.templates(), &set.policies()}) {
    for (const cedar::Policy& policy : *family) out += (out.empty() ? "" : "\n\n") + cedar::to_text(policy);
  }
  return cedar::format(out, options.input);
}

Result<std::string> translated_schema(const CedarOptions& options) {
  PV_TRY(std::string text, read_input(options.input));
  return options.direction == "cedar-to-json" ? cedar::Schema::text_to_json(text, options.input)
                                              : cedar::Schema::json_to_text(text, options.input);
}

int show(const Result<std::string>& text) {
  if (!text) return complain(text.error());
  put(*text);
  return 0;
}

Result<std::string> linked(const CedarOptions& options) {
  PV_TRY(cedar::PolicySet set, policies_of(options));
  PV_TRY(cedar::SlotValues values, slot_values(options.arguments));
  PV_TRY_VOID(set.link(options.template_id, options.new_id, std::move(values)));
  if (options.as_json) return cedar::to_json(set);
  return cedar::to_text(set.policies().back());
}

void add_question(CLI::App* command, CedarOptions& o) {
  command->add_option("-p,--policies", o.policies, "policies: Cedar text, or JSON if the name ends in .json")->required();
  command->add_option("-k,--links", o.links, "template links, as Cedar's command line keeps them");
  command->add_option("-s,--schema", o.schema, "schema: text or .json; the request must fit it");
  command->add_option("--entities", o.entities, "entities, JSON")->required();
  auto* request = command->add_option("--request-json", o.request, "the whole request, JSON");
  command->add_option("-l,--principal", o.principal, "as User::\"alice\"")->excludes(request);
  command->add_option("-a,--action", o.action, "as Action::\"view\"")->excludes(request);
  command->add_option("-r,--resource", o.resource, "as Photo::\"p\"")->excludes(request);
  command->add_option("-c,--context", o.context, "the context, JSON")->excludes(request);
  command->add_flag("--json", o.as_json, "answer in JSON");
}

using Options = std::shared_ptr<CedarOptions>;

void add_decisions(CLI::App* command, const Options& o, int& status) {
  auto* ask = command->add_subcommand("authorize", "may this principal do this?");
  add_question(ask, *o);
  ask->footer("exit status: 0 allow, 3 deny, 1 it could not be decided");
  ask->callback([o, &status] { status = authorize(*o); });

  auto* why = command->add_subcommand("explain", "for each policy: why it did or did not apply");
  add_question(why, *o);
  why->callback([o, &status] { status = explain(*o); });

  auto* check = command->add_subcommand("validate", "do the policies fit the schema?");
  check->add_option("-p,--policies", o->policies, "policies")->required();
  check->add_option("-k,--links", o->links, "template links");
  check->add_option("-s,--schema", o->schema, "schema")->required();
  check->add_option("--validation-mode", o->mode, "strict or permissive")->check(CLI::IsMember({"strict", "permissive"}));
  check->add_option("--level", o->level, "how many entities a policy may follow from the request");
  check->add_flag("--cedar-4.13", o->cedar_4_13, "a policy that no action can meet is a warning, as since Cedar 4.13");
  check->add_flag("--json", o->as_json, "answer in JSON");
  check->footer("exit status: 0 valid, 1 not valid or not readable");
  check->callback([o, &status] { status = validate(*o); });
}

void add_texts(CLI::App* command, const Options& o, int& status) {
  auto* layout = command->add_subcommand("format", "lay policies out; no comment is lost");
  layout->add_option("file", o->input, "policies; standard input if absent");
  layout->add_option("-w,--line-width", o->format.line_width, "columns")->capture_default_str();
  layout->add_option("-i,--indent-width", o->format.indent_width, "columns")->capture_default_str();
  auto* in_place = layout->add_flag("--write", o->write, "write the file instead of printing");
  layout->add_flag("--check", o->check, "only say whether it is formatted already: exit status 0 or 1")->excludes(in_place);
  layout->callback([o, &status] { status = format(*o); });

  auto directed = [&](const char* name, const char* what) {
    auto* sub = command->add_subcommand(name, what);
    sub->add_option("--direction", o->direction, "cedar-to-json or json-to-cedar")
        ->required()
        ->check(CLI::IsMember({"cedar-to-json", "json-to-cedar"}));
    sub->add_option("file", o->input, "the file; standard input if absent");
    return sub;
  };
  directed("translate-policy", "policies as JSON, or back")->callback([o, &status] { status = show(translated_policy(*o)); });
  directed("translate-schema", "a schema as JSON, or back")->callback([o, &status] { status = show(translated_schema(*o)); });

  auto* link = command->add_subcommand("link", "fill a template's slots");
  link->add_option("-p,--policies", o->policies, "policies with the template")->required();
  link->add_option("-k,--links", o->links, "links that are there already");
  link->add_option("-t,--template-id", o->template_id, "the template, by its id or @id")->required();
  link->add_option("-n,--new-id", o->new_id, "the id of the policy that it makes")->required();
  link->add_option("-a,--arguments", o->arguments, R"({"?principal": "User::\"a\""})")->required();
  link->add_flag("--json", o->as_json, "the whole policy set in JSON, with the link");
  link->callback([o, &status] { status = show(linked(*o)); });
}

}  // namespace

void add_cedar(CLI::App& app, int& status) {
  auto o = std::make_shared<CedarOptions>();
  auto* command = app.add_subcommand("cedar", "the policy language by itself: decide, validate, format, translate");
  command->require_subcommand(1);
  add_decisions(command, o, status);
  add_texts(command, o, status);
  auto* corpus = command->add_subcommand("corpus", "judge this engine by a folder of conformance data");
  corpus->add_option("folder", o->folder, "laid out like the Cedar conformance data; found by pattern")->required();
  corpus->add_flag("--json", o->as_json, "counts in JSON");
  corpus->footer("exit status: 0 if every case is as the data says, else 1");
  corpus->callback([o, &status] { status = judge_corpus(o->folder, o->as_json); });
}

}  // namespace proviso::cli
