// What looks like a secret and what only sits where one could be: cases as data.
#include <gtest/gtest.h>

#include "inspect/checks.h"
#include "inspect/inspector.h"
#include "inspect/secret_maker.h"

namespace proviso::inspect {
namespace {

TEST(InspectChecks, WhatIsNoSecret) {
  const Inspector inspector = Inspector::create().looking_for({});
  for (std::string_view text : {
           "the password policy needs 14 characters",
           "password: \"<your password here>\"",
           "password: changeme",
           "api_key: your_api_key_here",
           "API_KEY=${API_KEY}",
           "token = os.environ[\"SERVICE_TOKEN\"]",
           "secret_key_ref: vault:kv/app#key",
           "secretary: please take minutes",
           "Authorization: Bearer <token>",
           "AWS_SECRET_ACCESS_KEY=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
           "the example key is AKIAIOSFODNN7EXAMPLE",
           "commit 772708e4d1ae292c22b6caf0f0c49062e4c28236",
           "sha256:5993ffe32175c181cd7988d4a84beb25b0213586d548bbb7ed8379f832e5b35a",
           "trace_id=7933915dd5098d66eb3d7092f3c2a45a",
           "8cfb0403-d09f-4667-b76d-b42fbb3684ac",
           "key: 8cfb0403-d09f-4667-b76d-b42fbb3684ac",
           "kubectl create secret generic app --from-file=key.txt",
           "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMhLBXFdxszGXhzvpphQVzZLk1CRZYbBqTSW1783lf2p host",
           "postgres://user:password@localhost/db",
           "https://example.com/a:b/c?d=e",
           "key: ed25519.Curve",
           "the keys to the kingdom, 1914-1918",
           "\"integrity\": \"sha512-T7Sh9d8RFnFaZul/jJ68hfT3ChDDCGo3HhjQCbbdIA42Wi8g9T24kxyxau2O8w==\"",
       }) {
    const Verdict verdict = inspector.inspect(std::span(&text, 1));
    EXPECT_TRUE(verdict.labels.empty())
        << text << " → " << (verdict.findings.empty() ? "" : verdict.findings[0].rule);
  }
}

TEST(InspectChecks, GithubChecksumRaisesTheScore) {
  SecretMaker maker(1);
  const std::string valid = maker.github();
  EXPECT_TRUE(github_checksum_holds(valid));
  std::string broken = valid;
  broken.back() = broken.back() == 'a' ? 'b' : 'a';
  EXPECT_FALSE(github_checksum_holds(broken));
  EXPECT_GT(score_token(valid, valid.substr(4), Check::kGithub),
            score_token(broken, broken.substr(4), Check::kGithub));
  EXPECT_GT(score_token(broken, broken.substr(4), Check::kGithub), 0);
}

// One Google key in some hundreds has no digit; a name of the same length has few capitals.
TEST(InspectChecks, AKeyWithoutADigitIsStillAKey) {
  const Inspector inspector = Inspector::create().looking_for({});
  EXPECT_EQ(inspector.inspect(std::vector<std::string_view>{"that AIzavPkQlCrqnjHtvWficmJoKLUsMzdWjmnqoyO it"})
                .labels.size(), 1u);
  EXPECT_TRUE(inspector.inspect(std::vector<std::string_view>{"that AIzaVeryLongNameThatSomebodyGaveToAThing it"})
                  .labels.empty());
}

TEST(InspectChecks, Entropy) {
  EXPECT_EQ(entropy_millibits(""), 0);
  EXPECT_EQ(entropy_millibits("aaaa"), 0);
  EXPECT_EQ(entropy_millibits("abab"), 1000);
  EXPECT_EQ(entropy_millibits("abcdefgh"), 3000);
}

TEST(InspectChecks, Uuid) {
  EXPECT_TRUE(is_uuid("8cfb0403-d09f-4667-b76d-b42fbb3684ac"));
  EXPECT_FALSE(is_uuid("8cfb0403-d09f-4667-b76d-b42fbb3684a"));
  EXPECT_FALSE(is_uuid("8cfb0403-d09f-4667-b76d+b42fbb3684ac"));
}

// The automaton, the filter in front of it and plain search agree on where literals end.
TEST(InspectRules, TheAutomatonFindsEveryLiteral) {
  const Rules rules(Options{});
  const auto ends_in = [&](std::string_view text, uint16_t id) {
    uint16_t state = 0;
    uint16_t three = 0;
    bool suspect = false;
    bool found = false;
    for (char c : text) {
      state = rules.step(state, c);
      three = rules.roll(three, c);
      suspect = suspect || rules.suspect(three) != 0;
      if (!rules.hit(state)) continue;
      for (uint16_t hit : rules.hits(state)) found = found || hit == id;
    }
    return found && suspect;
  };
  uint16_t id = 0;
  for (const PrefixRule& rule : prefix_rules()) {
    EXPECT_TRUE(ends_in(std::string("za") + rule.literal + "Z", id++)) << rule.literal;
  }
  id = 0;
  for (const KeywordRule& rule : keyword_rules()) {
    const auto bit = static_cast<uint16_t>(Rules::kKeywordBit | id++);
    EXPECT_TRUE(ends_in(std::string("xk_") + rule.keyword + "Q", bit)) << rule.keyword;
  }
}

}  // namespace
}  // namespace proviso::inspect
