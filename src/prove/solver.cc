#include "prove/solver.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "prove/model.h"
#include "sandbox/elf.h"

namespace proviso::prove {
namespace {

int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

std::vector<std::string> arguments_of(Dialect dialect) {
  const std::string steps = std::to_string(kSolverStepsMax);
  if (dialect == Dialect::kCvc5) return {"--lang=smt2", "--strings-exp", "--dag-thresh=0", "--rlimit=" + steps};
  return {"-smt2", "pp.min_alias_size=1000000000", "pp.max_depth=1000000000", "rlimit=" + steps};
}

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 200)) out += c >= ' ' && c < 127 && c != '`' ? c : ' ';
  return out;
}

}  // namespace

// The solver's scratch folder, and the file that it reads.
class Solver::Folder {
 public:
  static Result<std::shared_ptr<Folder>> create() {
    auto folder = std::make_shared<Folder>();
    std::string name = (std::filesystem::temp_directory_path() / "proviso-prove-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) return std::unexpected(io_error("make a folder as", name, errno));
    folder->path_ = name;
    const std::string scratch = folder->scratch();
    if (mkdir(scratch.c_str(), 0700) != 0) return std::unexpected(io_error("make", scratch, errno));
    PV_TRY_VOID(folder->write(""));
    return folder;
  }
  Folder() = default;
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string scratch() const { return path_ + "/scratch"; }
  [[nodiscard]] std::string question() const { return path_ + "/question.smt2"; }
  // In place: the sandbox holds the file open. Others may read it, for the solver runs as another user.
  Status write(std::string_view text) {
    std::FILE* file = std::fopen(question().c_str(), "wbe");
    if (file == nullptr) return std::unexpected(io_error("write", question(), errno));
    const bool whole = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    const bool closed = std::fclose(file) == 0;
    chmod(question().c_str(), 0644);
    if (!whole || !closed) return std::unexpected(io_error("write", question(), errno));
    return {};
  }

 private:
  std::string path_;
};

const char* solver_name(Dialect dialect) { return dialect == Dialect::kCvc5 ? "cvc5" : "z3"; }

const char* said_name(Said said) {
  switch (said) {
    case Said::kUnsat: return "unsat";
    case Said::kSat: return "sat";
    case Said::kUnknown: return "unknown";
    case Said::kFailed: return "failed";
  }
  return "failed";
}

SolverSpec usual_solver(Dialect dialect, std::string launcher) {
  SolverSpec spec;
  spec.dialect = dialect;
  spec.program = fmt::format("/usr/bin/{}", solver_name(dialect));
  spec.launcher = std::move(launcher);
  const std::string local = fmt::format("/usr/local/bin/{}", solver_name(dialect));
  if (access(spec.program.c_str(), X_OK) != 0 && access(local.c_str(), X_OK) == 0) spec.program = local;
  return spec;
}

Solver::~Solver() = default;

Result<SolverIdentity> identify(const SolverSpec& spec) {
  const char* name = solver_name(spec.dialect);
  if (access(spec.program.c_str(), X_OK) != 0) {
    return fail(Code::kNotFound, fmt::format("the solver {} is not installed as `{}`; apt-get install {}", name,
                                             spec.program, name));
  }
  SolverIdentity out;
  PV_TRY(const std::string program, read_file(spec.program, kSolverFileBytesMax));
  out.program = sha256(program);
  PV_TRY(std::vector<std::string> libraries, sandbox::libraries_of(spec.program));
  std::ranges::sort(libraries);
  std::string all;
  for (const std::string& path : libraries) {
    PV_TRY(const std::string bytes, read_file(path, kSolverFileBytesMax));
    all += fmt::format("{}  {}\n", sha256(bytes).hex(), path);
  }
  out.libraries = sha256(all);
  for (const std::string& one : arguments_of(spec.dialect)) out.options += (out.options.empty() ? "" : " ") + one;
  return out;
}

Result<Solver> Solver::start(SolverSpec spec) {
  PV_TRY(SolverIdentity who, identify(spec));
  return start(std::move(spec), std::move(who));
}

Result<Solver> Solver::start(SolverSpec spec, SolverIdentity who) {
  const char* name = solver_name(spec.dialect);
  Solver solver;
  solver.identity_ = std::move(who);
  solver.spec_ = std::move(spec);
  PV_TRY(solver.folder_, Folder::create());
  if (auto ok = solver.pose_riddles(); !ok) return fail_at(name, std::move(ok).error());
  return solver;
}

namespace {

sandbox::Spec sandbox_spec(const SolverSpec& spec, std::vector<std::string> arguments, const std::string& scratch,
                           const std::string& question) {
  sandbox::Spec out;
  out.launcher = spec.launcher;
  out.program = spec.program;
  out.arguments = std::move(arguments);
  out.read_only = {question};
  out.scratch = scratch;
  out.memory_bytes = kSolverMemoryMax;
  return out;
}

}  // namespace

Result<std::string> Solver::run_child(sandbox::Prepared& prepared) {
  PV_TRY(sandbox::Child child, sandbox::Child::confine(prepared));
  if (child.report().program != identity_.program) {
    child.stop(0);
    return fail(Code::kUnverified, "the program was replaced since it was read");
  }
  // A short question may be answered before anybody looks: its end is judged below, with its output.
  if (const Status begun = child.go(); !begun && begun.error().code != Code::kUnavailable) {
    return std::unexpected(begun.error());
  }
  const int64_t deadline = now_ms() + spec_.millis_max;
  std::string said;
  char buffer[65536];
  for (;;) {
    pollfd entry{child.output(), POLLIN, 0};
    if (spec_.cancelled && spec_.cancelled()) {
      child.stop(0);
      return fail(Code::kUnavailable, "it was told to stop");
    }
    const int64_t left = deadline - now_ms();
    const int ready = left > 0 ? poll(&entry, 1, static_cast<int>(std::min<int64_t>(left, kSolverWatchMillis))) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0 && left > kSolverWatchMillis) continue;
    if (ready <= 0) {
      child.stop(0);
      return fail(Code::kTimeout, fmt::format("it was stopped after {} s", (spec_.millis_max + 999) / 1000));
    }
    const ssize_t got = read(child.output(), buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) break;
    said.append(buffer, static_cast<size_t>(got));
    if (said.size() > kModelBytesMax) return fail(Code::kLimit, "it said more than a solver may");
  }
  // Its output is closed; what is left is the end itself.
  pollfd end{child.pidfd(), POLLIN, 0};
  poll(&end, 1, static_cast<int>(std::max<int64_t>(0, deadline - now_ms())));
  sandbox::Ended how;
  if (!child.ended(how)) return fail(Code::kTimeout, "it closed its output and went on");
  if (how.signal != 0) return fail(Code::kUnavailable, fmt::format("it ended by signal {}", how.signal));
  if (how.status != 0) {
    return fail(Code::kUnavailable, fmt::format("it ended with status {}, saying `{}`", how.status, shown(said)));
  }
  return said;
}

Result<std::string> Solver::run(const std::string& text) {
  PV_TRY_VOID(folder_->write(text));
  if (!prepared_) {
    std::vector<std::string> arguments = arguments_of(spec_.dialect);
    arguments.push_back(sandbox::file_argument(0));
    PV_TRY(prepared_, sandbox::Prepared::create(sandbox_spec(spec_, std::move(arguments), folder_->scratch(),
                                                             folder_->question())));
  }
  return run_child(*prepared_);
}

// Its version, then two numbers and a sum that fits them or does not, by a coin: `sat` or `unsat`.
Status Solver::pose_riddles() {
  const std::string random = random_bytes(kRiddles * 3);
  std::string text = spec_.dialect == Dialect::kCvc5 ? "(set-logic ALL)\n(set-option :incremental true)\n" : "";
  text += "(get-info :version)\n(declare-const x Int)\n";
  std::string expected;
  for (size_t i = 0; i < kRiddles; ++i) {
    const int a = 1 + static_cast<unsigned char>(random[3 * i]);
    const int b = static_cast<unsigned char>(random[3 * i + 1]);
    const bool fits = (static_cast<unsigned char>(random[3 * i + 2]) & 1U) != 0;
    text += fmt::format("(push 1)(assert (and (> (* 3 x) {}) (< (* 3 x) {})))(assert (= (+ x {}) {}))(check-sat)(pop 1)\n",
                        3 * a - 1, 3 * a + 1, b, a + b + (fits ? 0 : 1 + b));
    expected += fits ? "sat\n" : "unsat\n";
  }
  PV_TRY(const std::string said, run(text));
  std::string_view rest = said;
  const auto cut = [&rest](std::string_view front) {
    const bool there = rest.starts_with(front);
    if (there) rest.remove_prefix(front.size());
    return there;
  };
  if (cut("(:version \"")) {
    const std::string_view version = rest.substr(0, rest.find('"'));
    if (!version.empty() && cut(version) && cut("\")\n") && rest == expected) {
      version_ = shown(version);
      return {};
    }
  }
  return fail(Code::kUnverified, fmt::format("it does not answer as a solver does; to {} questions with known "
                                             "answers it said `{}`", kRiddles, shown(said)));
}

SolverAnswer Solver::ask(const std::string& text) {
  const auto said = run(text);
  if (!said) return {Said::kFailed, said.error().message, {}};
  const size_t end = said->find('\n');
  const std::string verdict = said->substr(0, end);
  std::string rest = end == std::string::npos ? "" : said->substr(end + 1);
  if (verdict == "unsat" && rest.empty()) return {Said::kUnsat, {}, {}};
  if (verdict == "sat") return {Said::kSat, {}, std::move(rest)};
  if (verdict == "unknown") return {Said::kUnknown, "it gave up within its bounds", {}};
  return {Said::kFailed, fmt::format("it said `{}`, which is no verdict", shown(*said)), {}};
}

}  // namespace proviso::prove
