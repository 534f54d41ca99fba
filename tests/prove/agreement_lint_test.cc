// Holds that nothing lifts and purposes without use are found; the samples have none.
#include <gtest/gtest.h>

#include "base/file.h"
#include "prove/agreement_lint.h"
#include "prove/data.h"
#include "prove/support.h"

namespace proviso::prove {
namespace {

using namespace test;
using agreement::Agreement;

AgreementLint lint_of(const agreement::Files& files) {
  const auto loaded = Agreement::load(files);
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
  return lint_agreement(**loaded, solvers(), 2);
}

TEST(AgreementLint, TheSamplesLeaveNothingWithoutUse) {
  if (!have_solvers()) GTEST_SKIP();
  for (const char* name : {"enclave", "hospital"}) {
    const AgreementLint found = lint_of(*read_tree(std::string(PV_SOURCE_DIR) + "/agreements/" + name));
    EXPECT_TRUE(found.never_lifted.empty()) << name;
    EXPECT_TRUE(found.unusable.empty()) << name << ": " << found.unusable.front();
    EXPECT_TRUE(found.unknown.empty()) << name << ": " << found.unknown.front();
  }
}

TEST(AgreementLint, FindsAHoldThatWaitsInVainAndAPurposeWithoutUse) {
  if (!have_solvers()) GTEST_SKIP();
  auto files = *read_tree(std::string(PV_SOURCE_DIR) + "/agreements/enclave");
  std::string& terms = files.at("agreement.toml");
  terms.replace(terms.find("[purposes]\n"), 11, "[purposes]\nidling = \"sitting about\"\n");
  // Held until legal approves, and forbidden all the same.
  files.at("clauses/1-purposes.md") += "\n```cedar\n@hold(\"legal\")\nforbid (principal, action == Action::\"ask\", resource)\n"
                                       "when { context.moment.purpose == Purpose::\"targeting\" }\n"
                                       "unless { context.moment.approvals.legal >= 1 };\n```\n";
  const AgreementLint found = lint_of(files);
  EXPECT_EQ(found.never_lifted.size(), 1U);
  EXPECT_EQ(found.unusable, (std::vector<std::string>{"idling"}));
  EXPECT_TRUE(found.unknown.empty());
}

}  // namespace
}  // namespace proviso::prove
