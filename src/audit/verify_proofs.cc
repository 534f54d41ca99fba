#include "audit/verify_proofs.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>

#include "agreement/difference.h"
#include "audit/what_if.h"
#include "base/file.h"
#include "base/json.h"
#include "prove/difference.h"
#include "prove/red_lines.h"

namespace proviso::audit {
namespace {

namespace fs = std::filesystem;
using agreement::Agreement;

constexpr unsigned kThreads = 2;

// One agreement, judged. The agreement outlives the proof, which borrows from it.
struct Judged {
  std::string folder;
  std::shared_ptr<const Agreement> agreement;
  std::string trouble;  // it cannot be read, or its bytes are not those of its name
  prove::AgreementProof proof;
  std::string difference;  // what its custodians signed, and what is wrong with it
  bool difference_holds = true;
  [[nodiscard]] bool holds() const { return trouble.empty() && proof.holds() && difference_holds; }
};

// Folders of agreements, and where records of proofs lie; no folder if `place` holds neither.
struct Place {
  std::vector<std::string> folders;
  std::string records;
  std::string state;  // of a gate; else empty
};

Place look_at(const std::string& place) {
  Place out;
  std::error_code ec;
  if (fs::exists(place + "/agreement.toml", ec)) {
    out.folders.push_back(place);
    return out;
  }
  for (fs::directory_iterator it(place + "/agreements", ec), end; !ec && it != end; it.increment(ec)) {
    out.folders.push_back(it->path().string());
  }
  std::ranges::sort(out.folders);
  out.records = place + "/proofs";
  out.state = place;
  return out;
}

// The first `size` leaves under the amended agreement once more: what custodians were told of them still holds.
Status check_history(const std::string& state, const prove::History& told, const Agreement& to) {
  PV_TRY(const auto log, ledger::LogReader::open(state + "/log"));
  if (log->origin() != told.origin || log->size() < told.size)
    return fail(Code::kUnverified, "its history is of another ledger, or of one with more leaves");
  PV_TRY(const Digest root, log->subtree(0, told.size));
  if (root != told.root) return fail(Code::kUnverified, "its history is of other leaves");
  PV_TRY(const auto vault, vault::Vault::open_reader(state + "/vault"));
  PV_TRY(const WhatIf found, what_if(*log, *vault, to, {0}, {INT64_MAX}, told.size));
  json::Parser parser;
  PV_TRY(const json::Element anew, parser.parse(found.text()));
  PV_TRY(const std::string now, json::canonical(anew));
  if (now == told.what_if) return {};
  if (found.unopened > 0)
    return fail(Code::kUnavailable, fmt::format("its history cannot be counted again: {} records were shredded", found.unopened));
  return fail(Code::kUnverified, fmt::format("its history says {}, and it is {}", told.what_if, now));
}

// The solvers' part anew, claim by claim; their examples may be others.
Status check_claims(const std::string& state, const Agreement& to, const agreement::Files& to_files,
                    prove::ProverOptions options) {
  PV_TRY(const auto papers, agreement::difference_of(to));
  if (papers.to != to.digest()) return fail(Code::kUnverified, "it leads to another agreement");
  PV_TRY(const auto from_files, read_tree(state + "/agreements/" + papers.from.hex()));
  PV_TRY(const auto from, Agreement::load(from_files));
  if (from->digest() != papers.from) return fail(Code::kUnverified, "the agreement before is altered");
  prove::Prover prover(std::move(options));
  const prove::Amendment anew = prove::amend(prover, *from, from_files, to, to_files);
  PV_TRY(const auto signed_claims, prove::claims_of(to.difference()));
  PV_TRY(const auto claims, prove::claims_of(prove::difference_text(anew, *from, to, std::nullopt)));
  for (const std::string& one : claims) {
    if (!std::ranges::binary_search(signed_claims, one)) return fail(Code::kUnverified, "it does not say that " + one);
  }
  if (claims != signed_claims) return fail(Code::kUnverified, "it says more than the two agreements differ in");
  PV_TRY(const auto history, prove::history_of(to.difference()));
  return history ? check_history(state, *history, to) : Status{};
}

void judge_difference(const std::string& state, const agreement::Files& files, const prove::ProverOptions& options,
                      Judged& out) {
  if (state.empty() || out.agreement->difference().empty()) return;
  const Status same = check_claims(state, *out.agreement, files, options);
  const bool only_gone = !same && same.error().code == Code::kUnavailable;
  out.difference_holds = same || only_gone;
  out.difference = "the difference that custodians signed: " +
                   (same ? "the same anew, solvers and history" : same.error().message);
}

Judged judge(const std::string& folder, const std::string& state, const prove::ProverOptions& options) {
  Judged out;
  out.folder = folder;
  const auto files = read_tree(folder);
  auto loaded = files ? Agreement::load(*files) : std::unexpected(files.error());
  if (!loaded) {
    out.trouble = loaded.error().message;
    return out;
  }
  out.agreement = *loaded;
  if (!state.empty() && fs::path(folder).filename().string() != out.agreement->digest().hex()) {
    out.trouble = fmt::format("its files are not those that were in force (their digest is {})", out.agreement->digest().hex());
    return out;
  }
  out.proof = prove::prove_red_lines(*out.agreement, options, kThreads);
  judge_difference(state, *files, options, out);
  return out;
}

size_t on_record(const prove::AgreementProof& proof) {
  return static_cast<size_t>(std::ranges::count_if(
      proof.obligations, [](const prove::Obligation& one) { return one.finding.on_record; }));
}

size_t proven(const prove::AgreementProof& proof) {
  return static_cast<size_t>(std::ranges::count_if(proof.obligations, [](const prove::Obligation& one) {
    return one.finding.verdict == prove::Verdict::kHolds;
  }));
}

std::string about(const prove::Obligation& one) {
  return fmt::format("{} for {}: {}: {}", one.line.empty() ? "no rule errs" : "red line " + one.line,
                     prove::to_string(one.env), prove::verdict_name(one.finding.verdict),
                     one.finding.example ? prove::in_words(*one.finding.example) : one.finding.why);
}

void print_judged(const Judged& one, bool records) {
  if (!one.trouble.empty()) return fmt::print("{}: {}\n", one.folder, prove::shown(one.trouble));
  fmt::print("{} revision {}, digest {}\n", prove::shown(one.agreement->terms().title), one.agreement->terms().revision,
             one.agreement->digest().hex());
  if (!one.difference.empty()) fmt::print("  {}\n", prove::shown(one.difference));
  if (one.proof.nothing_to_prove()) return fmt::print("  it has no red lines: there is nothing to prove\n");
  fmt::print("  {} red lines, {} of {} questions proven anew by both solvers in {:.1f} s\n",
             one.agreement->red_lines().size(), proven(one.proof), one.proof.obligations.size(), one.proof.seconds);
  if (records) {
    fmt::print("  {} of them have a record of these very solvers\n", on_record(one.proof));
  }
  for (const prove::Obligation& each : one.proof.obligations) {
    if (each.finding.verdict != prove::Verdict::kHolds) fmt::print("  {}\n", about(each));
  }
}

void print_json(const std::vector<Judged>& all, const std::vector<std::string>& solvers) {
  std::string text;
  json::Writer out(text);
  out.begin_object();
  out.key("proven").boolean(std::ranges::all_of(all, &Judged::holds));
  out.key("solvers").begin_array();
  for (const std::string& one : solvers) out.string(one);
  out.end_array();
  out.key("agreements").begin_array();
  for (const Judged& one : all) {
    out.begin_object();
    out.key("folder").string(one.folder);
    out.key("trouble").string(one.trouble);
    out.key("difference").string(one.difference);
    out.key("digest").string(one.agreement ? one.agreement->digest().hex() : "");
    out.key("red_lines").uinteger(one.agreement ? one.agreement->red_lines().size() : 0);
    out.key("questions").uinteger(one.proof.obligations.size());
    out.key("proven").uinteger(proven(one.proof));
    out.key("on_record").uinteger(on_record(one.proof));
    out.key("not_proven").begin_array();
    for (const prove::Obligation& each : one.proof.obligations) {
      if (each.finding.verdict != prove::Verdict::kHolds) out.string(about(each));
    }
    out.end_array();
    out.end_object();
  }
  out.end_array();
  out.end_object();
  fmt::print("{}\n", text);
}

}  // namespace

int prove_place(const std::string& place, bool as_json) {
  const Place found = look_at(place);
  if (found.folders.empty()) {
    fmt::print(stderr, "proviso-verify: `{}` is neither an agreement nor the state folder of a gate\n", place);
    return 2;
  }
  std::error_code ec;
  const std::string own = fs::read_symlink("/proc/self/exe", ec).parent_path().string();
  prove::ProverOptions options = prove::usual_prover(own + "/proviso-launch", found.records);
  options.ask_again = true;
  options.keep_records = false;
  const auto solvers = prove::Prover(options).identities();
  if (!solvers) {
    fmt::print(stderr, "proviso-verify: {}\n", solvers.error().message);
    return 2;
  }
  std::vector<Judged> all;
  for (const std::string& folder : found.folders) all.push_back(judge(folder, found.state, options));
  const bool holds = std::ranges::all_of(all, &Judged::holds);
  if (as_json) {
    print_json(all, *solvers);
    return holds ? 0 : 1;
  }
  for (const Judged& one : all) print_judged(one, !found.records.empty());
  for (const std::string& one : *solvers) fmt::print("by {}\n", one);
  const bool nothing = std::ranges::all_of(all, [](const Judged& one) { return one.proof.nothing_to_prove(); });
  fmt::print("{}\n", !holds ? "NOT PROVEN" : nothing ? "nothing to prove: there are no red lines"
                                                       : "PROVEN: every red line, for every possible request");
  return holds ? 0 : 1;
}

}  // namespace proviso::audit
