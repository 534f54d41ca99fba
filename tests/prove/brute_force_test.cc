// Generated policy pairs against brute force over a small closed world: a difference that stands there must be found
// by the solvers, and every difference that they find must replay. 200 pairs, 2,000 with PROVISO_LONG=1; one seed.
#include <gtest/gtest.h>

#include <random>

#include "base/json.h"
#include "cedar/entities_json.h"
#include "cedar/validator.h"
#include "prove/analysis.h"
#include "prove/support.h"

namespace proviso::prove {
namespace {

using namespace test;

constexpr uint32_t kSeed = 20261126;
constexpr const char* kSchema = R"(
entity Role;
entity User in [Role] = { "level": Long, "nick"?: String };
entity Doc = { "secret": Bool, "owner": User };
action "read" appliesTo {
  principal: [User], resource: [Doc],
  context: { "n": Long, "tags": Set<String>, "quick": Bool }
};)";

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }

  std::string expression(int depth) {
    if (depth == 0 || below(4) == 0) return atom();
    switch (below(5)) {
      case 0: return "!(" + expression(depth - 1) + ")";
      case 1: return "(if " + expression(depth - 1) + " then " + expression(depth - 1) + " else " + expression(depth - 1) + ")";
      case 2: return "(" + expression(depth - 1) + " || " + expression(depth - 1) + ")";
      default: return "(" + expression(depth - 1) + " && " + expression(depth - 1) + ")";
    }
  }

  std::string policy() {
    const char* principal = below(4) == 0 ? "principal in Role::\"r\"" : below(4) == 0 ? "principal == User::\"u\"" : "principal";
    return std::string(below(3) == 0 ? "forbid (" : "permit (") + principal + ", action, resource) when { " + expression(2) + " };\n";
  }

  std::vector<std::string> policies() {
    std::vector<std::string> out;
    for (size_t i = 1 + below(3); i > 0; --i) out.push_back(policy());
    return out;
  }

  // Another set, or the same with one policy struck, added or written anew: near ones are the hard ones.
  std::vector<std::string> beside(std::vector<std::string> all) {
    switch (below(4)) {
      case 0: return policies();
      case 1: all.erase(all.begin() + static_cast<std::ptrdiff_t>(below(all.size()))); return all;
      case 2: all[below(all.size())] = policy(); return all;
      default: all.push_back(policy()); return all;
    }
  }

 private:
  std::string atom() {
    static const std::vector<std::string> all = {
        "context.quick", "resource.secret", "resource.owner == principal", "principal in Role::\"r\"",
        "principal == User::\"u\"", "principal.level > 0", "principal.level < resource.owner.level",
        "principal.level + context.n > 1", "context.n * 2 == 2", "-context.n < 0", "context.n - principal.level <= 0",
        "principal has nick", "(principal has nick && principal.nick like \"a*\")",
        "(principal has nick && principal.nick == \"ab\")", "(!(principal has nick) || principal.nick like \"*b\")",
        "context.tags.contains(\"x\")", "context.tags.containsAll([\"x\", \"y\"])", "context.tags.containsAny([\"x\", \"y\"])",
        "context.tags.isEmpty()", "context.tags == [\"y\"]", "[0, 1].contains(context.n)", "context.n == 9223372036854775807"};
    return all[below(all.size())];
  }

  std::mt19937 random_;
};

// A request and its store.
struct Case {
  cedar::Request request;
  std::shared_ptr<const cedar::Entities> entities;
};

std::string user(const std::string& id, const std::string& level, const std::string& nick, bool in_role) {
  return R"({"uid":{"type":"User","id":")" + id + R"("},"attrs":{"level":)" + level +
         (nick.empty() ? "" : R"(,"nick":")" + nick + "\"") + R"(},"parents":[)" +
         (in_role ? R"({"type":"Role","id":"r"})" : "") + "]}";
}

std::shared_ptr<const cedar::Entities> store(const cedar::Schema& schema, const std::string& text) {
  json::Parser parser;
  const std::string padded = text;
  auto parsed = parser.parse(padded);
  EXPECT_TRUE(parsed) << text;
  auto list = cedar::entities_from_json(*parsed, &schema);
  EXPECT_TRUE(list) << (list ? "" : list.error().message);
  auto out = cedar::Entities::create(std::move(*list));
  EXPECT_TRUE(out);
  return std::make_shared<const cedar::Entities>(std::move(*out));
}

constexpr const char* kMost = "9223372036854775807";

std::vector<Case> world(const cedar::Schema& schema) {
  std::vector<Case> out;
  const std::vector<std::string> tags = {"[]", R"(["x"])", R"(["y"])", R"(["x","y"])"};
  for (const std::string who : {"u", "v"}) {
    for (const std::string level : {"-9223372036854775808", "0", "1", kMost}) {
      for (const std::string nick : {"", "a", "ab"}) {
        for (const bool in_role : {false, true}) {
          for (const bool secret : {false, true}) {
            for (const bool own : {false, true}) {
              const std::string owner = own ? who : "w";
              const auto entities = store(
                  schema, "[" + user(who, level, nick, in_role) + "," + user("w", "1", "", false) +
                              R"(,{"uid":{"type":"Role","id":"r"},"attrs":{},"parents":[]},{"uid":{"type":"Doc","id":"d"},"attrs":{"secret":)" +
                              (secret ? "true" : "false") + R"(,"owner":{"type":"User","id":")" + owner + R"("}},"parents":[]}])");
              for (const std::string n : {"-9223372036854775808", "0", "1", kMost}) {
                for (const std::string& set : tags) {
                  for (const std::string quick : {"false", "true"}) {
                    json::Parser parser;
                    const cedar::EntityUid action{"Action", "read"};
                    const std::string text = R"({"n":)" + n + R"(,"tags":)" + set + R"(,"quick":)" + quick + "}";
                    auto context = cedar::context_from_json(*parser.parse(text), &schema, &action);
                    EXPECT_TRUE(context) << text;
                    out.push_back({{{"User", who}, action, {"Doc", "d"}, std::move(*context)}, entities});
                  }
                }
              }
            }
          }
        }
      }
    }
  }
  return out;
}

bool allowed(const cedar::Response& response, Semantics semantics) {
  return response.decision == cedar::Answer::kAllow && (semantics == Semantics::kCedar || response.errors.empty());
}

struct Counts {
  size_t pairs = 0, invalid = 0, found = 0, beyond = 0, same = 0, unknown = 0, wrong = 0;
};

std::string text_of(const std::vector<std::string>& policies) {
  std::string out;
  for (const std::string& one : policies) out += one;
  return out;
}

// What brute force saw in one direction against what the solvers say of it.
void judge_direction(const Finding& finding, bool seen, const cedar::Engine& a, const cedar::Engine& b, Semantics semantics,
                     const std::string& about, Counts& counts) {
  if (finding.verdict == Verdict::kBroken) {
    const auto by_a = allows(a, *finding.example, semantics);
    const auto by_b = allows(b, *finding.example, semantics);
    const bool replays = by_a && by_b && *by_a && !*by_b;
    EXPECT_TRUE(replays) << about << to_json(*finding.example);
    counts.wrong += replays ? 0 : 1;
    ++(seen ? counts.found : counts.beyond);
  } else if (finding.verdict == Verdict::kHolds) {
    EXPECT_FALSE(seen) << "brute force sees a difference that both solvers rule out\n" << about;
    counts.wrong += seen ? 1 : 0;
    ++counts.same;
  } else {
    ++counts.unknown;
    std::printf("no verdict: %s\n%s\n", finding.why.c_str(), about.c_str());
  }
}

TEST(BruteForce, GeneratedPairs) {
  if (!have_solvers()) return;
  const auto schema = cedar::Schema::parse(kSchema, "schema");
  ASSERT_TRUE(schema) << schema.error().message;
  const std::vector<Case> cases = world(*schema);
  const size_t wanted = std::getenv("PROVISO_LONG") != nullptr ? 2000 : 200;
  Generator generator(kSeed);
  Prover prover(solvers());
  Counts counts;
  const Environment env = environments(*schema)[0];
  while (counts.pairs < wanted) {
    const std::vector<std::string> first = generator.policies();
    const std::string texts[2] = {text_of(first), text_of(generator.beside(first))};
    const Semantics semantics = generator.below(2) == 0 ? Semantics::kCedar : Semantics::kAnyErrorDenies;
    std::vector<cedar::Engine> engines;
    for (const std::string& text : texts) {
      auto policies = cedar::PolicySet::parse(text, "generated");
      ASSERT_TRUE(policies) << text << policies.error().message;
      if (cedar::has_errors(cedar::validate(*schema, *policies))) break;
      auto engine = cedar::Engine::compile(std::move(*policies), &*schema);
      ASSERT_TRUE(engine);
      engines.push_back(std::move(*engine));
    }
    if (engines.size() != 2) {
      ++counts.invalid;
      continue;
    }
    ++counts.pairs;
    bool only_a = false;
    bool only_b = false;
    for (const Case& one : cases) {
      const bool by_a = allowed(engines[0].is_authorized(one.request, *one.entities), semantics);
      const bool by_b = allowed(engines[1].is_authorized(one.request, *one.entities), semantics);
      only_a = only_a || (by_a && !by_b);
      only_b = only_b || (by_b && !by_a);
      if (only_a && only_b) break;
    }
    const Comparison said = compare(prover, *schema, env, engines[0], engines[1], semantics);
    const std::string about = "A:\n" + texts[0] + "B:\n" + texts[1];
    judge_direction(said.only_a, only_a, engines[0], engines[1], semantics, about, counts);
    judge_direction(said.only_b, only_b, engines[1], engines[0], semantics, about, counts);
  }
  std::printf("prove brute force: %zu pairs (seed %u), %zu requests each; of %zu questions %zu differences seen and found, "
              "%zu found outside that world and replayed, %zu equal in both, %zu without a verdict, %zu wrong; "
              "%zu generated pairs were not valid\n",
              counts.pairs, kSeed, cases.size(), 2 * counts.pairs, counts.found, counts.beyond, counts.same, counts.unknown,
              counts.wrong, counts.invalid);
  EXPECT_GT(counts.found, counts.pairs / 4);
  EXPECT_GT(counts.same, counts.pairs / 4);
  EXPECT_EQ(counts.unknown, 0u);
}

}  // namespace
}  // namespace proviso::prove
