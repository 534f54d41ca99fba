#include "sandbox/sandbox.h"

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <cstdlib>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "sandbox/elf.h"
#include "sandbox/wire.h"

namespace proviso::sandbox {
namespace {

static_assert(kWireWays == kWayCount);

int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// Removes what an earlier worker left in `path`: sockets, since it can make nothing else.
Status clear_sockets(const std::string& path) {
  DIR* dir = opendir(path.c_str());
  if (dir == nullptr) return std::unexpected(io_error("open", path, errno));
  while (const dirent* entry = readdir(dir)) {
    struct stat info{};
    const bool known = fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (known && S_ISSOCK(info.st_mode)) unlinkat(dirfd(dir), entry->d_name, 0);
  }
  closedir(dir);
  return {};
}

// A folder that anyone may write to, so that only the sandbox can be what keeps a worker out.
class OutsideFolder {
 public:
  static Result<OutsideFolder> create(const std::string& beside) {
    OutsideFolder folder;
    folder.path_ = beside + ".outside.XXXXXX";
    if (mkdtemp(folder.path_.data()) == nullptr) {
      const int error = errno;
      folder.path_.clear();
      return std::unexpected(io_error("make a folder beside", beside, error));
    }
    folder.fd_ = Fd(open(folder.path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.fd_.valid() || fchmod(folder.fd_.get(), 0777) != 0) {
      return std::unexpected(io_error("open", folder.path_, errno));
    }
    return folder;
  }
  OutsideFolder(OutsideFolder&& other) noexcept
      : path_(std::exchange(other.path_, {})), fd_(std::move(other.fd_)) {}
  OutsideFolder& operator=(OutsideFolder&&) = delete;
  ~OutsideFolder() {
    if (path_.empty()) return;
    for (const char* name : {"probe.sock", "probe.write"}) unlinkat(fd_.get(), name, 0);
    rmdir(path_.c_str());
  }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  OutsideFolder() = default;
  std::string path_;
  Fd fd_;
};

}  // namespace

// Puts descriptors on the numbers that wire.h names. They are first copied out of the way, because a
// source may stand on another's target.
class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  Status put(int source, int target) {
    Fd copy(fcntl(source, F_DUPFD_CLOEXEC, kFirstCopy));
    if (!copy.valid()) return std::unexpected(io_error("copy a descriptor for", "proviso-launch", errno));
    posix_spawn_file_actions_adddup2(&actions_, copy.get(), target);
    copies_.push_back(std::move(copy));
    return {};
  }
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  static constexpr int kFirstCopy = 100;
  posix_spawn_file_actions_t actions_;
  std::vector<Fd> copies_;
};

namespace {

class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

// The argv of a doorkeeper; empty without one.
std::vector<std::string> doorkeeper_argv(const Spec& spec, const Digest& model) {
  if (!spec.doorkeeper) return {};
  std::vector<std::string> argv = {spec.doorkeeper->program};
  for (const std::string& argument : spec.doorkeeper->arguments) {
    argv.push_back(argument == kModelArgument ? model.hex() : argument);
  }
  return argv;
}

std::vector<std::string> launcher_arguments(const Spec& spec, const std::vector<std::string>& libraries,
                                            const std::vector<std::string>& doorkeeper_libraries,
                                            const std::vector<std::string>& doorkeeper) {
  const uint32_t layers = (spec.layers.network ? kLayerNetwork : 0) |
                          (spec.layers.landlock ? kLayerLandlock : 0) |
                          (spec.layers.seccomp ? kLayerSeccomp : 0) | (spec.layers.root ? kLayerRoot : 0) |
                          (spec.stdio ? kWithFolders : 0);
  std::vector<std::string> arguments = {
      spec.launcher, std::to_string(getpid()), std::to_string(spec.run_as), std::to_string(layers),
      std::to_string(spec.memory_bytes), std::to_string(kThreadsMax), std::to_string(kOpenFilesMax),
      std::to_string(spec.read_only.size()), std::to_string(libraries.size()),
      std::to_string(spec.read_folders.size()), std::to_string(spec.write_folders.size()),
      std::to_string(doorkeeper_libraries.size()), std::to_string(doorkeeper.size())};
  for (const auto* more :
       {&libraries, &spec.read_folders, &spec.write_folders, &doorkeeper_libraries, &doorkeeper}) {
    arguments.insert(arguments.end(), more->begin(), more->end());
  }
  arguments.push_back(spec.program);
  arguments.insert(arguments.end(), spec.arguments.begin(), spec.arguments.end());
  return arguments;
}

// Reads exactly `size` bytes before the deadline. kUnavailable at the end of the stream.
Status read_exactly(int fd, void* data, size_t size, int64_t deadline_ms) {
  auto* at = static_cast<char*>(data);
  while (size > 0) {
    const auto left = deadline_ms - now_ms();
    pollfd entry{fd, POLLIN, 0};
    const int ready = left > 0 ? poll(&entry, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return fail(Code::kTimeout, "the sandbox launcher does not answer");
    const ssize_t got = read(fd, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(Code::kUnavailable, "the sandbox launcher ended early");
    at += got;
    size -= static_cast<size_t>(got);
  }
  return {};
}

Result<ProbeReport> read_report(int control) {
  const int64_t deadline = now_ms() + kProbeMillisMax;
  WireReport wire;
  PV_TRY_VOID(read_exactly(control, &wire, sizeof wire, deadline));
  if (wire.magic != kWireMagic || wire.filter_bytes > kWireFilterBytesMax ||
      wire.connector_filter_bytes > kWireFilterBytesMax) {
    return fail(Code::kInternal, "the sandbox launcher is of another build");
  }
  if (wire.failed_errno != 0) {
    wire.step[sizeof wire.step - 1] = '\0';
    return fail(Code::kUnsupported, std::string("the sandbox cannot ") + wire.step + ": " +
                                        std::strerror(wire.failed_errno));
  }
  ProbeReport report;
  for (size_t i = 0; i < kWayCount; ++i) {
    const auto& tries = wire.tries[i];
    report.ways[i] = {static_cast<Way>(i), tries[0], tries[1], tries[2], tries[3]};
    report.doorkeeper[i] = wire.doorkeeper[i];
    report.connector[i] = wire.connector[i];
  }
  report.landlock_abi = wire.landlock_abi;
  report.user_namespace = wire.user_namespace != 0;
  report.uid = wire.uid;
  std::string filter(wire.filter_bytes, '\0');
  PV_TRY_VOID(read_exactly(control, filter.data(), filter.size(), deadline));
  report.filter = sha256(filter);
  std::string connector_filter(wire.connector_filter_bytes, '\0');
  PV_TRY_VOID(read_exactly(control, connector_filter.data(), connector_filter.size(), deadline));
  report.connector_filter = sha256(connector_filter);
  // The stream ends without this word if the launcher became the other program: a way out.
  int32_t exec_error = 0;
  const auto status = read_exactly(control, &exec_error, sizeof exec_error, deadline);
  if (!status && status.error().code != Code::kUnavailable) return std::unexpected(status.error());
  report.ways[static_cast<size_t>(Way::kExec)].inside = status ? exec_error : 0;
  return report;
}

std::string join(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

std::string inner_socket() { return std::string("@") + kInnerSocket; }

std::string file_argument(size_t index) {
  return "/proc/self/fd/" + std::to_string(kFdFiles + static_cast<int>(index));
}

Status Prepared::digest(const std::string& path, Opened& file) {
  struct stat info{};
  if (fstat(file.fd.get(), &info) != 0) return std::unexpected(io_error("look at", path, errno));
  const int64_t changed = int64_t{info.st_ctim.tv_sec} * 1'000'000'000 + info.st_ctim.tv_nsec;
  if (file.changed_ns == changed && file.size == info.st_size) return {};
  if (!S_ISREG(info.st_mode)) return fail(Code::kInvalid, "`" + path + "` is not a regular file");
  Sha256 hash;
  std::string buffer(1 << 20, '\0');
  for (off_t at = 0;;) {
    const ssize_t got = pread(file.fd.get(), buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(io_error("read", path, errno));
    if (got == 0) break;
    hash.update(std::string_view(buffer).substr(0, static_cast<size_t>(got)));
    at += got;
  }
  file.digest = hash.finish();
  file.size = info.st_size;
  file.changed_ns = changed;
  return {};
}

Result<Prepared> Prepared::create(Spec spec) {
  if (spec.read_only.size() > kReadOnlyFilesMax) {
    return fail(Code::kLimit, "a worker gets at most " + std::to_string(kReadOnlyFilesMax) + " files");
  }
  if (spec.read_folders.size() > kFoldersMax || spec.write_folders.size() > kFoldersMax) {
    return fail(Code::kLimit, "a tool server gets at most " + std::to_string(kFoldersMax) + " folders of a kind");
  }
  Prepared prepared;
  const auto open_one = [](const std::string& path, mode_t others, Opened& file) -> Status {
    file.fd = Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.fd.valid()) return std::unexpected(io_error("open", path, errno));
    struct stat info{};
    if (fstat(file.fd.get(), &info) != 0) return std::unexpected(io_error("look at", path, errno));
    if (geteuid() == 0 && (info.st_mode & others) != others) {
      return fail(Code::kInvalid, "`" + path + "` must be readable" +
                                      ((others & S_IXOTH) != 0 ? " and executable" : "") +
                                      " by others, because the worker does not run as root");
    }
    return digest(path, file);
  };
  PV_TRY_VOID(open_one(spec.program, S_IROTH | S_IXOTH, prepared.program_));
  if (spec.doorkeeper) {
    PV_TRY_VOID(open_one(spec.doorkeeper->program, S_IROTH | S_IXOTH, prepared.doorkeeper_));
    PV_TRY(prepared.doorkeeper_libraries_, libraries_of(spec.doorkeeper->program));
  }
  for (const auto& path : spec.read_only) {
    PV_TRY_VOID(open_one(path, S_IROTH, prepared.files_.emplace_back()));
  }
  if (!prepared.files_.empty()) prepared.model_ = prepared.files_.front().digest;
  PV_TRY(prepared.libraries_, libraries_of(spec.program));
  struct stat info{};
  if (stat(spec.scratch.c_str(), &info) != 0) {
    return std::unexpected(io_error("look at", spec.scratch, errno));
  }
  if (!S_ISDIR(info.st_mode)) return fail(Code::kInvalid, "`" + spec.scratch + "` is not a folder");
  if (geteuid() == 0 && chown(spec.scratch.c_str(), spec.run_as, spec.run_as) != 0) {
    return std::unexpected(io_error("give away", spec.scratch, errno));
  }
  prepared.spec_ = std::move(spec);
  return prepared;
}

Status Prepared::refresh() {
  PV_TRY_VOID(digest(spec_.program, program_));
  if (spec_.doorkeeper) PV_TRY_VOID(digest(spec_.doorkeeper->program, doorkeeper_));
  for (size_t i = 0; i < files_.size(); ++i) PV_TRY_VOID(digest(spec_.read_only[i], files_[i]));
  if (!files_.empty()) model_ = files_.front().digest;
  return {};
}

Result<Child> Child::launch(const Prepared& prepared, int outside) {
  const Spec& spec = prepared.spec_;
  Fd scratch(open(spec.scratch.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!scratch.valid()) return std::unexpected(io_error("open", spec.scratch, errno));
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return std::unexpected(io_error("make a socket for", spec.launcher, errno));
  }
  Child child;
  child.control_ = Fd(sockets[0]);
  const Fd theirs(sockets[1]);
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
    return std::unexpected(io_error("make a pipe for", spec.launcher, errno));
  }
  child.output_ = Fd(pipe_fds[0]);
  const Fd said(pipe_fds[1]);
  fcntl(child.output_.get(), F_SETFL, O_NONBLOCK);
  Fd heard;
  if (spec.stdio) {
    int input_fds[2];
    if (pipe2(input_fds, O_CLOEXEC) != 0) {
      return std::unexpected(io_error("make a pipe for", spec.launcher, errno));
    }
    heard = Fd(input_fds[0]);
    child.input_ = Fd(input_fds[1]);
    fcntl(child.input_.get(), F_SETFL, O_NONBLOCK);
  }

  FileActions actions;
  PV_TRY_VOID(actions.put(said.get(), 1));
  if (spec.stdio) {
    PV_TRY_VOID(actions.put(heard.get(), 0));
    posix_spawn_file_actions_addopen(actions.get(), 2, "/dev/null", O_WRONLY, 0);
  } else {
    posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
    PV_TRY_VOID(actions.put(said.get(), 2));
  }
  PV_TRY_VOID(actions.put(theirs.get(), kFdControl));
  PV_TRY_VOID(actions.put(outside, kFdOutside));
  PV_TRY_VOID(actions.put(scratch.get(), kFdScratch));
  PV_TRY_VOID(hand_down(prepared, actions));
  auto arguments = launcher_arguments(spec, prepared.libraries_, prepared.doorkeeper_libraries_,
                                      doorkeeper_argv(spec, prepared.model_));
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  char* envp[] = {nullptr};
  Attributes attributes;
  pid_t pid = -1;
  const int error = posix_spawn(&pid, spec.launcher.c_str(), actions.get(), attributes.get(), argv.data(), envp);
  if (error != 0) return std::unexpected(io_error("start", spec.launcher, error));
  child.pid_ = pid;
  child.pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!child.pidfd_.valid()) return std::unexpected(io_error("watch", spec.launcher, errno));
  return child;
}

// The programs and the files, behind each other.
Status Child::hand_down(const Prepared& prepared, FileActions& actions) {
  PV_TRY_VOID(actions.put(prepared.program_.fd.get(), kFdProgram));
  int next = kFdFiles;
  for (const auto& file : prepared.files_) PV_TRY_VOID(actions.put(file.fd.get(), next++));
  if (prepared.spec_.doorkeeper) PV_TRY_VOID(actions.put(prepared.doorkeeper_.fd.get(), next));
  return {};
}

// The folder for the write probe lives until the report is read; the launcher's end of the control socket
// is closed here by then, so that the launcher's end shows.
Result<Child> Child::start(Prepared& prepared) {
  PV_TRY_VOID(prepared.refresh());
  PV_TRY_VOID(clear_sockets(prepared.spec_.scratch));
  PV_TRY(const auto outside, OutsideFolder::create(prepared.spec_.scratch));
  PV_TRY(auto child, launch(prepared, outside.fd()));
  PV_TRY(child.report_, read_report(child.control_.get()));
  child.report_.program = prepared.program_.digest;
  child.report_.model = prepared.model_;
  child.report_.has_doorkeeper = prepared.spec_.doorkeeper.has_value();
  child.report_.doorkeeper_program = prepared.doorkeeper_.digest;
  return child;
}

Result<Child> Child::confine(Prepared& prepared) {
  PV_TRY(auto child, start(prepared));
  if (!child.report_.held()) {
    return fail(Code::kUnverified, "the sandbox does not hold, so the worker was not started; open: " +
                                       join(child.report_.open()));
  }
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      control_(std::move(other.control_)),
      output_(std::move(other.output_)),
      input_(std::move(other.input_)),
      how_(other.how_),
      report_(other.report_) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    stop(0);
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    control_ = std::move(other.control_);
    output_ = std::move(other.output_);
    input_ = std::move(other.input_);
    how_ = other.how_;
    report_ = other.report_;
  }
  return *this;
}

Child::~Child() { stop(0); }

Status Child::go() {
  if (send(control_.get(), &kWireGo, 1, MSG_NOSIGNAL) != 1) {
    return fail(Code::kUnavailable, "the sandbox launcher ended before the worker began");
  }
  int32_t error = 0;
  const auto status = read_exactly(control_.get(), &error, sizeof error, now_ms() + kProbeMillisMax);
  control_ = Fd();
  if (status) return std::unexpected(io_error("become", "the worker", error));
  if (status.error().code == Code::kTimeout) return std::unexpected(status.error());
  Ended how;
  if (ended(how)) return fail(Code::kUnavailable, "the worker ended as it began");
  return {};
}

void Child::signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

bool Child::ended(Ended& how) {
  how = how_;
  if (pid_ <= 0) return true;
  int status = 0;
  const pid_t got = waitpid(pid_, &status, WNOHANG);
  if (got == 0 || (got < 0 && errno == EINTR)) return false;
  how = how_ = WIFSIGNALED(status) ? Ended{0, WTERMSIG(status)} : Ended{WEXITSTATUS(status), 0};
  pid_ = -1;
  return true;
}

Ended Child::stop(int grace_ms) {
  Ended how;
  if (pid_ <= 0) return how;
  if (grace_ms > 0) {
    signal(SIGTERM);
    pollfd entry{pidfd_.get(), POLLIN, 0};
    const int64_t deadline = now_ms() + grace_ms;
    for (int64_t left = grace_ms; left > 0; left = deadline - now_ms()) {
      if (poll(&entry, 1, static_cast<int>(left)) >= 0 || errno != EINTR) break;
    }
    if (ended(how)) return how;
  }
  signal(SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  how = WIFSIGNALED(status) ? Ended{0, WTERMSIG(status)} : Ended{WEXITSTATUS(status), 0};
  pid_ = -1;
  return how;
}

Result<ProbeReport> probe(Prepared& prepared) {
  PV_TRY(const auto child, Child::start(prepared));
  return child.report();
}

}  // namespace proviso::sandbox
