#include "gate/register.h"

#include <fmt/format.h>

#include <algorithm>

namespace proviso::gate {
namespace {

Result<std::string> text_of(json::Element body, std::string_view name, std::string otherwise) {
  json::Element value;
  if (body.at_key(name).get(value) != simdjson::SUCCESS) return otherwise;
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, fmt::format("`{}` must be a string", name));
  }
  return std::string(text);
}

Result<int64_t> number_of(json::Element body, std::string_view name, int64_t otherwise) {
  json::Element value;
  if (body.at_key(name).get(value) != simdjson::SUCCESS) return otherwise;
  int64_t number = 0;
  if (value.get(number) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, fmt::format("`{}` must be an integer", name));
  }
  return number;
}

// The person that a body describes, if it describes one.
Result<identity::Person> person_of(json::Element body, std::string id) {
  identity::Person person;
  person.id = std::move(id);
  json::Array roles;
  if (body.at_key("roles").get(roles) == simdjson::SUCCESS) {
    for (json::Element role : roles) {
      std::string_view text;
      if (role.get(text) != simdjson::SUCCESS) {
        return fail(Code::kInvalid, "`roles` must be an array of strings");
      }
      person.roles.emplace_back(text);
    }
  }
  std::sort(person.roles.begin(), person.roles.end());
  person.roles.erase(std::unique(person.roles.begin(), person.roles.end()), person.roles.end());
  PV_TRY(person.clearance, number_of(body, "clearance", 0));
  PV_TRY(person.nationality, text_of(body, "nationality", ""));
  PV_TRY(const std::string until, text_of(body, "training_until", "9999-12-31"));
  PV_TRY(person.training_until, parse_time(until));
  return person;
}

void put_key(json::Writer& writer, const identity::KeyInfo& key) {
  writer.begin_object();
  writer.key("id").string(key.id);
  writer.key("person").string(key.person);
  writer.key("purpose").string(key.default_purpose);
  writer.key("created").string(format_time(key.created));
  writer.key("expires").string(format_time(key.expires));
  if (key.revoked.value != 0) writer.key("revoked").string(format_time(key.revoked));
  writer.end_object();
}

}  // namespace

Result<std::string> key_new(Engine& engine, const Digest& agreement, json::Element body) {
  PV_TRY(const std::string id, text_of(body, "person", ""));
  json::Array roles;
  const auto people = engine.people().people();
  const bool known = std::any_of(people.begin(), people.end(),
                                 [&id](const identity::Person& person) { return person.id == id; });
  const bool described = body.at_key("roles").get(roles) == simdjson::SUCCESS;
  if (!known && !described) {
    return fail(Code::kNotFound,
                fmt::format("there is no person `{}` yet; give --role to enter them", id));
  }
  if (described) {
    PV_TRY(identity::Person person, person_of(body, id));
    PV_TRY(const identity::Change change, engine.people().plan_person(std::move(person)));
    PV_TRY_VOID(engine.change(change, agreement));
  }
  PV_TRY(const std::string purpose, text_of(body, "purpose", ""));
  PV_TRY(const int64_t days, number_of(body, "days", kKeyDaysDefault));
  if (days < 1 || days > 3650) return fail(Code::kInvalid, "`days` must be from 1 to 3650");
  const UtcSeconds now = engine.committer().now();
  PV_TRY(const identity::NewKey made,
         engine.people().plan_key(id, purpose, now, UtcSeconds{now.value + days * 86'400}));
  PV_TRY_VOID(engine.change(made.change, agreement));
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("id").string(made.change.key.id);
  writer.key("key").string(made.key);
  writer.key("person").string(id);
  writer.key("expires").string(format_time(made.change.key.expires));
  writer.end_object();
  return out;
}

Result<std::string> key_revoke(Engine& engine, const Digest& agreement, json::Element body) {
  PV_TRY(const std::string id, text_of(body, "id", ""));
  const UtcSeconds now = engine.committer().now();
  PV_TRY(const identity::Change change, engine.people().plan_revocation(id, now));
  PV_TRY_VOID(engine.change(change, agreement));
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("id").string(id);
  writer.key("revoked").string(format_time(now));
  writer.end_object();
  return out;
}

Result<std::string> approver_add(Engine& engine, const Digest& agreement, json::Element body) {
  PV_TRY(const std::string person, text_of(body, "person", ""));
  PV_TRY(const std::string line, text_of(body, "key", ""));
  PV_TRY(const identity::Change change, engine.people().plan_approver_key(person, line));
  PV_TRY_VOID(engine.change(change, agreement));
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("fingerprint").string(change.approver_key.fingerprint);
  writer.key("person").string(person);
  writer.end_object();
  return out;
}

Result<std::string> approver_remove(Engine& engine, const Digest& agreement, json::Element body) {
  PV_TRY(const std::string fingerprint, text_of(body, "fingerprint", ""));
  PV_TRY(const identity::Change change, engine.people().plan_approver_key_removal(fingerprint));
  PV_TRY_VOID(engine.change(change, agreement));
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("fingerprint").string(fingerprint);
  writer.key("person").string(change.approver_key.person);
  writer.end_object();
  return out;
}

std::string approver_list(Engine& engine) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("approvers").begin_array();
  for (const identity::ApproverKey& key : engine.people().approver_keys()) {
    const auto person = engine.people().person(key.person);
    writer.begin_object();
    writer.key("fingerprint").string(key.fingerprint);
    writer.key("person").string(key.person);
    writer.key("roles").begin_array();
    if (person) {
      for (const std::string& role : person->roles) writer.string(role);
    }
    writer.end_array();
    writer.key("key").string(key.line);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return out;
}

Result<std::string> register_list(Engine& engine, std::string_view path) {
  if (path == "/keys") return key_list(engine);
  if (path == "/approvers") return approver_list(engine);
  if (path == "/people") return people_list(engine);
  return fail(Code::kNotFound, fmt::format("no list `{}`", path));
}

Result<std::string> register_act(Engine& engine, const Digest& agreement, std::string_view path,
                                 json::Element body) {
  if (path == "/keys/new") return key_new(engine, agreement, body);
  if (path == "/keys/revoke") return key_revoke(engine, agreement, body);
  if (path == "/approvers/add") return approver_add(engine, agreement, body);
  if (path == "/approvers/remove") return approver_remove(engine, agreement, body);
  return fail(Code::kNotFound, fmt::format("no command `{}`", path));
}

std::string people_list(Engine& engine) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("people").begin_array();
  for (const identity::Person& person : engine.people().people()) {
    writer.begin_object().key("id").string(person.id).key("roles").begin_array();
    for (const std::string& role : person.roles) writer.string(role);
    writer.end_array().key("clearance").integer(person.clearance).key("nationality").string(person.nationality);
    writer.key("training_until").string(format_time(person.training_until)).end_object();
  }
  writer.end_array();
  writer.end_object();
  return out;
}

std::string key_list(Engine& engine) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("keys").begin_array();
  for (const identity::KeyInfo& key : engine.people().keys()) put_key(writer, key);
  writer.end_array();
  writer.end_object();
  return out;
}

}  // namespace proviso::gate
