#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/command.h"
#include "cli/output.h"
#include "tools/definition.h"

namespace proviso::cli {
namespace {

struct ToolsOptions {
  std::string state = default_state();
  std::string id;
  std::string tool_class;
  bool as_json = false;
};

std::string field(json::Element object, std::string_view name) {
  std::string_view text;
  return object.at_key(name).get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::string labels_of(json::Element row) {
  std::string out;
  json::Array labels;
  if (row.at_key("labels").get(labels) != simdjson::SUCCESS) return out;
  for (const json::Element label : labels) {
    std::string_view text;
    if (label.get(text) == simdjson::SUCCESS) out += (out.empty() ? "" : ",") + std::string(text);
  }
  return out;
}

Result<std::string> ask(const ToolsOptions& options) {
  PV_TRY(std::optional<std::string> answer, ask_gate(options.state, "GET", "/tools", ""));
  if (!answer) {
    return fail(Code::kUnavailable, "no gate runs on this state; tools are what its servers list, so start it first");
  }
  return std::move(*answer);
}

int list(const ToolsOptions& options) {
  const auto answer = ask(options);
  if (!answer) return complain(answer.error());
  if (options.as_json) {
    print(*answer);
    return 0;
  }
  json::Parser parser;
  const auto rows = parser.parse(*answer);
  if (!rows) return complain(rows.error());
  print(fmt::format("{:<34} {:<12} {:<14} {:<16} {}", "id", "server", "state", "labels", "digest"));
  for (const json::Element row : rows->get_array().value_unsafe()) {
    print(fmt::format("{:<34} {:<12} {:<14} {:<16} {}", tools::shown_text(field(row, "id")), field(row, "server"),
                      tools::shown_text(field(row, "state")), labels_of(row), field(row, "digest")));
  }
  return 0;
}

// The entries to put into agreement.toml. Who signs the agreement admits them.
int pin(const ToolsOptions& options) {
  const auto answer = ask(options);
  if (!answer) return complain(answer.error());
  json::Parser parser;
  const auto rows = parser.parse(*answer);
  if (!rows) return complain(rows.error());
  bool any = false;
  for (const json::Element row : rows->get_array().value_unsafe()) {
    const std::string entry = field(row, "entry");
    const std::string id = field(row, "id");
    const bool wanted = options.id.empty() ? field(row, "state") != "admitted" : options.id == id;
    if (!wanted || entry.empty()) continue;
    any = true;
    const std::string labels = labels_of(row);
    if (!labels.empty()) print(fmt::format("# its description was labelled: {}", labels));
    std::string text = entry;
    if (!options.tool_class.empty()) {
      const size_t at = text.find("class      = \"") + 14;
      text.replace(at, text.find('"', at) - at, options.tool_class);
    }
    print(text);
  }
  if (any) return 0;
  return complain(Error{Code::kNotFound, options.id.empty() ? "nothing waits to be admitted"
                                                            : fmt::format("no server lists `{}`", options.id)});
}

}  // namespace

void add_tools(CLI::App& app, int& status) {
  auto options = std::make_shared<ToolsOptions>();
  auto* command = app.add_subcommand("tools", "what tool servers offer, and what the agreement admits of it");
  command->require_subcommand(1);
  const auto common = [options](CLI::App* sub) {
    sub->add_option("--state", options->state, "state folder")->capture_default_str();
  };
  auto* show = command->add_subcommand("list", "every tool and channel: server, digest, and how it stands");
  common(show);
  show->add_flag("--json", options->as_json, "answer in JSON");
  show->callback([options, &status] { status = list(*options); });

  auto* entry = command->add_subcommand("pin", "the [[tool]] entries to put into agreement.toml");
  common(entry);
  entry->add_option("id", options->id, "one tool; without it, everything that waits");
  entry->add_option("--class", options->tool_class, "its class: read, write, spend, …");
  entry->footer("example: proviso tools pin read_file --class read");
  entry->callback([options, &status] { status = pin(*options); });
}

}  // namespace proviso::cli
