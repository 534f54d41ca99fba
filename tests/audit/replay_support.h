#pragma once
// A state folder as a gate leaves it: a signed agreement in force, decisions taken under it.
#include <filesystem>

#include "agreement/agreement.h"
#include "audit/verify.h"
#include "base/sshsig.h"
#include "support.h"

namespace proviso::audit::testing {

using agreement::Agreement;
using exchange::Verb;

inline agreement::Files signed_agreement(const std::string& folder, const std::string& more_terms = "") {
  auto files = read_tree(std::string(PV_SOURCE_DIR) + "/" + folder).value();
  files.at("agreement.toml") += more_terms;
  std::map<std::string, PrivateKey> keys;
  std::map<std::string, std::string> lines;
  for (const auto& party : (*Agreement::load(files))->terms().parties) {
    const auto key = PrivateKey::generate();
    lines[party.name] = sshsig::format_public_key(key.public_key(), "test");
    keys.emplace(party.name, key);
  }
  files = agreement::with_party_keys(std::move(files), lines).value();
  for (const auto& [party, key] : keys)
    files = agreement::sign_for_party(std::move(files), party, key).value();
  return files;
}

inline void lay_down(const agreement::Files& files, const std::string& folder) {
  for (const auto& [path, bytes] : files) {
    const auto target = std::filesystem::path(folder) / path;
    std::filesystem::create_directories(target.parent_path());
    ledger::testing::spill(target.string(), bytes);
  }
}

// How a record is bent before it is sealed and logged, everything else being done right.
using Bend = std::function<void(Record&)>;

class House {
 public:
  explicit House(const std::string& more_terms = "") {
    const auto files = signed_agreement("agreements/enclave", more_terms);
    in_force = Agreement::load(files).value();
    lay_down(files, agreements() + "/" + in_force->digest().hex());
  }
  [[nodiscard]] std::string agreements() const { return state.place.root() + "/agreements"; }
  [[nodiscard]] std::string folder() const { return agreements() + "/" + in_force->digest().hex(); }
  [[nodiscard]] VerifyPlaces places() const {
    return {state.place.dir(), state.place.root() + "/vault", agreements(), state.place.log_key()};
  }

  exchange::Facts facts(Verb verb, const std::string& purpose) const {
    exchange::Facts out;
    out.set("principal.id", std::string("p-1"));
    out.set("principal.roles", std::vector<std::string>{"analyst"});
    out.set("principal.clearance", int64_t{2});
    out.set("principal.nationality", std::string("own"));
    out.set("principal.training_until", int64_t{1'830'000'000});
    out.set("resource.type", std::string("Model"));
    out.set("resource.id", std::string("local"));
    out.set("context.moment.purpose", purpose);
    out.set("context.moment.now", state.clock.now().value);
    out.set("context.moment.break_glass", false);
    out.set("context.content.labels", std::vector<std::string>());
    out.set("context.content.top_score", int64_t{0});
    out.set("context.content.marking", int64_t{0});
    out.set("context.content.unreadable_parts", int64_t{0});
    out.set("context.content.bytes", int64_t{2048});
    if (verb == Verb::kAsk) out.set("context.tools_offered", int64_t{0});
    if (verb == Verb::kAct) {
      out.set("resource.type", std::string("Tool"));
      out.set("resource.id", std::string("stock_level"));
    }
    return out;
  }

  // Decides and records; true if allowed.
  bool decide(Verb verb, const std::string& id, const std::string& purpose,
              const std::string& outcome = "", const Bend& bend = {}) {
    Record record;
    record.facts = facts(verb, purpose);
    const auto decision = in_force->decide(verb, record.facts);
    fill(record, exchange::verb_name(verb), agreement::outcome_name(decision.outcome));
    record.leaf.vendor = vendor_digest("house");
    record.leaf.model = model_digest(*in_force->model("local"));
    std::vector<std::string> clauses;
    for (const auto& clause : decision.clauses) clauses.push_back(clause.number);
    record.facts.set("decision.clauses", clauses);
    record.facts.set("exchange.id", id);
    if (!outcome.empty()) record.facts.set("exchange.outcome", outcome);
    record.payloads.emplace_back("request", "{}");
    if (bend) bend(record);
    commit(std::move(record));
    return decision.outcome == agreement::Outcome::kAllow;
  }
  void note(const std::string& verb, const std::string& id = "") {
    Record record;
    fill(record, verb, "-");
    if (!id.empty()) record.facts.set("exchange.id", id);
    commit(std::move(record));
  }
  void fill(Record& record, const std::string& verb, const std::string& decision) const {
    record.leaf.time = state.committer->now();
    record.leaf.node = "node-1";
    record.leaf.verb = verb;
    record.leaf.decision = decision;
    record.leaf.agreement = in_force->digest();
  }
  void commit(Record record) {
    auto sealed = seal(*state.vault, std::move(record));
    ASSERT_OK(sealed);
    auto receipt = state.committer->commit(std::move(*sealed));
    ASSERT_OK(receipt);
    receipts.push_back(*receipt);
  }
  // The leaf that says of leaves first to last of January that they were erased, with whatever else it says.
  void bury(int64_t first, int64_t last, int64_t records, const exchange::Facts& more = {}) {
    Record record;
    fill(record, "shred", "-");
    record.retention_class = "permanent";
    record.facts = more;
    record.facts.set("shred.segment", std::string("default/2026-01"));
    record.facts.set("shred.first", first);
    record.facts.set("shred.last", last);
    record.facts.set("shred.records", records);
    commit(std::move(record));
  }
  // Eight leaves, all as they should be.
  void live_a_day() {
    ASSERT_OK(state.start());
    note("start");
    EXPECT_TRUE(decide(Verb::kAsk, "ex-1", "analysis"));
    EXPECT_TRUE(decide(Verb::kRelease, "ex-1", "analysis", "open"));
    state.clock.set({state.clock.now().value + 60});
    EXPECT_TRUE(decide(Verb::kRelease, "ex-1", "analysis", "complete"));
    EXPECT_FALSE(decide(Verb::kAsk, "ex-2", "targeting"));
    EXPECT_TRUE(decide(Verb::kAsk, "ex-3", "translation"));
    note("release", "ex-3");  // the model failed
    EXPECT_TRUE(decide(Verb::kAsk, "ex-4", "coding"));
  }
  Verdict verdict() {
    state.close();
    auto out = verify_state(places());
    EXPECT_TRUE(out) << out.error().message;
    return out ? std::move(*out) : Verdict{};
  }

  State state;
  std::shared_ptr<const Agreement> in_force;
  std::vector<ledger::Receipt> receipts;
};

// Whether some finding is about `what` and `where`, and says `why`.
inline bool names(const Verdict& verdict, std::string_view what, std::string_view where,
                  std::string_view why) {
  for (const auto& finding : verdict.findings) {
    if (finding.what == what && finding.where.find(where) != std::string::npos &&
        finding.why.find(why) != std::string::npos) {
      return true;
    }
  }
  return false;
}
inline std::string all(const Verdict& verdict) {
  std::string out = "exit " + std::to_string(verdict.exit_code()) + "\n";
  for (const auto& finding : verdict.findings)
    out += finding.what + ": " + finding.where + ": " + finding.why + "\n";
  return out;
}

}  // namespace proviso::audit::testing
