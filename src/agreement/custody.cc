#include "agreement/custody.h"

#include "agreement/difference.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

namespace proviso::agreement {
namespace {

using exchange::Verb;
using Entries = std::map<std::string, std::string>;

constexpr std::string_view kSchemaName = "schema.cedarschema";

// "hex  path" of the manifest, or nothing.
std::string_view manifest_line(const Agreement& one, std::string_view path) {
  const std::string_view manifest = one.manifest();
  for (size_t at = 0; at < manifest.size();) {
    const size_t end = manifest.find('\n', at);
    const std::string_view line = manifest.substr(at, end - at);
    if (line.size() == 66 + path.size() && line.ends_with(path)) return line;
    at = end + 1;
  }
  return {};
}

// What rules can read of a tool or a model, and what is reached under its name.
Entries tools_of(const Agreement& one) {
  Entries out;
  for (const Tool& tool : one.terms().tools) {
    out[tool.id] = fmt::format("{}\n{}\n{}", tool.tool_class, tool.server, tool.definition);
  }
  return out;
}

Entries models_of(const Agreement& one) {
  Entries out;
  for (const Model& model : one.terms().models) {
    out[model.id] = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", model.vendor, model.local, model.max_marking, model.retires,
                                model.weights_sha256, model.endpoint);
  }
  return out;
}

Entries vendors_of(const Agreement& one) {
  Entries out;
  for (const Vendor& vendor : one.terms().vendors) out[vendor.id] = vendor.jurisdiction;
  return out;
}

// Name -> role and key.
Entries parties_of(const Agreement& one) {
  Entries out;
  for (const Party& party : one.terms().parties) out[party.name] = party.role + "\n" + party.key;
  return out;
}

// The parties of one role.
Entries holders_of(const Agreement& one, const std::string& role) {
  Entries out;
  for (const Party& party : one.terms().parties) {
    if (party.role == role) out[party.name] = party.key;
  }
  return out;
}

struct Differences {
  std::set<std::string> added, removed, changed;
  [[nodiscard]] std::set<std::string> all() const {
    std::set<std::string> out = added;
    out.insert(removed.begin(), removed.end());
    out.insert(changed.begin(), changed.end());
    return out;
  }
};

Differences differing(const Entries& before, const Entries& after) {
  Differences out;
  for (const auto& [name, value] : before) {
    const auto found = after.find(name);
    if (found == after.end()) {
      out.removed.insert(name);
    } else if (found->second != value) {
      out.changed.insert(name);
    }
  }
  for (const auto& [name, value] : after) {
    if (!before.contains(name)) out.added.insert(name);
  }
  return out;
}

std::string listed(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "`" : ", `") + name + "`";
  return out;
}

// Which of the changed names the line's condition writes as TYPE::"name".
std::string named_by(const RedLine& line, std::string_view type, const std::set<std::string>& names) {
  std::set<std::string> found;
  for (const std::string& name : names) {
    if (line.condition.find(fmt::format("{}::\"{}\"", type, name)) != std::string::npos) found.insert(name);
  }
  return listed(found);
}

bool speaks_of(const RedLine& line, std::initializer_list<Verb> verbs) {
  return std::ranges::any_of(line.verbs, [&](Verb verb) { return std::ranges::find(verbs, verb) != verbs.end(); });
}

const RedLine* find_line(const Agreement& one, const std::string& id) {
  const auto found = std::ranges::find(one.red_lines(), id, &RedLine::id);
  return found != one.red_lines().end() ? &*found : nullptr;
}

bool same_line(const RedLine& a, const RedLine& b) {
  return a.condition == b.condition && a.verbs == b.verbs && a.words == b.words && a.custodian == b.custodian;
}

// What differs between two agreements, once for all lines.
class Change {
 public:
  Change(const Agreement& before, const Agreement& after)
      : before_(before),
        after_(after),
        tools_(listed(differing(tools_of(before), tools_of(after)).all())),
        models_(listed(differing(models_of(before), models_of(after)).all())),
        vendors_(listed(differing(vendors_of(before), vendors_of(after)).all())),
        roles_(listed(differing(before.terms().roles, after.terms().roles).all())),
        purposes_(differing(before.terms().purposes, after.terms().purposes).all()),
        classes_(differing(before.terms().tool_classes, after.terms().tool_classes).all()) {}

  [[nodiscard]] std::vector<std::string> reasons(const RedLine& line) const {
    std::vector<std::string> out;
    const RedLine* now = find_line(after_, line.id);
    if (now == nullptr) {
      out.emplace_back("the line is struck");
    } else if (!same_line(*now, line)) {
      out.emplace_back("the line itself changes");
    }
    const auto holders = differing(holders_of(before_, line.custodian), holders_of(after_, line.custodian)).all();
    if (!holders.empty()) out.push_back(fmt::format("its custodian changes: name or key of {}", listed(holders)));
    if (manifest_line(before_, kSchemaName) != manifest_line(after_, kSchemaName)) out.emplace_back("the schema changes");
    if (!roles_.empty()) out.push_back(fmt::format("the roles {} change", roles_));
    registry(line, out);
    return out;
  }

 private:
  void registry(const RedLine& line, std::vector<std::string>& out) const {
    if (speaks_of(line, {Verb::kAsk, Verb::kRelease, Verb::kAct})) {
      if (before_.terms().labels != after_.terms().labels) out.emplace_back("the list of labels changes");
      if (before_.terms().detectors != after_.terms().detectors) out.emplace_back("the pinned detectors change");
    }
    if (!tools_.empty() && speaks_of(line, {Verb::kAct, Verb::kRelease, Verb::kStop, Verb::kAdmit})) {
      out.push_back(fmt::format("the registry changes for the tools {}", tools_));
    }
    if (speaks_of(line, {Verb::kAsk, Verb::kRelease, Verb::kTrain, Verb::kStop, Verb::kAdmit})) {
      if (!models_.empty()) out.push_back(fmt::format("the registry changes for the models {}", models_));
      if (!vendors_.empty()) out.push_back(fmt::format("the registry changes for the vendors {}", vendors_));
    }
    if (const std::string named = named_by(line, "Purpose", purposes_); !named.empty()) {
      out.push_back(fmt::format("what the purposes {} mean changes", named));
    }
    if (const std::string named = named_by(line, "ToolClass", classes_); !named.empty()) {
      out.push_back(fmt::format("what the tool classes {} mean changes", named));
    }
  }

  const Agreement& before_;
  const Agreement& after_;
  std::string tools_, models_, vendors_, roles_;
  std::set<std::string> purposes_, classes_;
};

std::string joined(const std::vector<std::string>& sentences) {
  std::string out;
  for (const std::string& one : sentences) out += (out.empty() ? "" : "; ") + one;
  return out;
}

void add_wider(std::vector<std::string>& out, std::string_view what, const std::set<std::string>& names) {
  if (!names.empty()) out.push_back(fmt::format("{} {}", what, listed(names)));
}

std::set<std::string> as_set(const std::vector<std::string>& all) { return {all.begin(), all.end()}; }

std::set<std::string> without(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::set<std::string> out;
  std::ranges::set_difference(a, b, std::inserter(out, out.end()));
  return out;
}

void wider_registry(const Agreement& a, const Agreement& b, std::vector<std::string>& out) {
  const Differences tools = differing(tools_of(a), tools_of(b));
  for (const std::string& id : tools.changed) {
    const Tool& was = *a.tool(id);
    const Tool& is = *b.tool(id);
    if (was.tool_class == is.tool_class) {
      out.push_back(fmt::format("tool `{}` is another server's or has another definition", id));
    } else {
      out.push_back(fmt::format("tool `{}` moves from class `{}` to `{}`", id, was.tool_class, is.tool_class));
    }
  }
  add_wider(out, "new tools", tools.added);
  add_wider(out, "tools that fall to class `client`", tools.removed);
  const Differences models = differing(models_of(a), models_of(b));
  add_wider(out, "new models", models.added);
  add_wider(out, "models registered otherwise", models.changed);
  const Differences vendors = differing(vendors_of(a), vendors_of(b));
  add_wider(out, "new vendors", vendors.added);
  add_wider(out, "vendors registered otherwise", vendors.changed);
}

// Without [witnesses] a gate may serve for as long as its configuration says.
void wider_witnessing(const std::optional<Witnessing>& before, const std::optional<Witnessing>& after,
                      std::vector<std::string>& out) {
  if (!before || before->without_quorum != Witnessing::Without::kRefuse) return;
  if (!after || after->without_quorum != Witnessing::Without::kRefuse) {
    out.emplace_back("it answers where witnesses are missing");
  } else if (after->grace_seconds > before->grace_seconds) {
    out.push_back(fmt::format("witnesses may be missing for {} s instead of {}", after->grace_seconds, before->grace_seconds));
  }
}

}  // namespace

std::vector<Touched> touched_lines(const Agreement& in_force, const Agreement& next) {
  std::vector<Touched> out;
  const Change change(in_force, next);
  for (const RedLine& line : in_force.red_lines()) {
    Touched one{line.id, line.custodian, change.reasons(line)};
    if (!one.reasons.empty()) out.push_back(std::move(one));
  }
  return out;
}

Status check_difference(const Agreement& in_force, const Agreement& next) {
  const auto papers = difference_of(next);
  if (!papers && papers.error().code == Code::kNotFound) return {};  // then no signature holds either
  if (!papers) return std::unexpected(papers.error());
  if (papers->from == in_force.digest() && papers->to == next.digest()) return {};
  return fail(Code::kUnverified, fmt::format("`{}` compares {} with {}, not the agreement in force, {}, with this one, {}; "
                                             "write it anew",
                                             kDifferencePath, papers->from.hex(), papers->to.hex(),
                                             in_force.digest().hex(), next.digest().hex()));
}

Status check_custodians(const Agreement& in_force, const Agreement& next) {
  const std::vector<Touched> touched = touched_lines(in_force, next);
  if (touched.empty()) return {};
  PV_TRY_VOID(check_difference(in_force, next));
  std::string problems;
  for (const Touched& one : touched) {
    for (const Party& party : in_force.terms().parties) {
      if (party.role != one.custodian || next.signed_by_custodian(party.key)) continue;
      problems += fmt::format("{}red line `{}` needs its custodian ({}): party `{}` has not signed with the key that "
                              "revision {} names: {}", problems.empty() ? "" : "\n", one.line, one.custodian, party.name,
                              in_force.terms().revision, joined(one.reasons));
    }
  }
  if (!problems.empty()) return fail(Code::kUnverified, std::move(problems));
  return {};
}

Status check_follows(const Agreement& in_force, const Agreement& next) {
  if (next.terms().revision > in_force.terms().revision) return {};
  return fail(Code::kConflict, fmt::format("revision {} does not follow revision {}, which is in force; raise `revision` "
                                           "in agreement.toml and sign again",
                                           next.terms().revision, in_force.terms().revision));
}

std::vector<std::string> wider_terms(const Agreement& in_force, const Agreement& next) {
  const Terms& a = in_force.terms();
  const Terms& b = next.terms();
  std::vector<std::string> out;
  wider_registry(in_force, next, out);
  add_wider(out, "new purposes", differing(a.purposes, b.purposes).added);
  add_wider(out, "new roles", differing(a.roles, b.roles).added);
  add_wider(out, "labels that are not looked for any more", without(as_set(a.labels), as_set(b.labels)));
  if (a.detectors != b.detectors) out.emplace_back("other detectors are pinned, or none");
  add_wider(out, "protocol fields passed through", without(as_set(b.passthrough), as_set(a.passthrough)));
  wider_witnessing(a.witnesses, b.witnesses, out);
  for (const RedLine& line : in_force.red_lines()) {
    const RedLine* now = find_line(next, line.id);
    if (now == nullptr) {
      out.push_back(fmt::format("red line `{}` is struck", line.id));
    } else if (!same_line(*now, line)) {
      out.push_back(fmt::format("red line `{}` changes", line.id));
    }
  }
  add_wider(out, "other parties, names or keys:", differing(parties_of(in_force), parties_of(next)).all());
  // Dates are written year first, so that text order is time's.
  if (b.effective < a.effective) out.push_back(fmt::format("it begins earlier, on {}", b.effective));
  if (b.expires > a.expires) out.push_back(fmt::format("it ends later, on {}", b.expires));
  return out;
}

}  // namespace proviso::agreement
