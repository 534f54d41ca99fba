// Attacks on the prover: programs that stand in for a solver, records that lie, models that lie. Each
// leaves the agreement unproven, with the reason.
#include <gtest/gtest.h>

#include <atomic>

#include "base/file.h"
#include "prove/data.h"
#include "prove/facts.h"
#include "prove/model.h"
#include "prove/red_lines.h"
#include "prove/support.h"

namespace proviso::prove {
namespace {

using namespace test;

std::shared_ptr<const agreement::Agreement> hospital() {
  return *agreement::Agreement::load(*read_tree(std::string(PV_SOURCE_DIR) + "/agreements/hospital"));
}

// Proves with another program in a solver's place: nothing is proven, and `wanted` says why.
void expect_refused(Dialect dialect, const std::string& program, const std::string& wanted, uint32_t millis = 20'000) {
  ProverOptions options = solvers();
  SolverSpec& spec = dialect == Dialect::kCvc5 ? options.cvc5 : options.z3;
  spec.program = program;
  spec.millis_max = millis;
  const auto agreement = hospital();
  const AgreementProof proof = prove_red_lines(*agreement, options, 1);
  EXPECT_FALSE(proof.holds()) << program;
  for (const Obligation& one : proof.obligations) EXPECT_NE(one.finding.verdict, Verdict::kHolds) << program;
  EXPECT_NE(proof.why().find(wanted), std::string::npos) << program << ": " << proof.why();
}

TEST(Attacks, AProgramThatIsNoSolverProvesNothing) {
  if (!have_solvers()) return;
  for (const Dialect dialect : {Dialect::kCvc5, Dialect::kZ3}) {
    expect_refused(dialect, "/usr/bin/true", "cvc5 says");  // the sandbox itself keeps that one out
    expect_refused(dialect, "/usr/bin/false", "ended with status 1");
    expect_refused(dialect, "/usr/bin/yes", "ended with status 1");
    expect_refused(dialect, "/usr/bin/echo", "does not answer as a solver does");
    expect_refused(dialect, "/nonexistent/solver", "is not installed");
  }
}

// The program that runs is the one that was read: what is recorded names its digest.
TEST(Attacks, AProgramThatWasReplacedSinceItWasReadIsNotBelieved) {
  if (!have_solvers()) return;
  for (const SolverSpec& spec : {solvers().cvc5, solvers().z3}) {
    SolverIdentity who = *identify(spec);
    EXPECT_TRUE(Solver::start(spec, who));  // the control
    who.program = sha256("another");
    const auto started = Solver::start(spec, who);
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().message.find("was replaced since it was read"), std::string::npos) << started.error().message;
  }
}

TEST(Attacks, ASolverThatHangsIsStoppedFromOutside) {
  if (!have_solvers()) return;
  // Nothing can be asked and answered within a millisecond.
  expect_refused(Dialect::kZ3, "/usr/bin/z3", "z3 says failed", 1);
}

// The control: the same agreement with the real solvers.
TEST(Attacks, TheRealSolversDoProveIt) {
  if (!have_solvers()) return;
  const auto agreement = hospital();
  const AgreementProof proof = prove_red_lines(*agreement, solvers(), 2);
  EXPECT_TRUE(proof.holds()) << proof.why();
}

TEST(Attacks, ARecordThatSaysOtherwiseIsNotBelieved) {
  if (!have_solvers()) return;
  TemporaryFolder folder;
  const std::string records = folder.path().string();
  const auto agreement = hospital();
  const AgreementProof first = prove_red_lines(*agreement, solvers(records), 2);
  ASSERT_TRUE(first.holds()) << first.why();
  ProverOptions only = solvers(records);
  only.only_records = true;
  ASSERT_TRUE(prove_red_lines(*hospital(), only, 1).holds());
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"said\":\"unsat\"", "\"said\":\"sat\""}, {"proviso-proof-v2", "proviso-proof-v1"}, {"\"text\":\"", "\"text\":\"0"}, {"{", ""},
           // What another program, another library or other options said is not what these solvers say.
           {"\"program\":\"", "\"program\":\"0"}, {"\"libraries\":\"", "\"libraries\":\"0"}, {"rlimit=", "rlimit=9"}}) {
    size_t edited = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      if (entry.path().extension() != ".json") continue;
      const std::string kept = *read_file(entry.path().string());
      std::string text = kept;
      text.replace(text.find(from), from.size(), to);
      ASSERT_TRUE(write_file_durable(entry.path().string(), text, FileMode::kPrivate));
      EXPECT_FALSE(prove_red_lines(*hospital(), only, 1).holds()) << to;
      ASSERT_TRUE(write_file_durable(entry.path().string(), kept, FileMode::kPrivate));
      ++edited;
    }
    EXPECT_GT(edited, 0u);
  }
}

// A record of another program is no record: the question is asked anew and the record made good.
TEST(Attacks, ARecordOfAnotherSolverIsProvenAnew) {
  if (!have_solvers()) return;
  TemporaryFolder folder;
  const std::string records = folder.path().string();
  ASSERT_TRUE(prove_red_lines(*hospital(), solvers(records), 2).holds());
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() != ".json") continue;
    std::string text = *read_file(entry.path().string());
    text.replace(text.find("\"libraries\":\"") + 13, 2, "zz");
    ASSERT_TRUE(write_file_durable(entry.path().string(), text, FileMode::kPrivate));
  }
  const AgreementProof again = prove_red_lines(*hospital(), solvers(records), 2);
  EXPECT_TRUE(again.holds()) << again.why();
  EXPECT_EQ(again.recorded(), 0u);
  const AgreementProof third = prove_red_lines(*hospital(), solvers(records), 2);
  EXPECT_EQ(third.recorded(), third.obligations.size());
}

TEST(Attacks, AnOrderToStopEndsAProofAndIsNoRefutation) {
  if (!have_solvers()) return;
  ProverOptions options = solvers();
  std::atomic<int> asked = 0;
  options.cancelled = [&asked] { return ++asked > 5; };
  const auto agreement = hospital();
  const AgreementProof proof = prove_red_lines(*agreement, options, 2);
  EXPECT_FALSE(proof.holds());
  EXPECT_TRUE(proof.transient());
  EXPECT_NE(proof.why().find("told to stop"), std::string::npos) << proof.why();
  EXPECT_EQ(require_proven(*agreement, options, 2).error().code, Code::kUnavailable);
}

TEST(Attacks, ASolverThatIsMissingIsNoRefutation) {
  ProverOptions options = solvers();
  options.cvc5.program = "/nonexistent/solver";
  const auto agreement = hospital();
  EXPECT_EQ(require_proven(*agreement, options, 1).error().code, Code::kUnavailable);
}

TEST(Attacks, NamesInSentencesHideNothing) {
  EXPECT_EQ(shown("Tool `a\x1b[31m\u202eb\n`"), "Tool `a\\u{1b}[31m\\u{202e}b\\u{a}`");
  EXPECT_EQ(shown("caf\u00e9 \xff\xc3"), "caf\u00e9 \\xff\\xc3");
}

// A model that is none: our own arithmetic finds out before anybody is told of a request.
TEST(Attacks, AModelThatLiesIsFoundOut) {
  const auto schema = cedar::Schema::parse(
      "entity U; entity T; action a appliesTo { principal: [U], resource: [T], context: { n: Long } };", "schema");
  ASSERT_TRUE(schema);
  const Environment env = environments(*schema)[0];
  Terms terms(*schema);
  Encoder encoder(terms, env);
  const auto big = encoder.expression(**cedar::parse_expression("context.n > 5", "test"));
  ASSERT_TRUE(big);
  Question question{{big->value}, {}};
  question.asked = asked_about(terms, question.assertions);
  ASSERT_EQ(question.asked.size(), 1u);
  EXPECT_TRUE(read_counterexample(terms, env, question, "((v0 6))"));
  EXPECT_FALSE(read_counterexample(terms, env, question, "((v0 5))"));
  for (const char* nonsense : {"", "(", ")", "((v0 6)", "((v0 true))", "((v0 99999999999999999999))", "((v0 6) (v1 7))", "((v0))",
                               "6", "((v0 \"6\"))", "((v0 (- 6)))"}) {
    EXPECT_FALSE(read_counterexample(terms, env, question, nonsense)) << nonsense;
  }
}

// What SMT-LIB cannot write is not analysable, and so is what has no exact encoding.
TEST(Attacks, WhatCannotBeEncodedNeverHolds) {
  const auto schema = cedar::Schema::parse(
      "entity U; entity T; action a appliesTo { principal: [U], resource: [T], context: { s: String } };", "schema");
  ASSERT_TRUE(schema);
  const Environment env = environments(*schema)[0];
  Terms terms(*schema);
  Encoder encoder(terms, env);
  const auto outside = encoder.expression(**cedar::parse_expression("context.s == \"\\u{30000}\"", "test"));
  ASSERT_TRUE(outside);
  Prover prover(solvers());
  EXPECT_EQ(prover.refute(terms, encoder, env, {outside->value}, nullptr).verdict, Verdict::kNotAnalysable);
  for (const char* text : {"[] == []", "decimal(context.s) == decimal(\"1.0\")", "context.nothing", "principal.getTag(\"x\") == 1"}) {
    const auto refused = encoder.expression(**cedar::parse_expression(text, "test"));
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Code::kUnsupported) << text;
  }
}

}  // namespace
}  // namespace proviso::prove
