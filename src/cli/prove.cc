// `proviso agreement prove`, `diff` and `lint`.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <tuple>

#include "agreement/difference.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/what_if.h"
#include "prove/agreement_lint.h"
#include "prove/amendment.h"
#include "prove/difference.h"
#include "prove/example_lint.h"
#include "prove/red_lines.h"

namespace proviso::cli {
namespace {

using agreement::Agreement;
using agreement::Files;

struct ProveOptions {
  std::string folder, other, records;
  unsigned threads = 2;
  bool again = false;
  bool as_json = false;
  std::string state;   // of the gate whose ledger is looked at
  bool write = false;  // the difference goes into the second folder
};

struct Opened {
  Files files;
  std::shared_ptr<const Agreement> agreement;
};

Result<Opened> open(const std::string& folder) {
  Opened out;
  PV_TRY(out.files, read_tree(folder));
  PV_TRY(out.agreement, Agreement::load(out.files));
  return out;
}

prove::ProverOptions prover_options(const ProveOptions& options) {
  prove::ProverOptions out = prove::usual_prover(beside("proviso-launch"), options.records);
  out.ask_again = options.again;
  return out;
}

void write_run(json::Writer& out, const char* name, const prove::Run& run) {
  out.key(name).begin_object();
  out.key("said").string(prove::said_name(run.said));
  out.key("text").string(run.text.hex());
  out.key("seconds").real(run.seconds);
  out.end_object();
}

void print_proof_json(const prove::AgreementProof& proof) {
  std::string text;
  json::Writer out(text);
  out.begin_object();
  out.key("agreement").string(proof.agreement.hex());
  out.key("proven").boolean(proof.holds() && !proof.nothing_to_prove());
  out.key("nothing_to_prove").boolean(proof.nothing_to_prove());
  out.key("environments").uinteger(proof.environments);
  out.key("seconds").real(proof.seconds);
  out.key("obligations").begin_array();
  for (const prove::Obligation& one : proof.obligations) {
    out.begin_object();
    out.key("line").string(one.line.empty() ? "no rule errs" : one.line);
    out.key("environment").string(prove::to_string(one.env));
    out.key("verdict").string(prove::verdict_name(one.finding.verdict));
    out.key("why").string(one.finding.why);
    out.key("recorded").boolean(one.finding.recorded);
    write_run(out, "cvc5", one.finding.cvc5);
    write_run(out, "z3", one.finding.z3);
    if (one.finding.example) {
      out.key("in_words").string(prove::in_words(*one.finding.example));
      out.key("request").raw(prove::to_json(*one.finding.example));
    }
    out.end_object();
  }
  out.end_array();
  out.key("assumptions").begin_array();
  for (const std::string& one : prove::assumptions()) out.string(one);
  out.end_array();
  out.end_object();
  print(text);
}

// One line a red line: its verdict over all its environments, then each environment that does not hold.
void print_line(const prove::AgreementProof& proof, const std::string& id, const std::string& words) {
  size_t count = 0;
  size_t held = 0;
  double seconds = 0;
  for (const prove::Obligation& one : proof.obligations) {
    if (one.line != id) continue;
    ++count;
    held += one.finding.verdict == prove::Verdict::kHolds ? 1 : 0;
    seconds += one.seconds;
  }
  const std::string verdict = held == count ? green("proven") : red("not proven");
  print(fmt::format("{:<4} {}  {} of {} environments, {:.2f} s  {}", id.empty() ? "-" : id, verdict, held, count,
                    seconds, words));
  for (const prove::Obligation& one : proof.obligations) {
    if (one.line != id || one.finding.verdict == prove::Verdict::kHolds) continue;
    print(fmt::format("     {}: {}", prove::to_string(one.env),
                      one.finding.example ? prove::in_words(*one.finding.example) : one.finding.why));
  }
}

int prove_command(const ProveOptions& options) {
  const auto opened = open(options.folder);
  if (!opened) return complain(opened.error());
  const Agreement& agreement = *opened->agreement;
  const prove::AgreementProof proof = prove::prove_red_lines(agreement, prover_options(options), options.threads);
  if (options.as_json) {
    print_proof_json(proof);
    return proof.holds() ? 0 : 1;
  }
  print(fmt::format("{} revision {}\ndigest {}\n{} red lines in {} request environments, {:.1f} s, {} of {} answers "
                    "from records",
                    agreement.terms().title, agreement.terms().revision, agreement.digest().hex(),
                    agreement.red_lines().size(), proof.environments, proof.seconds, proof.recorded(),
                    proof.obligations.size()));
  if (proof.nothing_to_prove()) {
    print("it has no red lines: nothing was proven, for there was nothing to prove. A gate puts it in force and says so");
    return 0;
  }
  if (!agreement.red_lines().empty()) print_line(proof, "", "no rule errs");
  for (const agreement::RedLine& line : agreement.red_lines()) print_line(proof, line.id, line.words);
  print("assuming that");
  for (const std::string& one : prove::assumptions()) print("  - " + one);
  print(proof.holds() ? green("proven for every possible request, by cvc5 and by z3")
                      : red("not proven: a gate does not put this agreement in force"));
  return proof.holds() ? 0 : 1;
}

void print_comparison(const prove::Comparison& one) {
  print(fmt::format("  {}: {}", prove::to_string(one.env), prove::relation_name(one.relation)));
  if (one.only_a.example) print("    newly allowed: " + prove::in_words(*one.only_a.example));
  if (one.only_b.example) print("    no longer allowed: " + prove::in_words(*one.only_b.example));
  if (one.relation == prove::Relation::kUnknown) {
    print("    " + (one.only_a.why.empty() ? one.only_b.why : one.only_a.why));
  }
}

void print_amendment_json(const prove::Amendment& amendment) {
  std::string text;
  json::Writer out(text);
  out.begin_object();
  out.key("looser").boolean(amendment.looser());
  out.key("looser_rules").boolean(amendment.looser_rules());
  out.key("wider_terms").begin_array();
  for (const std::string& one : amendment.wider) out.string(one);
  out.end_array();
  out.key("not_comparable").string(amendment.not_comparable);
  out.key("files").begin_array();
  for (const std::string& one : amendment.files) out.string(one);
  out.end_array();
  out.key("environments").begin_array();
  for (const prove::Comparison& one : amendment.environments) {
    out.begin_object();
    out.key("environment").string(prove::to_string(one.env));
    out.key("relation").string(prove::relation_name(one.relation));
    if (one.only_a.example) out.key("newly_allowed").raw(prove::to_json(*one.only_a.example));
    if (one.only_b.example) out.key("no_longer_allowed").raw(prove::to_json(*one.only_b.example));
    out.end_object();
  }
  out.end_array();
  out.key("custodians").begin_array();
  for (const agreement::Touched& one : amendment.touched) {
    out.begin_object();
    out.key("line").string(one.line);
    out.key("custodian").string(one.custodian);
    out.key("reasons").begin_array();
    for (const std::string& reason : one.reasons) out.string(reason);
    out.end_array();
    out.end_object();
  }
  out.end_array();
  out.end_object();
  print(text);
}

// The difference as custodians sign it, in the amended folder. What was signed of an older one counts no more.
Status write_difference(const ProveOptions& options, const prove::Amendment& amendment, const Agreement& from,
                        const Agreement& to) {
  std::optional<prove::History> history;
  if (!options.state.empty()) {
    PV_TRY(const PastUnder past, past_under(options.state, to, "", ""));
    history = prove::History{past.origin, past.size, past.root, past.found.text()};
    if (!options.as_json)
      print(fmt::format("of the ledger's {} leaves: {} of {} past decisions would flip", past.size, past.found.flipped,
                        past.found.decisions));
  }
  if (!options.write) return {};
  if (std::ranges::any_of(amendment.environments,
                          [](const prove::Comparison& one) { return one.relation == prove::Relation::kUnknown; })) {
    return fail(Code::kUnavailable, "the solvers gave no answer for some environment (above), so nothing is written that a "
                                    "custodian could sign; make sure that cvc5 and z3 run, or amend in smaller steps");
  }
  const std::string text = prove::difference_text(amendment, from, to, history);
  if (text.size() > agreement::kDifferenceBytesMax)
    return fail(Code::kLimit, "the difference is larger than a custodian's file may be: amend in smaller steps");
  PV_TRY_VOID(make_dirs(options.other + "/signatures"));
  const std::string path = options.other + "/" + std::string(agreement::kDifferencePath);
  PV_TRY_VOID(write_file_durable(path, text + "\n", FileMode::kShared));
  if (!options.as_json)
    print(fmt::format("the difference is in {}, digest {}; each custodian signs with `proviso agreement sign {} --party "
                      "NAME --custodian --key FILE`", path, sha256(text + "\n").hex(), options.other));
  return {};
}

int diff_command(const ProveOptions& options) {
  const auto before = open(options.folder);
  if (!before) return complain(before.error());
  const auto after = open(options.other);
  if (!after) return complain(after.error());
  prove::Prover prover(prover_options(options));
  const prove::Amendment amendment =
      prove::amend(prover, *before->agreement, before->files, *after->agreement, after->files);
  if (options.as_json) {
    const Status written = write_difference(options, amendment, *before->agreement, *after->agreement);
    if (!written) return complain(written.error());
    print_amendment_json(amendment);
    return amendment.looser() ? 1 : 0;
  }
  for (const std::string& one : amendment.files) print(one);
  if (!amendment.not_comparable.empty()) print(red("not comparable: ") + amendment.not_comparable);
  print("what the second allows, compared with the first:");
  for (const prove::Comparison& one : amendment.environments) print_comparison(one);
  for (const std::string& one : amendment.wider) print("  terms: " + prove::shown(one));
  for (const agreement::Touched& one : amendment.touched) {
    std::string reasons;
    for (const std::string& reason : one.reasons) reasons += (reasons.empty() ? "" : "; ") + reason;
    print(fmt::format("red line {} needs its custodian, {}: {}", one.line, bold(one.custodian), reasons));
  }
  if (const Status signed_by = agreement::check_custodians(*before->agreement, *after->agreement); !signed_by) {
    print(prove::shown(signed_by.error().message));
  }
  print(amendment.looser_rules() ? red("the rules allow something new")
        : amendment.looser()     ? red("the rules allow nothing new, but what they speak of changes: see the terms above")
                                 : "neither rules nor terms allow anything new");
  const Status written = write_difference(options, amendment, *before->agreement, *after->agreement);
  if (!written) return complain(written.error());
  return amendment.looser() ? 1 : 0;
}

const char* overlap_name(prove::Overlap::Kind kind) {
  switch (kind) {
    case prove::Overlap::Kind::kRedundant: return "matches the same requests as";
    case prove::Overlap::Kind::kShadowed: return "is shadowed by";
    case prove::Overlap::Kind::kOverridden: return "is overridden by";
  }
  return "";
}

// "clause 6.1 (clauses/6-secrets.md:11)".
std::string rule_name(const Agreement& agreement, uint32_t rule) {
  const agreement::ClauseRef& clause = agreement.clause_of(rule);
  return fmt::format("clause {} ({})", clause.number, clause.source);
}

// Each finding as a sentence; one that holds in several environments once, with how many.
std::vector<std::string> lint_sentences(const Agreement& agreement, const prove::Lint& found) {
  std::vector<std::string> out;
  for (const prove::Vacuity& one : found.vacuous) {
    out.push_back(fmt::format("{} matches {} request", rule_name(agreement, one.policy), one.always ? "every" : "no"));
  }
  std::map<std::tuple<uint32_t, prove::Overlap::Kind, uint32_t>, std::vector<std::string>> pairs;
  for (const prove::Overlap& one : found.overlaps) {
    pairs[{one.policy, one.kind, one.by}].push_back(prove::to_string(one.env));
  }
  for (const auto& [pair, envs] : pairs) {
    const auto& [policy, kind, by] = pair;
    std::string where;
    for (const std::string& env : envs) where += (where.empty() ? "" : "; ") + env;
    out.push_back(fmt::format("{} {} {} for {}", rule_name(agreement, policy), overlap_name(kind),
                              rule_name(agreement, by), where));
  }
  return out;
}

int lint_command(const ProveOptions& options) {
  const auto opened = open(options.folder);
  if (!opened) return complain(opened.error());
  const Agreement& agreement = *opened->agreement;
  const auto start = std::chrono::steady_clock::now();
  prove::Lint found = prove::lint(prover_options(options), options.threads, agreement.schema(), agreement.rules());
  const prove::AgreementLint whole = prove::lint_agreement(agreement, prover_options(options), options.threads);
  found.unknown.insert(found.unknown.end(), whole.unknown.begin(), whole.unknown.end());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::vector<std::string> sentences = lint_sentences(agreement, found);
  for (const uint32_t rule : whole.never_lifted) {
    sentences.push_back(rule_name(agreement, rule) + " holds what no approval ever allows");
  }
  for (const std::string& purpose : whole.unusable) {
    sentences.push_back(fmt::format("no clause names the purpose `{}`, and for it no model may ever be asked", purpose));
  }
  const prove::ExampleLint examples = prove::lint_examples(agreement, opened->files);
  for (const uint32_t rule : examples.unnoticed) {
    sentences.push_back(rule_name(agreement, rule) + " could be struck and no example would notice");
  }
  for (const agreement::ExampleOutcome& one : examples.idle) {
    sentences.push_back(fmt::format("{}: this example comes out the same whichever rule is struck: {}", one.source, one.line));
  }
  if (options.as_json) {
    std::string text;
    json::Writer out(text);
    out.begin_object();
    out.key("findings").begin_array();
    for (const std::string& one : sentences) out.string(one);
    out.end_array();
    out.key("unknown").begin_array();
    for (const std::string& one : found.unknown) out.string(one);
    out.end_array();
    out.key("seconds").real(seconds);
    out.end_object();
    print(text);
  } else {
    for (const std::string& one : sentences) print(one);
    for (const std::string& one : found.unknown) print("no verdict: " + prove::shown(one));
    print(fmt::format("{} findings, {} questions without a verdict, {:.1f} s", sentences.size(), found.unknown.size(), seconds));
  }
  return sentences.empty() && found.unknown.empty() ? 0 : 1;
}

}  // namespace

void add_agreement_proofs(CLI::App& command, int& status) {
  auto options = std::make_shared<ProveOptions>();
  const auto common = [options](CLI::App* one) {
    one->add_option("--records", options->records, "folder where proofs are kept and looked up");
    one->add_flag("--again", options->again, "ask the solvers even if a record answers");
    one->add_flag("--json", options->as_json, "answer in JSON");
  };
  auto* prove_sub = command.add_subcommand("prove", "show that the red lines hold for every possible request");
  prove_sub->add_option("folder", options->folder, "the agreement")->required();
  prove_sub->add_option("--threads", options->threads, "solvers at once")->capture_default_str();
  common(prove_sub);
  prove_sub->footer("Needs cvc5 and z3 (apt-get install cvc5 z3); a line is proven only if both agree.\n"
                    "exit status: 0 if every line is proven, else 1; each line that is not comes with a request");
  prove_sub->callback([options, &status] { status = prove_command(*options); });

  auto* lint_sub = command.add_subcommand("lint", "rules that never match or add nothing, holds that nothing lifts, purposes without use, examples that tell nothing");
  lint_sub->add_option("folder", options->folder, "the agreement")->required();
  lint_sub->add_option("--threads", options->threads, "solvers at once")->capture_default_str();
  common(lint_sub);
  lint_sub->footer("Not faults: each may be meant. A permit that is overridden in one environment may work in another.\n"
                   "exit status: 0 if there is nothing to say, else 1");
  lint_sub->callback([options, &status] { status = lint_command(*options); });

  auto* diff_sub = command.add_subcommand("diff", "what an amendment allows that was not allowed before");
  diff_sub->add_option("first", options->folder, "the agreement in force")->required();
  diff_sub->add_option("second", options->other, "the amended one")->required();
  diff_sub->add_option("--state", options->state,
                       "a gate's state folder: also count the past decisions that the second would turn");
  diff_sub->add_flag("--write", options->write,
                     "write all of it to SECOND/signatures/difference.json, which custodians sign");
  common(diff_sub);
  diff_sub->footer("exit status: 0 if neither rules nor terms of the second allow anything new, else 1");
  diff_sub->callback([options, &status] { status = diff_command(*options); });
}

}  // namespace proviso::cli
