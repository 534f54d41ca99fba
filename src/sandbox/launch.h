#pragma once
// The parts of proviso-launch. It is a program of its own with nothing in it but libc and libseccomp, so
// that what stands between a worker and the machine can be read in one sitting. Single-threaded.
#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/wire.h"

namespace proviso::sandbox {

struct LaunchOptions {
  int parent = 0;            // pid of the parent
  uint32_t run_as = 65534;   // uid and gid, as root
  uint32_t layers = 7;
  uint64_t memory_bytes = 0;
  uint32_t threads_max = 0;
  uint32_t open_files_max = 0;
  int files = 0;             // read-only files from kFdFiles on
  std::vector<std::string> libraries;  // the loader first
  std::vector<std::string> read_folders;
  std::vector<std::string> write_folders;
  std::vector<char*> argv;             // of the worker, ends in nullptr
  std::vector<std::string> doorkeeper_libraries;
  std::vector<char*> doorkeeper_argv;  // ends in nullptr; without a doorkeeper empty
  [[nodiscard]] bool has_doorkeeper() const { return !doorkeeper_argv.empty(); }
  [[nodiscard]] int doorkeeper_fd() const { return kFdFiles + files; }
};

// A step that could not be done: its name, for a person, and errno.
struct StepError {
  const char* step = nullptr;
  int error = 0;
  explicit operator bool() const { return step != nullptr; }
};

// Who a process of the sandbox is to be. Alone, a worker may write its socket into the scratch folder; behind
// a doorkeeper it may not, the doorkeeper may; kBoth is what stands around both of them and the connector.
enum class Part { kAlone, kWorker, kDoorkeeper, kBoth };

// launch_layers.cc, in the order in which they are put on.
StepError enter_namespaces(WireReport& report);           // a network without an interface
StepError drop_privileges(const LaunchOptions& options);  // uid, capabilities, limits, no_new_privs
StepError restrict_files(const LaunchOptions& options, Part part, WireReport& report);  // Landlock
StepError forbid_new_privileges();
StepError leave_root();  // sees nothing but the scratch folder from now on
// seccomp_filter.cc. The program is built first, sent to the parent, then loaded.
enum class Filter { kProgram, kConnector };
StepError build_filter(const LaunchOptions& options, Filter filter, std::string& program);
StepError load_filter();

// launch_ways.cc: the targets of the tries, made outside before any layer.
struct Targets {
  int ipv4 = -1, ipv6 = -1, udp = -1, unix_abstract = -1, unix_path = -1;  // listening
  uint16_t ipv4_port = 0, ipv6_port = 0, udp_port = 0;
  std::string abstract_name;
  int other_program = -1;  // O_PATH of something that is not the worker
};
Targets make_targets();
// Tries every way; the exec way in a forked child, or, where `fork_allowed` is false, not at all.
void try_ways(const Targets& targets, WireReport& report, int stage, bool fork_allowed);
// Tries to execute something else in this process: returns the errno, or does not return.
int try_exec(const Targets& targets);

// launch_connector.cc: the worker and its doorkeeper as two children of this process, which becomes the
// connector between them. Returns the exit status, or gives up.
int run_with_doorkeeper(const LaunchOptions& options, const Targets& targets, WireReport& report);

// launch_main.cc: what the parent is told.
bool send_all(int fd, const void* data, size_t size);
[[noreturn]] void give_up(WireReport& report, const StepError& error);
[[noreturn]] void exec_program(int fd, const std::vector<char*>& argv, int say_errno_to);

}  // namespace proviso::sandbox
