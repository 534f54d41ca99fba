#include "http/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <array>
#include <cstring>

namespace proviso::http {
namespace {

// The address families share storage by design of the interface.
sockaddr_in& as_v4(sockaddr_storage& a) { return reinterpret_cast<sockaddr_in&>(a); }
sockaddr_in6& as_v6(sockaddr_storage& a) { return reinterpret_cast<sockaddr_in6&>(a); }
const sockaddr_in& as_v4(const sockaddr_storage& a) { return reinterpret_cast<const sockaddr_in&>(a); }
const sockaddr_in6& as_v6(const sockaddr_storage& a) { return reinterpret_cast<const sockaddr_in6&>(a); }

}  // namespace

Result<socklen_t> parse_address(const std::string& host, uint16_t port, sockaddr_storage& out) {
  out = {};
  if (inet_pton(AF_INET, host.c_str(), &as_v4(out).sin_addr) == 1) {
    as_v4(out).sin_family = AF_INET;
    as_v4(out).sin_port = htons(port);
    return static_cast<socklen_t>(sizeof(sockaddr_in));
  }
  if (inet_pton(AF_INET6, host.c_str(), &as_v6(out).sin6_addr) == 1) {
    as_v6(out).sin6_family = AF_INET6;
    as_v6(out).sin6_port = htons(port);
    return static_cast<socklen_t>(sizeof(sockaddr_in6));
  }
  return fail(Code::kInvalid, "`" + host + "` is not a numeric address");
}

Result<socklen_t> unix_address(const std::string& path, sockaddr_storage& out) {
  out = {};
  auto& address = reinterpret_cast<sockaddr_un&>(out);
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return fail(Code::kInvalid, "`" + path + "` is too long for a socket, or empty");
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return static_cast<socklen_t>(sizeof(sockaddr_un));
}

std::string format_address(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &as_v4(address).sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(address_port(address));
  }
  if (address.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &as_v6(address).sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]:" + std::to_string(address_port(address));
  }
  return "unix";
}

uint16_t address_port(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return ntohs(as_v4(address).sin_port);
  if (address.ss_family == AF_INET6) return ntohs(as_v6(address).sin6_port);
  return 0;
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return (ntohl(as_v4(address).sin_addr.s_addr) >> 24) == 127;
  if (address.ss_family == AF_INET6) return IN6_IS_ADDR_LOOPBACK(&as_v6(address).sin6_addr) != 0;
  return address.ss_family == AF_UNIX;
}

}  // namespace proviso::http
