#include "exchange/facts.h"

#include <gtest/gtest.h>

namespace proviso::exchange {
namespace {

using Set = std::vector<std::string>;

TEST(Facts, KeepPathOrderWhateverTheOrderOfInsertion) {
  Facts facts;
  facts.set("context.b", int64_t{2});
  facts.set("context.a", true);
  facts.set("context.c", std::string("x"));
  facts.set("context.b", int64_t{3});
  ASSERT_EQ(facts.items().size(), 3U);
  EXPECT_EQ(facts.items()[0].first, "context.a");
  EXPECT_EQ(facts.items()[1].first, "context.b");
  EXPECT_EQ(facts.items()[2].first, "context.c");
  ASSERT_NE(facts.find("context.b"), nullptr);
  EXPECT_EQ(*facts.find("context.b"), FactValue(int64_t{3}));
  EXPECT_EQ(facts.find("context"), nullptr);
  EXPECT_EQ(facts.find("context.d"), nullptr);
}

TEST(Facts, SetsAreSortedWithoutDuplicates) {
  Facts facts;
  facts.set("s", Set{"b", "a", "b"});
  EXPECT_EQ(*facts.find("s"), FactValue(Set{"a", "b"}));
  EXPECT_EQ(canonical_value(Set{"b", "a", "b"}), R"(["a","b"])");
}

TEST(Facts, MergeWritesOver) {
  Facts lower;
  lower.set("a", int64_t{1});
  lower.set("b", int64_t{1});
  Facts upper;
  upper.set("b", int64_t{2});
  upper.set("c", int64_t{2});
  lower.merge(upper);
  EXPECT_EQ(lower.items().size(), 3U);
  EXPECT_EQ(*lower.find("b"), FactValue(int64_t{2}));
}

TEST(Facts, LongValuesAreNamed) {
  Facts facts;
  facts.set("context.model", std::string(kFactValueBytesMax, 'x'));
  EXPECT_TRUE(facts.within_limits());
  facts.set("context.model", std::string(kFactValueBytesMax + 1, 'x'));
  const Status status = facts.within_limits();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kLimit);
  EXPECT_NE(status.error().message.find("`context.model`"), std::string::npos);
}

TEST(Facts, CanonicalValuesReadBackTheSame) {
  const FactValue values[] = {
      true,      false,        int64_t{0},    int64_t{-7},
      INT64_MAX, INT64_MIN,    std::string(), std::string("a\"b\\c\n\x01é😀"),
      Set{},     Set{"a", "b"}};
  for (const FactValue& value : values) {
    const std::string text = canonical_value(value);
    const Result<FactValue> back = parse_value(text);
    ASSERT_TRUE(back) << text << ": " << back.error().message;
    EXPECT_EQ(*back, value) << text;
  }
}

TEST(Facts, OtherSpellingsAreRefused) {
  const char* texts[] = {"",
                         " 7",
                         "7 ",
                         "7.0",
                         "1e3",
                         "-0",
                         "null",
                         "{}",
                         "[1]",
                         R"(["b","a"])",
                         R"(["a","a"])",
                         "[ ]",
                         R"("\u0041")",
                         R"("\/")",
                         "9223372036854775808",
                         "01",
                         "[[]]"};
  for (const char* text : texts) EXPECT_FALSE(parse_value(text)) << text;
}

TEST(Verbs, NamesReadBack) {
  for (int i = 0; i < 8; ++i) {
    const Verb verb = static_cast<Verb>(i);
    EXPECT_EQ(parse_verb(verb_name(verb)), verb);
  }
  EXPECT_EQ(parse_verb("Ask"), std::nullopt);
  EXPECT_EQ(parse_verb(""), std::nullopt);
}

TEST(RoundedSize, IsAPowerOfTwo) {
  EXPECT_EQ(rounded_size(0), 0);
  EXPECT_EQ(rounded_size(1), 1);
  EXPECT_EQ(rounded_size(3), 4);
  EXPECT_EQ(rounded_size(1024), 1024);
  EXPECT_EQ(rounded_size(1025), 2048);
  EXPECT_EQ(rounded_size(UINT64_MAX), int64_t{1} << 62);
}

}  // namespace
}  // namespace proviso::exchange
