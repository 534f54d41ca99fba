#include "audit/verify_proofs.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
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
  [[nodiscard]] bool holds() const { return trouble.empty() && proof.holds(); }
};

// Folders of agreements, and where records of proofs lie; no folder if `place` holds neither.
struct Place {
  std::vector<std::string> folders;
  std::string records;
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
  return out;
}

Judged judge(const std::string& folder, bool by_digest, const prove::ProverOptions& options) {
  Judged out;
  out.folder = folder;
  const auto files = read_tree(folder);
  auto loaded = files ? Agreement::load(*files) : std::unexpected(files.error());
  if (!loaded) {
    out.trouble = loaded.error().message;
    return out;
  }
  out.agreement = *loaded;
  if (by_digest && fs::path(folder).filename().string() != out.agreement->digest().hex()) {
    out.trouble = fmt::format("its files are not those that were in force (their digest is {})", out.agreement->digest().hex());
    return out;
  }
  out.proof = prove::prove_red_lines(*out.agreement, options, kThreads);
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
  for (const std::string& folder : found.folders) all.push_back(judge(folder, !found.records.empty(), options));
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
