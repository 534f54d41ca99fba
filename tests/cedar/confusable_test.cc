// Warnings about text that reads as something else. The verdicts are those of cedar-wasm 4.13.0.
#include "cedar/confusable.h"

#include <gtest/gtest.h>

#include "cedar/validator.h"

namespace proviso::cedar {
namespace {

struct OddCase {
  const char* text;
  const char* in_string;  // what the warning holds; nullptr: none
  const char* in_name;
};
constexpr OddCase kOddCases[] = {
    {"plain", nullptr, nullptr},
    {"a b/{c}?d=e&f", nullptr, nullptr},
    {"Zürich Öl", nullptr, nullptr},
    {"приветъ", nullptr, nullptr},
    {"漢字とカナ", nullptr, nullptr},           // Japanese writes three scripts
    {"한국어漢字", nullptr, nullptr},           // Korean writes two
    {"漢字ㄅㄆ", nullptr, nullptr},             // so does Bopomofo
    {"αβγ 123", nullptr, nullptr},
    {"pаypal", "U+0430 (Cyrillic) after Latin", "mixes scripts"},  // its first a is Cyrillic
    {"scοpe", "U+03BF (Greek) after Latin", "mixes scripts"},
    {"カナ한", "mixes scripts", "mixes scripts"},
    {"is\xE2\x80\x8B" "Admin", nullptr, "U+200B"},
    {"two\nlines", nullptr, "U+000A"},
    {"del\x7f", nullptr, "U+007F"},
    {"🍌", nullptr, "U+1F34C"},
    {"½", nullptr, "U+00BD"},
    {"user\xE2\x80\xAE \xE2\x81\xA6&& x", "U+202E, which reorders", "U+202E, which reorders"},
    {"left\xE2\x80\x8E", nullptr, "U+200E"},
};

TEST(Confusable, TextsAreJudgedAsCedarJudgesThem) {
  for (const OddCase& one : kOddCases) {
    for (TextRole role : {TextRole::kString, TextRole::kName}) {
      const char* expected = role == TextRole::kString ? one.in_string : one.in_name;
      std::string got = oddity(one.text, role);
      if (expected == nullptr) {
        EXPECT_EQ(got, "") << one.text;
      } else {
        EXPECT_NE(got.find(expected), std::string::npos) << one.text << ": " << got;
      }
    }
  }
}

TEST(Confusable, TheSentenceShowsWhatCannotBeSeen) {
  std::string got = oddity("a\xE2\x80\xAE", TextRole::kString);
  EXPECT_EQ(got, "the string `a\\u{202e}` contains U+202E, which reorders text on screen");
  EXPECT_LT(oddity(std::string(5000, 'a') + "а", TextRole::kString).size(), 300U);
}

// Every place in a policy whose text a person reads.
TEST(Confusable, ValidationWarnsAboutEachPlaceAndStaysValid) {
  auto schema = Schema::parse(
      "entity U = { n: String, \"nаme\"?: Long }; action \"a\", \"vіew\" appliesTo { principal: U, resource: U, context: {} };", "schema");
  ASSERT_TRUE(schema) << schema.error().message;
  auto warnings = [&](const std::string& text) {
    auto set = PolicySet::parse(text, "policies");
    EXPECT_TRUE(set) << (set ? "" : set.error().message);
    auto found = validate(*schema, *set);
    EXPECT_FALSE(has_errors(found)) << text << found[0].to_string();
    return found.size();
  };
  EXPECT_EQ(warnings("permit(principal, action, resource) when { principal.n == \"plain\" };"), 0U);
  EXPECT_EQ(warnings("permit(principal == U::\"bоb\", action, resource);"), 1U);
  EXPECT_EQ(warnings("permit(principal, action == Action::\"vіew\", resource);"), 1U);
  EXPECT_EQ(warnings("permit(principal, action, resource == U::\"\\u{200b}\");"), 1U);
  EXPECT_EQ(warnings("permit(principal, action, resource) when { principal.n == \"pаypal\" };"), 1U);
  EXPECT_EQ(warnings("permit(principal, action, resource) when { principal.n like \"p*аl\" };"), 1U);
  EXPECT_EQ(warnings("permit(principal, action, resource) when { principal has \"nаme\" };"), 1U);
  EXPECT_EQ(warnings("permit(principal, action, resource) when { principal has \"nаme\" && principal[\"nаme\"] == 1 };"), 2U);
  EXPECT_EQ(warnings("permit(principal, action, resource) when { {\"nаme\": 1} == {\"nаme\": 2} };"), 2U);
  EXPECT_EQ(warnings("permit(principal == ?principal, action, resource) when { principal in U::\"bоb\" };"), 1U);
}

}  // namespace
}  // namespace proviso::cedar
