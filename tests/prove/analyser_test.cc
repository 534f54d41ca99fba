// Upstream's analyser: 46 expected results, and the 8 policy sets of its own tests, on which no question
// may fail and every counterexample must replay.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

#include "cedar/validator.h"
#include "prove/analysis.h"
#include "prove/data.h"
#include "prove/support.h"

namespace proviso::prove {
namespace {

using namespace test;
namespace fs = std::filesystem;

cedar::Engine load_policies(const fs::path& file, const cedar::Schema& schema) {
  auto policies = cedar::PolicySet::parse(slurp(file), file.filename().string());
  EXPECT_TRUE(policies) << file << " " << (policies ? "" : policies.error().message);
  // A template decides nothing before it is linked: each gets one link, of the schema's first types.
  for (size_t i = 0; i < policies->templates().size(); ++i) {
    const Environment first = environments(schema)[0];
    const cedar::Policy& one = policies->templates()[i];
    cedar::SlotValues values;
    if (one.principal.slot) values.principal = cedar::EntityUid{first.principal, "linked"};
    if (one.resource.slot) values.resource = cedar::EntityUid{first.resource, "linked"};
    EXPECT_TRUE(policies->link(std::string(one.id), "link" + std::to_string(i), values)) << file << " " << one.id;
  }
  EXPECT_FALSE(cedar::has_errors(cedar::validate(schema, *policies))) << file;
  auto engine = cedar::Engine::compile(std::move(*policies), &schema);
  EXPECT_TRUE(engine);
  return std::move(*engine);
}

// As upstream's command names policies: by `@id` where there is one.
std::string id_of(const cedar::Engine& engine, uint32_t policy) {
  const std::string* id = engine.policies()[policy].annotation("id");
  return id != nullptr ? *id : engine.policies()[policy].id;
}

std::string cell(const std::string& line, size_t column) {
  size_t at = 0;
  for (size_t i = 0; i <= column; ++i) at = line.find('|', at) + 1;
  std::string text = line.substr(at, line.find('|', at) - at);
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string base_name(const std::string& type) {
  const size_t space = type.rfind("::");
  return space == std::string::npos ? type : type.substr(space + 2);
}

// "principal action resource" -> the verdict lines of the table.
std::map<std::string, std::multiset<std::string>> read_table(const std::string& text) {
  std::map<std::string, std::multiset<std::string>> out;
  std::string env;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("|") || cell(line, 0) == "PrincipalType") continue;
    if (!cell(line, 0).empty()) env = cell(line, 0) + " " + cell(line, 1) + " " + cell(line, 2);
    const std::string verdict = cell(line, 3);
    if (verdict.starts_with("pset1 ") || verdict.starts_with("Policy ") || verdict.starts_with("Redundant ")) {
      out[env].insert(verdict);
    }
  }
  return out;
}

std::string row_of(const Environment& env) {
  return base_name(env.principal) + " " + env.action->uid.id + " " + base_name(env.resource);
}

std::map<std::string, std::multiset<std::string>> compared(Prover& prover, const cedar::Schema& schema,
                                                           const cedar::Engine& a, const cedar::Engine& b) {
  std::map<std::string, std::multiset<std::string>> out;
  for (const Environment& env : environments(schema)) {
    const Comparison one = compare(prover, schema, env, a, b);
    const char* said = one.relation == Relation::kEquivalent     ? "pset1 is equivalent to pset2"
                       : one.relation == Relation::kMore         ? "pset1 is more permissive than pset2"
                       : one.relation == Relation::kLess         ? "pset1 is less permissive than pset2"
                       : one.relation == Relation::kIncomparable ? "pset1 is incomparable with pset2"
                                                                 : "unknown";
    out[row_of(env)].insert(said + (one.relation == Relation::kUnknown ? one.only_a.why + one.only_b.why : ""));
  }
  return out;
}

std::string redundant_text(const std::set<std::string>& ids) {
  std::string out;
  size_t i = 0;
  for (const std::string& id : ids) {
    if (i > 0) out += ids.size() == 2 ? " and " : i + 1 == ids.size() ? ", and " : ", ";
    out += "`" + id + "`";
    ++i;
  }
  return "Redundant Policies: " + out;
}

std::map<std::string, std::multiset<std::string>> linted(const cedar::Engine& engine, const Lint& found) {
  std::map<std::string, std::multiset<std::string>> out;
  std::map<std::string, std::map<uint32_t, std::set<uint32_t>>> classes;
  for (const Overlap& one : found.overlaps) {
    const std::string row = row_of(one.env);
    if (one.kind == Overlap::Kind::kRedundant) {
      // Policies that match the same requests form classes; pairs come in order.
      auto& of_env = classes[row];
      uint32_t root = one.policy;
      for (const auto& [first, members] : of_env) if (members.contains(one.policy)) root = first;
      of_env[root].insert({one.policy, one.by});
    } else {
      out[row].insert("Policy `" + id_of(engine, one.policy) + "` " +
                      (one.kind == Overlap::Kind::kShadowed ? "shadowed" : "overridden") + " by `" +
                      id_of(engine, one.by) + "`");
    }
  }
  for (const auto& [row, of_env] : classes) {
    for (const auto& [first, members] : of_env) {
      std::set<std::string> ids;
      for (const uint32_t policy : members) ids.insert(id_of(engine, policy));
      out[row].insert(redundant_text(ids));
    }
  }
  return out;
}

std::set<std::string> vacuous_lines(const std::string& text) {
  std::set<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Policy `")) out.insert(line);
  }
  return out;
}

void judge_snapshot(const fs::path& root, const fs::path& file, Prover& prover, Tally& tally) {
  const std::string text = slurp(file);
  std::vector<std::string> args;
  const std::string command = text.substr(0, text.find("\n---\n", 4));
  const std::regex argument(R"x((?:arg|current_dir)\(\\"([^"\\]*)\\"\))x");
  for (std::sregex_iterator at(command.begin(), command.end(), argument), end; at != end; ++at) args.push_back((*at)[1]);
  ASSERT_GE(args.size(), 5u) << file;
  const fs::path dir = root / "analyze" / fs::path(args[0]).filename();
  auto schema = cedar::Schema::parse(slurp(dir / args.back()), args.back());
  ASSERT_TRUE(schema) << file;
  const std::string name = file.stem().string();
  if (args[2] == "compare") {
    const cedar::Engine a = load_policies(dir / args[3], *schema);
    const cedar::Engine b = load_policies(dir / args[4], *schema);
    const auto got = compared(prover, *schema, a, b);
    std::string said;
    for (const auto& [row, lines] : got) for (const auto& line : lines) said += row + ": " + line + "; ";
    return tally.add(got == read_table(text), name + " " + said);
  }
  const cedar::Engine engine = load_policies(dir / args[3], *schema);
  const Lint found = lint(solvers(), 2, *schema, engine);
  std::set<std::string> vacuous;
  for (const Vacuity& one : found.vacuous) {
    vacuous.insert("Policy `" + id_of(engine, one.policy) + "` applies to " + (one.always ? "all" : "no") +
                   " authorization requests.");
  }
  const auto got = linted(engine, found);
  std::string said;
  for (const auto& [row, lines] : got) for (const auto& line : lines) said += row + ": " + line + "; ";
  for (const auto& line : found.unknown) said += line + "; ";
  tally.add(found.unknown.empty() && vacuous == vacuous_lines(text) && got == read_table(text), name + " " + said);
}

TEST(Analyser, Expected) {
  auto root = find_data("prove analyser", "analysis");
  if (!root || !have_solvers()) return;
  Prover prover(solvers());
  Tally tally("prove analyser results");
  for (const fs::path& file : files_below(*root / "expected", ".snap")) judge_snapshot(*root, file, prover, tally);
}

// Every question that upstream's tests ask: each policy alone, each pair, the whole set.
void ask_all(const fs::path& dir, Prover& prover, Tally& tally) {
  auto schema = cedar::Schema::parse(slurp(dir / "policies.cedarschema"), "schema");
  ASSERT_TRUE(schema) << dir << schema.error().message;
  const cedar::Engine engine = load_policies(dir / "policies.cedar", *schema);
  const std::string name = dir.filename().string();
  const auto decided = [&](const Finding& finding, const std::string& what) {
    tally.add(finding.verdict == Verdict::kHolds || finding.verdict == Verdict::kBroken, name + " " + what + " " + finding.why);
  };
  auto none = cedar::Engine::compile(*cedar::PolicySet::parse("", "none"), &*schema);
  auto all = cedar::Engine::compile(*cedar::PolicySet::parse("permit (principal, action, resource);", "all"), &*schema);
  for (const Environment& env : environments(*schema)) {
    for (uint32_t i = 0; i < engine.policies().size(); ++i) {
      decided(never_errs(prover, *schema, env, engine, i), to_string(env) + " never errs " + std::to_string(i));
    }
    for (const cedar::Engine* other : {&*none, &*all}) {
      const Comparison one = compare(prover, *schema, env, engine, *other);
      decided(one.only_a, to_string(env));
      decided(one.only_b, to_string(env));
    }
  }
}

TEST(Analyser, SymccSets) {
  auto root = find_data("prove symcc sets", "analysis/symcc-examples");
  if (!root || !have_solvers()) return;
  Prover prover(solvers());
  Tally tally("prove symcc sets: questions decided and replayed");
  size_t sets = 0;
  for (const auto& entry : fs::directory_iterator(*root)) {
    if (!entry.is_directory()) continue;
    ++sets;
    ask_all(entry.path(), prover, tally);
  }
  std::printf("prove symcc sets: %zu policy sets\n", sets);
}

}  // namespace
}  // namespace proviso::prove
