#include "prove/withheld.h"

#include <algorithm>
#include <fmt/format.h>

#include "prove/analysis.h"
#include "prove/literals.h"
#include "prove/red_lines.h"

namespace proviso::prove {
namespace {

using agreement::Agreement;
using agreement::Knowledge;

Result<std::vector<cedar::ExprPtr>> parsed(const std::vector<std::string>& conditions) {
  std::vector<cedar::ExprPtr> out;
  for (const std::string& text : conditions) {
    PV_TRY(cedar::ExprPtr expression, cedar::parse_expression(text, "what is known"));
    out.push_back(std::move(expression));
  }
  return out;
}

// Questions about the requests of one agreement and verb.
class Asker {
 public:
  Asker(const Agreement& agreement, exchange::Verb verb, const Knowledge& knowledge, const ProverOptions& options)
      : agreement_(agreement), prover_(options) {
    for (const Knowledge::Part& part : knowledge.known) conditions_.push_back(part.cedar);
    conditions_.insert(conditions_.end(), knowledge.admitted.begin(), knowledge.admitted.end());
    for (const Environment& env : environments(agreement.schema())) {
      const bool wanted = knowledge.resource_type.empty() || knowledge.resource_type == env.resource;
      if (wanted && env.action->uid.id == exchange::verb_name(verb)) environments_.push_back(env);
    }
  }

  // Is some request of which that much is known decided so? kHolds: none. kBroken: one, replayed.
  Finding any(bool allowed, const std::vector<std::string>& more = {}) {
    Finding out;
    out.verdict = Verdict::kHolds;
    for (const Environment& env : environments_) {
      Finding found = in(env, allowed, more);
      if (found.verdict == Verdict::kBroken) return found;
      if (found.verdict != Verdict::kHolds) out = std::move(found);
    }
    return out;
  }

 private:
  Finding in(const Environment& env, bool allowed, const std::vector<std::string>& more) {
    std::vector<std::string> texts = conditions_;
    texts.insert(texts.end(), more.begin(), more.end());
    const auto conditions = parsed(texts);
    if (!conditions) return not_analysable(conditions.error());
    Terms terms(agreement_.schema());
    Encoder encoder(terms, env);
    const auto judged = judge(terms, encoder, agreement_.rules().policies(), Semantics::kAnyErrorDenies);
    if (!judged) return not_analysable(judged.error());
    std::vector<TermId> assertions = {allowed ? judged->allowed : terms.negate(judged->allowed)};
    for (const cedar::ExprPtr& condition : *conditions) {
      const auto one = encoder.expression(*condition);
      if (!one) return not_analysable(one.error());
      assertions.push_back(terms.both(one->ok, one->value));
    }
    const auto replay = [&](const Counterexample& example) { return decided(example, allowed, *conditions); };
    return prover_.refute(terms, encoder, env, std::move(assertions), replay);
  }

  Status decided(const Counterexample& example, bool allowed, const std::vector<cedar::ExprPtr>& conditions) const {
    PV_TRY(const bool got, allows(agreement_.rules(), example, Semantics::kAnyErrorDenies));
    if (got != allowed) return fail(Code::kInternal, "the authoriser decides it otherwise");
    PV_TRY(const cedar::Entities entities, cedar::Entities::create(example.entities));
    for (const cedar::ExprPtr& condition : conditions) {
      const auto value = cedar::evaluate(*condition, example.request, entities);
      const bool* truth = value ? value->get_if<bool>() : nullptr;
      if (truth == nullptr || !*truth) return fail(Code::kInternal, "what is known is not true of it");
    }
    return {};
  }

  const Agreement& agreement_;
  Prover prover_;
  std::vector<std::string> conditions_;
  std::vector<Environment> environments_;
};

// What the example says of each open part, as conditions; none for what no expression reads.
Result<std::vector<Knowledge::Part>> pinned(const Counterexample& example, const Knowledge& knowledge) {
  PV_TRY(const cedar::Entities entities, cedar::Entities::create(example.entities));
  std::vector<Knowledge::Part> out;
  for (const Knowledge::Part& part : knowledge.open) {
    if (part.cedar.empty()) continue;
    PV_TRY(const cedar::ExprPtr expression, cedar::parse_expression(part.cedar, "what is open"));
    const auto value = cedar::evaluate(*expression, example.request, entities);
    if (value) out.push_back({part.path, agreement::equals(part.cedar, *value)});
  }
  return out;
}

// Facts that alone can turn this request, which is allowed, into one that is not, all others left as it has them. The
// other way round would often need several at once.
std::vector<std::string> turning(Asker& asker, const Counterexample& allowed, const Knowledge& knowledge) {
  const auto pins = pinned(allowed, knowledge);
  std::vector<std::string> out;
  if (!pins) return out;
  for (const Knowledge::Part& part : knowledge.open) {
    std::vector<std::string> others;
    for (const Knowledge::Part& pin : *pins) {
      if (pin.path != part.path) others.push_back(pin.cedar);
    }
    if (asker.any(false, others).verdict == Verdict::kBroken) out.push_back(part.path);
  }
  return out;
}

Withheld refused(const std::string& why, bool allowed) {
  return {allowed ? Withheld::Answer::kContradicts : Withheld::Answer::kSame, why, {}};
}

Withheld unknown(std::string why) { return {Withheld::Answer::kUnknown, std::move(why), {}}; }

}  // namespace

Withheld whatever_is_withheld(const Agreement& agreement, exchange::Verb verb, const Knowledge& knowledge, bool allowed,
                              const ProverOptions& options) {
  if (verb == exchange::Verb::kDeclare) return unknown("who declares an emergency is not decided by rules alone");
  if (!knowledge.refused.empty()) return refused(knowledge.refused, allowed);
  if (const Status known = check_rules(agreement); !known) return unknown(known.error().message);
  Asker asker(agreement, verb, knowledge, options);
  const Finding otherwise = asker.any(!allowed);
  if (otherwise.verdict == Verdict::kHolds) {
    if (!allowed || knowledge.may_refuse.empty()) return {Withheld::Answer::kSame, "", {}};
    return {Withheld::Answer::kDepends, "the rules allow it whatever is withheld, but it may have been stopped",
            knowledge.may_refuse};
  }
  if (otherwise.verdict != Verdict::kBroken) return unknown(otherwise.why);
  const Finding so = asker.any(allowed);
  if (so.verdict == Verdict::kHolds && allowed) {
    return {Withheld::Answer::kContradicts, "no value of what is withheld makes the rules allow it", {}};
  }
  if (so.verdict == Verdict::kHolds) {
    // Before any rule a stop denies, and a value that the agreement does not know.
    if (knowledge.open.empty() && knowledge.may_refuse.empty()) {
      return {Withheld::Answer::kContradicts, "the rules allow it", {}};
    }
    return {Withheld::Answer::kDepends, "the rules allow every request of which that much is true; what denied it is withheld", {}};
  }
  if (so.verdict != Verdict::kBroken) return unknown(so.why);
  return {Withheld::Answer::kDepends, in_words(*otherwise.example),
          turning(asker, allowed ? *so.example : *otherwise.example, knowledge)};
}

}  // namespace proviso::prove
