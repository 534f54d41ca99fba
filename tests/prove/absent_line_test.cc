// Lines about what calls carry, over whole agreements: proven by the schema or because no call is ever allowed, and
// refused with a request that the authoriser allows and arguments that the validator admits.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "agreement/custody.h"
#include "arguments/definition.h"
#include "base/file.h"
#include "prove/analysis.h"
#include "prove/data.h"
#include "prove/red_lines.h"
#include "prove/support.h"

namespace proviso::prove {
namespace {

using namespace test;
using agreement::Agreement;
using agreement::Files;

constexpr const char* kWhere = "https://stock.example/mcp";
constexpr const char* kClosed = R"({"type":"object","properties":{"part":{"enum":["bolt","nut"]},
  "count":{"type":"integer","minimum":1,"maximum":100}},"required":["part"],"additionalProperties":false})";

void replace(Files& files, const std::string& file, const std::string& from, const std::string& to) {
  std::string& text = files.at(file);
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << file << ": " << from;
  text.replace(at, from.size(), to);
}

std::string definition_of(const std::string& schema) {
  return fmt::format(R"({{"name":"order_parts","description":"Orders parts.","inputSchema":{}}})", schema);
}

// The enclave sample with one more line. The tool that orders parts is pinned to a definition with that schema, which
// stands in tools/.
Files with(const std::string& line, const std::string& schema) {
  auto files = read_tree(std::string(PV_SOURCE_DIR) + "/agreements/enclave");
  EXPECT_TRUE(files);
  replace(*files, "redlines.md", "R7: act => no person in Tool::\"work_order\"\n", "");  // the sample's own
  replace(*files, "redlines.md", "| R7 | overseer | act | a work order is about things: no call of it can carry a person |\n", "");
  replace(*files, "redlines.md", "\n\n```redlines\n", "\n| A1 | vendor | act | said in a test |\n\n```redlines\nA1: act => " + line + "\n");
  if (schema.empty()) return *files;
  json::Parser parser;
  const auto definition = parser.parse(definition_of(schema));
  EXPECT_TRUE(definition) << schema;
  const std::string pin = arguments::definition_digest(arguments::server_identity("stock", kWhere), *definition).hex();
  replace(*files, "agreement.toml", "id    = \"order_parts\"\nclass = \"spend\"",
          fmt::format("id = \"order_parts\"\nclass = \"spend\"\nserver = \"stock\"\ndefinition = \"{}\"", pin));
  (*files)["tools/order_parts.json"] = arguments::paper_text("stock", kWhere, definition_of(schema));
  return *files;
}

std::shared_ptr<const Agreement> load(const Files& files) {
  auto loaded = Agreement::load(files);
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
  return loaded ? *loaded : nullptr;
}

std::string load_error(const Files& files) {
  const auto loaded = Agreement::load(files);
  return loaded ? "" : loaded.error().message;
}

struct Proven {
  std::shared_ptr<const Agreement> agreement;  // outlives the proof
  AgreementProof proof;
  const Obligation& of(const std::string& tool) const {
    for (const Obligation& one : proof.obligations) {
      if (one.of_tool && one.tool == tool) return one;
    }
    throw std::out_of_range(tool);
  }
};
Proven prove(const Files& files, ProverOptions options = solvers()) {
  Proven out{load(files), {}};
  out.proof = prove_red_lines(*out.agreement, options, 2);
  return out;
}

constexpr const char* kNoPerson = "no person in Tool::\"order_parts\"";

TEST(AbsentLine, AClosedSchemaProvesItAndLeavesARecord) {
  if (!have_solvers()) return;
  TemporaryFolder folder;
  const ProverOptions options = solvers((folder.path() / "proofs").string());
  const Files files = with(kNoPerson, kClosed);
  const Proven first = prove(files, options);
  EXPECT_TRUE(first.proof.holds()) << first.proof.why();
  EXPECT_EQ(first.proof.by_schema(), 1u);
  EXPECT_FALSE(first.of("order_parts").finding.on_record);
  const auto& schema = *first.agreement->paper("order_parts")->held.schema;
  EXPECT_EQ(first.of("order_parts").schema, schema.digest().hex());
  size_t records = 0;
  for (const auto& [name, text] : *read_tree(options.records)) {
    if (text.find("proviso-absence-1") == std::string::npos) continue;
    ++records;
    EXPECT_EQ(name, sha256(text).hex() + ".json");
    EXPECT_NE(text.find(schema.digest().hex()), std::string::npos);
    EXPECT_NE(text.find(first.agreement->tool("order_parts")->definition), std::string::npos);
  }
  EXPECT_EQ(records, 1u);
  EXPECT_TRUE(prove(files, options).of("order_parts").finding.on_record);
  // The schema is looked at again whatever a record says; without a place for records it is not in force.
  ProverOptions nowhere = options;
  nowhere.records = "/dev/null/proofs";
  const Proven unkept = prove(files, nowhere);
  EXPECT_FALSE(unkept.proof.holds());
  EXPECT_EQ(unkept.of("order_parts").finding.verdict, Verdict::kUnknown);
  EXPECT_TRUE(unkept.of("order_parts").finding.transient);
}

TEST(AbsentLine, WhatNoPermitReachesIsProvenWhateverItsSchema) {
  if (!have_solvers()) return;
  const Proven force = prove(with("no coordinate in ToolClass::\"force\"", ""));
  EXPECT_TRUE(force.proof.holds()) << force.proof.why();
  EXPECT_EQ(force.proof.by_schema(), 0u);
  EXPECT_EQ(force.of("fire_plan").finding.verdict, Verdict::kHolds);
  // The same tool in a class that may be called is another matter.
  Files files = with("no coordinate in Tool::\"fire_plan\"", "");
  replace(files, "agreement.toml", "id    = \"fire_plan\"\nclass = \"force\"", "id = \"fire_plan\"\nclass = \"write\"");
  const Proven write = prove(files);
  EXPECT_FALSE(write.proof.holds());
  EXPECT_FALSE(write.proof.transient());
  EXPECT_NE(write.of("fire_plan").finding.why.find("no pinned definition"), std::string::npos);
}

TEST(AbsentLine, EachOpeningIsRefusedWithAnExample) {
  if (!have_solvers()) return;
  struct Opening {
    const char* schema;
    Verdict verdict;
    const char* why;
    bool example;
  };
  constexpr Opening kOpenings[] = {
      {R"({"type":"object","properties":{"part":{"type":"string"}},"additionalProperties":false})", Verdict::kUnknown, "too open to tell: /arguments/part is any string", true},
      {R"({"type":"object","properties":{"recipient":{"enum":["depot"]}},"additionalProperties":false})", Verdict::kBroken, "it can carry one: /arguments/recipient is named so", true},
      {R"({"type":"object","properties":{"part":{"enum":["bolt"]}}})", Verdict::kBroken, "may have members of any name", true},
      {R"({"type":"object","properties":{"part":{"pattern":"^[a-z]$","type":"string"}},"additionalProperties":false})", Verdict::kUnknown, "/properties/part/pattern is a keyword", false},
  };
  for (const Opening& one : kOpenings) {
    const Proven found = prove(with(kNoPerson, one.schema));
    EXPECT_FALSE(found.proof.holds()) << one.schema;
    EXPECT_FALSE(found.proof.transient()) << one.schema;
    const Obligation& obligation = found.of("order_parts");
    EXPECT_EQ(obligation.finding.verdict, one.verdict) << one.schema;
    EXPECT_NE(found.proof.why().find(one.why), std::string::npos) << found.proof.why();
    EXPECT_NE(found.proof.why().find("could `act` on Tool `order_parts`"), std::string::npos) << found.proof.why();
    EXPECT_EQ(!obligation.arguments.empty(), one.example) << one.schema;
    if (one.example) EXPECT_TRUE(found.agreement->paper("order_parts")->held.schema->check_text(obligation.arguments)) << obligation.arguments;
    ASSERT_TRUE(obligation.finding.example) << one.schema;  // replayed by the authoriser before it is given
    EXPECT_TRUE(*allows(found.agreement->rules(), *obligation.finding.example, Semantics::kAnyErrorDenies));
  }
}

TEST(AbsentLine, ADefinitionThatIsNotHereProvesNothing) {
  if (!have_solvers()) return;
  Files files = with(kNoPerson, kClosed);
  files.erase("tools/order_parts.json");
  const Proven missing = prove(files);
  EXPECT_FALSE(missing.proof.holds());
  EXPECT_NE(missing.proof.why().find("not in tools/"), std::string::npos) << missing.proof.why();
}

TEST(AbsentLine, ADefinitionOtherThanThePinnedOneDoesNotLoad) {
  Files files = with(kNoPerson, kClosed);
  EXPECT_EQ(load_error(files), "");
  for (const auto& [from, to] : {std::pair{"\"maximum\":100", "\"maximum\":10000000"}, std::pair{"Orders parts.", "Orders parts!"},
                                 std::pair{"stock.example", "stack.example"}, std::pair{"\"id\":\"stock\"", "\"id\":\"other\""}}) {
    Files changed = files;
    replace(changed, "tools/order_parts.json", from, to);
    EXPECT_NE(load_error(changed).find("the registry does not pin this definition"), std::string::npos) << load_error(changed);
  }
  files["tools/more.json"] = files.at("tools/order_parts.json");
  EXPECT_NE(load_error(files).find("stands twice"), std::string::npos) << load_error(files);
  files["tools/more.json"] = "{}";
  EXPECT_NE(load_error(files).find("tools/more.json:1: a definition is"), std::string::npos) << load_error(files);
  files.erase("tools/more.json");
  files["tools/inner/more.json"] = "{}";
  EXPECT_NE(load_error(files).find("no part of an agreement"), std::string::npos);
}

TEST(AbsentLine, AnyToolMeansThoseThatNobodyRegisteredToo) {
  if (!have_solvers()) return;
  const Proven found = prove(with("no person in any tool", kClosed));
  EXPECT_FALSE(found.proof.holds());
  EXPECT_EQ(found.of("order_parts").finding.verdict, Verdict::kHolds);
  EXPECT_EQ(found.of("fire_plan").finding.verdict, Verdict::kHolds);
  EXPECT_NE(found.of("").finding.why.find("nobody registered"), std::string::npos);
  ASSERT_TRUE(found.of("").finding.example);
}

TEST(AbsentLine, AnAgreementSeesMoreOfAKindNeverLess) {
  if (!have_solvers()) return;
  Files files = with(kNoPerson, kClosed);
  std::string& terms = files.at("agreement.toml");
  const std::string before = terms;
  terms += "\n[[kind]]\nid = \"person\"\nwords = [\"part\"]\n";
  EXPECT_FALSE(prove(files).proof.holds());
  terms = before + "\n[[kind]]\nid = \"person\"\nwords = []\ndigits = 15\ntext = 1000\n";
  const auto loaded = load(files);
  const agreement::Kind& kind = *loaded->terms().kind("person");
  EXPECT_EQ(kind.digits, 6);
  EXPECT_EQ(kind.text, 2);
  // One of its own.
  files = with("no part in Tool::\"order_parts\"", kClosed);
  EXPECT_NE(load_error(files).find("the kind `part`"), std::string::npos);
  files.at("agreement.toml") += "\n[[kind]]\nid = \"part\"\nwords = [\"part\"]\nexample = \"bolt\"\n";
  EXPECT_FALSE(prove(files).proof.holds());
  files.at("agreement.toml") += "\n[[kind]]\nid = \"empty\"\nwords = []\nexample = \"x\"\n";
  EXPECT_NE(load_error(files).find("kind `empty` needs"), std::string::npos) << load_error(files);
}

TEST(AbsentLine, FaultsSayWhatToWrite) {
  for (const auto& [line, said] : {std::pair{"no person", "write `no KIND in any tool`"},
                                   std::pair{"no ghost in any tool", "the kind `ghost`"},
                                   std::pair{"no person in ToolClass::\"none\"", "tool class `none`"},
                                   std::pair{"no person in Tool::\"none\"", "tool `none`"},
                                   std::pair{"no person in spend", "`spend` is neither"},
                                   std::pair{"no person in any tool, Tool::\"order_parts\"", "`any tool` is neither"}}) {
    EXPECT_NE(load_error(with(line, "")).find(said), std::string::npos) << line << ": " << load_error(with(line, ""));
  }
  Files files = with("no person in any tool", "");
  replace(files, "redlines.md", "| A1 | vendor | act |", "| A1 | vendor | act, ask |");
  replace(files, "redlines.md", "A1: act =>", "A1: act, ask =>");
  EXPECT_NE(load_error(files).find("its scope is `act`"), std::string::npos) << load_error(files);
}

TEST(AbsentLine, ItsCustodianSignsAChangeOfTheKindAndOfADefinition) {
  const Files before = with(kNoPerson, kClosed);
  const auto reasons = [&](const Files& after) {
    std::string out;
    for (const agreement::Touched& one : agreement::touched_lines(*load(before), *load(after))) {
      for (const std::string& reason : one.reasons) out += one.line + ": " + reason + "\n";
    }
    return out;
  };
  EXPECT_EQ(reasons(before), "");
  Files kind = before;
  kind.at("agreement.toml") += "\n[[kind]]\nid = \"person\"\nwords = [\"crew\"]\n";
  EXPECT_EQ(reasons(kind), "A1: what the kind `person` is changes\n");
  Files other = before;
  other.at("agreement.toml") += "\n[[kind]]\nid = \"coordinate\"\nwords = [\"hill\"]\n";
  EXPECT_EQ(reasons(other), "");
  const std::string open = reasons(with(kNoPerson, R"({"type":"object"})"));
  EXPECT_NE(open.find("A1: the registry changes for the tools `order_parts`"), std::string::npos) << open;
  EXPECT_NE(reasons(with("no person in Tool::\"stock_level\"", kClosed)).find("A1: the line itself changes"), std::string::npos);
}

}  // namespace
}  // namespace proviso::prove
