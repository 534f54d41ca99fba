#pragma once
// Socket addresses. Inside http only.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "base/result.h"

namespace proviso::http {

// A numeric IPv4 or IPv6 address; kInvalid otherwise. Gives the address's size.
Result<socklen_t> parse_address(const std::string& host, uint16_t port, sockaddr_storage& out);
// kInvalid when the path is empty or too long for a socket address.
Result<socklen_t> unix_address(const std::string& path, sockaddr_storage& out);
// "127.0.0.1:4711", "[::1]:4711", "unix".
std::string format_address(const sockaddr_storage& address);
uint16_t address_port(const sockaddr_storage& address);
bool is_loopback(const sockaddr_storage& address);

}  // namespace proviso::http
