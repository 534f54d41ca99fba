#pragma once
// Asks both solvers the same question and believes `unsat` only from both. What both have refuted is
// kept on disk under the digests of the two texts and of both solvers, so that the same question is not asked twice
// of the same programs; the texts lie beside it for whoever wants to run them through a solver of their own. A `sat` is believed
// only once it has become a concrete request that the caller has replayed.
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "prove/counterexample.h"
#include "prove/solver.h"

namespace proviso::prove {

inline constexpr size_t kProverThreadsMax = 8;  // each runs one solver at a time

enum class Verdict : uint8_t {
  kHolds,          // both solvers: no request breaks it
  kBroken,         // a request breaks it, replayed
  kUnknown,        // a solver gave up, failed or contradicted the other
  kNotAnalysable,  // it cannot be put to solvers
};
const char* verdict_name(Verdict verdict);  // "holds", "broken", "unknown", "not analysable"

// One solver's part in a finding.
struct Run {
  Said said = Said::kFailed;
  std::string why;
  double seconds = 0;
  Digest text;  // of what it was asked
};

struct Finding {
  Verdict verdict = Verdict::kUnknown;
  std::string why;  // for all but kHolds: a sentence
  Run cvc5;
  Run z3;
  bool recorded = false;   // both runs are from the record
  bool on_record = false;  // a record of this question by these solvers lies there, believed or not
  // kUnknown: another try may end otherwise, for a solver failed or was stopped, or the record could not be kept.
  bool transient = false;
  std::optional<Counterexample> example;  // kBroken
};

// That something cannot be put to solvers, with the reason.
Finding not_analysable(const Error& error);

struct ProverOptions {
  SolverSpec cvc5;
  SolverSpec z3;
  std::string records;   // folder of records; empty: none are kept
  bool ask_again = false;      // do not believe records
  bool only_records = false;   // start no solver: what is not recorded is kUnknown
  bool keep_records = true;    // write what was proven
  std::function<bool()> cancelled;  // thread-safe; true: what is not proven yet is kUnknown
};
// The usual solvers, with that launcher and folder.
ProverOptions usual_prover(const std::string& launcher, std::string records);

// Who breaks the claim? Returns an Error if the request does not: then the encoding is wrong, not the claim.
using Replay = std::function<Status(const Counterexample&)>;

// Who the solvers are, each read once for all provers of one proof. Thread-safe: threads may read one each.
class Identities {
 public:
  Result<SolverIdentity> get(const SolverSpec& spec);

 private:
  struct Known {
    std::once_flag read;
    std::optional<Result<SolverIdentity>> who;
  };
  Known cvc5_;
  Known z3_;
};

// For one thread: it owns a solver of each kind, started on the first question that no record answers.
class Prover {
 public:
  explicit Prover(ProverOptions options, std::shared_ptr<Identities> identities = std::make_shared<Identities>())
      : options_(std::move(options)), identities_(std::move(identities)) {}

  // Can all assertions be true of a request in that environment? No: kHolds. The facts about requests and
  // stores are added here. Without `replay` no counterexample is looked for: kHolds or kUnknown.
  Finding refute(Terms& terms, Encoder& encoder, const Environment& env, std::vector<TermId> assertions,
                 const Replay& replay);

  // Both solvers' identities, for the record: "cvc5 1.0.3 …, SHA-256 …, options …". Starts them.
  Result<std::vector<std::string>> identities();

 private:
  struct Texts {
    std::string cvc5;
    std::string z3;
  };
  Result<Solver*> solver(Dialect dialect);
  Run run(Dialect dialect, const std::string& text, std::string* model = nullptr);
  bool read_record(const Texts& texts);
  Status write_record(const Texts& texts, const Finding& finding);
  [[nodiscard]] std::string record_path(const Texts& texts) const;
  void find_example(Dialect dialect, Terms& terms, const Environment& env, Question question,
                    const Replay& replay, Finding& out);

  [[nodiscard]] const SolverSpec& spec(Dialect dialect) const {
    return dialect == Dialect::kCvc5 ? options_.cvc5 : options_.z3;
  }

  ProverOptions options_;
  std::shared_ptr<Identities> identities_;
  std::optional<Solver> cvc5_;
  std::optional<Solver> z3_;
  std::optional<Error> cvc5_trouble_;  // a solver that could not be started stays so
  std::optional<Error> z3_trouble_;
};

// Runs `task` for every number below `count`, on so many threads (kProverThreadsMax at most), each with a prover of its own.
void each_with_prover(const ProverOptions& options, unsigned threads, size_t count,
                      const std::function<void(Prover&, size_t)>& task);

}  // namespace proviso::prove
