#pragma once
// The HTTP/1.1 client to one upstream, from one loop: a pool of keep-alive connections. Plain TCP goes to
// loopback only; anything further is TLS with the certificate and the name verified. Never follows
// redirects, never reads proxies from the environment, never asks for or decodes a content coding.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/loop.h"
#include "http/message.h"
#include "http/task.h"

namespace proviso::http {

inline constexpr size_t kIdlePoolMax = 256;          // kept connections of one client, as nginx's keepalive
inline constexpr size_t kUpstreamOpenMax = 4096;     // connections of one client at once
inline constexpr size_t kReplyHeadBytesMax = 64 * 1024;  // heads of vendors carry long policy headers

struct Endpoint {
  enum class Kind { kUnix, kPlain, kTls };
  Kind kind = Kind::kPlain;
  std::string host;       // name or address; the name that the certificate must carry
  uint16_t port = 0;
  std::string unix_path;
  std::string ca_file;    // PEM; empty: the system's own roots
  std::string base_path;  // of the URL, without a trailing '/'; callers put it before their targets

  // "https://host[:port][/base]", "http://127.0.0.1:8000[/base]", "unix:/path". kInvalid otherwise, also
  // for http:// to anything but loopback, and for user info, query or fragment.
  static Result<Endpoint> parse(std::string_view url);
};

struct ClientConfig {
  Endpoint endpoint;
  std::chrono::milliseconds connect_timeout{10'000};  // name, connect and TLS handshake
  std::chrono::milliseconds write_timeout{60'000};    // without the upstream taking a byte
  std::chrono::milliseconds idle_timeout{50'000};     // in the pool; below common server timeouts
};

struct RequestSpec {
  std::string method = "GET";
  std::string target = "/";
  Headers headers;  // Host is put unless given; Content-Length, Connection, Transfer-Encoding are dropped
  std::string body;
  Time deadline = kNever;                            // for the answer's head
  std::chrono::milliseconds body_timeout{120'000};   // without a byte of the answer's body
  Cancel* cancel = nullptr;                          // stops sending and reading; outlives the Reply
};

// An answer whose body is read piece by piece. Holds its connection: when it goes, a connection whose
// answer was read to the end returns to the pool, any other closes, which tells the upstream to stop.
class Reply {
 public:
  struct Impl;
  explicit Reply(std::unique_ptr<Impl> impl);
  Reply(Reply&&) noexcept;
  Reply& operator=(Reply&&) noexcept;
  ~Reply();

  [[nodiscard]] int status() const;
  [[nodiscard]] const Headers& headers() const;
  // The next bytes (never empty), or nothing at the end. The view lives until the next read. kTimeout,
  // kUnavailable (upstream cut it short, or cancelled), kInvalid (its framing is broken).
  Task<Result<std::optional<std::string_view>>> read_some();
  // The rest of the body; kLimit above `bytes_max`.
  Task<Result<std::string>> read_all(uint64_t bytes_max);

 private:
  std::unique_ptr<Impl> impl_;
};

class Client {
 public:
  struct Impl;
  // kInvalid: a CA file that cannot be used. Made and used on `loop`; destroyed there too, after every
  // Reply and send() of it.
  static Result<std::unique_ptr<Client>> create(Loop& loop, ClientConfig config);
  explicit Client(std::unique_ptr<Impl> impl);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends and waits for the head of the answer. kUnavailable: cannot connect, refused certificate, cut off,
  // cancelled; kTimeout: deadline; kInvalid: headers that cannot be sent, or an answer that is not HTTP/1;
  // kLimit: its head is too large, or too many connections are open. A kept connection that turns out dead
  // is replaced once if no byte of the request was taken, or for GET and HEAD if no byte of an answer
  // came; a POST that may have been read is never sent twice.
  Task<Result<Reply>> send(RequestSpec spec);

  [[nodiscard]] const Endpoint& endpoint() const;
  [[nodiscard]] size_t idle_connections() const;
  [[nodiscard]] size_t open_connections() const;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace proviso::http
