#include "prove/red_lines.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <set>
#include <utility>

#include "prove/absent_line.h"
#include "prove/analysis.h"
#include "prove/literals.h"

namespace proviso::prove {
namespace {

using agreement::Agreement;
using agreement::RedLine;

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// One red line, or that no rule errs, in one environment.
class Task {
 public:
  Task(const Agreement& agreement, const Environment& env, const RedLine* line, std::string tool = "")
      : agreement_(agreement), env_(env), line_(line), tool_(std::move(tool)) {}

  Obligation run(Prover& prover, const ProverOptions& options) const {
    const auto start = std::chrono::steady_clock::now();
    Obligation out{line_ != nullptr ? line_->id : "", env_, {}, 0};
    if (const Status known = check_rules(agreement_); !known) {
      out.finding = not_analysable(known.error());
      return out;
    }
    if (line_ != nullptr && line_->absent) {
      absent(prover, options, out);
    } else {
      out.finding = line_ != nullptr ? line(prover, *line_) : no_errors(prover);
    }
    out.seconds = since(start);
    return out;
  }

 private:
  [[nodiscard]] const std::vector<cedar::Policy>& rules() const { return agreement_.rules().policies(); }

  Finding no_errors(Prover& prover) const {
    Terms terms(agreement_.schema());
    Encoder encoder(terms, env_);
    const auto judged = judge(terms, encoder, rules(), Semantics::kAnyErrorDenies);
    if (!judged) return not_analysable(judged.error());
    const auto replay = [this](const Counterexample& example) -> Status {
      PV_TRY(const cedar::Entities entities, cedar::Entities::create(example.entities));
      const cedar::Response response = agreement_.rules().is_authorized(example.request, entities);
      if (!response.errors.empty()) return {};
      return fail(Code::kInternal, "no rule errs");
    };
    return prover.refute(terms, encoder, env_, {judged->errs}, replay);
  }

  // By the schema; else no call of the tool is ever allowed; else what is known of both stands in the finding.
  void absent(Prover& prover, const ProverOptions& options, Obligation& out) const {
    const agreement::Kind& kind = *agreement_.terms().kind(line_->absent->kind);
    const SchemaFinding found = prove::by_schema(agreement_, kind, tool_);
    out.of_tool = true;
    out.tool = tool_;
    out.schema = found.schema;
    out.arguments = found.arguments;
    if (found.cannot) {
      out.by_schema = true;
      const auto kept = keep_record(options, agreement_, kind, tool_, found);
      out.finding.verdict = kept ? Verdict::kHolds : Verdict::kUnknown;
      out.finding.on_record = kept && *kept;
      out.finding.transient = !kept;
      if (!kept) out.finding.why = "the record cannot be kept: " + kept.error().message;
      return;
    }
    RedLine never = *line_;
    never.condition = never_called(agreement_, tool_);
    out.finding = line(prover, never);
    if (out.finding.verdict != Verdict::kBroken) return;
    out.finding.why = found.why;
    if (!found.shown) out.finding.verdict = Verdict::kUnknown;  // too open to tell, which trying again does not change
  }

  Finding line(Prover& prover, const RedLine& said) const {
    const auto condition = cedar::parse_expression(said.condition, said.source);
    if (!condition) return not_analysable(condition.error());
    if (const Status known = check_literals(agreement_, **condition); !known) return not_analysable(known.error());
    size_t before = 0;
    for (const Kinship kinship : {Kinship::kSameTest, Kinship::kSameFact}) {
      if (auto small = by_forbids_alone(prover, **condition, kinship, before); small.verdict == Verdict::kHolds) return small;
    }
    Terms terms(agreement_.schema());
    Encoder encoder(terms, env_);
    const auto kept = encoder.expression(**condition);
    const auto judged = judge(terms, encoder, rules(), Semantics::kAnyErrorDenies);
    if (!kept || !judged) return not_analysable(kept ? judged.error() : kept.error());
    const TermId broken = terms.negate(terms.both(kept->ok, kept->value));
    const auto replay = [&](const Counterexample& example) -> Status { return breaks(example, **condition); };
    return prover.refute(terms, encoder, env_, {judged->allowed, broken}, replay);
  }

  // The request is allowed and the condition is not true of it.
  Status breaks(const Counterexample& example, const cedar::Expr& condition) const {
    PV_TRY(const bool allowed, allows(agreement_.rules(), example, Semantics::kAnyErrorDenies));
    if (!allowed) return fail(Code::kInternal, "the request is not allowed");
    PV_TRY(const cedar::Entities entities, cedar::Entities::create(example.entities));
    const auto value = cedar::evaluate(condition, example.request, entities);
    const bool* truth = value ? value->get_if<bool>() : nullptr;
    if (truth != nullptr && *truth) return fail(Code::kInternal, "the line's condition is true of it");
    return {};
  }

  // What makes a forbid speak of a line: it makes a test that the line makes, or reads a fact that the line reads.
  enum class Kinship { kSameTest, kSameFact };

  static bool counts(const Term& term, Kinship kinship) {
    switch (term.op) {
      case TermOp::kVariable:
        return kinship == Kinship::kSameFact && term.text != "principal" && term.text != "resource";
      case TermOp::kApply: return kinship == Kinship::kSameFact;
      case TermOp::kEq: case TermOp::kLe: case TermOp::kLt: case TermOp::kLike: case TermOp::kMember: case TermOp::kSubset:
      case TermOp::kIntersects: case TermOp::kIsEmpty: return kinship == Kinship::kSameTest;
      default: return false;
    }
  }

  static std::set<TermId> traits(const Terms& terms, TermId root, Kinship kinship) {
    std::set<TermId> out;
    for (const TermId id : terms.reachable({root})) {
      if (!terms.at(id).ground && counts(terms.at(id), kinship)) out.insert(id);
    }
    return out;
  }

  // Whatever is allowed, no forbid matches it. The forbids that speak of what the line speaks of are often
  // enough, and such a proof stays good whatever else changes: the fewer, the longer. `asked` is how many were
  // tried before; as many again are the same ones.
  Finding by_forbids_alone(Prover& prover, const cedar::Expr& condition, Kinship kinship, size_t& asked) const {
    Terms terms(agreement_.schema());
    Encoder encoder(terms, env_);
    const auto kept = encoder.expression(condition);
    if (!kept) return not_analysable(kept.error());
    const TermId broken = terms.negate(terms.both(kept->ok, kept->value));
    const std::set<TermId> wanted = traits(terms, broken, kinship);
    const bool any = wanted.empty() && kinship == Kinship::kSameFact;
    std::vector<TermId> assertions = {broken};
    for (const cedar::Policy& rule : rules()) {
      if (rule.effect != cedar::Effect::kForbid) continue;
      const auto one = encoder.policy(rule);
      if (!one) return not_analysable(one.error());
      const TermId matches = terms.both(one->ok, one->value);
      const std::set<TermId> own = traits(terms, matches, kinship);
      const bool related = std::ranges::any_of(own, [&](TermId id) { return wanted.contains(id); });
      if (related || any) assertions.push_back(terms.negate(matches));
    }
    const size_t forbids = assertions.size() - 1;
    const bool again = forbids == std::exchange(asked, forbids);
    if (again && (forbids > 0 || kinship == Kinship::kSameTest)) return {};
    return prover.refute(terms, encoder, env_, std::move(assertions), nullptr);
  }

  const Agreement& agreement_;
  Environment env_;
  const RedLine* line_;
  std::string tool_;
};

std::vector<Task> tasks_of(const Agreement& agreement) {
  std::vector<Task> out;
  for (const Environment& env : environments(agreement.schema())) {
    bool first = true;
    for (const RedLine& line : agreement.red_lines()) {
      const bool applies = std::ranges::any_of(line.verbs, [&](exchange::Verb verb) {
        return env.action->uid.id == exchange::verb_name(verb);
      });
      if (!applies) continue;
      if (first) out.emplace_back(agreement, env, nullptr);
      first = false;
      if (!line.absent) {
        out.emplace_back(agreement, env, &line);
        continue;
      }
      for (std::string& tool : tools_of(agreement, line)) out.emplace_back(agreement, env, &line, std::move(tool));
    }
  }
  return out;
}

// The same question in another environment finds the record that this run wrote: that is no record of before.
void forget_own_records(AgreementProof& proof) {
  const auto key = [](const Obligation& one) { return std::pair(one.finding.cvc5.text, one.finding.z3.text); };
  std::set<std::pair<Digest, Digest>> asked;
  for (const Obligation& one : proof.obligations) {
    if (one.finding.verdict == Verdict::kHolds && !one.finding.recorded) asked.insert(key(one));
  }
  for (Obligation& one : proof.obligations) {
    if (one.finding.recorded && asked.contains(key(one))) one.finding.recorded = false;
  }
}

// How long the UTF-8 character at `at` is, and which; 0 if there is none.
size_t character_at(std::string_view text, size_t at, uint32_t& value) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length == 0 || at + length > text.size()) return 0;
  value = length == 1 ? first : first & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80) return 0;
    value = (value << 6) | (byte(at + i) & 0x3FU);
  }
  return length;
}

bool is_hidden(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

std::string named(const cedar::EntityUid& uid) {
  return fmt::format("{} {}", uid.type, uid.id.empty() ? "of any name" : "`" + uid.id + "`");
}

const cedar::Entity* find(const Counterexample& example, const cedar::EntityUid& uid) {
  const auto at = std::ranges::find(example.entities, uid, &cedar::Entity::uid);
  return at != example.entities.end() ? &*at : nullptr;
}

std::string listed(const std::vector<cedar::EntityUid>& uids) {
  std::string out;
  for (const cedar::EntityUid& uid : uids) out += (out.empty() ? "" : " and ") + named(uid);
  return out;
}

}  // namespace

bool AgreementProof::holds() const {
  return std::ranges::all_of(obligations, [](const Obligation& one) { return one.finding.verdict == Verdict::kHolds; });
}

bool AgreementProof::transient() const {
  return !holds() && std::ranges::all_of(obligations, [](const Obligation& one) {
    return one.finding.verdict == Verdict::kHolds || one.finding.transient;
  });
}

size_t AgreementProof::by_schema() const {
  return static_cast<size_t>(std::ranges::count_if(obligations, &Obligation::by_schema));
}

std::string subject(const Obligation& one) {
  if (one.line.empty()) return "no rule errs";
  if (!one.of_tool) return fmt::format("red line `{}`", one.line);
  if (one.tool.empty()) return fmt::format("red line `{}` for tools that nobody registered", one.line);
  return fmt::format("red line `{}` for tool `{}`", one.line, one.tool);
}

std::string reason(const Obligation& one) {
  const Finding& finding = one.finding;
  if (!finding.example) return finding.why;
  if (!one.of_tool) return in_words(*finding.example);
  const std::string with = one.arguments.empty() ? "" : fmt::format(", as with {}", shown(one.arguments));
  return fmt::format("{}{}; {}", shown(finding.why), with, in_words(*finding.example));
}

size_t AgreementProof::recorded() const {
  return static_cast<size_t>(std::ranges::count_if(obligations, [](const Obligation& one) { return one.finding.recorded; }));
}

std::string AgreementProof::why() const {
  for (const Obligation& one : obligations) {
    const Finding& finding = one.finding;
    if (finding.verdict == Verdict::kHolds) continue;
    const std::string what = one.line.empty() ? "a rule may err" : subject(one) + " is not proven";
    return fmt::format("{} for {}: {}: {}", what, to_string(one.env), verdict_name(finding.verdict), reason(one));
  }
  return {};
}

const std::vector<std::string>& assumptions() {
  static const std::vector<std::string> all = {
      "the gate decides only on requests of the schema's types whose entities are all known (it refuses others)",
      "the gate counts approvals itself: people of a role, other than the one who asks, who signed this very action",
      "labels, markings and sizes are what the detectors found; what they miss, no rule sees",
      "roles, attributes and tool classes are what the register and the agreement say at that moment",
      "the gate refuses calls whose arguments do not fit the input schema that is pinned, before it decides",
      "both solvers, and our encoding of the rules for them, are right about this question",
  };
  return all;
}

AgreementProof prove_red_lines(const Agreement& agreement, const ProverOptions& options, unsigned threads) {
  const auto start = std::chrono::steady_clock::now();
  AgreementProof out;
  out.agreement = agreement.digest();
  out.environments = environments(agreement.schema()).size();
  const std::vector<Task> tasks = tasks_of(agreement);
  out.obligations.resize(tasks.size());
  each_with_prover(options, threads, tasks.size(),
                   [&](Prover& prover, size_t i) { out.obligations[i] = tasks[i].run(prover, options); });
  forget_own_records(out);
  out.seconds = since(start);
  return out;
}

Status require_proven(const Agreement& agreement, const ProverOptions& options, unsigned threads) {
  const AgreementProof proof = prove_red_lines(agreement, options, threads);
  if (proof.holds()) return {};
  return fail(proof.transient() ? Code::kUnavailable : Code::kUnverified, proof.why());
}

std::string shown(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    uint32_t value = 0;
    const size_t length = character_at(text, at, value);
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    } else if (is_hidden(value)) {
      out += fmt::format("\\u{{{:x}}}", value);
    } else {
      out += text.substr(at, length);
    }
    at += std::max<size_t>(length, 1);
  }
  return out;
}

std::string in_words(const Counterexample& example) {
  const cedar::Entity* who = find(example, example.request.principal);
  const cedar::Entity* what = find(example, example.request.resource);
  std::string out = "somebody";
  if (who != nullptr && !who->parents.empty()) out += " in " + listed(who->parents);
  out += fmt::format(" could `{}` on {}", example.request.action.id, named(example.request.resource));
  if (what != nullptr && !what->parents.empty()) out += ", which is in " + listed(what->parents);
  std::string facts;
  for (const auto& [name, value] : example.facts) {
    facts += fmt::format("{}{} is {}", facts.empty() ? ", if " : ", ", name, value);
  }
  return shown(out + facts);
}

}  // namespace proviso::prove
