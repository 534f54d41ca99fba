#pragma once
// A child process that can reach nothing: its own network namespace without an interface, Landlock
// over files (and TCP, abstract sockets and signals where the kernel has them), a seccomp allow-list,
// resource limits, no capabilities, an empty environment, its own session, dead with its parent.
// It reads its program, the libraries of that and the files handed to it; it writes in one folder, where
// it listens on a unix socket. It never connects to anything and executes nothing but itself. A tool server
// is such a child too: it speaks on its standard streams, and reads and writes in folders that it is given.
// Works as root (which becomes another uid) and as an ordinary user (in a user namespace).
//
// `proviso-launch`, a small executable of ours, puts the layers on, probes them (probe.h), reports over
// a socket, waits for the word to go and becomes the worker. docs/sandbox.md. Linux only.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "sandbox/probe.h"

namespace proviso::sandbox {

inline constexpr uint32_t kThreadsMax = 512;         // of the worker: one a request, and its own
inline constexpr uint32_t kOpenFilesMax = 256;       // of the worker: one a connection, and its own
inline constexpr size_t kReadOnlyFilesMax = 8;       // a model, a projector, adapters
inline constexpr size_t kFoldersMax = 16;            // that a tool server may read or write
inline constexpr int kProbeMillisMax = 20'000;       // a probe takes 30 ms; a stuck launcher is killed

// Layers that a negative control switches off. Everything else in the project leaves them on.
struct Layers {
  bool network = true;
  bool landlock = true;
  bool seccomp = true;
  bool root = true;  // the connector's, where there is a doorkeeper
};

// A second program in the same sandbox, in front of the worker: it listens in the scratch folder, the worker
// only on inner_socket(), which nobody outside can reach. It may connect to nothing either; it asks the
// connector, on descriptor kFdConnector (wire.h), for one connection to the worker at a time.
struct Doorkeeper {
  std::string program;                 // a path
  std::vector<std::string> arguments;  // argv[1..]; kModelArgument stands for the first file's digest
};
// Where the worker of a doorkeeper must listen, as llama-server writes an abstract socket.
std::string inner_socket();
// Stands in a doorkeeper's arguments for the SHA-256 of read_only[0] in hex, as of each start.
inline constexpr std::string_view kModelArgument = "{model}";

struct Spec {
  std::string launcher;                // path of proviso-launch
  std::string program;                 // path of the worker
  std::vector<std::string> arguments;  // argv[1..]; file_argument(i) stands for read_only[i]
  std::vector<std::string> read_only;  // files that it may read, handed over as descriptors
  std::string scratch;                 // existing folder of ours: the only place where it writes
  std::vector<std::string> read_folders;   // existing folders that it may read, everything below included
  std::vector<std::string> write_folders;  // and those in which it may make, write and remove files
  bool stdio = false;                  // its standard input and output are pipes of ours, its errors dropped
  std::optional<Doorkeeper> doorkeeper;
  uint64_t memory_bytes = 0;           // address space; 0: no limit
  uint32_t run_as = 65534;             // uid and gid, when started as root
  Layers layers;
};

// The path under which the worker opens read_only[index].
std::string file_argument(size_t index);

// A worker's spec with its files opened and digested, so that what was hashed is what will be loaded.
// Movable. Restarting from it digests again only what changed on disk.
class Prepared {
 public:
  // kNotFound, kIo, kInvalid (not an executable for this machine, scratch is not a folder).
  static Result<Prepared> create(Spec spec);
  [[nodiscard]] const Spec& spec() const { return spec_; }
  [[nodiscard]] const Digest& model() const { return model_; }

 private:
  friend class Child;
  struct Opened {
    Fd fd;
    Digest digest;
    int64_t size = 0;
    int64_t changed_ns = 0;
  };
  Status refresh();
  static Status digest(const std::string& path, Opened& file);
  Spec spec_;
  Opened program_;
  Opened doorkeeper_;
  std::vector<Opened> files_;
  std::vector<std::string> libraries_;  // the loader first
  std::vector<std::string> doorkeeper_libraries_;
  Digest model_;
};

// How a child ended: an exit status or the signal that ended it.
struct Ended {
  int status = 0;
  int signal = 0;
};

class FileActions;

// A confined child. Dropping it kills it (SIGKILL) and reaps it. Not thread-safe. It dies with the
// *thread* that called confine() (PR_SET_PDEATHSIG), so that thread must outlive it.
class Child {
 public:
  // Starts the launcher, waits for its report, and leaves the child waiting for go(). kUnverified, with
  // the open ways in the sentence, if the sandbox does not hold; kUnsupported if the kernel lacks a
  // layer; kIo, kTimeout.
  static Result<Child> confine(Prepared& prepared);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  [[nodiscard]] const ProbeReport& report() const { return report_; }
  // Lets it become the worker; kUnavailable if it is gone or could not.
  Status go();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }        // readable when it has ended
  [[nodiscard]] int output() const { return output_.get(); }      // its stdout and stderr, non-blocking
  [[nodiscard]] int input() const { return input_.get(); }        // its stdin, non-blocking; -1 without stdio
  // SIGTERM, SIGKILL after `grace_ms`, reaped. Harmless when it has ended.
  Ended stop(int grace_ms);
  // Reaps it if it has ended; says how again when it was reaped before, by go() for instance.
  bool ended(Ended& how);

 private:
  friend Result<ProbeReport> probe(Prepared& prepared);
  Child() = default;
  static Result<Child> launch(const Prepared& prepared, int outside);
  static Status hand_down(const Prepared& prepared, FileActions& actions);
  static Result<Child> start(Prepared& prepared);
  void signal(int number) const;
  pid_t pid_ = -1;
  Fd pidfd_;
  Fd control_;
  Fd output_;
  Fd input_;
  Ended how_;  // once reaped
  ProbeReport report_;
};

// Like confine(), but returns what was found even if it does not hold, and runs nothing.
Result<ProbeReport> probe(Prepared& prepared);

}  // namespace proviso::sandbox
