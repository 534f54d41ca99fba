// The samples' red lines hold for every request; struck, widened or erring clauses are refused with a
// request that the real authoriser allows.
#include <gtest/gtest.h>

#include "base/file.h"
#include "prove/data.h"
#include "prove/red_lines.h"
#include "prove/support.h"

namespace proviso::prove {
namespace {

using namespace test;
using agreement::Agreement;
using agreement::Files;

Files sample(const std::string& name) {
  auto files = read_tree(std::string(PV_SOURCE_DIR) + "/agreements/" + name);
  EXPECT_TRUE(files);
  return std::move(*files);
}

std::shared_ptr<const Agreement> load(const Files& files) {
  auto loaded = Agreement::load(files);
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
  return loaded ? *loaded : nullptr;
}

void replace(Files& files, const std::string& file, const std::string& from, const std::string& to) {
  std::string& text = files.at(file);
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << file << ": " << from;
  text.replace(at, from.size(), to);
}

TEST(RedLines, SamplesAreProvenAndTheirRecordsBelieved) {
  if (!have_solvers()) return;
  for (const char* name : {"enclave", "hospital"}) {
    TemporaryFolder folder;
    const auto agreement = load(sample(name));
    const auto records = (folder.path() / "proofs").string();
    const AgreementProof proof = prove_red_lines(*agreement, solvers(records), 2);
    EXPECT_TRUE(proof.holds()) << proof.why();
    // The same question may stand in several environments: that is no record of before.
    EXPECT_EQ(proof.recorded(), 0u);
    std::printf("prove %s: %zu obligations in %zu environments, %.1f s\n", name, proof.obligations.size(),
                proof.environments, proof.seconds);
    ProverOptions only = solvers(records);
    only.only_records = true;
    const AgreementProof again = prove_red_lines(*agreement, only, 1);
    EXPECT_TRUE(again.holds()) << again.why();
    EXPECT_EQ(again.recorded() + again.by_schema(), again.obligations.size());
    // A record of other bytes is no record.
    only.records = (folder.path() / "elsewhere").string();
    EXPECT_FALSE(prove_red_lines(*agreement, only, 1).holds());
  }
}

TEST(RedLines, AStruckClauseIsRefusedWithARequestThatPasses) {
  if (!have_solvers()) return;
  Files files = sample("enclave");
  replace(files, "clauses/6-secrets.md", "when { context.content.labels.contains(\"secret\") };",
          "when { context.content.labels.contains(\"secret\") && !context.moment.break_glass };");
  const auto agreement = load(files);
  const AgreementProof proof = prove_red_lines(*agreement, solvers(), 2);
  EXPECT_FALSE(proof.holds());
  EXPECT_FALSE(proof.transient());
  size_t broken = 0;
  for (const Obligation& one : proof.obligations) {
    if (one.finding.verdict == Verdict::kHolds) continue;
    EXPECT_EQ(one.line, "R6");
    EXPECT_EQ(one.finding.verdict, Verdict::kBroken) << one.finding.why;
    ++broken;
  }
  EXPECT_EQ(broken, 4u);  // ask, release to a model, release of a tool, act
  EXPECT_NE(proof.why().find("context.moment.break_glass is true"), std::string::npos) << proof.why();
}

// A proof that takes an unregistered literal to exist would hold although the rule never applies.
TEST(RedLines, ALiteralThatNobodyRegisteredIsNotAnalysable) {
  if (!have_solvers()) return;
  for (const char* guard : {"Person::\"nobody\" has clearance", "Tool::\"ghost\" has server",
                            "(if context.moment.break_glass then Person::\"a\" else Person::\"b\").clearance >= 0"}) {
    Files files = sample("enclave");
    replace(files, "clauses/6-secrets.md", "contains(\"secret\") }", std::string("contains(\"secret\") && ") + guard + " }");
    const auto agreement = load(files);
    const AgreementProof proof = prove_red_lines(*agreement, solvers(), 1);
    for (const Obligation& one : proof.obligations) EXPECT_EQ(one.finding.verdict, Verdict::kNotAnalysable) << guard;
  }
}

TEST(RedLines, ARuleThatMayErrIsRefusedWithTheError) {
  if (!have_solvers()) return;
  Files files = sample("enclave");
  replace(files, "clauses/6-secrets.md", "when { context.content.unreadable_parts > 0 };",
          "when { context.content.unreadable_parts + context.content.bytes > 0 };");
  const auto agreement = load(files);
  const AgreementProof proof = prove_red_lines(*agreement, solvers(), 2);
  EXPECT_FALSE(proof.holds());
  EXPECT_NE(proof.why().find("a rule may err"), std::string::npos) << proof.why();
  for (const Obligation& one : proof.obligations) {
    if (!one.line.empty()) EXPECT_EQ(one.finding.verdict, Verdict::kHolds) << one.line;
  }
}

// Each change breaks a line, and only a counterexample that was replayed says so.
TEST(RedLines, ChangesThatBreakALineAreAllFound) {
  if (!have_solvers()) return;
  struct Change {
    const char* file;
    const char* from;
    const char* to;
    const char* line;
  };
  const std::vector<Change> changes = {
      {"clauses/2-human-judgement.md", "approvals.commander >= 1", "approvals.commander >= 0", "R4"},
      {"clauses/2-human-judgement.md", "resource in ToolClass::\"force\"", "resource in ToolClass::\"client\"", "R1"},
      {"clauses/2-human-judgement.md", "contains(\"autonomous_targeting\")",
       "containsAll([\"autonomous_targeting\", \"secret\"])", "R2"},
      {"clauses/3-persons.md", "Action::\"ask\", Action::\"release\", Action::\"act\"", "Action::\"ask\", Action::\"act\"", "R3"},
      {"clauses/4-training.md", "!resource.governed || resource.contains_persons",
       "!resource.governed && resource.contains_persons", "R5"},
      {"clauses/8-no-vendor-training.md", "context.model in Vendor::\"house\" && context.model.local",
       "context.model in Vendor::\"house\" || context.model.local", "R5"},
  };
  for (const Change& change : changes) {
    Files files = sample("enclave");
    replace(files, change.file, change.from, change.to);
    const auto agreement = load(files);
    const AgreementProof proof = prove_red_lines(*agreement, solvers(), 2);
    bool found = false;
    for (const Obligation& one : proof.obligations) {
      EXPECT_TRUE(one.finding.verdict == Verdict::kHolds || one.finding.verdict == Verdict::kBroken) << one.finding.why;
      found = found || (one.line == change.line && one.finding.verdict == Verdict::kBroken);
    }
    EXPECT_TRUE(found) << change.file << ": " << change.to;
  }
}

}  // namespace
}  // namespace proviso::prove
