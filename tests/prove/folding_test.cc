// The encoding of every corpus policy, folded over concrete requests, is what the evaluator answers:
// satisfied, not satisfied, or an error. Eight requests a case come with the corpus; as many again and
// again are made by giving one request's principal, resource and context to another.
#include <gtest/gtest.h>

#include <map>

#include "cedar/entities_json.h"
#include "cedar/request_check.h"
#include "cedar/validator.h"
#include "prove/concrete.h"
#include "prove/data.h"

namespace proviso::prove {
namespace {

using namespace test;
namespace fs = std::filesystem;

// Requests of one action and one pair of types, mixed: principal of one, resource of another, context of a third.
std::vector<cedar::Request> mixed(const std::vector<cedar::Request>& requests, size_t rounds) {
  std::vector<cedar::Request> out = requests;
  const size_t n = requests.size();
  for (size_t round = 1; round <= rounds; ++round) {
    for (size_t i = 0; i < n; ++i) {
      cedar::Request one = requests[i];
      const cedar::Request& other = requests[(i + round) % n];
      const cedar::Request& third = requests[(i + 2 * round + 1) % n];
      if (other.resource.type == one.resource.type) one.resource = other.resource;
      if (other.principal.type == one.principal.type && round % 2 == 0) one.principal = other.principal;
      if (third.action == one.action) one.context = third.context;
      out.push_back(std::move(one));
    }
  }
  return out;
}

struct Counts {
  Tally folds{"prove folding against the evaluator"};
  size_t erring = 0;
  size_t not_analysable = 0;
  size_t invalid = 0;
  size_t open_store = 0;
};

enum class Verdict { kFalse, kTrue, kError, kNotFolded };

Verdict folded(Terms& terms, const Outcome& outcome, Concrete& concrete) {
  const auto meaning = [&](TermId id) { return concrete(id); };
  const TermId ok = terms.substitute(outcome.ok, meaning);
  if (terms.is_false(ok)) return Verdict::kError;
  const TermId value = terms.substitute(outcome.value, meaning);
  if (!terms.is_true(ok)) return Verdict::kNotFolded;
  return terms.is_true(value) ? Verdict::kTrue : terms.is_false(value) ? Verdict::kFalse : Verdict::kNotFolded;
}

Verdict evaluated(const cedar::Response& response, uint32_t policy) {
  for (const cedar::PolicyError& error : response.errors) {
    if (error.policy == policy) return Verdict::kError;
  }
  for (const uint32_t one : response.permits) if (one == policy) return Verdict::kTrue;
  for (const uint32_t one : response.forbids) if (one == policy) return Verdict::kTrue;
  return Verdict::kFalse;
}

// What one environment's policies are, encoded once.
struct Encoded {
  explicit Encoded(const cedar::Schema& schema) : terms(schema) {}
  Terms terms;
  Environment env;
  std::vector<Result<Outcome>> policies;
};

void fold_case(const cedar::Schema& schema, const cedar::Engine& engine, const cedar::Entities& entities,
               const std::vector<cedar::Request>& requests, const std::string& name, Counts& counts) {
  std::map<std::string, std::unique_ptr<Encoded>> environments;
  for (const cedar::Request& request : requests) {
    const cedar::ActionDecl* action = schema.action(request.action);
    if (action == nullptr || !cedar::check_request(schema, request)) {
      ++counts.invalid;
      continue;
    }
    Environment env{action, request.principal.type, request.resource.type};
    auto& at = environments[to_string(env)];
    if (at == nullptr) {
      at = std::make_unique<Encoded>(schema);
      at->env = env;
      Encoder encoder(at->terms, env, Store::kOpen);
      for (const cedar::Policy& policy : engine.policies()) at->policies.push_back(encoder.policy(policy));
    }
    auto concrete = Concrete::create(at->terms, at->env, request, entities);
    ASSERT_TRUE(concrete) << name << " " << concrete.error().message;
    const cedar::Response response = engine.is_authorized(request, entities);
    for (uint32_t i = 0; i < at->policies.size(); ++i) {
      if (!at->policies[i]) {
        ++counts.not_analysable;
        continue;
      }
      const Verdict wanted = evaluated(response, i);
      const Verdict got = folded(at->terms, *at->policies[i], *concrete);
      counts.erring += wanted == Verdict::kError ? 1 : 0;
      counts.folds.add(got == wanted, name + " " + engine.policies()[i].id + " wanted " +
                                          std::to_string(static_cast<int>(wanted)) + " got " +
                                          std::to_string(static_cast<int>(got)));
    }
  }
}

void fold_file(const fs::path& base, const fs::path& file, size_t rounds, Counts& counts) {
  json::Parser parser;
  const std::string text = slurp(file);
  json::Element description = *parser.parse(text);
  auto schema = cedar::Schema::parse(slurp(base / text_of(description["schema"])), "schema");
  auto policies = cedar::PolicySet::parse(slurp(base / text_of(description["policies"])), "policies");
  ASSERT_TRUE(schema && policies) << file;
  if (cedar::has_errors(cedar::validate(*schema, *policies))) return;
  json::Parser entity_parser;
  auto list = cedar::entities_from_json(*entity_parser.parse(slurp(base / text_of(description["entities"]))), &*schema);
  if (!list) return;
  auto entities = cedar::Entities::create(std::move(*list));
  auto engine = cedar::Engine::compile(std::move(*policies), &*schema);
  ASSERT_TRUE(entities && engine) << file;
  std::vector<cedar::Request> requests;
  for (json::Element r : json::Array(description["requests"])) {
    cedar::Request request{*cedar::uid_from_json(r["principal"]), *cedar::uid_from_json(r["action"]),
                           *cedar::uid_from_json(r["resource"]), {}};
    auto context = cedar::context_from_json(r["context"], &*schema, &request.action);
    if (!context) continue;
    request.context = std::move(*context);
    requests.push_back(std::move(request));
  }
  fold_case(*schema, *engine, *entities, mixed(requests, rounds), file.stem().string(), counts);
}

TEST(Folding, Corpus) {
  auto archive = find_data("prove folding", "corpus-dev.tar.gz");
  auto handwritten = find_data("prove folding", "handwritten");
  if (!archive || !handwritten) return;
  TemporaryFolder folder;
  const std::string command = "tar xzf '" + archive->string() + "' -C '" + folder.path().string() + "' corpus-tests";
  ASSERT_EQ(std::system(command.c_str()), 0);
  Counts counts;
  for (const fs::path& file : files_below(folder.path() / "corpus-tests", ".json")) {
    if (!file.string().ends_with(".entities.json")) fold_file(folder.path(), file, 3, counts);
  }
  for (const fs::path& file : files_below(*handwritten / "tests", ".json")) fold_file(*handwritten, file, 3, counts);
  std::printf("prove folding: %zu policies judged erred, %zu not analysable, %zu requests outside the schema\n",
              counts.erring, counts.not_analysable, counts.invalid);
  EXPECT_GT(counts.erring, 0u);
}

}  // namespace
}  // namespace proviso::prove
