#include "gate/judge.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"

namespace proviso::gate {
namespace {

using exchange::Channel;
using exchange::Piece;
using exchange::Syntax;

constexpr std::string_view kText = "the key is AKIAIOSFODNN7QWERTYU and nothing else";

Piece piece(std::string_view text, int32_t group = 0) {
  Piece made;
  made.text = exchange::UntrustedText(std::string(text));
  made.group = group;
  return made;
}

// Promise 3: a stream and a whole answer give the same labels, however the stream was cut.
TEST(Judge, EveryCutGivesTheLabelsOfTheWhole) {
  const auto inspector = inspect::Inspector::create().looking_for({});
  const Content whole = Judge::content_of(inspector, {piece(kText)});
  ASSERT_EQ(whole.labels, std::vector<std::string>{"secret"});
  for (size_t cut = 0; cut <= kText.size(); ++cut) {
    Judge judge(inspector);
    std::vector<Judged> judged;
    judge.push(Channel::kText, 0, Syntax::kPlain, kText.substr(0, cut), judged);
    judge.push(Channel::kText, 0, Syntax::kPlain, kText.substr(cut), judged);
    judge.finish(judged);
    Content streamed;
    std::string text;
    for (const Judged& part : judged) {
      streamed.add(part.segment.labels, part.segment.top_score, part.segment.marking);
      text += part.segment.text;
    }
    EXPECT_EQ(streamed.labels, whole.labels) << cut;
    EXPECT_EQ(streamed.top_score, whole.top_score) << cut;
    EXPECT_EQ(text, kText) << cut;
  }
}

TEST(Judge, PiecesOfOneGroupAreOneText) {
  const auto inspector = inspect::Inspector::create().looking_for({});
  const std::vector<Piece> split = {piece(kText.substr(0, 20)), piece(kText.substr(20))};
  EXPECT_EQ(Judge::content_of(inspector, split).labels, std::vector<std::string>{"secret"});
  // The negative control: apart, neither half is a secret.
  const std::vector<Piece> apart = {piece(kText.substr(0, 20), 0), piece(kText.substr(20), 1)};
  EXPECT_TRUE(Judge::content_of(inspector, apart).labels.empty());
}

TEST(Judge, UnreadablePartsAreCountedNotPassed) {
  const auto inspector = inspect::Inspector::create().looking_for({});
  Piece image = piece("");
  image.readable = exchange::Readable::kNo;
  EXPECT_EQ(Judge::content_of(inspector, {image}).unreadable_parts, 1);
}

// What an agreement can name is looked for, nothing else; the rank of a marking is always a fact.
TEST(Judge, LabelsOfTheAgreementAndMarkingsBecomeFacts) {
  constexpr std::string_view kNote = "SECRET//NOFORN\nWrite to a.b@post.example.org or pay to DE89 3704 0044 0532 0130 00.";
  const auto every = inspect::Inspector::create();
  const std::vector<std::string> known = {"contact", "marking", "weather"};
  for (size_t cut = 0; cut <= kNote.size(); ++cut) {
    Judge judge(every.looking_for(known));
    std::vector<Judged> judged;
    judge.push(Channel::kText, 0, Syntax::kPlain, kNote.substr(0, cut), judged);
    judge.push(Channel::kText, 0, Syntax::kPlain, kNote.substr(cut), judged);
    judge.finish(judged);
    Content content;
    for (const Judged& part : judged) {
      content.add(part.segment.labels, part.segment.top_score, part.segment.marking);
    }
    exchange::Facts facts;
    content.put(facts);
    EXPECT_EQ(std::get<std::vector<std::string>>(*facts.find("context.content.labels")),
              (std::vector<std::string>{"contact", "marking"}));
    EXPECT_EQ(std::get<int64_t>(*facts.find("context.content.marking")), 3);
  }
  const Content blind = Judge::content_of(every.looking_for({}), {piece(kNote)});
  EXPECT_TRUE(blind.labels.empty());
  EXPECT_EQ(blind.marking, 3);
}

// The red lines of the sample agreement rest on labels that some detector puts.
TEST(Judge, DetectorsPutTheLabelsOfTheSampleAgreement) {
  const Result<std::string> terms = read_file(std::string(PV_SOURCE_DIR) + "/agreements/enclave/agreement.toml");
  ASSERT_TRUE(terms.has_value());
  for (std::string_view label : {"secret", "autonomous_targeting", "domestic_surveillance",
                                 "bulk_person_analysis", "person_intercept"}) {
    EXPECT_NE(terms->find("\"" + std::string(label) + "\""), std::string::npos) << label;
    EXPECT_NE(std::ranges::find(inspect::all_labels(), label), inspect::all_labels().end()) << label;
  }
}

TEST(Content, SizesAreFactsInPowersOfTwo) {
  Content small;
  small.bytes = 10;
  Content large;
  large.bytes = 1000;
  EXPECT_TRUE(small.same_facts(large));
  large.bytes = 1025;
  EXPECT_FALSE(small.same_facts(large));
  exchange::Facts facts;
  large.put(facts);
  EXPECT_EQ(std::get<int64_t>(*facts.find("context.content.bytes")), 2048);
}

}  // namespace
}  // namespace proviso::gate
