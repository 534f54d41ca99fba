// proviso-launch: puts the layers of a sandbox on itself, tries to get out behind each, reports, waits for
// the word to go and becomes the worker. Started by sandbox.cc only; wire.h says what they tell each other.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/launch.h"

namespace proviso::sandbox {

bool send_all(int fd, const void* data, size_t size) {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t wrote = write(fd, at, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    at += wrote;
    size -= static_cast<size_t>(wrote);
  }
  return true;
}

void give_up(WireReport& report, const StepError& error) {
  report.failed_errno = error.error != 0 ? error.error : EINVAL;
  std::snprintf(report.step, sizeof report.step, "%s", error.step);
  report.filter_bytes = 0;
  report.connector_filter_bytes = 0;
  send_all(kFdControl, &report, sizeof report);
  _exit(1);
}

void exec_program(int fd, const std::vector<char*>& argv, int say_errno_to) {
  char* envp[] = {nullptr};
  syscall(SYS_execveat, fd, "", argv.data(), envp, AT_EMPTY_PATH);
  const int32_t error = errno;
  send_all(say_errno_to, &error, sizeof error);
  _exit(1);
}

namespace {

// PARENT RUN_AS LAYERS MEMORY THREADS OPEN_FILES FILES LIBRARIES READS WRITES DOORKEEPER_LIBRARIES
// DOORKEEPER_ARGUMENTS, then so many of each: libraries, folders to read, folders to write, the doorkeeper's
// libraries, its argv; then the worker's argv.
bool parse(int argc, char** argv, LaunchOptions& options) {
  constexpr int kNumbers = 12;
  if (argc < 1 + kNumbers) return false;
  uint64_t number[kNumbers];
  for (int i = 0; i < kNumbers; ++i) {
    char* end = nullptr;
    number[i] = std::strtoull(argv[1 + i], &end, 10);
    if (end == argv[1 + i] || *end != '\0') return false;
  }
  options.parent = static_cast<int>(number[0]);
  options.run_as = static_cast<uint32_t>(number[1]);
  options.layers = static_cast<uint32_t>(number[2]);
  options.memory_bytes = number[3];
  options.threads_max = static_cast<uint32_t>(number[4]);
  options.open_files_max = static_cast<uint32_t>(number[5]);
  options.files = static_cast<int>(number[6]);
  int at = 1 + kNumbers;
  const auto take = [&](uint64_t count, auto& into) {
    if (count > static_cast<uint64_t>(argc - at)) return false;
    for (const int end = at + static_cast<int>(count); at < end; ++at) into.emplace_back(argv[at]);
    return true;
  };
  if (!take(number[7], options.libraries) || !take(number[8], options.read_folders) ||
      !take(number[9], options.write_folders) || !take(number[10], options.doorkeeper_libraries) ||
      !take(number[11], options.doorkeeper_argv)) {
    return false;
  }
  if (options.has_doorkeeper()) options.doorkeeper_argv.push_back(nullptr);
  take(static_cast<uint64_t>(argc - at), options.argv);
  options.argv.push_back(nullptr);
  return options.argv.size() > 1;
}

void keep_only_ours(const LaunchOptions& options) {
  const int after = options.doorkeeper_fd() + (options.has_doorkeeper() ? 1 : 0);
  syscall(SYS_close_range, static_cast<unsigned>(after), ~0u, 0);
  for (int fd = kFdProgram; fd < kFdFiles; ++fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (options.has_doorkeeper()) fcntl(options.doorkeeper_fd(), F_SETFD, FD_CLOEXEC);
}

void put_on(const LaunchOptions& options, const Targets& targets, WireReport& report,
            std::string& filter) {
  try_ways(targets, report, 0, true);
  if ((options.layers & kLayerNetwork) != 0) {
    if (auto e = enter_namespaces(report)) give_up(report, e);
  }
  try_ways(targets, report, 1, true);
  if (auto e = drop_privileges(options)) give_up(report, e);
  if ((options.layers & kLayerLandlock) != 0) {
    if (auto e = restrict_files(options, Part::kAlone, report)) give_up(report, e);
  }
  try_ways(targets, report, 2, true);
  if (auto e = build_filter(options, Filter::kProgram, filter)) give_up(report, e);
  if ((options.layers & kLayerSeccomp) != 0) {
    if (auto e = load_filter()) give_up(report, e);
  }
  try_ways(targets, report, 3, false);
}

// The worker without a doorkeeper: this process becomes it.
int run_alone(const LaunchOptions& options, const Targets& targets, WireReport& report) {
  std::string filter;
  put_on(options, targets, report, filter);
  report.uid = getuid();
  report.filter_bytes = static_cast<uint32_t>(filter.size());
  if (!send_all(kFdControl, &report, sizeof report) || !send_all(kFdControl, filter.data(), filter.size())) return 1;
  // The last try: if it works, the control socket closes without this word, and the parent knows.
  const int32_t exec_error = try_exec(targets);
  if (!send_all(kFdControl, &exec_error, sizeof exec_error)) return 1;

  char word = 0;
  if (read(kFdControl, &word, 1) != 1 || word != kWireGo) return 1;
  exec_program(kFdProgram, options.argv, kFdControl);
}

int run(int argc, char** argv) {
  LaunchOptions options;
  WireReport report;
  if (!parse(argc, argv, options)) {
    std::fputs("proviso-launch is started by proviso, not by hand\n", stderr);
    return 2;
  }
  keep_only_ours(options);
  umask(0077);
  std::signal(SIGPIPE, SIG_IGN);
  const Targets targets = make_targets();
  if (fchdir(kFdScratch) != 0) give_up(report, {"enter the scratch folder", errno});
  return options.has_doorkeeper() ? run_with_doorkeeper(options, targets, report)
                                  : run_alone(options, targets, report);
}

}  // namespace
}  // namespace proviso::sandbox

int main(int argc, char** argv) { _exit(proviso::sandbox::run(argc, argv)); }
