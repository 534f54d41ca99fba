#include "http/server.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <cstring>

#include "http/address.h"
#include "http/connection.h"
#include "http/tls.h"

namespace proviso::http {
namespace {

constexpr int kBacklog = 1024;
constexpr int kAcceptsPerWakeMax = 64;  // so that one burst of connections does not hold up the others

// Accepts on one loop. Kept alive by its own pending wait; close() ends that.
class Acceptor final : public Timed, public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(Shard& shard, Fd fd, int family, SslContext tls)
      : Timed(shard.loop),
        shard_(&shard),
        family_(family),
        tls_(std::move(tls)),
        socket_(shard.loop.impl().io.get_executor(), fd.release()) {}

  void wait() {
    waiting_ = true;
    socket_.async_wait(Descriptor::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                         self->waiting_ = false;
                         if (error || self->closed_) return;
                         if (self->accept_some()) self->wait();
                       });
  }

  void close() {
    closed_ = true;
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  // Out of descriptors: tries again at the next sweep instead of spinning.
  void sweep(Time) override {
    if (!waiting_ && !closed_) wait();
  }

 private:
  using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

  bool accept_some() {
    for (int i = 0; i < kAcceptsPerWakeMax; ++i) {
      sockaddr_storage from{};
      socklen_t size = sizeof(from);
      Fd fd(accept4(socket_.native_handle(), reinterpret_cast<sockaddr*>(&from), &size,
                    SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd.valid()) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
      }
      take(std::move(fd), from);
    }
    return true;
  }

  void take(Fd fd, const sockaddr_storage& from) {
    ServerShared& shared = shard_->shared;
    if (shared.connections.fetch_add(1) >= shared.limits.connections) {
      --shared.connections;
      ++shared.refused;
      return;
    }
    if (family_ != AF_UNIX) {
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    Wire::Ptr wire(new Wire(shard_->loop, std::move(fd), family_));
    if (tls_) {
      auto ssl = server_ssl(tls_, wire->fd());
      if (!ssl) {
        --shared.connections;
        return;
      }
      wire->start_tls(std::move(*ssl));
    }
    {
      const std::lock_guard lock(shared.mutex);
      ++shared.live;
    }
    Connection::start(*shard_, std::move(wire), format_address(from));
  }

  Shard* shard_;
  int family_;
  SslContext tls_;
  Descriptor socket_;
  bool waiting_ = false, closed_ = false;
};

struct Opened {
  Fd fd;
  int family = AF_UNIX;
};

Result<Opened> open_tcp(const Listen& listen, uint16_t port) {
  sockaddr_storage address{};
  PV_TRY(const socklen_t size, parse_address(listen.host, port, address));
  Opened opened{Fd(socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
                address.ss_family};
  const std::string where = listen.host + ":" + std::to_string(port);
  if (!opened.fd.valid()) return std::unexpected(io_error("open", where, errno));
  const int on = 1;
  setsockopt(opened.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  setsockopt(opened.fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (bind(opened.fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(opened.fd.get(), kBacklog) != 0)
    return std::unexpected(io_error("listen on", where, errno));
  return opened;
}

Result<Opened> open_unix(const Listen& listen) {
  sockaddr_storage address{};
  PV_TRY(const socklen_t size, unix_address(listen.unix_path, address));
  Opened opened{Fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), AF_UNIX};
  const std::string& path = listen.unix_path;
  if (!opened.fd.valid()) return std::unexpected(io_error("open", path, errno));
  struct stat info{};
  if (lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) return fail(Code::kInvalid, "`" + path + "` is there and is not a socket");
    if (connect(opened.fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 || errno == EAGAIN)
      return fail(Code::kIo, "listen on `" + path + "`: another program listens there");
    if (unlink(path.c_str()) != 0) return std::unexpected(io_error("remove", path, errno));
  }
  // Nobody can connect before listen(), so the mode is right from the first moment.
  if (bind(opened.fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      chmod(path.c_str(), static_cast<mode_t>(listen.unix_mode)) != 0 ||
      ::listen(opened.fd.get(), kBacklog) != 0)
    return std::unexpected(io_error("listen on", path, errno));
  return opened;
}

Result<uint16_t> port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return std::unexpected(io_error("name", "a listener", errno));
  return address_port(address);
}

class ServerImpl final : public Server {
 public:
  ServerImpl(Loops& loops, ServerConfig config, Handler handler)
      : loops_(loops), listeners_(std::move(config.listeners)) {
    shared_.handler = std::move(handler);
    shared_.limits = config.limits;
    for (size_t i = 0; i < loops.size(); ++i)
      shards_.push_back(std::make_unique<Shard>(loops.at(i), shared_));
  }
  ~ServerImpl() override { stop(std::chrono::milliseconds(0)); }

  Status open();
  [[nodiscard]] uint16_t bound_port(size_t listener) const override { return ports_.at(listener); }
  [[nodiscard]] size_t connections() const override { return shared_.connections; }
  [[nodiscard]] uint64_t refused() const override { return shared_.refused; }
  void stop(std::chrono::milliseconds grace) override;

 private:
  using Sockets = std::vector<std::pair<size_t, Opened>>;  // shard, socket
  Result<Sockets> open_listener(const Listen& listen);
  void accept_on(size_t shard, Opened opened, const SslContext& tls);
  bool wait_live(std::optional<Time> due);
  void on_each_loop(const std::function<void(size_t)>& fn);

  Loops& loops_;
  std::vector<Listen> listeners_;
  std::vector<uint16_t> ports_;
  std::vector<std::string> unix_paths_;  // ours to remove
  ServerShared shared_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::pair<size_t, std::shared_ptr<Acceptor>>> acceptors_;
  bool stopped_ = false;
};

Result<ServerImpl::Sockets> ServerImpl::open_listener(const Listen& listen) {
  Sockets sockets;
  if (!listen.unix_path.empty()) {
    PV_TRY(auto first, open_unix(listen));
    unix_paths_.push_back(listen.unix_path);
    // One listening socket for all loops: a unix socket knows no SO_REUSEPORT.
    for (size_t i = 1; i < shards_.size(); ++i)
      sockets.emplace_back(i, Opened{Fd(fcntl(first.fd.get(), F_DUPFD_CLOEXEC, 0)), AF_UNIX});
    sockets.emplace_back(0, std::move(first));
    ports_.push_back(0);
    return sockets;
  }
  uint16_t port = listen.port;
  for (size_t i = 0; i < shards_.size(); ++i) {
    PV_TRY(auto opened, open_tcp(listen, port));
    if (port == 0) {
      PV_TRY(port, port_of(opened.fd.get()));
    }
    sockets.emplace_back(i, std::move(opened));
  }
  ports_.push_back(port);
  return sockets;
}

void ServerImpl::accept_on(size_t shard, Opened opened, const SslContext& tls) {
  // Made on its loop, where it is linked among the loop's deadlines.
  std::promise<std::shared_ptr<Acceptor>> made;
  auto future = made.get_future();
  loops_.at(shard).post([&on = *shards_[shard], held = std::move(opened), tls,
                         out = std::move(made)]() mutable {
    auto acceptor = std::make_shared<Acceptor>(on, std::move(held.fd), held.family, std::move(tls));
    acceptor->wait();
    out.set_value(std::move(acceptor));
  });
  acceptors_.emplace_back(shard, future.get());
}

Status ServerImpl::open() {
  std::vector<std::pair<Sockets, SslContext>> opened;
  for (const auto& listen : listeners_) {
    SslContext tls;
    if (listen.tls) {
      PV_TRY(tls, server_tls(*listen.tls));
    }
    PV_TRY(auto sockets, open_listener(listen));
    opened.emplace_back(std::move(sockets), std::move(tls));
  }
  for (auto& [sockets, tls] : opened)
    for (auto& [shard, socket] : sockets) accept_on(shard, std::move(socket), tls);
  return {};
}

bool ServerImpl::wait_live(std::optional<Time> due) {
  std::unique_lock lock(shared_.mutex);
  const auto none = [this] { return shared_.live == 0; };
  if (due) return shared_.changed.wait_until(lock, *due, none);
  shared_.changed.wait(lock, none);
  return true;
}

// Returns when `fn` has run on every loop: what it touches may go afterwards.
void ServerImpl::on_each_loop(const std::function<void(size_t)>& fn) {
  for (size_t i = 0; i < shards_.size(); ++i) {
    std::promise<void> done;
    auto future = done.get_future();
    loops_.at(i).post([&fn, i, out = std::move(done)]() mutable {
      fn(i);
      out.set_value();
    });
    future.get();
  }
}

void ServerImpl::stop(std::chrono::milliseconds grace) {
  if (stopped_) return;
  stopped_ = true;
  on_each_loop([this](size_t i) {
    for (auto& [shard, acceptor] : acceptors_) {
      if (shard != i) continue;
      acceptor->close();
      acceptor.reset();
    }
    shards_[i]->stopping = true;
    for (Connection* c = shards_[i]->first; c != nullptr; c = c->next()) c->close_if_idle();
  });
  for (const auto& path : unix_paths_) unlink(path.c_str());
  if (wait_live(Loop::now() + grace)) return;
  on_each_loop([this](size_t i) {
    for (Connection* c = shards_[i]->first; c != nullptr; c = c->next()) c->abort();
  });
  wait_live(std::nullopt);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::create(Loops& loops, ServerConfig config, Handler handler) {
  if (config.listeners.empty()) return fail(Code::kInvalid, "a server needs a place to listen");
  if (config.limits.head_bytes < 1024 || config.limits.head_bytes > kWireBufferMax)
    return fail(Code::kInvalid, "the limit on a head's bytes is out of range");
  auto server = std::make_unique<ServerImpl>(loops, std::move(config), std::move(handler));
  PV_TRY_VOID(server->open());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace proviso::http
