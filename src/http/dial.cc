#include "http/dial.h"

#include <netinet/tcp.h>

#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "http/address.h"
#include "http/tls.h"

namespace proviso::http {
namespace {

using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Executor>;

constexpr size_t kAddressesMax = 8;  // of one name that are tried: a bad name must not cost minutes

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

// Outlives the wait when that ends first.
struct Lookup {
  explicit Lookup(Loop& loop) : resolver(loop.impl().io.get_executor()), done(loop) {}
  Resolver resolver;
  Event done;
  std::vector<Address> found;
};

Task<Result<std::vector<Address>>> resolve(Loop& loop, const Endpoint& endpoint, Time due,
                                           Cancel* cancel) {
  Address numeric;
  if (const auto size = parse_address(endpoint.host, endpoint.port, numeric.bytes)) {
    numeric.size = *size;
    std::vector<Address> one{numeric};
    co_return one;
  }
  auto lookup = std::make_shared<Lookup>(loop);
  auto take = [lookup](const boost::system::error_code&, const Resolver::results_type& results) {
    for (const auto& entry : results) {
      if (lookup->found.size() == kAddressesMax) break;
      Address address;
      address.size = static_cast<socklen_t>(entry.endpoint().size());
      std::memcpy(&address.bytes, entry.endpoint().data(), entry.endpoint().size());
      lookup->found.push_back(address);
    }
    lookup->done.set();
  };
  lookup->resolver.async_resolve(endpoint.host, std::to_string(endpoint.port),
                                 asio::ip::resolver_base::numeric_service, std::move(take));
  const Woken woken = co_await lookup->done.wait(due, cancel);
  if (woken == Woken::kDeadline) co_return fail(Code::kTimeout, "`" + endpoint.host + "` was not resolved in time");
  if (woken == Woken::kCancelled) co_return fail(Code::kUnavailable, "the call was cancelled");
  if (lookup->found.empty()) co_return fail(Code::kUnavailable, "`" + endpoint.host + "` has no address");
  co_return std::move(lookup->found);
}

Error connect_error(const std::string& where, int error_number) {
  const Code code = error_number == ETIMEDOUT ? Code::kTimeout : Code::kUnavailable;
  if (error_number == ECANCELED) return {code, "the call was cancelled"};
  return {code, "cannot connect to `" + where + "`: " + std::strerror(error_number)};
}

Task<Result<Wire::Ptr>> connect_one(Loop& loop, Address address, std::string where, Time due,
                                    Cancel* cancel) {
  const int family = address.bytes.ss_family;
  Fd fd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) co_return std::unexpected(connect_error(where, errno));
  if (family != AF_UNIX) {
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  const int outcome = connect(fd.get(), reinterpret_cast<sockaddr*>(&address.bytes), address.size);
  const int immediate = outcome == 0 ? 0 : errno;
  // A unix socket whose queue is full says EAGAIN and cannot be waited for.
  if (immediate != 0 && immediate != EINPROGRESS) co_return std::unexpected(connect_error(where, immediate));
  Wire::Ptr wire(new Wire(loop, std::move(fd), family));
  if (immediate == 0) co_return wire;
  std::optional<Cancel::Listener> listener;
  if (cancel != nullptr) {
    Wire* target = wire.get();
    auto stop = [target] { target->close(Wire::End::kCancelled); };
    listener.emplace(*cancel, std::move(stop));
  }
  const int error = co_await wire->connected(due);
  if (error != 0) co_return std::unexpected(connect_error(where, error));
  co_return wire;
}

Task<Result<Wire::Ptr>> secure(Wire::Ptr wire, const Endpoint& endpoint, SslContext tls, Time due,
                               Cancel* cancel) {
  auto ssl = client_ssl(tls, endpoint.host, wire->fd());
  if (!ssl) co_return std::unexpected(ssl.error());
  wire->start_tls(std::move(*ssl));
  std::optional<Cancel::Listener> listener;
  if (cancel != nullptr) {
    Wire* target = wire.get();
    auto stop = [target] { target->close(Wire::End::kCancelled); };
    listener.emplace(*cancel, std::move(stop));
  }
  const Status shaken = co_await tls_handshake(*wire, due);
  if (!shaken) co_return fail_at(endpoint.host, shaken.error());
  co_return wire;
}

}  // namespace

Task<Result<Wire::Ptr>> dial(Loop& loop, const Endpoint& endpoint, SslContext tls, Time due,
                             Cancel* cancel) {
  if (endpoint.kind == Endpoint::Kind::kUnix) {
    Address address;
    const auto size = unix_address(endpoint.unix_path, address.bytes);
    if (!size) co_return std::unexpected(size.error());
    address.size = *size;
    auto wire = co_await connect_one(loop, address, endpoint.unix_path, due, cancel);
    co_return wire;
  }
  auto addresses = co_await resolve(loop, endpoint, due, cancel);
  if (!addresses) co_return std::unexpected(addresses.error());
  const std::string where = endpoint.host + ":" + std::to_string(endpoint.port);
  Error last{Code::kUnavailable, "cannot connect to `" + where + "`"};
  for (const Address& address : *addresses) {
    // A name that only looks local must not carry clear text off the machine.
    if (endpoint.kind == Endpoint::Kind::kPlain && !is_loopback(address.bytes)) {
      last = {Code::kInvalid, "`" + where + "` is not this machine: use https"};
      continue;
    }
    auto wire = co_await connect_one(loop, address, where, due, cancel);
    if (!wire) {
      last = wire.error();
      if (last.code == Code::kTimeout) break;
      continue;
    }
    if (endpoint.kind == Endpoint::Kind::kPlain) co_return wire;
    // A certificate that fails is not tried again elsewhere.
    auto secured = co_await secure(std::move(*wire), endpoint, tls, due, cancel);
    co_return secured;
  }
  co_return std::unexpected(last);
}

}  // namespace proviso::http
