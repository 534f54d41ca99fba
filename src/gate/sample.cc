#include "gate/sample.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sshsig.h"
#include "prove/difference.h"
#include "prove/red_lines.h"

namespace proviso::gate {
namespace {

using agreement::Agreement;
using agreement::Files;

bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

std::string party_key_path(const Layout& layout, const std::string& party) {
  return layout.sample() + "/parties/" + agreement::slug(party) + ".key";
}

// The party's sample key, made if it is not there yet.
Result<PrivateKey> party_key(const Layout& layout, const std::string& party) {
  const std::string path = party_key_path(layout, party);
  if (exists(path)) {
    PV_TRY(const std::string pem, read_private_file(path));
    return sshsig::parse_private_key(pem);
  }
  PrivateKey key = PrivateKey::generate();
  PV_TRY_VOID(make_dirs(layout.sample() + "/parties"));
  PV_TRY_VOID(write_file_durable(path, sshsig::format_private_key(key, "sample key of " + party),
                                 FileMode::kPrivate));
  return key;
}

// Replaces the first `from` in agreement.toml after `anchor`.
Status replace_term(Files& files, std::string_view anchor, const std::string& from,
                    const std::string& to) {
  std::string& toml = files["agreement.toml"];
  const size_t start = toml.find(anchor);
  const size_t at = start == std::string::npos ? start : toml.find(from, start);
  if (at == std::string::npos) {
    return fail(Code::kInvalid, fmt::format("agreement.toml: no `{}` to replace", from));
  }
  toml.replace(at, from.size(), to);
  return {};
}

Result<Files> with_weights(Files files, const Agreement& agreement, const std::string& weights) {
  for (const agreement::Model& model : agreement.terms().models) {
    if (!model.local || weights.empty() || model.weights_sha256 == weights) continue;
    PV_TRY_VOID(replace_term(files, "[[model]]", model.weights_sha256, weights));
  }
  return files;
}

bool admits(const Agreement& agreement, const std::string& weights) {
  return weights.empty() ||
         std::all_of(agreement.terms().models.begin(), agreement.terms().models.end(),
                     [&weights](const agreement::Model& model) {
                       return !model.local || model.weights_sha256 == weights;
                     });
}

Result<Files> signed_by_all(const Layout& layout, Files files, const Agreement& agreement) {
  std::map<std::string, std::string> publics;
  std::vector<std::pair<std::string, PrivateKey>> keys;
  for (const agreement::Party& party : agreement.terms().parties) {
    PV_TRY(PrivateKey key, party_key(layout, party.name));
    publics[party.name] = sshsig::format_public_key(key.public_key(), "sample");
    keys.emplace_back(party.name, std::move(key));
  }
  PV_TRY(files, agreement::with_party_keys(std::move(files), publics));
  for (const auto& [party, key] : keys) {
    PV_TRY(files, agreement::sign_for_party(std::move(files), party, key));
  }
  return files;
}

// Other weights touch what red lines rest on, so their custodians sign the difference.
Result<Files> signed_by_custodians(const Layout& layout, Files files, const Files& before, const Agreement& in_force,
                                   const std::string& launcher) {
  PV_TRY(const auto next, Agreement::load(files));
  prove::Prover prover(prove::usual_prover(launcher, layout.proofs()));
  const prove::Amendment amendment = prove::amend(prover, in_force, before, *next, files);
  files[std::string(agreement::kDifferencePath)] = prove::difference_text(amendment, in_force, *next, std::nullopt);
  for (const agreement::Party& party : in_force.terms().parties) {
    PV_TRY(const PrivateKey key, party_key(layout, party.name));
    files = agreement::sign_as_custodian(std::move(files), party.name, key);
  }
  return files;
}

// Signatures last: until they are there, whoever watches the folder sees an unsigned agreement.
Status write_folder(const std::string& dir, const Files& files) {
  for (const bool signatures : {false, true}) {
    for (const auto& [path, bytes] : files) {
      if (path.starts_with("signatures/") != signatures) continue;
      const std::string file = dir + "/" + path;
      PV_TRY_VOID(make_dirs(file.substr(0, file.rfind('/'))));
      PV_TRY_VOID(write_file_durable(file, bytes, FileMode::kPrivate));
    }
  }
  return {};
}

Result<std::vector<identity::Person>> people_of(const Files& files) {
  std::vector<identity::Person> people;
  const auto examples = files.find("examples.json");
  if (examples == files.end()) return people;
  json::Parser parser;
  PV_TRY(const json::Element document, parser.parse(examples->second));
  json::Object entries;
  if (document.at_key("people").get(entries) != simdjson::SUCCESS) return people;
  for (const auto& [id, entry] : entries) {
    identity::Person person;
    person.id = std::string(id);
    json::Array roles;
    std::string_view nationality, until;
    // Agreement::load has checked the shape.
    PV_CHECK(entry.at_key("roles").get(roles) == simdjson::SUCCESS);
    PV_CHECK(entry.at_key("clearance").get(person.clearance) == simdjson::SUCCESS);
    PV_CHECK(entry.at_key("nationality").get(nationality) == simdjson::SUCCESS);
    PV_CHECK(entry.at_key("training_until").get(until) == simdjson::SUCCESS);
    for (json::Element role : roles) {
      std::string_view text;
      if (role.get(text) == simdjson::SUCCESS) person.roles.emplace_back(text);
    }
    std::sort(person.roles.begin(), person.roles.end());
    person.nationality = std::string(nationality);
    PV_TRY(person.training_until, parse_time(until));
    people.push_back(std::move(person));
  }
  return people;
}

Result<std::string> default_purpose(const Files& files) {
  json::Parser parser;
  PV_TRY(const json::Element document, parser.parse(files.at("examples.json")));
  std::string_view purpose;
  if (document.at_pointer("/defaults/purpose").get(purpose) != simdjson::SUCCESS) return std::string();
  return std::string(purpose);
}

Result<std::vector<SampleKey>> read_keys(const std::string& path) {
  std::vector<SampleKey> keys;
  PV_TRY(const std::string text, read_private_file(path));
  json::Parser parser;
  PV_TRY(const json::Element document, parser.parse(text));
  json::Array entries;
  if (document.get(entries) != simdjson::SUCCESS) {
    return fail(Code::kCorrupt, fmt::format("`{}` is not what a first start wrote", path));
  }
  for (json::Element entry : entries) {
    std::string_view role, person, key;
    if (entry.at_key("role").get(role) != simdjson::SUCCESS ||
        entry.at_key("person").get(person) != simdjson::SUCCESS ||
        entry.at_key("key").get(key) != simdjson::SUCCESS) {
      return fail(Code::kCorrupt, fmt::format("`{}` is not what a first start wrote", path));
    }
    keys.push_back({std::string(role), std::string(person), std::string(key)});
  }
  return keys;
}

Status write_keys(const std::string& path, const std::vector<SampleKey>& keys) {
  std::string text;
  json::Writer writer(text);
  writer.begin_array();
  for (const SampleKey& key : keys) {
    writer.begin_object();
    writer.key("role").string(key.role);
    writer.key("person").string(key.person);
    writer.key("key").string(key.key);
    writer.end_object();
  }
  writer.end_array();
  return write_file_durable(path, text + "\n", FileMode::kPrivate);
}

// An ssh key with which a sample person approves, in sample/approvers; the register gets its public half.
Status make_approver(Engine& engine, const Agreement& agreement, const std::string& person) {
  const std::string dir = engine.options().layout.sample_approvers();
  if (exists(dir + "/" + person)) return {};
  const PrivateKey key = PrivateKey::generate();
  PV_TRY_VOID(make_dirs(dir));
  PV_TRY_VOID(write_file_durable(fmt::format("{}/{}", dir, person),
                                 sshsig::format_private_key(key, "sample approver"), FileMode::kPrivate));
  PV_TRY(const identity::Change change,
         engine.people().plan_approver_key(person, sshsig::format_public_key(key.public_key(), "sample")));
  return engine.change(change, agreement.digest());
}

// The person who stands for a role in the samples: of that name, else the first who has it.
const identity::Person* holder(const std::vector<identity::Person>& people, const std::string& role) {
  const identity::Person* found = nullptr;
  for (const identity::Person& person : people) {
    if (std::find(person.roles.begin(), person.roles.end(), role) == person.roles.end()) continue;
    if (person.id == role) return &person;
    if (found == nullptr) found = &person;
  }
  return found;
}

}  // namespace

Status make_sample_agreement(const Layout& layout, agreement::Files source, const std::string& weights_sha256,
                             const std::string& launcher) {
  const std::string target = layout.agreement();
  if (!exists(target + "/agreement.toml")) {
    Files files = std::move(source);
    PV_TRY(const auto agreement, Agreement::load(files));
    PV_TRY(files, with_weights(std::move(files), *agreement, weights_sha256));
    PV_TRY(files, signed_by_all(layout, std::move(files), *agreement));
    return write_folder(target, files);
  }
  PV_TRY(Files files, read_tree(target));
  PV_TRY(const auto agreement, Agreement::load(files));
  if (admits(*agreement, weights_sha256)) return {};
  for (const agreement::Party& party : agreement->terms().parties) {
    if (exists(party_key_path(layout, party.name))) continue;
    return fail(Code::kUnverified,
                fmt::format("the agreement in `{}` admits other weights than this model's ({}) and is "
                            "no sample: amend it and have its parties sign",
                            target, weights_sha256));
  }
  const int64_t revision = agreement->terms().revision;
  const Files before = files;
  PV_TRY(files, with_weights(std::move(files), *agreement, weights_sha256));
  PV_TRY_VOID(replace_term(files, "revision", std::to_string(revision), std::to_string(revision + 1)));
  PV_TRY(files, signed_by_all(layout, std::move(files), *agreement));
  PV_TRY(files, signed_by_custodians(layout, std::move(files), before, *agreement, launcher));
  return write_folder(target, files);
}

Result<std::vector<SampleKey>> sample_keys(Engine& engine, const Agreement& agreement) {
  const Layout& layout = engine.options().layout;
  if (!exists(layout.sample())) return std::vector<SampleKey>{};
  if (exists(layout.sample_keys())) return read_keys(layout.sample_keys());
  PV_TRY(const Files files, read_tree(layout.agreement()));
  PV_TRY(const std::vector<identity::Person> people, people_of(files));
  PV_TRY(const std::string purpose, default_purpose(files));
  for (const identity::Person& person : people) {
    PV_TRY(const identity::Change change, engine.people().plan_person(person));
    PV_TRY_VOID(engine.change(change, agreement.digest()));
  }
  std::vector<SampleKey> keys;
  const UtcSeconds now = engine.committer().now();
  const UtcSeconds expires{now.value + int64_t{365} * 86'400};
  for (const auto& [role, words] : agreement.terms().roles) {
    const identity::Person* person = holder(people, role);
    if (person == nullptr) continue;
    PV_TRY(const identity::NewKey made, engine.people().plan_key(person->id, purpose, now, expires));
    PV_TRY_VOID(engine.change(made.change, agreement.digest()));
    PV_TRY_VOID(make_approver(engine, agreement, person->id));
    keys.push_back({role, person->id, made.key});
  }
  PV_TRY_VOID(write_keys(layout.sample_keys(), keys));
  return keys;
}

}  // namespace proviso::gate
