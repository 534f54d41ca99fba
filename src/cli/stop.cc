#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/answer.h"
#include "cli/command.h"
#include "cli/gate_client.h"
#include "cli/output.h"

namespace proviso::cli {
namespace {

struct StopOptions {
  GateUser user;
  std::string id;
  std::string reason;
  bool as_json = false;
};

Status change(const StopOptions& options, std::string_view path, std::string_view type) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .key("id")
      .string(options.id)
      .key("reason")
      .string(options.reason)
      .key("type")
      .string(type)
      .end_object();
  PV_TRY(const std::string answer, ask_as_user(options.user, "POST", path, body));
  if (options.as_json) {
    print(answer);
    return {};
  }
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  uint64_t leaf = 0;
  (void)parsed.at_key("leaf").get(leaf);
  bool stopped = false;
  (void)parsed.at_key("stopped").get(stopped);
  print(fmt::format("{} `{}` is {}: leaf {}", type, options.id, stopped ? red("stopped") : green("admitted again"), leaf));
  return {};
}

Status list(const StopOptions& options) {
  PV_TRY(const std::string answer, ask_as_user(options.user, "GET", "/proviso/stops", ""));
  if (options.as_json) {
    print(answer);
    return {};
  }
  json::Parser parser;
  PV_TRY(const json::Element parsed, parser.parse(answer));
  json::Array stops;
  if (parsed.at_key("stops").get(stops) != simdjson::SUCCESS) return fail(Code::kInvalid, "not a list of stops");
  print(fmt::format("{:<8} {:<24} {:<21} {}", "type", "id", "since", "reason"));
  for (const json::Element stop : stops) {
    print(fmt::format("{:<8} {:<24} {:<21} {}", cell_of(stop, "type"), cell_of(stop, "id"), cell_of(stop, "since"),
                      cell_of(stop, "reason")));
  }
  return {};
}

int done(const Status& status) { return status ? 0 : complain(status.error()); }

struct Kind {
  const char* name;
  const char* type;
};
constexpr Kind kKinds[] = {{"vendor", "Vendor"}, {"model", "Model"}, {"tool", "Tool"}, {"purpose", "Purpose"}};

void add_kinds(CLI::App& command, const std::shared_ptr<StopOptions>& options, std::string_view path, int& status) {
  for (const Kind& kind : kKinds) {
    auto* made = command.add_subcommand(kind.name, fmt::format("a {}, as the agreement names it", kind.name));
    add_gate_options(*made, options->user);
    made->add_flag("--json", options->as_json, "answer in JSON");
    made->add_option("id", options->id, "which")->required();
    made->add_option("--reason", options->reason, "why, in your own words")->required();
    made->callback([options, path, type = kind.type, &status] { status = done(change(*options, path, type)); });
  }
}

}  // namespace

void add_stop(CLI::App& app, int& status) {
  auto options = std::make_shared<StopOptions>();
  auto* stop = app.add_subcommand("stop", "halt a vendor, model, tool or purpose at once, on open streams too");
  stop->require_subcommand(1);
  stop->footer("example: proviso stop vendor acme --reason \"found sending prompts elsewhere\"");
  add_kinds(*stop, options, "/proviso/stops", status);
  auto* listing = stop->add_subcommand("list", "what is stopped");
  add_gate_options(*listing, options->user);
  listing->add_flag("--json", options->as_json, "answer in JSON");
  listing->callback([options, &status] { status = done(list(*options)); });
  auto* admit = app.add_subcommand("admit", "let in again what was stopped");
  admit->require_subcommand(1);
  add_kinds(*admit, options, "/proviso/admissions", status);
}

}  // namespace proviso::cli
