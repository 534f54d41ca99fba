#include "http/wire.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace proviso::http {
namespace {
using ErrorCode = boost::system::error_code;
}  // namespace

Wire::Wire(Loop& loop, Fd fd, int family)
    : Timed(loop),
      loop_(loop),
      socket_(loop.impl().io.get_executor(), Protocol(family, 0), fd.release()) {
  ErrorCode ignored;
  socket_.native_non_blocking(true, ignored);
}

Wire::~Wire() { PV_CHECK(!read_pending_ && !write_pending_); }

void Wire::Release::operator()(Wire* wire) const {
  wire->watcher_ = nullptr;
  wire->close();
  wire->released_ = true;
  wire->settle();
}

void Wire::settle() {
  if (released_ && !read_pending_ && !write_pending_) delete this;
}

void Wire::consume(size_t count) {
  PV_CHECK(count <= tail_ - begin_);
  begin_ += count;
}

void Wire::trim() {
  if (begin_ != tail_ || read_pending_) return;
  begin_ = tail_ = 0;
  if (capacity_ > kWireBufferMin) {
    buffer_.reset();
    capacity_ = 0;
  }
}

bool Wire::make_room() {
  if (begin_ == tail_) begin_ = tail_ = 0;
  if (capacity_ - tail_ >= kWireBufferMin / 4) return true;
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, tail_ - begin_);
    tail_ -= begin_;
    begin_ = 0;
  }
  if (capacity_ - tail_ < kWireBufferMin / 4 && capacity_ < kWireBufferMax) {
    const size_t larger = capacity_ == 0 ? kWireBufferMin : std::min(capacity_ * 4, kWireBufferMax);
    auto grown = std::make_unique_for_overwrite<char[]>(larger);
    if (tail_ > 0) std::memcpy(grown.get(), buffer_.get(), tail_);
    buffer_ = std::move(grown);
    capacity_ = larger;
  }
  return tail_ < capacity_;
}

void Wire::start_read() {
  if (read_pending_ || !open() || !make_room()) return;
  if (ssl_) {
    read_tls();
    return;
  }
  read_pending_ = true;
  const size_t space = capacity_ - tail_;
  socket_.async_read_some(asio::buffer(buffer_.get() + tail_, space),
                          [this](const ErrorCode& error, size_t count) {
                            const bool closed = error == asio::error::eof;
                            on_read(static_cast<bool>(error) && !closed, closed, count);
                          });
}

void Wire::on_read(bool failed, bool closed, size_t count) {
  read_pending_ = false;
  if (released_) {
    settle();
    return;
  }
  const size_t had = unread().size();
  tail_ += count;
  if (open() && (failed || closed)) end_ = closed ? End::kPeerClosed : End::kBroken;
  told(had);
}

void Wire::read_tls() {
  while (tail_ < capacity_) {
    ERR_clear_error();
    const int count = SSL_read(ssl_.get(), buffer_.get() + tail_, static_cast<int>(capacity_ - tail_));
    if (count > 0) {
      tail_ += static_cast<size_t>(count);
      continue;
    }
    const int why = SSL_get_error(ssl_.get(), count);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
      end_ = why == SSL_ERROR_ZERO_RETURN ? End::kPeerClosed : End::kBroken;
      return;
    }
    read_pending_ = true;
    const auto direction = why == SSL_ERROR_WANT_READ ? Socket::wait_read : Socket::wait_write;
    socket_.async_wait(direction, [this](const ErrorCode&) {
      read_pending_ = false;
      if (released_) {
        settle();
        return;
      }
      const size_t had = unread().size();
      if (open() && make_room()) read_tls();
      told(had);
    });
    return;
  }
}

// The last thing that a handler does: whoever is told may release this wire.
void Wire::told(size_t had) {
  if (connector_) {
    std::exchange(connector_, {}).resume();
  } else if (reader_) {
    if (unread().size() > reader_has_ || !open())
      std::exchange(reader_, {}).resume();
    else
      start_read();
  } else if (watcher_ != nullptr && !open()) {
    if (end_ != End::kOurs) watcher_->on_closed();
  } else if (watcher_ != nullptr && unread().size() > had) {
    watcher_->on_bytes();
  }
}

bool Wire::watch() {
  start_read();
  return open();
}

void Wire::close(End why) {
  if (open() && ssl_ && why == End::kOurs && SSL_is_init_finished(ssl_.get()) == 1) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  if (open()) end_ = why;
  read_due_ = write_due_ = kNever;
  ErrorCode ignored;
  socket_.close(ignored);
}

void Wire::shutdown_send() {
  if (!open()) return;
  if (ssl_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  ErrorCode ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Wire::sweep(Time now) {
  if (open() && (now >= read_due_ || now >= write_due_)) close(End::kTimeout);
}

bool Wire::FillAwaiter::await_ready() {
  if (wire.unread().size() > have || !wire.open()) return true;
  wire.start_read();
  return wire.unread().size() > have || !wire.open();
}

void Wire::FillAwaiter::await_suspend(std::coroutine_handle<> caller) {
  PV_CHECK(!wire.reader_ && wire.read_pending_);
  wire.reader_ = caller;
  wire.reader_has_ = have;
  wire.read_due_ = due;
}

bool Wire::FillAwaiter::await_resume() {
  wire.read_due_ = kNever;
  return wire.unread().size() > have;
}

bool Wire::WriteAwaiter::await_ready() { return !wire.open() || wire.advance(*this); }

void Wire::WriteAwaiter::await_suspend(std::coroutine_handle<> caller) {
  PV_CHECK(wire.writer_ == nullptr);
  handle = caller;
  wire.writer_ = this;
  wire.write_due_ = Loop::now() + stall;
  wire.wait_writable();
}

size_t Wire::WriteAwaiter::await_resume() {
  wire.write_due_ = kNever;
  return taken;
}

void Wire::abandon_write() {
  if (writer_ != nullptr) std::exchange(writer_, nullptr)->handle.resume();
}

void Wire::wait_writable() {
  PV_CHECK(!write_pending_);
  write_pending_ = true;
  socket_.async_wait(Socket::wait_write, [this](const ErrorCode&) {
    write_pending_ = false;
    if (released_) {
      settle();
    } else if (connector_) {
      std::exchange(connector_, {}).resume();
    } else if (writer_ != nullptr) {
      if (!open() || advance(*writer_))
        std::exchange(writer_, nullptr)->handle.resume();
      else
        wait_writable();
    }
  });
}

// True when there is nothing more to wait for.
bool Wire::advance(WriteAwaiter& write) {
  const size_t before = write.taken;
  const bool done = ssl_ ? advance_tls(write) : advance_plain(write);
  if (!done && write.taken > before) write_due_ = Loop::now() + write.stall;
  return done;
}

bool Wire::advance_plain(WriteAwaiter& write) {
  while (true) {
    std::array<iovec, 4> pieces;
    size_t count = 0;
    for (auto& part : write.parts)
      if (!part.empty()) pieces[count++] = {const_cast<char*>(part.data()), part.size()};
    if (count == 0) return true;
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
      end_ = End::kBroken;
      return true;
    }
    write.taken += static_cast<size_t>(sent);
    auto left = static_cast<size_t>(sent);
    for (auto& part : write.parts) {
      const size_t step = std::min(left, part.size());
      part.remove_prefix(step);
      left -= step;
    }
  }
}

bool Wire::advance_tls(WriteAwaiter& write) {
  if (write.taken == 0 && !write.joined) {
    // One record for head and body: small pieces are put together.
    size_t total = 0;
    for (const auto& part : write.parts) total += part.size();
    if (total <= kTlsJoinMax) {
      tls_out_.clear();
      for (const auto& part : write.parts) tls_out_.append(part);
      write.parts = {tls_out_};
    }
    write.joined = true;
  }
  for (auto& part : write.parts) {
    while (!part.empty()) {
      ERR_clear_error();
      const size_t step = std::min(part.size(), size_t{1} << 20);
      const int sent = SSL_write(ssl_.get(), part.data(), static_cast<int>(step));
      if (sent > 0) {
        part.remove_prefix(static_cast<size_t>(sent));
        write.taken += static_cast<size_t>(sent);
        continue;
      }
      const int why = SSL_get_error(ssl_.get(), sent);
      // Renegotiation is off, so a write never waits for a read.
      if (why == SSL_ERROR_WANT_WRITE) return false;
      end_ = End::kBroken;
      return true;
    }
  }
  return true;
}

void Wire::ConnectAwaiter::await_suspend(std::coroutine_handle<> caller) {
  PV_CHECK(!wire.connector_);
  wire.connector_ = caller;
  wire.write_due_ = due;
  wire.wait_writable();
}

int Wire::ConnectAwaiter::await_resume() {
  wire.write_due_ = kNever;
  if (wire.end_ == End::kTimeout) return ETIMEDOUT;
  if (!wire.open()) return ECANCELED;
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(wire.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

void Wire::ReadyAwaiter::await_suspend(std::coroutine_handle<> caller) {
  PV_CHECK(!wire.connector_);
  wire.connector_ = caller;
  wire.write_due_ = due;
  if (for_write) {
    wire.wait_writable();
    return;
  }
  wire.read_pending_ = true;
  Wire* self = &wire;
  wire.socket_.async_wait(Socket::wait_read, [self](const ErrorCode&) {
    self->read_pending_ = false;
    if (self->released_)
      self->settle();
    else
      self->told(0);
  });
}

bool Wire::ReadyAwaiter::await_resume() {
  wire.write_due_ = kNever;
  return wire.open();
}

Task<Status> tls_handshake(Wire& wire, Time due) {
  while (true) {
    ERR_clear_error();
    const int done = SSL_do_handshake(wire.tls());
    if (done == 1) co_return Status{};
    const int why = SSL_get_error(wire.tls(), done);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
      const long verdict = SSL_get_verify_result(wire.tls());
      if (verdict != X509_V_OK)
        co_return fail(Code::kUnverified, std::string("the certificate does not hold: ") +
                                              X509_verify_cert_error_string(verdict));
      co_return fail(Code::kUnavailable, "the TLS handshake failed");
    }
    const bool open = co_await wire.ready(why == SSL_ERROR_WANT_WRITE, due);
    if (!open) {
      const bool late = wire.end() == Wire::End::kTimeout;
      co_return fail(late ? Code::kTimeout : Code::kUnavailable, "the TLS handshake was cut short");
    }
  }
}

}  // namespace proviso::http
