#include "base/bytes.h"
#include "http/address.h"
#include "http/client.h"

namespace proviso::http {
namespace {

Status split_authority(std::string_view authority, uint16_t default_port, Endpoint& out) {
  if (authority.find('@') != std::string_view::npos)
    return fail(Code::kInvalid, "an upstream's address holds no user info");
  std::string_view host = authority;
  std::string_view port;
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return fail(Code::kInvalid, "an address in `[` lacks its `]`");
    host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
  } else if (const size_t colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (host.empty()) return fail(Code::kInvalid, "an upstream's address lacks its host");
  for (char c : host) {
    const bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '.' || c == '-' || c == ':' || c == '_';
    if (!fine) return fail(Code::kInvalid, "`" + std::string(host) + "` is not a host name");
  }
  out.host = host;
  out.port = default_port;
  if (port.empty()) return {};
  if (port.front() != ':') return fail(Code::kInvalid, "a port stands after `:`");
  PV_TRY(const uint64_t number, parse_u64(port.substr(1)));
  if (number == 0 || number > 65'535) return fail(Code::kInvalid, "a port is 1 to 65535");
  out.port = static_cast<uint16_t>(number);
  return {};
}

bool names_loopback(const Endpoint& endpoint) {
  if (endpoint.host == "localhost") return true;
  sockaddr_storage address{};
  return parse_address(endpoint.host, 1, address).has_value() && is_loopback(address);
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view url) {
  Endpoint endpoint;
  if (url.starts_with("unix:")) {
    endpoint.kind = Kind::kUnix;
    endpoint.unix_path = url.substr(5);
    endpoint.host = "localhost";
    sockaddr_storage unused{};
    const auto size = unix_address(endpoint.unix_path, unused);
    if (!size) return std::unexpected(size.error());
    return endpoint;
  }
  uint16_t port = 0;
  if (url.starts_with("https://")) {
    endpoint.kind = Kind::kTls;
    url.remove_prefix(8);
    port = 443;
  } else if (url.starts_with("http://")) {
    endpoint.kind = Kind::kPlain;
    url.remove_prefix(7);
    port = 80;
  } else {
    return fail(Code::kInvalid, "an upstream is `https://…`, `http://` to this machine, or `unix:/…`");
  }
  if (url.find_first_of("?#") != std::string_view::npos)
    return fail(Code::kInvalid, "an upstream's address has no query or fragment");
  const size_t slash = url.find('/');
  PV_TRY_VOID(split_authority(url.substr(0, slash), port, endpoint));
  if (slash != std::string_view::npos) endpoint.base_path = url.substr(slash);
  while (endpoint.base_path.ends_with('/')) endpoint.base_path.pop_back();
  for (char c : endpoint.base_path)
    if (c < 0x21 || c > 0x7e) return fail(Code::kInvalid, "an upstream's path holds a stray byte");
  if (endpoint.kind == Kind::kPlain && !names_loopback(endpoint))
    return fail(Code::kInvalid, "`" + endpoint.host + "` is not this machine: use https");
  return endpoint;
}

}  // namespace proviso::http
