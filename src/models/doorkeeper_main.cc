// proviso-doorkeeper: stands in front of llama-server, inside its sandbox, and passes on what
// models/doorkeeper.h admits. Started by proviso-launch only: SOCKET RECEIPT-KEY MODEL-DIGEST. One thread a
// connection, one request a connection; an answer is passed on byte by byte as it comes.
#include <openssl/crypto.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>

#include "base/file.h"
#include "base/json.h"
#include "models/doorkeeper.h"
#include "sandbox/wire.h"

namespace proviso::models {
namespace {

constexpr int kDoorConnectionsMax = 100;  // two descriptors each; a worker has 64 slots at most
constexpr int kBacklog = 128;
constexpr time_t kSendTimeSMax = 30;  // for a request to arrive whole, and to be taken by the worker

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void limit_time(int fd) {
  const timeval limit{kSendTimeSMax, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

// The connector's socket: one connection to the worker for one byte. Thread-safe.
class Connector {
 public:
  Fd connect() {
    const std::lock_guard lock(mutex_);
    char byte = 'c';
    if (send(sandbox::kFdConnector, &byte, 1, MSG_NOSIGNAL) != 1) return {};
    iovec bytes{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t got = 0;
    do {
      got = recvmsg(sandbox::kFdConnector, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    const cmsghdr* header = got == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
    if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return {};
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return Fd(fd);
  }

 private:
  std::mutex mutex_;
};

class Door {
 public:
  explicit Door(Doorkeeper keeper) : keeper_(std::move(keeper)) {}

  void serve(int listening) {
    for (;;) {
      Fd peer(accept4(listening, nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer.valid()) continue;
      limit_time(peer.get());
      if (serving_.load() >= kDoorConnectionsMax) {
        say(peer.get(), 503, "too many prompts at once");
        continue;
      }
      serving_.fetch_add(1);
      try {
        std::thread([this, taken = std::move(peer)] {
          answer(taken.get());
          serving_.fetch_sub(1);
        }).detach();
      } catch (const std::system_error&) {
        serving_.fetch_sub(1);  // no thread: the connection closes
      }
    }
  }

 private:
  static void say(int peer, int status, std::string_view why) {
    std::string body;
    json::Writer writer(body);
    writer.begin_object().key("error").begin_object();
    writer.key("message").string(why);
    writer.key("type").string("receipt_error");
    writer.end_object().end_object();
    send_all(peer, "HTTP/1.1 " + std::to_string(status) + (status == 403 ? " Forbidden" : " Not Now") +
                       "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  // The head, and what of the body came with it.
  static bool read_head(int peer, std::string& head, std::string& body) {
    char buffer[16 * 1024];
    for (;;) {
      const ssize_t got = recv(peer, buffer, sizeof buffer, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      const size_t before = head.size();
      head.append(buffer, static_cast<size_t>(got));
      const size_t end = head.find("\r\n\r\n", before < 3 ? 0 : before - 3);
      if (end != std::string::npos) {
        body = head.substr(end + 4);
        head.resize(end + 4);
        return head.size() <= kDoorHeadBytesMax;
      }
      if (head.size() > kDoorHeadBytesMax) return false;
    }
  }

  static bool read_body(int peer, uint64_t size, std::string& body) {
    if (body.size() > size) return false;  // a second request behind the first: not on this connection
    size_t have = body.size();
    body.resize(size);
    while (have < size) {
      const ssize_t got = recv(peer, body.data() + have, size - have, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      have += static_cast<size_t>(got);
    }
    return true;
  }

  void answer(int peer) {
    std::string head;
    std::string body;
    if (!read_head(peer, head, body)) return;
    const auto request = read_door_request(head);
    if (!request) return say(peer, 403, request.error().message);
    if (!read_body(peer, request->body_bytes, body)) return;
    const UtcSeconds now = SystemClock().now();
    if (!keeper_.open_at(now)) return say(peer, 503, "the door opens in a moment");
    if (request->kind == DoorRequest::Kind::kPrompt) {
      const Status admitted = keeper_.admit(request->pass, request->path, body, now);
      if (!admitted) return say(peer, admitted.error().code == Code::kLimit ? 503 : 403, admitted.error().message);
    }
    const Fd inner = connector_.connect();
    if (!inner.valid()) return say(peer, 503, "the model is not there yet");
    limit_time(inner.get());
    if (send_all(inner.get(), worker_head(*request)) && send_all(inner.get(), body)) pass_on(inner.get(), peer);
  }

  // Bytes from the worker to the gate as they come, until the worker is done or the gate has gone: then the
  // connection to the worker closes, which ends its work.
  static void pass_on(int inner, int peer) {
    char buffer[64 * 1024];
    for (;;) {
      pollfd entries[2] = {{inner, POLLIN, 0}, {peer, POLLRDHUP, 0}};
      if (poll(entries, 2, -1) < 0) {
        if (errno == EINTR) continue;
        return;
      }
      if (entries[1].revents != 0) return;
      const ssize_t got = recv(inner, buffer, sizeof buffer, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || !send_patiently(peer, {buffer, static_cast<size_t>(got)})) return;
    }
  }

  // A gate that reads slowly holds the worker up; one that has gone closes its end.
  static bool send_patiently(int peer, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  Doorkeeper keeper_;
  Connector connector_;
  std::atomic<int> serving_{0};
};

int listen_on(const char* name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (std::strlen(name) >= sizeof address.sun_path) return -1;
  std::strcpy(address.sun_path, name);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, kBacklog) != 0) {
    return -1;
  }
  return fd;
}

int run(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("proviso-doorkeeper is started by proviso, not by hand\n", stderr);
    return 2;
  }
  // There is no file system to read a configuration from.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  const auto key = note::VerifierKey::parse(argv[2]);
  const auto model = digest_from_hex(argv[3]);
  if (!key || !model) {
    std::fputs("the doorkeeper was given no receipt key or no digest\n", stderr);
    return 2;
  }
  auto keeper = Doorkeeper::create(*key, *model, SystemClock().now());
  if (!keeper) {
    std::fprintf(stderr, "%s\n", keeper.error().message.c_str());
    return 2;
  }
  const int listening = listen_on(argv[1]);
  if (listening < 0) {
    std::perror("the doorkeeper cannot listen");
    return 1;
  }
  Door door(std::move(*keeper));
  door.serve(listening);
  return 0;
}

}  // namespace
}  // namespace proviso::models

int main(int argc, char** argv) { return proviso::models::run(argc, argv); }
