#include "prove/prover.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fmt/format.h>
#include <thread>

#include "base/file.h"
#include "base/json.h"
#include "prove/facts.h"

namespace proviso::prove {
namespace {

constexpr std::string_view kRecordFormat = "proviso-proof-v2";

void add_why(Finding& finding, const std::string& why) {
  finding.why += (finding.why.empty() ? "" : "; ") + why;
}

}  // namespace

Finding not_analysable(const Error& error) {
  Finding out;
  out.verdict = Verdict::kNotAnalysable;
  out.why = error.message;
  return out;
}

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHolds: return "holds";
    case Verdict::kBroken: return "broken";
    case Verdict::kUnknown: return "unknown";
    case Verdict::kNotAnalysable: return "not analysable";
  }
  return "unknown";
}

ProverOptions usual_prover(const std::string& launcher, std::string records) {
  ProverOptions out;
  out.cvc5 = usual_solver(Dialect::kCvc5, launcher);
  out.z3 = usual_solver(Dialect::kZ3, launcher);
  out.records = std::move(records);
  return out;
}

Result<SolverIdentity> Identities::get(const SolverSpec& spec) {
  Known& known = spec.dialect == Dialect::kCvc5 ? cvc5_ : z3_;
  std::call_once(known.read, [&] { known.who = identify(spec); });
  return *known.who;
}

Result<Solver*> Prover::solver(Dialect dialect) {
  std::optional<Solver>& one = dialect == Dialect::kCvc5 ? cvc5_ : z3_;
  std::optional<Error>& trouble = dialect == Dialect::kCvc5 ? cvc5_trouble_ : z3_trouble_;
  if (one) return &*one;
  if (options_.only_records) {
    return fail(Code::kUnverified, "there is no record of a proof; run `proviso agreement prove`");
  }
  if (trouble) return std::unexpected(*trouble);
  SolverSpec program = spec(dialect);
  program.cancelled = options_.cancelled;
  auto who = identities_->get(program);
  auto started = who ? Solver::start(std::move(program), std::move(*who)) : std::unexpected(std::move(who.error()));
  if (!started) {
    trouble = started.error();
    return std::unexpected(std::move(started).error());
  }
  one.emplace(std::move(*started));
  return &*one;
}

Result<std::vector<std::string>> Prover::identities() {
  std::vector<std::string> out;
  for (const Dialect dialect : {Dialect::kCvc5, Dialect::kZ3}) {
    PV_TRY(const Solver* one, solver(dialect));
    out.push_back(fmt::format("{}: {}; program {}; libraries {}; options {}", solver_name(dialect), one->version(),
                              one->identity().program.hex(), one->identity().libraries.hex(), one->identity().options));
  }
  return out;
}

Run Prover::run(Dialect dialect, const std::string& text, std::string* model) {
  Run out;
  out.text = sha256(text);
  const auto one = solver(dialect);
  if (!one) {
    out.why = one.error().message;
    return out;
  }
  const auto start = std::chrono::steady_clock::now();
  SolverAnswer answer = (*one)->ask(text);
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out.said = answer.said;
  out.why = std::move(answer.why);
  if (model != nullptr) *model = std::move(answer.model);
  return out;
}

std::string Prover::record_path(const Texts& texts) const {
  return fmt::format("{}/{}.json", options_.records, sha256({texts.cvc5, std::string_view("\0", 1), texts.z3}).hex());
}

// Only `unsat` from both is ever recorded, so that a record can say nothing else; and only what these very programs
// said, with these options, is believed.
bool Prover::read_record(const Texts& texts) {
  if (options_.records.empty()) return false;
  const auto text = read_file(record_path(texts), 1U << 16);
  if (!text) return false;
  json::Parser parser;
  const auto parsed = parser.parse(*text);
  if (!parsed) return false;
  const auto says = [&](const std::string& pointer, std::string_view wanted) {
    std::string_view found;
    return parsed->at_pointer(pointer).get(found) == simdjson::SUCCESS && found == wanted;
  };
  if (!says("/format", kRecordFormat)) return false;
  for (const Dialect dialect : {Dialect::kCvc5, Dialect::kZ3}) {
    const auto who = identities_->get(spec(dialect));
    const std::string at = fmt::format("/{}", solver_name(dialect));
    const bool same = who && says(at + "/said", "unsat") && says(at + "/program", who->program.hex()) &&
                      says(at + "/libraries", who->libraries.hex()) && says(at + "/options", who->options) &&
                      says(at + "/text", sha256(dialect == Dialect::kCvc5 ? texts.cvc5 : texts.z3).hex());
    if (!same) return false;
  }
  return true;
}

Status Prover::write_record(const Texts& texts, const Finding& finding) {
  if (options_.records.empty() || !options_.keep_records) return {};
  PV_TRY_VOID(make_dirs(options_.records));
  PV_TRY_VOID(write_file_durable(fmt::format("{}/{}.smt2", options_.records, finding.cvc5.text.hex()), texts.cvc5,
                                 FileMode::kPrivate));
  PV_TRY_VOID(write_file_durable(fmt::format("{}/{}.smt2", options_.records, finding.z3.text.hex()), texts.z3,
                                 FileMode::kPrivate));
  std::string text;
  json::Writer out(text);
  out.begin_object();
  for (const Dialect dialect : {Dialect::kCvc5, Dialect::kZ3}) {
    PV_TRY(const Solver* one, solver(dialect));
    out.key(solver_name(dialect)).begin_object();
    out.key("libraries").string(one->identity().libraries.hex());
    out.key("options").string(one->identity().options);
    out.key("program").string(one->identity().program.hex());
    out.key("said").string("unsat");
    out.key("text").string((dialect == Dialect::kCvc5 ? finding.cvc5 : finding.z3).text.hex());
    out.key("version").string(one->version());
    out.end_object();
    if (dialect == Dialect::kCvc5) out.key("format").string(kRecordFormat);
  }
  out.end_object();
  return write_file_durable(record_path(texts), text, FileMode::kPrivate);
}

void Prover::find_example(Dialect dialect, Terms& terms, const Environment& env, Question question,
                          const Replay& replay, Finding& out) {
  question.asked = asked_about(terms, question.assertions);
  const auto text = to_smtlib(terms, question, dialect);
  if (!text) return;
  std::string model;
  const Run again = run(dialect, *text, &model);
  if (again.said != Said::kSat) {
    out.transient = again.said == Said::kFailed;
    add_why(out, fmt::format("{} found a counterexample and lost it: {}", solver_name(dialect), again.why));
    return;
  }
  auto example = read_counterexample(terms, env, question, model);
  if (!example) {
    add_why(out, fmt::format("{} says that a request breaks it, but {}", solver_name(dialect),
                             example.error().message));
    return;
  }
  if (Status broken = replay(*example); !broken) {
    add_why(out, fmt::format("{} gives a request that does not break it when it is replayed: this is a fault of the "
                          "prover, please report it: {}: {}",
                          solver_name(dialect), broken.error().message, to_json(*example)));
    return;
  }
  out.example = std::move(*example);
  out.verdict = Verdict::kBroken;
  out.why = "a request breaks it";
}

Finding Prover::refute(Terms& terms, Encoder& encoder, const Environment& env, std::vector<TermId> assertions,
                       const Replay& replay) {
  Finding out;
  const std::vector<TermId> facts = facts_about(terms, encoder, assertions);
  assertions.insert(assertions.end(), facts.begin(), facts.end());
  std::erase_if(assertions, [&](TermId id) { return terms.is_true(id); });
  const Question question{std::move(assertions), {}};
  auto cvc5 = to_smtlib(terms, question, Dialect::kCvc5);
  auto z3 = to_smtlib(terms, question, Dialect::kZ3);
  if (!cvc5 || !z3) {
    out.verdict = Verdict::kNotAnalysable;
    out.why = cvc5 ? z3.error().message : cvc5.error().message;
    return out;
  }
  const Texts texts{std::move(*cvc5), std::move(*z3)};
  out.on_record = read_record(texts);
  if (out.on_record && !options_.ask_again) {
    out.verdict = Verdict::kHolds;
    out.recorded = true;
    out.cvc5 = {Said::kUnsat, {}, 0, sha256(texts.cvc5)};
    out.z3 = {Said::kUnsat, {}, 0, sha256(texts.z3)};
    return out;
  }
  if (options_.cancelled && options_.cancelled()) {
    out.why = "it was told to stop before it was asked";
    out.transient = true;
    return out;
  }
  out.cvc5 = run(Dialect::kCvc5, texts.cvc5);
  // A counterexample from the first needs no second opinion: it is replayed.
  if (!replay && out.cvc5.said != Said::kUnsat) return out;
  if (out.cvc5.said == Said::kSat) find_example(Dialect::kCvc5, terms, env, question, replay, out);
  if (out.verdict == Verdict::kBroken) return out;
  out.z3 = run(Dialect::kZ3, texts.z3);
  if (out.cvc5.said == Said::kUnsat && out.z3.said == Said::kUnsat) {
    out.verdict = Verdict::kHolds;
    out.why.clear();
    if (Status kept = write_record(texts, out); !kept) {
      out.verdict = Verdict::kUnknown;
      out.why = "the record cannot be kept: " + kept.error().message;
      out.transient = true;
    }
    return out;
  }
  if (replay && out.z3.said == Said::kSat) find_example(Dialect::kZ3, terms, env, question, replay, out);
  if (out.verdict == Verdict::kBroken) return out;
  const std::string said = fmt::format("cvc5 says {}{}, z3 says {}{}", said_name(out.cvc5.said),
                                       out.cvc5.why.empty() ? "" : " (" + out.cvc5.why + ")", said_name(out.z3.said),
                                       out.z3.why.empty() ? "" : " (" + out.z3.why + ")");
  out.why = out.why.empty() ? said : said + "; " + out.why;
  out.transient = out.transient || out.cvc5.said == Said::kFailed || out.z3.said == Said::kFailed;
  return out;
}

void each_with_prover(const ProverOptions& options, unsigned threads, size_t count,
                      const std::function<void(Prover&, size_t)>& task) {
  std::atomic<size_t> next = 0;
  const auto identities = std::make_shared<Identities>();
  const auto work = [&](bool first) {
    identities->get(first ? options.cvc5 : options.z3);  // half of the reading each; whatever it says is asked again
    Prover prover(options, identities);
    for (size_t i = next++; i < count; i = next++) task(prover, i);
  };
  std::vector<std::thread> more;
  for (unsigned i = 1; i < std::clamp<unsigned>(threads, 1, kProverThreadsMax); ++i) more.emplace_back(work, false);
  work(true);
  for (std::thread& one : more) one.join();
}

}  // namespace proviso::prove
