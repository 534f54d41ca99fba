#include "sandbox/sandbox.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <grp.h>
#include <map>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "box.h"
#include "sandbox/elf.h"

namespace proviso::sandbox {
namespace {

using test::Box;

std::string read_to_end(int fd) {
  std::string out;
  char buffer[4096];
  for (;;) {
    pollfd entry{fd, POLLIN, 0};
    if (poll(&entry, 1, 10'000) <= 0) break;
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    out.append(buffer, static_cast<size_t>(got));
  }
  return out;
}

// What the test worker says inside the sandbox.
std::string inside(const Box& box, std::vector<std::string> arguments) {
  auto prepared = Prepared::create(box.spec(std::move(arguments)));
  EXPECT_TRUE(prepared.has_value()) << prepared.error().message;
  if (!prepared) return {};
  auto child = Child::confine(*prepared);
  EXPECT_TRUE(child.has_value()) << child.error().message;
  if (!child) return {};
  const auto going = child->go();
  EXPECT_TRUE(going.has_value() || going.error().code == Code::kUnavailable) << going.error().message;
  return read_to_end(child->output());
}

// What it says without one: the positive control.
std::string outside(const Box& box, const std::string& arguments) {
  const std::string command = "cd " + box.scratch() + " && " + box.program() + " " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string out = read_to_end(fileno(pipe));
  pclose(pipe);
  return out;
}

std::map<std::string, int> results(const std::string& text) {
  std::map<std::string, int> out;
  std::istringstream lines(text);
  std::string name;
  for (int value = 0; lines >> name >> value;) out[name] = value;
  return out;
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Probe, HoldsAndItsControlsSucceedOutside) {
  const Box box;
  auto prepared = Prepared::create(box.spec());
  ASSERT_TRUE(prepared.has_value()) << prepared.error().message;
  const auto report = probe(*prepared);
  ASSERT_TRUE(report.has_value()) << report.error().message;
  std::printf("as uid %u: %s\n", geteuid(), report->text().c_str());
  EXPECT_TRUE(report->held());
  EXPECT_EQ(report->open(), std::vector<std::string>());
  EXPECT_EQ(report->user_namespace, geteuid() != 0);
  EXPECT_EQ(report->uid, geteuid() == 0 ? 65534 : geteuid());
  EXPECT_EQ(report->model, sha256("weights"));
  for (const Way way : {Way::kIpv4, Way::kUdp, Way::kNetlink, Way::kUnixAbstract, Way::kWrite, Way::kExec,
                        Way::kUnixPath}) {
    EXPECT_TRUE(report->ways[static_cast<size_t>(way)].shown()) << way_name(way);
  }
  for (const auto& name : report->not_shown()) std::printf("not shown here: %s\n", name.c_str());
}

TEST(Probe, SaysTheSameFilterEveryTime) {
  const Box box;
  auto prepared = Prepared::create(box.spec());
  ASSERT_TRUE(prepared.has_value());
  const auto first = probe(*prepared);
  const auto second = probe(*prepared);
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_EQ(first->filter, second->filter);
  EXPECT_NE(first->filter, sha256(""));
}

// Negative controls: each layer alone switched off opens exactly what that layer must close.
TEST(Probe, EachLayerOffOpensExactlyItsWays) {
  const struct {
    const char* layer;
    Layers layers;
    std::vector<std::string> open;
  } cases[] = {
      {"network", {.network = false}, {"abstract_unix", "ipv4_tcp", "ipv6_tcp", "udp"}},
      {"landlock", {.landlock = false}, {"exec", "write"}},
      {"seccomp",
       {.seccomp = false},
       {"abstract_unix", "exec", "netlink", "path_unix", "raw", "udp", "vsock"}},
  };
  const Box box;
  for (const auto& c : cases) {
    Spec spec = box.spec({"identity"});
    spec.layers = c.layers;
    auto prepared = Prepared::create(spec);
    ASSERT_TRUE(prepared.has_value());
    const auto report = probe(*prepared);
    ASSERT_TRUE(report.has_value()) << report.error().message;
    auto expected = c.open;
    const auto add = [&](Way way) { expected.emplace_back(way_name(way)); };
    // Landlock from ABI 4 on refuses TCP with the same errno as seccomp.
    if (!c.layers.seccomp && report->landlock_abi < 4) {
      add(Way::kIpv4);
      add(Way::kIpv6);
    }
    // Closed outside too, so that the layer has nothing to show.
    for (const auto& name : report->not_shown()) {
      if (c.layers.seccomp) std::erase(expected, name);
    }
    EXPECT_EQ(sorted(report->open()), sorted(expected)) << c.layer << ": " << report->text();
    EXPECT_FALSE(report->held()) << c.layer;

    const auto child = Child::confine(*prepared);
    ASSERT_FALSE(child.has_value()) << c.layer << " is off and the worker may start";
    EXPECT_EQ(child.error().code, Code::kUnverified);
  }
}

TEST(Probe, OneOpenWayIsEnoughToRefuse) {
  ProbeReport report;
  report.landlock_abi = 7;
  for (size_t i = 0; i < kWayCount; ++i) {
    const auto way = static_cast<Way>(i);
    report.ways[i] = {way, 0, ENETUNREACH, EACCES, expected_errno(way)};
  }
  EXPECT_TRUE(report.held());
  for (size_t i = 0; i < kWayCount; ++i) {
    for (const int other : {0, kNotTried, ENOENT}) {
      ProbeReport changed = report;
      changed.ways[i].inside = other;
      EXPECT_FALSE(changed.held()) << way_name(changed.ways[i].way) << " " << other;
      EXPECT_EQ(changed.open(), std::vector<std::string>{way_name(changed.ways[i].way)});
    }
  }
  ProbeReport without = report;
  without.landlock_abi = 0;
  EXPECT_FALSE(without.held());
}

TEST(Sandbox, ReadsOnlyWhatItWasGiven) {
  const Box box;
  const std::string paths[] = {"/etc/passwd", "/etc/ld.so.cache", "/proc/self/status",
                               "/proc/" + std::to_string(getpid()) + "/environ", "/dev/urandom",
                               box.model(), box.beside(), box.launcher(), "/"};
  std::vector<std::string> arguments = {"look", file_argument(0)};
  arguments.insert(arguments.end(), std::begin(paths), std::end(paths));
  const auto seen = results(inside(box, arguments));
  EXPECT_EQ(seen.at(file_argument(0)), 0);
  for (const auto& path : paths) {
    // The model is the file that it was given, by whatever name.
    const int expected = path == box.model() ? 0 : EACCES;
    EXPECT_EQ(seen.at(path), expected) << path;
  }
  const auto control = results(outside(box, "look /etc/passwd " + box.beside() + " /proc/self/status"));
  for (const auto& [path, error] : control) EXPECT_EQ(error, 0) << path << " is closed outside too";
  EXPECT_EQ(control.size(), 3U);
}

TEST(Sandbox, KeepsOnlyItsDescriptors) {
  const Box box;
  const int leaked = open("/etc/passwd", O_RDONLY);  // without O_CLOEXEC, as a careless library would
  EXPECT_EQ(inside(box, {"descriptors"}), "0\n1\n2\n7\n");
  close(leaked);
}

TEST(Sandbox, HasNoEnvironmentAndAnotherUser) {
  const Box box;
  setenv("PROVISO_SECRET_FOR_TEST", "x", 1);
  const auto seen = results(inside(box, {"identity"}));
  EXPECT_EQ(seen.at("environment"), 0);
  EXPECT_EQ(seen.at("thread"), 1);
  EXPECT_EQ(static_cast<uint32_t>(seen.at("uid")), geteuid() == 0 ? 65534 : geteuid());
}

TEST(Sandbox, RefusesDangerousCalls) {
  const Box box;
  const std::map<std::string, int> expected = {
      {"execve", EPERM},          {"ptrace", EPERM},        {"io_uring_setup", EPERM},
      {"unshare", EPERM},         {"mount", EPERM},         {"bpf", EPERM},
      {"keyctl", EPERM},          {"kill", EPERM},          {"fork", EPERM},
      {"memfd_create", EPERM},    {"process_vm_readv", EPERM}, {"userfaultfd", EPERM},
      {"perf_event_open", EPERM}, {"pidfd_open", EPERM},    {"setsid", EPERM},
      {"prctl_dumpable", EPERM},  {"datagram", EPERM},      {"inet", EACCES},
      {"write_exec_memory", EPERM}, {"connect", EPERM},     {"file_in_scratch", EACCES},
      {"list_parent", EACCES}};
  const auto seen = results(inside(box, {"calls"}));
  for (const auto& [name, error] : expected) {
    ASSERT_TRUE(seen.contains(name)) << name;
    EXPECT_EQ(seen.at(name), error) << name;
  }
  EXPECT_EQ(seen.size(), expected.size());
}

TEST(Sandbox, DangerousCallsWorkOutside) {
  const Box box;
  // execve comes first in the child and would replace it, so the control is a run that lacks it.
  const auto control = results(outside(box, "calls-without-exec"));
  for (const char* name : {"memfd_create", "datagram", "inet", "write_exec_memory", "kill", "pidfd_open",
                           "file_in_scratch", "list_parent", "prctl_dumpable"}) {
    ASSERT_TRUE(control.contains(name)) << name;
    EXPECT_EQ(control.at(name), 0) << name;
  }
}

TEST(Sandbox, ServesAUnixSocketInItsScratchFolder) {
  const Box box;
  auto prepared = Prepared::create(box.spec({"serve", "w.sock"}));
  ASSERT_TRUE(prepared.has_value());
  for (int round = 0; round < 2; ++round) {  // the second finds the first's socket gone
    auto child = Child::confine(*prepared);
    ASSERT_TRUE(child.has_value()) << child.error().message;
    ASSERT_TRUE(child->go().has_value());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s/w.sock", box.scratch().c_str());
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int tries = 0;
    while (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && ++tries < 2000) {
      pollfd entry{child->pidfd(), POLLIN, 0};
      ASSERT_EQ(poll(&entry, 1, 5), 0) << "it ended: " << read_to_end(child->output());
    }
    EXPECT_EQ(read_to_end(fd), "hello\n");
    close(fd);
    const auto how = child->stop(3000);
    EXPECT_EQ(how.signal, SIGTERM);
  }
}

TEST(Sandbox, DiesWithItsParent) {
  const Box box;
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    auto prepared = Prepared::create(box.spec({"serve", "w.sock"}));
    auto child = prepared ? Child::confine(*prepared) : Result<Child>(std::unexpected(prepared.error()));
    pid_t pid = -1;
    if (child && child->go()) pid = child->pid();
    const ssize_t wrote = write(fds[1], &pid, sizeof pid);
    char byte = 0;
    const ssize_t got = read(fds[1], &byte, 0);
    // Ends without any clean-up, like a gate that was killed.
    _exit(wrote == sizeof pid && got == 0 ? 0 : 1);
  }
  pid_t worker = -1;
  ASSERT_EQ(read(fds[0], &worker, sizeof worker), static_cast<ssize_t>(sizeof worker));
  ASSERT_GT(worker, 0);
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, worker, 0));
  if (pidfd >= 0) {  // else it is gone already
    pollfd entry{pidfd, POLLIN, 0};
    EXPECT_EQ(poll(&entry, 1, 10'000), 1) << "the worker outlived its parent";
    close(pidfd);
  }
  waitpid(parent, nullptr, 0);
  close(fds[0]);
  close(fds[1]);
}

TEST(Sandbox, DigestsWhatChanged) {
  const Box box;
  auto prepared = Prepared::create(box.spec());
  ASSERT_TRUE(prepared.has_value());
  EXPECT_EQ(prepared->model(), sha256("weights"));
  std::ofstream(box.model()) << "other weights";
  const auto report = probe(*prepared);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->model, sha256("other weights"));
}

TEST(Sandbox, SaysWhatIsWrongWithASpec) {
  const Box box;
  const struct {
    const char* what;
    Spec spec;
    Code code;
    const char* says;
  } cases[] = {
      {"no program", [&] { auto s = box.spec(); s.program = box.model() + "x"; return s; }(), Code::kNotFound, "modelx"},
      {"not a program", [&] { auto s = box.spec(); s.program = box.launcher(); std::ofstream(s.program = box.scratch() + "/text") << "#!/bin/sh"; chmod(s.program.c_str(), 0755); return s; }(), Code::kInvalid, "ELF"},
      {"no model", [&] { auto s = box.spec(); s.read_only = {"/nonexistent"}; return s; }(), Code::kNotFound, "/nonexistent"},
      {"model is a folder", [&] { auto s = box.spec(); s.read_only = {box.scratch()}; return s; }(), Code::kInvalid, "regular"},
      {"no scratch", [&] { auto s = box.spec(); s.scratch = "/nonexistent"; return s; }(), Code::kNotFound, "/nonexistent"},
      {"scratch is a file", [&] { auto s = box.spec(); s.scratch = box.model(); return s; }(), Code::kInvalid, "folder"},
  };
  for (const auto& c : cases) {
    const auto prepared = Prepared::create(c.spec);
    ASSERT_FALSE(prepared.has_value()) << c.what;
    EXPECT_EQ(prepared.error().code, c.code) << c.what << ": " << prepared.error().message;
    EXPECT_NE(prepared.error().message.find(c.says), std::string::npos) << prepared.error().message;
  }
}

TEST(Sandbox, APrivateModelIsNamedWhenRootCannotHandItDown) {
  if (geteuid() != 0) return;
  const Box box;
  chmod(box.model().c_str(), 0600);
  const auto prepared = Prepared::create(box.spec());
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().code, Code::kInvalid);
  EXPECT_NE(prepared.error().message.find("readable"), std::string::npos);
}

TEST(Sandbox, ALauncherThatSaysNothingIsAnError) {
  const Box box;
  Spec spec = box.spec();
  spec.launcher = "/bin/true";
  auto prepared = Prepared::create(spec);
  ASSERT_TRUE(prepared.has_value());
  const auto child = Child::confine(*prepared);
  ASSERT_FALSE(child.has_value());
  EXPECT_EQ(child.error().code, Code::kUnavailable);
}

TEST(Elf, FindsTheLoaderAndLibrariesOfADynamicProgram) {
  const auto files = libraries_of("/bin/true");
  ASSERT_TRUE(files.has_value()) << files.error().message;
  ASSERT_GE(files->size(), 2U);
  EXPECT_NE(files->front().find("ld-linux"), std::string::npos);
}

// All of the above again as an ordinary user, where namespaces need a user namespace.
TEST(AsOrdinaryUser, EverythingHoldsToo) {
  if (geteuid() != 0) {
    std::printf("skipped: running the tests as another user (not root)\n");
    return;
  }
  const Box box;
  const int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(self, 0);
  const pid_t pid = fork();
  if (pid == 0) {
    setenv("PV_TEST_LAUNCHER", box.launcher().c_str(), 1);
    setenv("PV_TEST_CHILD", box.program().c_str(), 1);
    if (setgroups(0, nullptr) != 0 || setresgid(65534, 65534, 65534) != 0 ||
        setresuid(65534, 65534, 65534) != 0 || chdir("/") != 0) {
      _exit(3);
    }
    char name[] = "test_sandbox";
    char filter[] = "--gtest_filter=-AsOrdinaryUser.*";
    char brief[] = "--gtest_brief=1";
    char* argv[] = {name, filter, brief, nullptr};
    fexecve(self, argv, environ);
    _exit(4);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  close(self);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "as uid 65534: status " << status;
}

}  // namespace
}  // namespace proviso::sandbox
