#pragma once
// One connection as a stream of bytes: TCP or unix socket, plain or TLS, server's or client's end. Inside
// http only. At most one read is pending; between messages and while a handler runs it stays pending, so
// that a peer that closes is noticed at once, and it then serves the next message without a further
// system call. Bytes that arrive wait in one buffer: nothing is lost between messages.
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <coroutine>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "http/loop_impl.h"

struct iovec;

namespace proviso::http {

inline constexpr size_t kWireBufferMin = 4 * 1024;   // an idle connection keeps no more
inline constexpr size_t kWireBufferMax = 128 * 1024;  // unread bytes of one connection; then TCP pushes back

inline constexpr size_t kTlsJoinMax = 16 * 1024;     // what fits one TLS record is copied together

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;
using SslContext = std::shared_ptr<SSL_CTX>;

class Wire final : public Timed {
 public:
  enum class End { kOpen, kPeerClosed, kBroken, kTimeout, kCancelled, kOurs };

  // Hears of what happens while nobody waits in fill().
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void on_bytes() = 0;   // more are unread
    virtual void on_closed() = 0;  // end() says why; not called for close() by the owner
  };

  // Takes the connected (or connecting), non-blocking socket.
  Wire(Loop& loop, Fd fd, int family);
  ~Wire() override;
  // The owner lets go: closes, and frees once nothing is pending.
  struct Release {
    void operator()(Wire* wire) const;
  };
  using Ptr = std::unique_ptr<Wire, Release>;

  void set_watcher(Watcher* watcher) { watcher_ = watcher; }
  void start_tls(SslPtr ssl) { ssl_ = std::move(ssl); }
  [[nodiscard]] SSL* tls() const { return ssl_.get(); }
  [[nodiscard]] int fd() { return socket_.native_handle(); }
  [[nodiscard]] Loop& loop() { return loop_; }
  [[nodiscard]] End end() const { return end_; }
  [[nodiscard]] bool open() const { return end_ == End::kOpen; }

  [[nodiscard]] std::string_view unread() const { return {buffer_.get() + begin_, tail_ - begin_}; }
  void consume(size_t count);
  // Drops a grown buffer when nothing is unread: before going idle.
  void trim();
  // Keeps a read pending although nobody waits. False if the wire has ended.
  bool watch();
  // While nobody waits: ends the wire at `due`.
  void expire_at(Time due) { read_due_ = due; }
  // Ends the connection for `why`; waiters resume from the loop.
  void close(End why = End::kOurs);
  // No more bytes will be sent; what the peer still sends can be read.
  void shutdown_send();

  // Waits until more than `have` bytes are unread or the wire has ended; kTimeout ends it at `due`.
  struct FillAwaiter {
    Wire& wire;
    size_t have;
    Time due;
    bool await_ready();
    void await_suspend(std::coroutine_handle<> caller);
    // True if there are more bytes.
    bool await_resume();
  };
  FillAwaiter fill(size_t have, Time due) { return FillAwaiter{*this, have, due}; }

  // Hands all bytes to the kernel, gathered; `stall` is the time without progress after which the wire ends
  // with kTimeout. Gives the number of bytes taken: short if the wire ended. One write at a time.
  struct WriteAwaiter {
    WriteAwaiter(Wire& on, std::array<std::string_view, 4> what, std::chrono::milliseconds patience)
        : wire(on), parts(what), stall(patience) {}
    Wire& wire;
    std::array<std::string_view, 4> parts;
    std::chrono::milliseconds stall;
    size_t taken = 0;
    bool joined = false;
    std::coroutine_handle<> handle;
    bool await_ready();
    void await_suspend(std::coroutine_handle<> caller);
    size_t await_resume();
  };
  WriteAwaiter write(std::array<std::string_view, 4> parts, std::chrono::milliseconds stall) {
    return WriteAwaiter(*this, parts, stall);
  }

  // Gives a waiting write back to its caller, short: the peer will not read on. The caller's last act.
  void abandon_write();

  // Waits for a connect() in progress: 0 or its errno; ETIMEDOUT at `due`, ECANCELED.
  struct ConnectAwaiter {
    Wire& wire;
    Time due;
    [[nodiscard]] static bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> caller);
    int await_resume();
  };
  ConnectAwaiter connected(Time due) { return ConnectAwaiter{*this, due}; }

  // One step of a TLS handshake: waits until the socket can be read or written. False if the wire ended.
  struct ReadyAwaiter {
    Wire& wire;
    bool for_write;
    Time due;
    [[nodiscard]] static bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> caller);
    bool await_resume();
  };
  ReadyAwaiter ready(bool for_write, Time due) { return ReadyAwaiter{*this, for_write, due}; }

  void sweep(Time now) override;

 private:
  using Protocol = asio::generic::stream_protocol;
  using Socket = asio::basic_stream_socket<Protocol, Executor>;

  void start_read();
  bool make_room();
  void read_tls();
  void on_read(bool failed, bool closed, size_t count);
  void told(size_t had);
  void wait_writable();
  bool advance(WriteAwaiter& write);
  bool advance_plain(WriteAwaiter& write);
  bool advance_tls(WriteAwaiter& write);
  void settle();

  Loop& loop_;
  Socket socket_;
  SslPtr ssl_;
  std::string tls_out_;
  Watcher* watcher_ = nullptr;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0, begin_ = 0, tail_ = 0;
  std::coroutine_handle<> reader_;
  size_t reader_has_ = 0;
  WriteAwaiter* writer_ = nullptr;
  std::coroutine_handle<> connector_;  // of connected() and ready()
  Time read_due_ = kNever, write_due_ = kNever;
  End end_ = End::kOpen;
  bool read_pending_ = false, write_pending_ = false, released_ = false;
};

// The TLS handshake, from either end. kTimeout, kUnverified for a certificate that does not hold, else
// kUnavailable.
Task<Status> tls_handshake(Wire& wire, Time due);

}  // namespace proviso::http
