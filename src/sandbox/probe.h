#pragma once
// What the self-probe of a sandbox found. Before a worker runs, its launcher tries to get out: once
// outside, where each way should work (a positive control), and again behind each layer, the last time
// inside the finished sandbox. A way that is closed outside too is recorded as not shown: its closing
// proves nothing. Pure values; the gate writes text() as facts of a leaf.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"

namespace proviso::sandbox {

// The ways out. kUnixPath is one more than nine: no Landlock before ABI 9 closes it, only seccomp does.
enum class Way { kIpv4, kIpv6, kUdp, kNetlink, kRaw, kUnixAbstract, kVsock, kWrite, kExec, kUnixPath };
inline constexpr size_t kWayCount = 10;
const char* way_name(Way way);  // "ipv4_tcp", "ipv6_tcp", "udp", "netlink", "raw", "abstract_unix", ...

inline constexpr int kNotTried = -1;

// The errno of each try; 0 means that it worked.
struct WayResult {
  Way way = Way::kIpv4;
  int outside = kNotTried;        // before any layer, as the starting user
  int after_network = kNotTried;  // behind the network namespace alone
  int after_files = kNotTried;    // behind Landlock too, without seccomp
  int inside = kNotTried;         // in the finished sandbox
  [[nodiscard]] bool shown() const { return outside == 0; }
  // Closed inside with the errno of the layer that must close it, and closed behind the namespace and
  // Landlock already where that layer alone must do it.
  [[nodiscard]] bool closed() const;
};

struct ProbeReport {
  std::array<WayResult, kWayCount> ways;
  int landlock_abi = 0;         // 0: the kernel has none
  bool user_namespace = false;  // the launcher was not root
  uint32_t uid = 0;             // that the worker runs under
  Digest filter;                // SHA-256 of the seccomp program
  Digest program;               // of the worker's executable
  Digest model;                 // of the first read-only file; zero where none was given

  // Where a doorkeeper stands in front of the worker: the errnos of its tries in its finished sandbox, which
  // is the worker's, and of the connector's in the connector's, in the order of Way.
  bool has_doorkeeper = false;
  std::array<int, kWayCount> doorkeeper{};
  std::array<int, kWayCount> connector{};
  Digest doorkeeper_program;
  Digest connector_filter;

  // Every way is closed. A worker starts only then.
  [[nodiscard]] bool held() const;
  // The ways that are not closed, by name; a doorkeeper's and a connector's with `doorkeeper:` and
  // `connector:` in front.
  [[nodiscard]] std::vector<std::string> open() const;
  // The ways that were closed outside too, by name.
  [[nodiscard]] std::vector<std::string> not_shown() const;
  // Canonical JSON, docs/sandbox.md: {"filter":hex,"landlock_abi":7,"model":hex,...,"ways":{...}}.
  [[nodiscard]] std::string text() const;
};

// The errno with which the finished sandbox must refuse a way, to a program and to the connector.
int expected_errno(Way way);
int expected_connector_errno(Way way);
// "EACCES" for those that occur here, else the number.
std::string errno_name(int error_number);

}  // namespace proviso::sandbox
