#include "prove/analysis.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace proviso::prove {
namespace {

// Does a policy match? Its request, judged again by the engine.
enum class Match : uint8_t { kNo, kYes, kError };

Result<Match> match_of(const cedar::Engine& engine, uint32_t policy, const Counterexample& example) {
  PV_TRY(const cedar::Entities entities, cedar::Entities::create(example.entities));
  const cedar::Response response = engine.is_authorized(example.request, entities);
  for (const cedar::PolicyError& error : response.errors) {
    if (error.policy == policy) return Match::kError;
  }
  const auto in = [policy](const std::vector<uint32_t>& all) { return std::ranges::find(all, policy) != all.end(); };
  return in(response.permits) || in(response.forbids) ? Match::kYes : Match::kNo;
}

// One environment of one policy set, each policy a term: it matches.
class EnvironmentLint {
 public:
  EnvironmentLint(Prover& prover, const cedar::Schema& schema, const Environment& env, const cedar::Engine& engine,
                  Lint& out)
      : prover_(prover), env_(env), engine_(engine), terms_(schema), encoder_(terms_, env), out_(out) {}

  struct Extent {
    bool none = false;
    bool all = false;
  };

  std::vector<Extent> run() {
    for (const cedar::Policy& policy : engine_.policies()) {
      const auto one = encoder_.policy(policy);
      if (!one) {
        out_.unknown.push_back(fmt::format("policy `{}`: {}", policy.id, one.error().message));
        match_.push_back(terms_.variable(fmt::format("not analysable {}", match_.size()), Sorts::kBool));
      } else {
        match_.push_back(terms_.both(one->ok, one->value));
      }
    }
    for (uint32_t i = 0; i < match_.size(); ++i) extents_.push_back(extent(i));
    for (uint32_t i = 0; i < match_.size(); ++i) {
      for (uint32_t j = i + 1; j < match_.size(); ++j) compare(i, j);
    }
    return extents_;
  }

 private:
  // No request matches all of these.
  bool never(std::vector<TermId> assertions, std::string_view what, std::pair<uint32_t, Match> a,
             std::pair<uint32_t, Match> b) {
    const TermId together = terms_.conjunction(assertions);
    if (terms_.is_false(together)) return true;
    if (seen(a, b)) return false;
    const auto replay = [&](const Counterexample& example) -> Status {
      for (const auto& [policy, wanted] : {a, b}) {
        PV_TRY(const Match got, match_of(engine_, policy, example));
        // An error is no match.
        if ((got == Match::kYes) != (wanted == Match::kYes)) return fail(Code::kInternal, "it matches otherwise");
      }
      return {};
    };
    const Finding finding = prover_.refute(terms_, encoder_, env_, std::move(assertions), replay);
    if (finding.verdict != Verdict::kHolds && finding.verdict != Verdict::kBroken) {
      out_.unknown.push_back(fmt::format("{}: {}: {}", to_string(env_), what, finding.why));
    }
    if (finding.example) remember(*finding.example);
    return finding.verdict == Verdict::kHolds;
  }

  // A request that another question brought up answers this one as well, without a solver.
  [[nodiscard]] bool seen(std::pair<uint32_t, Match> a, std::pair<uint32_t, Match> b) const {
    const auto as = [](const std::vector<bool>& matched, std::pair<uint32_t, Match> one) {
      return matched[one.first] == (one.second == Match::kYes);
    };
    return std::ranges::any_of(seen_, [&](const std::vector<bool>& matched) { return as(matched, a) && as(matched, b); });
  }

  void remember(const Counterexample& example) {
    std::vector<bool> matched;
    for (uint32_t i = 0; i < engine_.policies().size(); ++i) {
      const auto got = match_of(engine_, i, example);
      if (!got) return;
      matched.push_back(*got == Match::kYes);
    }
    seen_.push_back(std::move(matched));
  }

  Extent extent(uint32_t i) {
    Extent out;
    out.none = never({match_[i]}, "does it ever match", {i, Match::kYes}, {i, Match::kYes});
    out.all = !out.none && never({terms_.negate(match_[i])}, "does it always match", {i, Match::kNo}, {i, Match::kNo});
    return out;
  }

  // Whatever i matches, j matches.
  bool within(uint32_t i, uint32_t j) {
    if (extents_[j].all) return true;
    if (extents_[i].all) return false;
    return never({match_[i], terms_.negate(match_[j])}, "is one within the other", {i, Match::kYes}, {j, Match::kNo});
  }

  void compare(uint32_t i, uint32_t j) {
    if (extents_[i].none || extents_[j].none) return;
    const auto effect = [this](uint32_t one) { return engine_.policies()[one].effect; };
    if (effect(i) != effect(j)) {
      const uint32_t permit = effect(i) == cedar::Effect::kPermit ? i : j;
      const uint32_t forbid = i + j - permit;
      if (extents_[i].all || extents_[j].all) return;
      if (within(permit, forbid)) out_.overlaps.push_back({env_, Overlap::Kind::kOverridden, permit, forbid});
      return;
    }
    const bool i_in_j = within(i, j);
    const bool j_in_i = within(j, i);
    if (i_in_j && j_in_i) out_.overlaps.push_back({env_, Overlap::Kind::kRedundant, i, j});
    if (i_in_j && !j_in_i) out_.overlaps.push_back({env_, Overlap::Kind::kShadowed, i, j});
    if (j_in_i && !i_in_j) out_.overlaps.push_back({env_, Overlap::Kind::kShadowed, j, i});
  }

  Prover& prover_;
  const Environment& env_;
  const cedar::Engine& engine_;
  Terms terms_;
  Encoder encoder_;
  Lint& out_;
  std::vector<TermId> match_;
  std::vector<Extent> extents_;
  std::vector<std::vector<bool>> seen_;  // per request that the engine judged: which policies it matches
};

}  // namespace

const char* relation_name(Relation relation) {
  switch (relation) {
    case Relation::kEquivalent: return "equivalent";
    case Relation::kLess: return "less permissive";
    case Relation::kMore: return "more permissive";
    case Relation::kIncomparable: return "incomparable";
    case Relation::kUnknown: return "unknown";
  }
  return "unknown";
}

Result<bool> allows(const cedar::Engine& engine, const Counterexample& example, Semantics semantics) {
  PV_TRY(const cedar::Entities entities, cedar::Entities::create(example.entities));
  const cedar::Response response = engine.is_authorized(example.request, entities);
  if (semantics == Semantics::kAnyErrorDenies && !response.errors.empty()) return false;
  return response.decision == cedar::Answer::kAllow;
}

Comparison compare(Prover& prover, const cedar::Schema& schema, const Environment& env, const cedar::Engine& a,
                   const cedar::Engine& b, Semantics semantics) {
  Comparison out{env, Relation::kUnknown, {}, {}};
  Terms terms(schema);
  Encoder encoder(terms, env);
  const auto of_a = judge(terms, encoder, a.policies(), semantics);
  const auto of_b = judge(terms, encoder, b.policies(), semantics);
  if (!of_a || !of_b) {
    out.only_a = out.only_b = not_analysable(of_a ? of_b.error() : of_a.error());
    return out;
  }
  const auto only = [&](const cedar::Engine& more, const cedar::Engine& less) -> Replay {
    return [&more, &less, semantics](const Counterexample& example) -> Status {
      PV_TRY(const bool in_more, allows(more, example, semantics));
      PV_TRY(const bool in_less, allows(less, example, semantics));
      if (in_more && !in_less) return {};
      return fail(Code::kInternal, "the authoriser treats it alike under both");
    };
  };
  out.only_a = prover.refute(terms, encoder, env, {of_a->allowed, terms.negate(of_b->allowed)}, only(a, b));
  out.only_b = prover.refute(terms, encoder, env, {of_b->allowed, terms.negate(of_a->allowed)}, only(b, a));
  const auto decided = [](const Finding& f) { return f.verdict == Verdict::kHolds || f.verdict == Verdict::kBroken; };
  if (!decided(out.only_a) || !decided(out.only_b)) return out;
  const bool a_in_b = out.only_a.verdict == Verdict::kHolds;
  const bool b_in_a = out.only_b.verdict == Verdict::kHolds;
  out.relation = a_in_b && b_in_a ? Relation::kEquivalent
                 : a_in_b         ? Relation::kLess
                 : b_in_a         ? Relation::kMore
                                  : Relation::kIncomparable;
  return out;
}

Lint lint(const ProverOptions& options, unsigned threads, const cedar::Schema& schema, const cedar::Engine& engine) {
  const std::vector<Environment> envs = environments(schema);
  std::vector<Lint> found(envs.size());
  std::vector<std::vector<EnvironmentLint::Extent>> extents(envs.size());
  each_with_prover(options, threads, envs.size(), [&](Prover& prover, size_t i) {
    extents[i] = EnvironmentLint(prover, schema, envs[i], engine, found[i]).run();
  });
  Lint out;
  std::vector<size_t> none(engine.policies().size());
  std::vector<size_t> all(engine.policies().size());
  for (size_t env = 0; env < envs.size(); ++env) {
    std::ranges::move(found[env].overlaps, std::back_inserter(out.overlaps));
    std::ranges::move(found[env].unknown, std::back_inserter(out.unknown));
    for (size_t i = 0; i < extents[env].size(); ++i) {
      none[i] += extents[env][i].none ? 1 : 0;
      all[i] += extents[env][i].all ? 1 : 0;
    }
  }
  for (uint32_t i = 0; i < none.size(); ++i) {
    if (none[i] == envs.size()) out.vacuous.push_back({i, false});
    if (all[i] == envs.size()) out.vacuous.push_back({i, true});
  }
  return out;
}

Finding never_errs(Prover& prover, const cedar::Schema& schema, const Environment& env, const cedar::Engine& engine,
                   uint32_t policy) {
  Terms terms(schema);
  Encoder encoder(terms, env);
  const auto one = encoder.policy(engine.policies()[policy]);
  if (!one) return not_analysable(one.error());
  return prover.refute(terms, encoder, env, {terms.negate(one->ok)}, [&](const Counterexample& example) -> Status {
    PV_TRY(const Match got, match_of(engine, policy, example));
    if (got == Match::kError) return {};
    return fail(Code::kInternal, "the policy does not err");
  });
}

}  // namespace proviso::prove
