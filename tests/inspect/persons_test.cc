// Names and addresses of persons: what is found, where it ends, and that only what is wanted is looked for.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "inspect/inspector.h"
#include "inspect/person_stream.h"
#include "inspect/training/evaluation.h"

namespace proviso::inspect {
namespace {

namespace fs = std::filesystem;

std::string found_in(const Inspector& inspector, std::string_view text, std::string_view label,
                     TextKind kind = TextKind::kPlain) {
  std::string out;
  for (const Segment& segment : inspector.segments(text, kind)) {
    for (const Finding& finding : segment.findings) {
      if (finding.label != label) continue;
      if (!out.empty()) out += "|";
      out += text.substr(finding.offset, finding.length);
    }
  }
  return out;
}

Inspector looking_for(std::vector<std::string> labels) { return Inspector::create().looking_for(labels); }

TEST(InspectPersons, FindsNamesAndAddresses) {
  const Inspector inspector = looking_for({"personal_name", "personal_address"});
  EXPECT_EQ(found_in(inspector, "Please correct it to Ms. Wilhelmina Johansson.", kLabelName), "Wilhelmina Johansson");
  EXPECT_EQ(found_in(inspector, "Ich hei\xc3\x9f" "e J\xc3\xb6rg Schneider und komme aus Bremen.", kLabelName), "J\xc3\xb6rg Schneider");
  EXPECT_EQ(found_in(inspector, "Send the letter to 17 Willow Lane, 20635 Springfield, please.", kLabelAddress),
            "17 Willow Lane, 20635 Springfield");
  EXPECT_EQ(found_in(inspector, R"({"to":"Dear Mr. Ant\u00f3nio Almeida,"})", kLabelName, TextKind::kJson), R"(Ant\u00f3nio Almeida)");
}

TEST(InspectPersons, OrdinaryTextIsLeftAlone) {
  const Inspector inspector = looking_for({"personal_name", "personal_address"});
  for (std::string_view text : {"The pump runs at 40 bar. Check the valve on Monday.", "def add(a, b):\n    return a + b\n",
                                "What is the capital of France?", "Total: 14 boxes, 3 pallets, order 20417"}) {
    EXPECT_EQ(inspector.inspect(std::span(&text, 1)).labels, std::vector<std::string>{}) << text;
  }
}

TEST(InspectPersons, OnlyWhatIsNamedIsLookedFor) {
  const std::string_view text = "Ms. Wilhelmina Johansson lives at 17 Willow Lane, 20635 Springfield.";
  EXPECT_EQ(found_in(looking_for({"personal_name"}), text, kLabelAddress), "");
  EXPECT_NE(found_in(looking_for({"personal_name"}), text, kLabelName), "");
  EXPECT_EQ(looking_for({"secret"}).inspect(std::span(&text, 1)).labels, std::vector<std::string>{});
}

TEST(InspectPersons, SentencesEndWhereTheyEnd) {
  EXPECT_EQ(sentence_end("He left early. Then"), 15u);
  EXPECT_EQ(sentence_end("Ask Mr. Smith"), std::string_view::npos);  // an abbreviation
  EXPECT_EQ(sentence_end("one\ntwo"), 4u);
  EXPECT_EQ(sentence_end(std::string(320, 'a')), std::string_view::npos);
  EXPECT_EQ(sentence_end(std::string(400, 'a')), kSentenceBytesMax);
  EXPECT_EQ(sentence_end(std::string(300, 'a') + " " + std::string(300, 'b')), 301u);
}

TEST(InspectPersons, WeightsOfAnotherFormAreRefused) {
  EXPECT_FALSE(PersonTagger::read("PVPT0002").has_value());
  EXPECT_FALSE(PersonTagger::read(std::string(kPersonFileBytes, 'x')).has_value());
}

// docs/model-card.md says so: whoever builds the gate fetches them with its source.
TEST(InspectPersons, WeightsOfAllDetectorsStaySmall) {
  uintmax_t bytes = 0;
  for (const auto& file : fs::directory_iterator(fs::path(PV_SOURCE_DIR) / "src" / "inspect")) {
    if (file.path().extension() == ".bin") bytes += file.file_size();
  }
  EXPECT_GT(bytes, kPersonFileBytes);
  EXPECT_LE(bytes, 8'000'000u);
}

// The rows that the weights were trained on: a floor, no measure of skill. docs/inspect.md has that.
TEST(InspectPersons, LabelledRows) {
  const char* set = std::getenv("PROVISO_DATA");
  const fs::path base = (set != nullptr ? fs::path(set) : fs::path(PV_SOURCE_DIR) / ".." / "shared") / "safeguard-data";
  std::vector<Row> rows;
  for (const char* name : {"pii.jsonl", "benign.jsonl"}) {
    const Result<std::string> bytes = read_file(base / name);
    if (!bytes) GTEST_SKIP() << "no labelled rows; set PROVISO_DATA";
    Result<std::vector<Row>> more = read_rows(*bytes);
    ASSERT_TRUE(more.has_value());
    rows.insert(rows.end(), more->begin(), more->end());
  }
  const Evaluation seen = evaluate(looking_for({"personal_name", "personal_address"}), rows);
  for (const auto& [label, score] : seen.span_scores) {
    std::printf("inspect: %s on the rows trained on: span F1 %.3f exact, %.3f half covered\n", label.c_str(), score.exact_f1(), score.half_f1());
    EXPECT_GE(score.half_f1(), 0.8) << label;
  }
  const Evaluation::Label& pii = seen.labels.at("pii");
  std::printf("inspect: benign rows with a name or an address %zu/%zu, ordinary %zu/%zu\n", pii.false_all.k, pii.false_all.n,
              pii.false_ordinary.k, pii.false_ordinary.n);
  EXPECT_LE(pii.false_all.value(), 0.01);
}

}  // namespace
}  // namespace proviso::inspect
