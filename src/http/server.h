#pragma once
// The HTTP/1.1 server. A connection belongs to one loop; its calls run one after the other, each in a
// handler coroutine. Strict at the door: a head that two parsers could read in two ways is refused with
// 400 and the connection closes (docs/http.md has the list). Never decodes, compresses or caches.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "http/loop.h"
#include "http/message.h"
#include "http/task.h"

namespace proviso::http {

inline constexpr size_t kHeadBytesMax = 32 * 1024;      // heads of real clients stay under 4 KB
inline constexpr size_t kHeaderCountMax = 100;          // as nginx and Apache
inline constexpr uint64_t kBodyBytesMax = 32ull << 20;  // a long prompt with images; `limits.body` sets it
inline constexpr size_t kConnectionsMax = 10'000;       // of a server, over all its loops
inline constexpr size_t kLingerBytesMax = 16 << 20;     // read and dropped so that an error reaches its client

// What a server puts up with. The defaults are the limits named above and in docs/limits.md.
struct ServerLimits {
  size_t head_bytes = kHeadBytesMax;
  size_t header_count = kHeaderCountMax;
  uint64_t body_bytes = kBodyBytesMax;
  size_t connections = kConnectionsMax;
  std::chrono::milliseconds head_timeout{15'000};   // from a head's first byte to its last; TLS handshake
  std::chrono::milliseconds idle_timeout{75'000};   // between requests
  std::chrono::milliseconds body_timeout{30'000};   // without a byte of the body
  std::chrono::milliseconds write_timeout{60'000};  // without the client taking a byte
};

enum class TlsVersion { k12, k13 };

struct ServerTls {
  std::string cert_file;  // PEM chain, leaf first
  std::string key_file;   // PEM; must not be readable by group or others
  TlsVersion version_min = TlsVersion::k12;
};

// A place to listen: TCP when `unix_path` is empty.
struct Listen {
  std::string host = "127.0.0.1";  // a numeric address
  uint16_t port = 0;               // 0: any free port
  std::string unix_path;           // a stale socket of ours there is replaced
  unsigned unix_mode = 0600;
  std::optional<ServerTls> tls;
};

struct ServerConfig {
  std::vector<Listen> listeners;
  ServerLimits limits;
};

// One request and its answer, alive while its handler runs; used on its loop only. Views and references
// from head() live as long as the call. Every failure of a write means that the client cannot be reached
// any more: stop.
class Call {
 public:
  virtual ~Call() = default;
  [[nodiscard]] virtual const RequestHead& head() const = 0;
  [[nodiscard]] virtual Loop& loop() = 0;
  // "127.0.0.1:4711" or "unix".
  [[nodiscard]] virtual const std::string& peer() const = 0;

  // The whole body (once; empty when there is none). kLimit above limits.body_bytes (answer 413), kInvalid
  // when its framing is broken, kTimeout, kUnavailable when the client went away; after a failure the
  // connection closes once the answer is out. Answers `Expect: 100-continue`.
  virtual Task<Result<std::string>> read_body() = 0;

  // The whole answer, once. kConflict after another answer, kInvalid for headers that cannot be sent,
  // kUnavailable when the client is gone, kTimeout when it takes no bytes.
  virtual Task<Status> respond(Response response) = 0;
  // A streamed answer: begin (the head leaves at once), any number of writes, end. write() returns when
  // the bytes are handed to the kernel: a slow client slows the handler. The view must live until then.
  // A handler that returns without end_stream() makes the cut visible: the connection closes unfinished.
  virtual Task<Status> begin_stream(int status, Headers headers) = 0;
  virtual Task<Status> write(std::string_view bytes) = 0;
  virtual Task<Status> end_stream() = 0;
  [[nodiscard]] virtual bool responded() const = 0;  // respond() or begin_stream() was called

  // Requested when the client closes or resets the connection while the handler runs (also when only its
  // sending half closes), and when the server's grace is over. Hand it to Client::send and Event::wait.
  [[nodiscard]] virtual Cancel& gone() = 0;
  [[nodiscard]] bool client_gone() { return gone().requested(); }
};

// Returning without an answer gives 500; an exception gives 500 and closes.
using Handler = std::function<Task<void>(Call&)>;

class Server {
 public:
  // Listens on every loop. kInvalid: a bad address, certificate or key; kIo: the address is taken.
  // `loops` outlives the server. The handler is called on all loops.
  static Result<std::unique_ptr<Server>> create(Loops& loops, ServerConfig config, Handler handler);
  virtual ~Server() = default;  // stop() with no grace if it was not called

  [[nodiscard]] virtual uint16_t bound_port(size_t listener = 0) const = 0;  // 0 for a unix socket
  [[nodiscard]] virtual size_t connections() const = 0;
  // Requests refused before a handler saw them (400, 431, 501), and connections over the limit. For metrics.
  [[nodiscard]] virtual uint64_t refused() const = 0;
  // Stops listening, closes idle connections, lets running calls finish for `grace`, then requests their
  // gone(), closes their connections and waits for their handlers. Blocks; not from a loop. Idempotent.
  virtual void stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace proviso::http
