#include "sandbox/probe.h"

#include <algorithm>
#include <cerrno>

#include "base/json.h"

namespace proviso::sandbox {
namespace {

constexpr std::array<const char*, kWayCount> kNames = {
    "ipv4_tcp", "ipv6_tcp", "udp", "netlink", "raw", "abstract_unix", "vsock", "write", "exec", "path_unix"};

// The network namespace alone must already close these.
bool by_network(Way way) {
  return way == Way::kIpv4 || way == Way::kIpv6 || way == Way::kUdp || way == Way::kUnixAbstract;
}

// Landlock must close these without seccomp.
bool by_files(Way way) { return way == Way::kWrite || way == Way::kExec; }

bool unreachable(int error) {
  return error == ENETUNREACH || error == ECONNREFUSED || error == EHOSTUNREACH ||
         error == EADDRNOTAVAIL;
}

}  // namespace

const char* way_name(Way way) { return kNames[static_cast<size_t>(way)]; }

int expected_errno(Way way) {
  switch (way) {
    case Way::kIpv4:
    case Way::kIpv6:
    case Way::kUdp:
    case Way::kNetlink:
    case Way::kRaw:
    case Way::kVsock:
    case Way::kWrite: return EACCES;
    case Way::kUnixAbstract:
    case Way::kExec:
    case Way::kUnixPath: return EPERM;
  }
  return EPERM;
}

// It may connect, but its network has nothing to connect to, nor has its file system.
int expected_connector_errno(Way way) {
  switch (way) {
    case Way::kUnixAbstract: return ECONNREFUSED;
    case Way::kUnixPath: return ENOENT;
    case Way::kWrite:
    case Way::kExec: return EPERM;
    default: return EACCES;
  }
}

bool WayResult::closed() const {
  if (inside != expected_errno(way)) return false;
  if (!shown()) return true;
  if (by_network(way) && !unreachable(after_network)) return false;
  return !by_files(way) || after_files == EACCES;
}

bool ProbeReport::held() const { return landlock_abi > 0 && open().empty(); }

std::vector<std::string> ProbeReport::open() const {
  std::vector<std::string> names;
  for (const auto& way : ways) {
    if (!way.closed()) names.emplace_back(way_name(way.way));
  }
  if (!has_doorkeeper) return names;
  for (size_t i = 0; i < kWayCount; ++i) {
    const auto way = static_cast<Way>(i);
    if (doorkeeper[i] != expected_errno(way)) names.push_back(std::string("doorkeeper:") + way_name(way));
    if (connector[i] != expected_connector_errno(way)) names.push_back(std::string("connector:") + way_name(way));
  }
  return names;
}

std::vector<std::string> ProbeReport::not_shown() const {
  std::vector<std::string> names;
  for (const auto& way : ways) {
    if (!way.shown()) names.emplace_back(way_name(way.way));
  }
  return names;
}

std::string errno_name(int error_number) {
  switch (error_number) {
    case kNotTried: return "-";
    case 0: return "open";
    case EPERM: return "EPERM";
    case ENOENT: return "ENOENT";
    case EACCES: return "EACCES";
    case EADDRNOTAVAIL: return "EADDRNOTAVAIL";
    case EAFNOSUPPORT: return "EAFNOSUPPORT";
    case ECONNREFUSED: return "ECONNREFUSED";
    case EHOSTUNREACH: return "EHOSTUNREACH";
    case ENETUNREACH: return "ENETUNREACH";
    case ENODEV: return "ENODEV";
    case EPROTONOSUPPORT: return "EPROTONOSUPPORT";
    case ESOCKTNOSUPPORT: return "ESOCKTNOSUPPORT";
    default: return std::to_string(error_number);
  }
}

namespace {

// The ways in RFC 8785 order: their names sorted.
std::array<Way, kWayCount> sorted_ways() {
  std::array<Way, kWayCount> sorted{};
  for (size_t i = 0; i < kWayCount; ++i) sorted[i] = static_cast<Way>(i);
  std::ranges::sort(sorted, {}, [](Way way) { return std::string_view(way_name(way)); });
  return sorted;
}

void write_errnos(json::Writer& w, const std::array<int, kWayCount>& errnos) {
  w.key("ways").begin_object();
  for (const Way way : sorted_ways()) {
    w.key(way_name(way)).string(errno_name(errnos[static_cast<size_t>(way)]));
  }
  w.end_object();
}

}  // namespace

std::string ProbeReport::text() const {
  std::string out;
  json::Writer w(out);
  w.begin_object();
  if (has_doorkeeper) {
    w.key("connector").begin_object().key("filter").string(connector_filter.hex());
    write_errnos(w, connector);
    w.end_object();
    w.key("doorkeeper").begin_object().key("program").string(doorkeeper_program.hex());
    write_errnos(w, doorkeeper);
    w.end_object();
  }
  w.key("filter").string(filter.hex());
  w.key("held").boolean(held());
  w.key("landlock_abi").integer(landlock_abi);
  w.key("model").string(model.hex());
  w.key("program").string(program.hex());
  w.key("uid").uinteger(uid);
  w.key("user_namespace").boolean(user_namespace);
  w.key("ways").begin_object();
  for (const Way name : sorted_ways()) {
    const WayResult& way = ways[static_cast<size_t>(name)];
    w.key(way_name(name)).begin_object();
    w.key("files").string(errno_name(way.after_files));
    w.key("inside").string(errno_name(way.inside));
    w.key("network").string(errno_name(way.after_network));
    w.key("outside").string(errno_name(way.outside));
    w.key("shown").boolean(way.shown());
    w.end_object();
  }
  w.end_object();
  w.end_object();
  return out;
}

}  // namespace proviso::sandbox
