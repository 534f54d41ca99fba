// Whole requests: several texts, their seams, and tool arguments in JSON.
#include <gtest/gtest.h>

#include "inspect/inspector.h"
#include "inspect/secret_maker.h"

namespace proviso::inspect {
namespace {

TEST(Inspector, VersionAndDigestNameTheRules) {
  const Inspector a = Inspector::create().looking_for({});
  const Inspector b = Inspector::create().looking_for({});
  EXPECT_EQ(a.version(), "secrets/3 markings/1 personal/2 persons/1 classifiers/2");
  EXPECT_EQ(a.digest(), b.digest());
  EXPECT_NE(a.digest(), Digest{});
}

TEST(Inspector, WhatIsSaidFortyTimesIsSaidOnce) {
  const Inspector inspector = Inspector::create();
  for (const std::string sentence : {"Ships came in, one by one. ", "one two three four five six seven eight nine ten. "}) {
    std::string text;
    for (int i = 0; i < 120; ++i) text += sentence;  // longer than a window
    const std::string_view texts[] = {text};
    EXPECT_TRUE(inspector.inspect(texts).labels.empty()) << sentence;
  }
}

TEST(Inspector, AVerdictCountsBytesAndPlacesFindings) {
  const Inspector inspector = Inspector::create().looking_for({});
  SecretMaker maker(1);
  const std::string key = maker.github();
  const std::string second = "use " + key + " now";
  const std::string_view texts[] = {"nothing here", second};
  const Verdict verdict = inspector.inspect(texts);
  EXPECT_EQ(verdict.bytes, 12 + second.size());
  EXPECT_EQ(verdict.labels, std::vector<std::string>{"secret"});
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].rule, "github-token");
  EXPECT_EQ(verdict.findings[0].offset, 4u);
  EXPECT_EQ(verdict.findings[0].length, key.size());
  EXPECT_EQ(verdict.top_score, 1000);
}

TEST(Inspector, NothingFoundIsAnEmptyVerdict) {
  const Inspector inspector = Inspector::create().looking_for({});
  const std::string_view texts[] = {"", "plain text", ""};
  const Verdict verdict = inspector.inspect(texts);
  EXPECT_TRUE(verdict.labels.empty());
  EXPECT_EQ(verdict.top_score, 0);
  EXPECT_EQ(verdict.bytes, 10u);
}

TEST(Inspector, ASecretSplitOverTwoTextsIsFoundAtTheSeam) {
  const Inspector inspector = Inspector::create().looking_for({});
  SecretMaker maker(2);
  const std::string key = maker.github();
  for (size_t cut = 1; cut < key.size(); ++cut) {
    const std::string left = "first half " + key.substr(0, cut);
    const std::string right = key.substr(cut) + " second half";
    const std::string_view texts[] = {left, right};
    EXPECT_EQ(inspector.inspect(texts).labels.size(), 1u) << cut;
    // Apart, the halves say nothing: the negative control.
    const std::string spaced = " " + right;
    const std::string_view apart[] = {left, spaced};
    EXPECT_TRUE(inspector.inspect(apart).labels.empty()) << cut;
  }
}

TEST(Inspector, ArgumentsAreReadWithTheirEscapes) {
  const Inspector inspector = Inspector::create().looking_for({});
  SecretMaker maker(3);
  const std::string key = maker.github();
  std::string escaped = "{\"cmd\":\"echo ";
  for (char c : key) {
    char unit[8];
    std::snprintf(unit, sizeof unit, "\\u%04x", static_cast<unsigned>(c));
    escaped += unit;
  }
  escaped += "\"}";
  EXPECT_EQ(inspector.inspect_json_arguments(escaped).labels.size(), 1u);
  const std::string_view plain = escaped;
  EXPECT_TRUE(inspector.inspect(std::span(&plain, 1)).labels.empty());
  const std::string slashes = "{\"url\":\"postgres:\\/\\/app:" + maker.text(kAlnum, 12) + "@db\\/x\"}";
  EXPECT_EQ(inspector.inspect_json_arguments(slashes).labels.size(), 1u) << slashes;
}

// Found by reading: an escaped line feed glued its "n" to the token behind it.
TEST(Inspector, ALineFeedWrittenOutDoesNotHideAToken) {
  const Inspector inspector = Inspector::create().looking_for({});
  SecretMaker maker(4);
  const std::string key = "AK" + std::string("IA") + maker.text(kUp | kDigit, 15) + "7";
  const std::string text = "log:\\n" + key + "\\n";
  EXPECT_EQ(inspector.inspect_json_arguments("{\"a\":\"" + text + "\"}").labels.size(), 1u);
  const std::string_view plain = text;
  EXPECT_EQ(inspector.inspect(std::span(&plain, 1)).labels.size(), 1u);
}

}  // namespace
}  // namespace proviso::inspect
