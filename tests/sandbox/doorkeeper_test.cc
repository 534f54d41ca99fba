// A worker with a doorkeeper: two programs and a connector in one sandbox.
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <map>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "box.h"
#include "sandbox/wire.h"

namespace proviso::sandbox {
namespace {

using test::Box;

Spec with_doorkeeper(const Box& box, std::vector<std::string> worker, std::vector<std::string> door) {
  Spec spec = box.spec(std::move(worker));
  spec.doorkeeper = Doorkeeper{box.program(), std::move(door)};
  return spec;
}

Spec usual(const Box& box) { return with_doorkeeper(box, {"serve", inner_socket()}, {"door", "w.sock"}); }

std::string read_to_end(int fd, int wait_ms = 10'000) {
  std::string out;
  char buffer[4096];
  for (;;) {
    pollfd entry{fd, POLLIN, 0};
    if (poll(&entry, 1, wait_ms) <= 0) break;
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    out.append(buffer, static_cast<size_t>(got));
  }
  return out;
}

int connect_to(std::string path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const bool abstract = path.starts_with('\0');
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// What the door says, once it is there.
std::string knock(const Box& box, const Child& child) {
  for (int tries = 0; tries < 2000; ++tries) {
    if (const int fd = connect_to(box.scratch() + "/w.sock"); fd >= 0) {
      std::string said = read_to_end(fd);
      close(fd);
      if (said != "nobody\n") return said;  // the worker may still be on its way
    }
    pollfd entry{child.pidfd(), POLLIN, 0};
    if (poll(&entry, 1, 5) != 0) return "it ended: " + read_to_end(child.output());
  }
  return {};
}

// An ordinary user needs the namespace to leave the root as well.
Layers without_network() { return {.network = false, .root = geteuid() == 0}; }

bool open_has(const ProbeReport& report, const std::string& name) {
  const auto open = report.open();
  return std::find(open.begin(), open.end(), name) != open.end();
}

TEST(Doorkeeper, PassesTheWorkersWordsOn) {
  const Box box;
  auto prepared = Prepared::create(usual(box));
  ASSERT_TRUE(prepared.has_value()) << prepared.error().message;
  for (int round = 0; round < 2; ++round) {
    auto child = Child::confine(*prepared);
    ASSERT_TRUE(child.has_value()) << child.error().message;
    if (round == 0) std::printf("as uid %u: %s\n", geteuid(), child->report().text().c_str());
    EXPECT_TRUE(child->report().has_doorkeeper);
    ASSERT_TRUE(child->go().has_value());
    EXPECT_EQ(knock(box, *child), "hello\n");
    EXPECT_EQ(knock(box, *child), "hello\n");
    EXPECT_EQ(child->stop(3000).signal, SIGTERM);
  }
}

// The promise that the doorkeeper rests on: from outside there is no way past it.
TEST(Doorkeeper, NobodyOutsideReachesTheWorkerBehindIt) {
  const Box box;
  auto prepared = Prepared::create(usual(box));
  ASSERT_TRUE(prepared.has_value());
  const std::string inner = std::string(1, '\0') + kInnerSocket;
  {
    auto child = Child::confine(*prepared);
    ASSERT_TRUE(child.has_value()) << child.error().message;
    ASSERT_TRUE(child->go().has_value());
    ASSERT_EQ(knock(box, *child), "hello\n");
    EXPECT_EQ(connect_to(inner), -1);
    EXPECT_EQ(errno, ECONNREFUSED);
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(box.scratch())) {
      EXPECT_EQ(entry.path().filename(), "w.sock");
      ++files;
    }
    EXPECT_EQ(files, 1U);
  }
  // Control: without the network layer the name is the machine's, and anyone gets past.
  Spec spec = usual(box);
  spec.layers = without_network();
  auto open = Prepared::create(spec);
  ASSERT_TRUE(open.has_value());
  const auto child = Child::confine(*open);
  ASSERT_FALSE(child.has_value());
  EXPECT_EQ(child.error().code, Code::kUnverified);
  EXPECT_NE(child.error().message.find("connector:abstract_unix"), std::string::npos) << child.error().message;
}

TEST(Doorkeeper, EachLayerOffShowsInTheProbe) {
  const struct {
    Layers layers;
    std::vector<std::string> open;
  } cases[] = {
      {without_network(), {"connector:abstract_unix", "ipv4_tcp"}},
      {{.landlock = false}, {"doorkeeper:write", "write", "exec"}},
      {{.seccomp = false}, {"doorkeeper:path_unix", "doorkeeper:netlink", "connector:netlink", "path_unix"}},
      {{.root = false}, {"connector:path_unix"}},
  };
  const Box box;
  for (const auto& c : cases) {
    Spec spec = usual(box);
    spec.layers = c.layers;
    auto prepared = Prepared::create(spec);
    ASSERT_TRUE(prepared.has_value());
    const auto report = probe(*prepared);
    ASSERT_TRUE(report.has_value()) << report.error().message;
    for (const std::string& name : c.open) {
      EXPECT_TRUE(open_has(*report, name)) << name << " in " << report->text();
    }
    EXPECT_FALSE(report->held());
  }
  auto prepared = Prepared::create(usual(box));
  ASSERT_TRUE(prepared.has_value());
  const auto report = probe(*prepared);
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_TRUE(report->held()) << report->text();
}

// Only the root layer keeps the connector from the sockets of the machine.
TEST(Doorkeeper, TheRootLayerAloneClosesPathsToTheConnector) {
  const Box box;
  Spec spec = usual(box);
  spec.layers.root = false;
  auto prepared = Prepared::create(spec);
  ASSERT_TRUE(prepared.has_value());
  const auto report = probe(*prepared);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->open(), std::vector<std::string>{"connector:path_unix"});
}

TEST(Doorkeeper, MayDoNoMoreThanAWorker) {
  const Box box;
  const std::string door_says = [&] {
    auto prepared = Prepared::create(
        with_doorkeeper(box, {"serve", inner_socket()}, {"door-calls", "w.sock"}));
    EXPECT_TRUE(prepared.has_value());
    auto child = Child::confine(*prepared);
    EXPECT_TRUE(child.has_value()) << child.error().message;
    EXPECT_TRUE(child->go().has_value());
    EXPECT_EQ(knock(box, *child), "hello\n");
    child->stop(0);
    return read_to_end(child->output(), 100);
  }();
  EXPECT_TRUE(door_says.starts_with("0\n1\n2\n7\n")) << door_says;
  std::map<std::string, int> seen;
  std::istringstream lines(door_says.substr(8));
  std::string name;
  for (int value = 0; lines >> name >> value;) seen[name] = value;
  for (const char* call : {"execve", "fork", "connect", "ptrace", "kill", "pidfd_open"}) {
    ASSERT_TRUE(seen.contains(call)) << door_says;
    EXPECT_EQ(seen.at(call), EPERM) << call;
  }
  EXPECT_EQ(seen.at("inet"), EACCES);
  EXPECT_EQ(seen.at("file_in_scratch"), EACCES);
}

// How a child ends that soon does by itself; go() may find that it did already.
Ended run_to_end(Child& child) {
  const auto going = child.go();
  EXPECT_TRUE(going.has_value() || going.error().code == Code::kUnavailable) << going.error().message;
  pollfd entry{child.pidfd(), POLLIN, 0};
  EXPECT_EQ(poll(&entry, 1, 10'000), 1);
  Ended how;
  EXPECT_TRUE(child.ended(how));
  return how;
}

// The worker behind a doorkeeper writes nowhere: it could otherwise put itself in the doorkeeper's place.
TEST(Doorkeeper, TheWorkerBehindItMakesNoSocketInTheFolder) {
  const Box box;
  auto prepared = Prepared::create(with_doorkeeper(box, {"serve", "w.sock"}, {"door", "other.sock"}));
  ASSERT_TRUE(prepared.has_value());
  auto child = Child::confine(*prepared);
  ASSERT_TRUE(child.has_value()) << child.error().message;
  EXPECT_EQ(run_to_end(*child).status, 1);
  EXPECT_NE(read_to_end(child->output()).find("Permission denied"), std::string::npos);
}

TEST(Doorkeeper, OneThatEndsTakesTheOtherWithIt) {
  const Box box;
  const struct {
    std::vector<std::string> worker;
    std::vector<std::string> door;
    int status;
  } cases[] = {
      {{"exit", "3"}, {"door", "w.sock"}, 3},
      {{"serve", inner_socket()}, {"exit", "4"}, 4},
      {{"crash"}, {"door", "w.sock"}, 128 + SIGSEGV},
  };
  for (const auto& c : cases) {
    auto prepared = Prepared::create(with_doorkeeper(box, c.worker, c.door));
    ASSERT_TRUE(prepared.has_value());
    auto child = Child::confine(*prepared);
    ASSERT_TRUE(child.has_value()) << child.error().message;
    EXPECT_EQ(run_to_end(*child).status, c.status);
    // The pipe closes when the last of the three is gone.
    pollfd said{child->output(), POLLIN, 0};
    char buffer[4096];
    ssize_t got = 1;
    while (got > 0 && poll(&said, 1, 10'000) == 1) got = read(child->output(), buffer, sizeof buffer);
    EXPECT_EQ(got, 0);
  }
}

TEST(Doorkeeper, IsToldWhichModelStandsBehindIt) {
  const Box box;
  auto prepared = Prepared::create(
      with_doorkeeper(box, {"serve", inner_socket()}, {"look", std::string(kModelArgument)}));
  ASSERT_TRUE(prepared.has_value());
  auto child = Child::confine(*prepared);
  ASSERT_TRUE(child.has_value()) << child.error().message;
  (void)child->go();
  EXPECT_NE(read_to_end(child->output()).find(sha256("weights").hex()), std::string::npos);
}

TEST(Doorkeeper, SaysWhatIsWrongWithIt) {
  const Box box;
  Spec spec = usual(box);
  spec.doorkeeper->program = "/nonexistent";
  const auto prepared = Prepared::create(spec);
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().code, Code::kNotFound);
  EXPECT_NE(prepared.error().message.find("/nonexistent"), std::string::npos);
}

}  // namespace
}  // namespace proviso::sandbox
