#pragma once
// A solver as a child process: a program that is not trusted, in the sandbox of a model worker, with one
// file to read and nowhere to write. Work is bounded by the solver's own count of steps (deterministic,
// so that an auditor's run ends the same way) and by a kill from outside. Before it is believed it
// answers riddles whose answers only the asker knows; a program that always says the same fails them.
// One Solver serves one thread, which must outlive its children.
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/digest.h"
#include "base/result.h"
#include "prove/smtlib.h"
#include "sandbox/sandbox.h"

namespace proviso::prove {

inline constexpr uint32_t kSolverMillisMax = 60'000;         // one question; the step count ends it sooner
inline constexpr uint64_t kSolverStepsMax = 30'000'000;      // `rlimit`: some ten seconds of either solver
inline constexpr uint64_t kSolverMemoryMax = 4ULL << 30;     // address space of one solver
inline constexpr int kSolverWatchMillis = 100;               // how soon a cancelled solver is stopped
inline constexpr size_t kSolverFileBytesMax = 256U << 20;    // its program, or one library; libcvc5 has some 30 MB
inline constexpr size_t kRiddles = 24;                       // a guesser passes once in 16 million tries

// Which program, and where the sandbox's launcher is.
struct SolverSpec {
  Dialect dialect = Dialect::kCvc5;
  std::string program;   // /usr/bin/cvc5
  std::string launcher;  // proviso-launch
  uint32_t millis_max = kSolverMillisMax;
  std::function<bool()> cancelled;  // asked while it works, from the thread that asks; true: it is stopped
};

// What a solver is, without starting it: the digests of its file and of every library that it loads (the loader
// included, in path order), and the options that it is given. Two solvers of one identity say the same.
struct SolverIdentity {
  Digest program;
  Digest libraries;
  std::string options;
  friend bool operator==(const SolverIdentity&, const SolverIdentity&) = default;
};
// kNotFound if the program or a library is not there, kInvalid if it is no program for this machine.
Result<SolverIdentity> identify(const SolverSpec& spec);
const char* solver_name(Dialect dialect);  // "cvc5", "z3"
// `cvc5` and `z3` in $PATH's usual places, each with that launcher.
SolverSpec usual_solver(Dialect dialect, std::string launcher);

enum class Said : uint8_t { kUnsat, kSat, kUnknown, kFailed };
const char* said_name(Said said);  // "unsat", "sat", "unknown", "failed"

struct SolverAnswer {
  Said said = Said::kFailed;
  std::string why;    // kUnknown, kFailed: a sentence
  std::string model;  // kSat: what follows the verdict
};

class Solver {
 public:
  // kNotFound: the program is not installed. kUnverified: it fails the riddles, with what it said.
  static Result<Solver> start(SolverSpec spec);
  static Result<Solver> start(SolverSpec spec, SolverIdentity who);  // identify() was asked before
  Solver(Solver&&) noexcept = default;
  Solver& operator=(Solver&&) noexcept = default;
  ~Solver();

  // Never an Error: a solver that cannot answer said nothing.
  SolverAnswer ask(const std::string& text);
  [[nodiscard]] Dialect dialect() const { return spec_.dialect; }
  [[nodiscard]] const std::string& version() const { return version_; }  // as it says itself
  [[nodiscard]] const SolverIdentity& identity() const { return identity_; }

 private:
  class Folder;
  Solver() = default;
  Result<std::string> run(const std::string& text);
  Result<std::string> run_child(sandbox::Prepared& prepared);
  Status pose_riddles();

  SolverSpec spec_;
  std::shared_ptr<Folder> folder_;
  std::optional<sandbox::Prepared> prepared_;
  std::string version_;
  SolverIdentity identity_;
};

}  // namespace proviso::prove
