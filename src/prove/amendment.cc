#include "prove/amendment.h"

#include <algorithm>
#include <fmt/format.h>

namespace proviso::prove {
namespace {

using agreement::Agreement;
using agreement::Files;
using agreement::RedLine;
using exchange::Verb;

constexpr const char* kSchemaFile = "schema.cedarschema";

std::string bytes_of(const Files& files, const std::string& path) {
  const auto found = files.find(path);
  return found != files.end() ? found->second : std::string();
}

bool same_schema(const Agreement& a, const Files& a_files, const Agreement& b, const Files& b_files) {
  return bytes_of(a_files, kSchemaFile) == bytes_of(b_files, kSchemaFile) && a.terms().roles == b.terms().roles;
}

std::map<std::string, std::string> tool_classes(const Agreement& one) {
  std::map<std::string, std::string> out;
  for (const agreement::Tool& tool : one.terms().tools) out[tool.id] = tool.tool_class;
  return out;
}

// What rules can read of a model.
std::map<std::string, std::string> model_registry(const Agreement& one) {
  std::map<std::string, std::string> out;
  for (const agreement::Model& model : one.terms().models) {
    out[model.id] = fmt::format("{} {} {} {} {}", model.vendor, model.local, model.max_marking, model.retires,
                                model.weights_sha256);
  }
  for (const agreement::Vendor& vendor : one.terms().vendors) out["vendor " + vendor.id] = vendor.jurisdiction;
  return out;
}

// Names whose entry differs, is new or is gone.
std::string differing(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b) {
  std::string out;
  const auto add = [&out](const std::string& name) { out += (out.empty() ? "`" : ", `") + name + "`"; };
  for (const auto& [name, value] : a) {
    const auto found = b.find(name);
    if (found == b.end() || found->second != value) add(name);
  }
  for (const auto& [name, value] : b) {
    if (!a.contains(name)) add(name);
  }
  return out;
}

bool speaks_of(const RedLine& line, std::initializer_list<Verb> verbs) {
  return std::ranges::any_of(line.verbs, [&](Verb verb) { return std::ranges::find(verbs, verb) != verbs.end(); });
}

const RedLine* find_line(const Agreement& one, const std::string& id) {
  const auto found = std::ranges::find(one.red_lines(), id, &RedLine::id);
  return found != one.red_lines().end() ? &*found : nullptr;
}

}  // namespace

bool Amendment::looser() const {
  return !not_comparable.empty() || std::ranges::any_of(environments, [](const Comparison& one) {
    return one.relation != Relation::kEquivalent && one.relation != Relation::kLess;
  });
}

std::vector<Touched> touched_lines(const Agreement& old_one, const Files& old_files, const Agreement& new_one,
                                   const Files& new_files) {
  std::vector<Touched> out;
  const std::string tools = differing(tool_classes(old_one), tool_classes(new_one));
  const std::string models = differing(model_registry(old_one), model_registry(new_one));
  const std::string roles = differing(old_one.terms().roles, new_one.terms().roles);
  const bool labels = old_one.terms().labels != new_one.terms().labels;
  const bool schema = bytes_of(old_files, kSchemaFile) != bytes_of(new_files, kSchemaFile);
  for (const RedLine& line : old_one.red_lines()) {
    Touched one{line.id, line.custodian, {}};
    const RedLine* now = find_line(new_one, line.id);
    if (now == nullptr) {
      one.reasons.emplace_back("the line is struck");
    } else if (now->condition != line.condition || now->verbs != line.verbs || now->words != line.words ||
               now->custodian != line.custodian) {
      one.reasons.emplace_back("the line itself changes");
    }
    if (schema) one.reasons.emplace_back("the schema changes");
    if (!roles.empty()) one.reasons.push_back(fmt::format("the roles {} change", roles));
    if (labels && speaks_of(line, {Verb::kAsk, Verb::kRelease, Verb::kAct})) {
      one.reasons.emplace_back("the list of labels changes");
    }
    if (!tools.empty() && speaks_of(line, {Verb::kAct, Verb::kRelease})) {
      one.reasons.push_back(fmt::format("the class of the tools {} changes", tools));
    }
    if (!models.empty() && speaks_of(line, {Verb::kAsk, Verb::kRelease, Verb::kTrain})) {
      one.reasons.push_back(fmt::format("how {} are registered changes", models));
    }
    if (!one.reasons.empty()) out.push_back(std::move(one));
  }
  return out;
}

Amendment amend(Prover& prover, const Agreement& old_one, const Files& old_files, const Agreement& new_one,
                const Files& new_files) {
  Amendment out;
  out.touched = touched_lines(old_one, old_files, new_one, new_files);
  for (const auto& [path, bytes] : old_files) {
    if (path.starts_with("signatures/")) continue;
    if (!new_files.contains(path)) out.files.push_back("removed " + path);
    else if (bytes != bytes_of(new_files, path)) out.files.push_back("changed " + path);
  }
  for (const auto& [path, bytes] : new_files) {
    if (!path.starts_with("signatures/") && !old_files.contains(path)) out.files.push_back("added " + path);
  }
  if (!same_schema(old_one, old_files, new_one, new_files)) {
    out.not_comparable = "the two agreements have different types or roles, so no request is one of both";
    return out;
  }
  for (const Environment& env : environments(new_one.schema())) {
    out.environments.push_back(
        compare(prover, new_one.schema(), env, new_one.rules(), old_one.rules(), Semantics::kAnyErrorDenies));
  }
  return out;
}

}  // namespace proviso::prove
