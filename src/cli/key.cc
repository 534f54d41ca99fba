#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/answer.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/state_holder.h"
#include "gate/register.h"

namespace proviso::cli {
namespace {

struct KeyOptions {
  std::string state = default_state();
  std::string person, purpose, nationality, training_until, id;
  std::vector<std::string> roles;
  int64_t clearance = 0;
  int64_t days = gate::kKeyDaysDefault;
  bool as_json = false;
};

std::string new_body(const KeyOptions& options) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("person").string(options.person);
  writer.key("purpose").string(options.purpose);
  writer.key("days").integer(options.days);
  if (!options.roles.empty()) {
    writer.key("roles").begin_array();
    for (const std::string& role : options.roles) writer.string(role);
    writer.end_array();
    writer.key("clearance").integer(options.clearance);
    writer.key("nationality").string(options.nationality);
    if (!options.training_until.empty()) writer.key("training_until").string(options.training_until);
  }
  writer.end_object();
  return body;
}

std::string id_body(const KeyOptions& options) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("id").string(options.id);
  writer.end_object();
  return body;
}

void show_new(json::Element answer) {
  print(fmt::format("{}\n  id       {}\n  person   {}\n  expires  {}", bold(cell_of(answer, "key")),
                    cell_of(answer, "id"), cell_of(answer, "person"), cell_of(answer, "expires")));
  fmt::print(stderr, "the key is shown this once and stored nowhere\n");
}

void show_list(json::Element answer) {
  json::Array keys;
  if (answer.at_key("keys").get(keys) != simdjson::SUCCESS) return;
  print(fmt::format("{:<20} {:<16} {:<14} {:<22} {}", "id", "person", "purpose", "expires", "revoked"));
  for (json::Element key : keys) {
    print(fmt::format("{:<20} {:<16} {:<14} {:<22} {}", cell_of(key, "id"), cell_of(key, "person"),
                      cell_of(key, "purpose"), cell_of(key, "expires"), cell_of(key, "revoked")));
  }
}

void show_revoked(json::Element answer) {
  print(fmt::format("{} is revoked since {}", cell_of(answer, "id"), cell_of(answer, "revoked")));
}

int finish(const Result<std::string>& answer, bool as_json, void (*show)(json::Element)) {
  if (!answer) return complain(answer.error());
  if (as_json) {
    print(*answer);
    return 0;
  }
  json::Parser parser;
  const auto parsed = parser.parse(*answer);
  if (!parsed) return complain(parsed.error());
  show(*parsed);
  return 0;
}

}  // namespace

void add_key(CLI::App& app, int& status) {
  auto options = std::make_shared<KeyOptions>();
  auto* command = app.add_subcommand("key", "API keys: who may use the gate");
  command->require_subcommand(1);
  const auto common = [options](CLI::App* sub) {
    sub->add_option("--state", options->state, "state folder")->capture_default_str();
    sub->add_flag("--json", options->as_json, "answer in JSON");
  };

  auto* make = command->add_subcommand("new", "give a person a key; it is shown once");
  common(make);
  make->add_option("--person", options->person, "whose key")->required();
  make->add_option("--purpose", options->purpose, "purpose when a request names none");
  make->add_option("--days", options->days, "until it expires")->capture_default_str();
  make->add_option("--role", options->roles, "enter the person with these roles (repeat it)");
  make->add_option("--clearance", options->clearance, "with --role: their clearance");
  make->add_option("--nationality", options->nationality, "with --role: their nationality");
  make->add_option("--training-until", options->training_until, "with --role: a date");
  make->footer("example: proviso key new --person ana --role analyst --purpose analysis");
  make->callback([options, &status] {
    status = finish(act_on_register(options->state, "POST", "/keys/new", new_body(*options)), options->as_json, show_new);
  });

  auto* list = command->add_subcommand("list", "every key, without the keys themselves");
  common(list);
  list->callback([options, &status] {
    status = finish(act_on_register(options->state, "GET", "/keys", ""), options->as_json, show_list);
  });

  auto* revoke = command->add_subcommand("revoke", "end a key at once, on open streams too");
  common(revoke);
  revoke->add_option("id", options->id, "the key's id, as `key list` shows it")->required();
  revoke->callback([options, &status] {
    status = finish(act_on_register(options->state, "POST", "/keys/revoke", id_body(*options)), options->as_json,
                    show_revoked);
  });
}

}  // namespace proviso::cli
