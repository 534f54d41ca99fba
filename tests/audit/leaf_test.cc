#include "audit/leaf.h"

#include <gtest/gtest.h>

#include "base/merkle.h"

namespace proviso::audit {
namespace {

Leaf sample() {
  Leaf leaf;
  leaf.time = {1'767'225'600};
  leaf.node = "node-1";
  leaf.verb = "ask";
  leaf.decision = "allow";
  leaf.agreement = sha256("agreement");
  leaf.fact_count = 20;
  return leaf;
}

exchange::Facts some_facts() {
  exchange::Facts facts;
  facts.set("context.content.labels", std::vector<std::string>{"pii", "secret"});
  facts.set("context.content.size", int64_t{4096});
  facts.set("context.moment.break_glass", false);
  facts.set("principal.role", std::string("analyst"));
  facts.set("resource.model", std::string("smollm2"));
  return facts;
}

TEST(Leaf, HasOneSpelling) {
  const Leaf leaf = sample();
  const std::string text = leaf.text();
  EXPECT_LT(text.size(), 700u);
  const auto parsed = Leaf::parse(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, leaf);
}

struct Bad {
  const char* name;
  const char* from;
  const char* to;
};
TEST(Leaf, RefusesEveryOtherSpelling) {
  const std::string good = sample().text();
  const Bad cases[] = {
      {"space", "{\"agreement\"", "{ \"agreement\""},
      {"upper-case hex", "\"sealed\":\"0", "\"sealed\":\"A"},
      {"another format", "proviso/leaf@v1", "proviso/leaf@v2"},
      {"unknown member", "{\"agreement\"", "{\"a\":1,\"agreement\""},
      {"duplicate member", "\"verb\":\"ask\"", "\"verb\":\"ask\",\"verb\":\"ask\""},
      {"unknown decision", "\"decision\":\"allow\"", "\"decision\":\"maybe\""},
      {"no decision for a decided verb", "\"decision\":\"allow\"", "\"decision\":\"-\""},
      {"unknown verb", "\"verb\":\"ask\"", "\"verb\":\"beg\""},
      {"a decision for a verb that decides nothing", "\"verb\":\"ask\"", "\"verb\":\"key\""},
      {"float", "\"fact_count\":20", "\"fact_count\":20.0"},
      {"too many facts", "\"fact_count\":20", "\"fact_count\":257"},
      {"negative time", "\"time\":1767225600", "\"time\":-1767225600"},
      {"text for a number", "\"time\":1767225600", "\"time\":\"1767225600\""},
      {"empty node", "\"node\":\"node-1\"", "\"node\":\"\""},
      {"escaped letter", "\"node\":\"node-1\"", "\"node\":\"n\\u006fde-1\""},
      {"trailing byte", "\"verb\":\"ask\"}", "\"verb\":\"ask\"}\n"},
  };
  for (const auto& bad : cases) {
    std::string text = good;
    const auto at = text.find(bad.from);
    ASSERT_NE(at, std::string::npos) << bad.name;
    text.replace(at, std::string(bad.from).size(), bad.to);
    EXPECT_FALSE(Leaf::parse(text)) << bad.name;
  }
}

TEST(FactRoot, IsTheTreeOverTheCommitmentsInPathOrder) {
  const std::string secret(32, 's');
  const auto facts = some_facts();
  std::vector<Digest> hashes;
  uint64_t position = 0;
  for (const auto& [path, value] : facts.items()) {
    const auto salt = sha256(std::string("proviso/salt/v1") + secret + std::string(7, '\0') +
                             static_cast<char>(position++));
    const auto value_hash = sha256(std::string("proviso/value/v1") + std::string(salt.view()) +
                                   exchange::canonical_value(value));
    hashes.push_back(merkle::leaf_hash(std::string(1, '\0') + static_cast<char>(path.size()) +
                                       path + std::string(value_hash.view())));
  }
  EXPECT_EQ(fact_root(facts, secret), merkle::root(hashes));
  EXPECT_EQ(fact_root({}, secret), merkle::empty_root());
}

TEST(FactRoot, ChangesWithEverything) {
  const std::string secret(32, 's');
  const auto facts = some_facts();
  const auto root = fact_root(facts, secret);
  EXPECT_NE(fact_root(facts, std::string(32, 't')), root);
  for (const auto& [path, value] : facts.items()) {
    auto other = facts;
    other.set(path, std::string("something else"));
    EXPECT_NE(fact_root(other, secret), root) << path;
    auto more = facts;
    more.set(path + ".x", value);
    EXPECT_NE(fact_root(more, secret), root) << path;
  }
}

// Two facts beside each other, shown without their values, prove that nothing stands between them.
TEST(FactRoot, ShowsThatAFactIsAbsent) {
  const std::string secret(32, 's');
  const auto facts = some_facts();
  std::vector<Digest> hashes;
  std::vector<Digest> value_hashes;
  for (const auto& [path, value] : facts.items()) {
    value_hashes.push_back(
        fact_value_hash(fact_salt(secret, hashes.size()), exchange::canonical_value(value)));
    hashes.push_back(fact_commitment(path, value_hashes.back()));
  }
  const auto subtree = [&](uint64_t start, uint64_t end) -> Result<Digest> {
    return merkle::root(std::span(hashes).subspan(start, end - start));
  };
  const auto root = fact_root(facts, secret);
  for (const uint64_t i : {2u, 3u}) {
    const auto path = merkle::inclusion_path(i, hashes.size(), subtree);
    ASSERT_TRUE(path);
    EXPECT_TRUE(merkle::verify_inclusion(
        i, hashes.size(), fact_commitment(facts.items()[i].first, value_hashes[i]), *path, root));
    EXPECT_FALSE(merkle::verify_inclusion(
        i, hashes.size(), fact_commitment("principal.name", value_hashes[i]), *path, root));
  }
}

TEST(Contents, ComeBackAsTheyWere) {
  Contents contents{
      std::string(32, 's'), some_facts(), {{"request", "{}"}, {"answer", std::string(1, '\0')}}};
  const auto bytes = contents.encode();
  const auto decoded = Contents::decode(bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->facts, contents.facts);
  EXPECT_EQ(decoded->payloads, contents.payloads);
  EXPECT_EQ(decoded->secret, contents.secret);
}

TEST(Contents, AreRefusedWhenCutOrExtended) {
  const Contents contents{std::string(32, 's'), some_facts(), {{"request", "{}"}}};
  const auto bytes = contents.encode();
  for (size_t keep = 0; keep < bytes.size(); ++keep)
    EXPECT_FALSE(Contents::decode(bytes.substr(0, keep))) << keep;
  EXPECT_FALSE(Contents::decode(bytes + "x"));
  std::string unordered = bytes;
  unordered.replace(unordered.find("principal.role"), 14, "aaaaaaaaa.role");
  EXPECT_FALSE(Contents::decode(unordered));
}

}  // namespace
}  // namespace proviso::audit
