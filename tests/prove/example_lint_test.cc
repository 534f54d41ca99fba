// Examples that tell nothing, and rules that no example speaks for, found by striking each rule.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"
#include "cedar/engine.h"
#include "prove/example_lint.h"

namespace proviso::prove {
namespace {

using agreement::Agreement;
using agreement::Files;

Files enclave() { return *read_tree(std::string(PV_SOURCE_DIR) + "/agreements/enclave"); }

std::vector<std::string> rules_of(const Agreement& agreement, const ExampleLint& found) {
  std::vector<std::string> out;
  for (const uint32_t rule : found.unnoticed) out.push_back(agreement.clause_of(rule).number);
  return out;
}

ExampleLint lint_of(const Files& files, std::vector<std::string>& unnoticed) {
  const auto loaded = Agreement::load(files);
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
  const ExampleLint found = lint_examples(**loaded, files);
  unnoticed = rules_of(**loaded, found);
  return found;
}

bool is_idle(const ExampleLint& found, std::string_view row) {
  return std::ranges::any_of(found.idle, [&](const auto& one) { return one.line.find(row) != std::string::npos; });
}

TEST(ExampleLint, KnowsARuleByTheExamplesThatItDecides) {
  Files files = enclave();
  std::vector<std::string> unnoticed;
  const ExampleLint before = lint_of(files, unnoticed);
  EXPECT_EQ(std::ranges::count(unnoticed, "6.2"), 0);
  EXPECT_FALSE(is_idle(before, "purpose=coding unreadable_parts=1"));
  // The one example of 6.2 taken away: nobody would notice if the rule went.
  std::string& text = files.at("clauses/6-secrets.md");
  const size_t row = text.find("analyst | ask     | model local | purpose=coding unreadable_parts=1");
  ASSERT_NE(row, text.npos);
  text.erase(row, text.find('\n', row) + 1 - row);
  (void)lint_of(files, unnoticed);
  EXPECT_EQ(std::ranges::count(unnoticed, "6.2"), 1);
}

TEST(ExampleLint, KnowsAnExampleThatNoRuleDecides) {
  Files files = enclave();
  std::string& text = files.at("clauses/6-secrets.md");
  const size_t header = text.find("who     | does");
  ASSERT_NE(header, text.npos);
  // Two rules forbid it: either may go and it comes out the same.
  text.insert(text.find('\n', header) + 1,
              "analyst | ask     | model local | purpose=coding labels=secret unreadable_parts=2 | deny\n");
  std::vector<std::string> unnoticed;
  EXPECT_TRUE(is_idle(lint_of(files, unnoticed), "labels=secret unreadable_parts=2"));
}

// The control: with only one rule left to be struck, each example hangs on it or on none.
TEST(ExampleLint, StrikesOneRuleAndLeavesTheOthers) {
  const Files files = enclave();
  const auto agreement = Agreement::load(files).value();
  const ExampleLint found = lint_examples(*agreement, files);
  EXPECT_LT(found.unnoticed.size(), agreement->rules().policies().size() / 2);
  EXPECT_LT(found.idle.size(), agreement->run_examples().size());
}

}  // namespace
}  // namespace proviso::prove
