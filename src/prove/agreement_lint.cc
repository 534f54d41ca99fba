#include "prove/agreement_lint.h"

#include <algorithm>
#include <fmt/format.h>

#include "prove/analysis.h"
#include "prove/literals.h"

namespace proviso::prove {
namespace {

using agreement::Agreement;

bool names(const cedar::Expr& expression, const cedar::EntityUid& uid) {
  const auto* literal = expression.op == cedar::Op::kLiteral ? expression.value.get_if<cedar::EntityUid>() : nullptr;
  if (literal != nullptr && *literal == uid) return true;
  return std::ranges::any_of(expression.args, [&](const cedar::ExprPtr& arg) { return names(*arg, uid); });
}

// Whatever a rule says of it by name is meant.
bool a_rule_names(const Agreement& agreement, const cedar::EntityUid& uid) {
  return std::ranges::any_of(agreement.rules().policies(), [&](const cedar::Policy& rule) {
    return std::ranges::any_of(rule.conditions, [&](const cedar::Condition& one) { return names(*one.body, uid); });
  });
}

// Is a request ever allowed of which more is true? One that is allowed and true is asked for in each environment.
class Whether {
 public:
  explicit Whether(const Agreement& agreement) : agreement_(agreement) {}
  virtual ~Whether() = default;

  // kHolds: never. kBroken: one, replayed.
  Finding ever(Prover& prover) const {
    Finding out;
    out.verdict = Verdict::kHolds;
    for (const Environment& env : environments(agreement_.schema())) {
      if (!is_about(env)) continue;
      Finding found = in(prover, env);
      if (found.verdict == Verdict::kBroken) return found;
      if (found.verdict != Verdict::kHolds) out = std::move(found);
    }
    return out;
  }

 private:
  [[nodiscard]] virtual bool is_about(const Environment& env) const = 0;
  [[nodiscard]] virtual Result<Outcome> more(Encoder& encoder) const = 0;

  Finding in(Prover& prover, const Environment& env) const {
    Terms terms(agreement_.schema());
    Encoder encoder(terms, env);
    const auto judged = judge(terms, encoder, agreement_.rules().policies(), Semantics::kAnyErrorDenies);
    const auto true_too = more(encoder);
    if (!judged || !true_too) return not_analysable(judged ? true_too.error() : judged.error());
    const auto replay = [this](const Counterexample& example) -> Status {
      PV_TRY(const bool allowed, allows(agreement_.rules(), example, Semantics::kAnyErrorDenies));
      if (allowed) return {};
      return fail(Code::kInternal, "the request is not allowed");
    };
    return prover.refute(terms, encoder, env, {judged->allowed, terms.both(true_too->ok, true_too->value)}, replay);
  }

  const Agreement& agreement_;
};

// The rule applies but for its `unless`, where approvals stand.
class Lifted final : public Whether {
 public:
  Lifted(const Agreement& agreement, uint32_t rule) : Whether(agreement), rule_(agreement.rules().policies()[rule]) {
    std::erase_if(rule_.conditions, [](const cedar::Condition& one) { return one.kind == cedar::Condition::Kind::kUnless; });
  }

 private:
  [[nodiscard]] bool is_about(const Environment& /*env*/) const override { return true; }
  [[nodiscard]] Result<Outcome> more(Encoder& encoder) const override { return encoder.policy(rule_); }
  cedar::Policy rule_;
};

class Used final : public Whether {
 public:
  Used(const Agreement& agreement, const cedar::EntityUid& purpose)
      : Whether(agreement), condition_("context.moment.purpose == " + cedar::to_string(purpose)) {}

 private:
  [[nodiscard]] bool is_about(const Environment& env) const override { return env.action->uid.id == "ask"; }
  [[nodiscard]] Result<Outcome> more(Encoder& encoder) const override {
    PV_TRY(const cedar::ExprPtr expression, cedar::parse_expression(condition_, "a purpose"));
    return encoder.expression(*expression);
  }
  std::string condition_;
};

}  // namespace

AgreementLint lint_agreement(const Agreement& agreement, const ProverOptions& options, unsigned threads) {
  AgreementLint out;
  if (const Status known = check_rules(agreement); !known) {
    out.unknown.push_back(known.error().message);
    return out;
  }
  struct Asked {
    std::unique_ptr<Whether> question;
    std::string what;
    std::optional<uint32_t> rule;  // else a purpose
    Finding finding;
  };
  std::vector<Asked> all;
  for (uint32_t rule = 0; rule < agreement.rules().policies().size(); ++rule) {
    const agreement::ClauseRef& clause = agreement.clause_of(rule);
    if (!clause.hold.empty()) all.push_back({std::make_unique<Lifted>(agreement, rule), "clause " + clause.number, rule, {}});
  }
  for (const auto& [purpose, description] : agreement.terms().purposes) {
    const cedar::EntityUid uid{"Purpose", purpose};
    if (!a_rule_names(agreement, uid)) all.push_back({std::make_unique<Used>(agreement, uid), purpose, {}, {}});
  }
  each_with_prover(options, threads, all.size(), [&](Prover& prover, size_t i) { all[i].finding = all[i].question->ever(prover); });
  for (const Asked& one : all) {
    if (one.finding.verdict == Verdict::kBroken) continue;
    if (one.finding.verdict != Verdict::kHolds) {
      out.unknown.push_back(fmt::format("{}: {}", one.what, one.finding.why));
    } else if (one.rule) {
      out.never_lifted.push_back(*one.rule);
    } else {
      out.unusable.push_back(one.what);
    }
  }
  return out;
}

}  // namespace proviso::prove
