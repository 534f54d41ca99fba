// The samples and the example of the design load, and every example in them holds.
#include <filesystem>

#include "agreement/support.h"
#include "base/sshsig.h"

namespace proviso::agreement {
namespace {

void expect_examples_hold(const std::string& name, const Agreement& agreement, size_t at_least) {
  size_t passed = 0;
  const auto outcomes = agreement.run_examples();
  for (const ExampleOutcome& one : outcomes) {
    EXPECT_TRUE(one.holds()) << one.source << ": " << one.line << "\n  got "
                             << outcome_name(one.got.outcome) << ": " << one.got.reason;
    passed += one.holds() ? 1 : 0;
    EXPECT_FALSE(one.got.reason.empty()) << one.source;
  }
  std::printf("examples of %s: %zu/%zu\n", name.c_str(), passed, outcomes.size());
  EXPECT_GE(outcomes.size(), at_least);
}

class Samples : public ::testing::TestWithParam<const char*> {};

TEST_P(Samples, LoadWithoutWarningAndEveryExampleHolds) {
  const std::string name = GetParam();
  const auto agreement = load_or_fail(folder("agreements/" + name));
  ASSERT_TRUE(agreement);
  EXPECT_EQ(agreement->warnings(), std::vector<std::string>());
  expect_examples_hold(name, *agreement, 16);
  for (const Clause& clause : agreement->clauses()) {
    size_t allows = 0;
    size_t refuses = 0;
    size_t all = 0;
    for (const ExampleOutcome& one : agreement->run_examples()) {
      if (!one.source.starts_with(clause.file + ":")) continue;
      ++all;
      (one.expected == Outcome::kAllow ? allows : refuses) += 1;
    }
    EXPECT_GE(all, 4U) << clause.file;
    EXPECT_GE(allows, 1U) << clause.file;
    EXPECT_GE(refuses, 1U) << clause.file;
    EXPECT_FALSE(clause.text.empty());
  }
  EXPECT_FALSE(agreement->red_lines().empty());
}

TEST_P(Samples, AreNotSignedByTheirPlaceholderKeys) {
  const auto agreement = load_or_fail(folder(std::string("agreements/") + GetParam()));
  ASSERT_TRUE(agreement);
  const Status status = agreement->check_signatures();
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kUnverified);
}

INSTANTIATE_TEST_SUITE_P(All, Samples, ::testing::Values("enclave", "hospital"));

TEST(Enclave, HasEightClausesOrMoreAndNamesItsModels) {
  const auto agreement = load_or_fail(folder("agreements/enclave"));
  ASSERT_TRUE(agreement);
  EXPECT_GE(agreement->clauses().size(), 8U);
  ASSERT_TRUE(agreement->model("local"));
  EXPECT_TRUE(agreement->model("local")->local);
  EXPECT_FALSE(agreement->model("acme-large")->local);
  EXPECT_EQ(agreement->model("acme"), nullptr);
  EXPECT_EQ(agreement->tool_class("fire_plan"), "force");
  EXPECT_EQ(agreement->tool_class("grep"), "client");
}

TEST(Enclave, ExamplesThatAreWrongAreFound) {  // the negative control of run_examples()
  Files files = folder("agreements/enclave");
  std::string& clause = files["clauses/6-secrets.md"];
  const std::string rule = "context.content.labels.contains(\"secret\")";
  clause.replace(clause.find(rule), rule.size(), "context.moment.break_glass");
  const auto agreement = load_or_fail(files);
  ASSERT_TRUE(agreement);
  size_t broken = 0;
  for (const ExampleOutcome& one : agreement->run_examples()) broken += one.holds() ? 0 : 1;
  EXPECT_GE(broken, 2U);
}

// The design's picture of an agreement, with its placeholders filled.
TEST(Example, OfTheDesignLoadsAndDecidesAsItsTablesSay) {
  const char* place = std::getenv("PROVISO_DATA");
  const std::string root =
      (place ? std::string(place) : source_path("../shared")) + "/example-agreement";
  if (!std::filesystem::exists(root + "/agreement.toml")) {
    std::printf("skipped: example-agreement (no %s)\n", root.c_str());
    return;
  }
  auto files = read_tree(root);
  ASSERT_TRUE(files.has_value()) << files.error().message;
  files->erase("core.cedarschema");  // what this room ships itself
  std::string& terms = (*files)["agreement.toml"];
  const auto fill = [&](const std::string& from, const std::string& to) {
    const size_t at = terms.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    terms.replace(at, from.size(), to);
  };
  fill("weights_sha256 = \"…\"", "weights_sha256 = \"" + std::string(64, 'a') + "\"");
  fill("endpoint = \"https://…\"", "endpoint = \"https://models.example\"");
  std::map<std::string, std::string> keys;
  for (const char* party : {"Operator", "Vendor of the local model"}) {
    keys[party] = sshsig::format_public_key(PrivateKey::generate().public_key(), "test");
  }
  const auto filled = with_party_keys(*files, keys);
  ASSERT_TRUE(filled.has_value()) << filled.error().message;
  const auto agreement = load_or_fail(*filled);
  ASSERT_TRUE(agreement);
  expect_examples_hold("the design", *agreement, 16);
  EXPECT_EQ(agreement->red_lines().size(), 4U);
}

}  // namespace
}  // namespace proviso::agreement
