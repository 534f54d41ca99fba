#include "http/connection.h"

#include "base/bytes.h"

namespace proviso::http {
namespace {

constexpr std::chrono::milliseconds kLingerTimeMax{2'000};

const char* plain_text() { return "text/plain; charset=utf-8"; }

}  // namespace

Connection::Connection(Shard& shard, Wire::Ptr wire, std::string peer)
    : shard_(shard), wire_(std::move(wire)), peer_(std::move(peer)) {
  wire_->set_watcher(this);
  next_ = shard_.first;
  if (next_ != nullptr) next_->prev_ = this;
  shard_.first = this;
}

Connection::~Connection() {
  (prev_ != nullptr ? prev_->next_ : shard_.first) = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
  wire_.reset();
  ServerShared& shared = shard_.shared;
  --shared.connections;
  const std::lock_guard lock(shared.mutex);
  --shared.live;
  shared.changed.notify_all();
}

void Connection::start(Shard& shard, Wire::Ptr wire, std::string peer) {
  shard.loop.spawn(run(new Connection(shard, std::move(wire), std::move(peer))));
}

Task<void> Connection::run(Connection* self) {
  co_await self->serve();
  delete self;
}

Task<void> Connection::serve() {
  if (wire_->tls() != nullptr) {
    const Status shaken = co_await tls_handshake(*wire_, Loop::now() + shard_.shared.limits.head_timeout);
    if (!shaken) co_return;
  }
  while (true) {
    const bool got = co_await next_head();
    if (!got) break;
    const bool more = co_await serve_call();
    if (!more || shard_.stopping) break;
  }
  if (linger_) co_await linger();
}

// False when the connection is to close: it ended, idled too long, or its head was refused.
Task<bool> Connection::next_head() {
  const ServerLimits& limits = shard_.shared.limits;
  scanner_.reset();
  framer_.reset();
  wire_->trim();
  Time due = Loop::now() + limits.idle_timeout;
  idle_ = true;
  while (true) {
    const std::string_view bytes = wire_->unread();
    if (!bytes.empty()) {
      if (idle_) due = Loop::now() + limits.head_timeout;
      idle_ = false;
      const auto state = scanner_.scan(bytes.substr(0, limits.head_bytes));
      if (state == HeadScanner::State::kComplete) break;
      if (state == HeadScanner::State::kMalformed) {
        co_await refuse(400, scanner_.fault());
        co_return false;
      }
      if (bytes.size() >= limits.head_bytes) {
        co_await refuse(431, "the head is too large");
        co_return false;
      }
    }
    if (idle_ && shard_.stopping) co_return false;
    const bool more = co_await wire_->fill(bytes.size(), due);
    if (!more) co_return false;
  }
  idle_ = false;
  const auto text = wire_->unread().substr(0, scanner_.size());
  const Status parsed = parser_.parse_request(text, scanner_.lines(), limits.header_count, head_);
  wire_->consume(scanner_.size());
  if (!parsed) {
    const Code code = parsed.error().code;
    const int status = code == Code::kLimit ? 431 : code == Code::kUnsupported ? 501 : 400;
    co_await refuse(status, parsed.error().message);
    co_return false;
  }
  co_return true;
}

void Connection::begin_call() {
  gone_.emplace();
  body_read_ = body_failed_ = false;
  in_call_ = true;
  // From here on a client that goes away is noticed while the handler waits for something else.
  if (!wire_->watch()) gone_->request();
}

Task<bool> Connection::serve_call() {
  begin_call();
  bool threw = false;
  try {
    auto task = shard_.shared.handler(*this);
    co_await std::move(task);
  } catch (...) {
    threw = true;
  }
  const bool answered = framer_.begun();
  if (!answered) {
    Response response;
    response.status = 500;
    response.headers.add("Content-Type", plain_text());
    response.body = "the request could not be served\n";
    co_await respond(std::move(response));
  }
  in_call_ = false;
  // Unread bytes of a request must not be taken for the next one, and a close over unread bytes is a reset
  // that can destroy the answer on its way.
  linger_ = framer_.ended() && (!body_taken() || !wire_->unread().empty());
  co_return !threw && framer_.ended() && framer_.keep_alive() && body_taken() && wire_->open();
}

Task<void> Connection::refuse(int status, std::string sentence) {
  ++shard_.shared.refused;
  Headers headers;
  headers.add("Content-Type", plain_text());
  sentence.push_back('\n');
  AnswerShape closing;
  closing.keep_alive = false;
  closing.length = sentence.size();
  out_.clear();
  const Status begun = framer_.begin(out_, status, headers, closing, shard_.loop.impl().date());
  PV_CHECK(begun.has_value());
  const auto parts = framer_.data(sentence);
  PV_CHECK(parts.has_value());
  std::array<std::string_view, 4> pieces{out_, (*parts)[1]};
  co_await wire_->write(pieces, shard_.shared.limits.write_timeout);
  linger_ = true;
}

// Reads on for a little, so that the answer is not lost to a reset.
Task<void> Connection::linger() {
  wire_->shutdown_send();
  const Time due = Loop::now() + kLingerTimeMax;
  size_t dropped = 0;
  idle_ = true;
  while (dropped < kLingerBytesMax && !shard_.stopping) {
    const size_t have = wire_->unread().size();
    dropped += have;
    wire_->consume(have);
    const bool more = co_await wire_->fill(0, due);
    if (!more) break;
  }
}

Task<Status> Connection::continue_expected() {
  if (head_.version != Version::k11 || !wire_->unread().empty()) co_return Status{};
  const auto expected = head_.headers.get("Expect");
  if (!expected || !equal_fold(*expected, "100-continue")) co_return Status{};
  std::array<std::string_view, 4> pieces{"HTTP/1.1 100 Continue\r\n\r\n"};
  const size_t wanted = pieces[0].size();
  const size_t taken = co_await wire_->write(pieces, shard_.shared.limits.write_timeout);
  co_return write_outcome(taken, wanted);
}

Task<Result<std::string>> Connection::read_body() {
  if (body_read_) co_return fail(Code::kConflict, "the body was read already");
  body_read_ = true;
  if (parser_.complete()) co_return std::string();
  auto body = co_await collect_body();
  // Where a body that failed ends is not known: nothing behind it is a request.
  if (!body) body_failed_ = true;
  if (!wire_->watch()) gone_->request();
  co_return body;
}

Task<Result<std::string>> Connection::collect_body() {
  std::string body;
  const ServerLimits& limits = shard_.shared.limits;
  if (const auto length = head_.headers.get("Content-Length")) {
    const auto announced = parse_u64(*length);
    // llhttp allows leading zeros; the number itself is sound.
    if (announced && *announced > limits.body_bytes) co_return fail(Code::kLimit, "the body is too large");
    if (announced) body.reserve(static_cast<size_t>(std::min<uint64_t>(*announced, 1 << 20)));
  }
  const Status continued = co_await continue_expected();
  if (!continued) co_return std::unexpected(continued.error());
  while (!parser_.complete()) {
    const std::string_view bytes = wire_->unread();
    if (bytes.empty()) {
      const bool more = co_await wire_->fill(0, Loop::now() + limits.body_timeout);
      if (more) continue;
      const bool late = wire_->end() == Wire::End::kTimeout;
      co_return fail(late ? Code::kTimeout : Code::kUnavailable, "the body was cut short");
    }
    const auto piece = parser_.body(bytes);
    if (!piece) co_return std::unexpected(piece.error());
    if (body.size() + piece->bytes.size() > limits.body_bytes)
      co_return fail(Code::kLimit, "the body is too large");
    body.append(piece->bytes);
    wire_->consume(piece->consumed);
  }
  co_return body;
}

AnswerShape Connection::shape(std::optional<uint64_t> length) const {
  AnswerShape made;
  made.version = head_.version;
  made.to_head = head_.method == "HEAD";
  made.keep_alive = parser_.keep_alive() && body_taken() && !shard_.stopping;
  made.length = length;
  return made;
}

Status Connection::write_outcome(size_t taken, size_t wanted) {
  if (taken == wanted) return {};
  if (wire_->end() == Wire::End::kTimeout) return fail(Code::kTimeout, "the client takes no bytes");
  return fail(Code::kUnavailable, "the client is gone");
}

Task<Status> Connection::respond(Response response) {
  out_.clear();
  const auto status = framer_.begin(out_, response.status, response.headers, shape(response.body.size()),
                                    shard_.loop.impl().date());
  if (!status) co_return status;
  const auto parts = framer_.data(response.body);
  const auto ended = framer_.end();
  PV_CHECK(parts.has_value() && ended.has_value());
  std::array<std::string_view, 4> pieces{out_, (*parts)[1]};
  const size_t wanted = pieces[0].size() + pieces[1].size();
  const size_t taken = co_await wire_->write(pieces, shard_.shared.limits.write_timeout);
  co_return write_outcome(taken, wanted);
}

Task<Status> Connection::begin_stream(int status, Headers headers) {
  out_.clear();
  const auto begun =
      framer_.begin(out_, status, headers, shape(std::nullopt), shard_.loop.impl().date());
  if (!begun) co_return begun;
  std::array<std::string_view, 4> pieces{out_};
  const size_t taken = co_await wire_->write(pieces, shard_.shared.limits.write_timeout);
  co_return write_outcome(taken, out_.size());
}

Task<Status> Connection::write(std::string_view bytes) {
  const auto parts = framer_.data(bytes);
  if (!parts) co_return std::unexpected(parts.error());
  std::array<std::string_view, 4> pieces{(*parts)[0], (*parts)[1], (*parts)[2]};
  const size_t wanted = pieces[0].size() + pieces[1].size() + pieces[2].size();
  const size_t taken = co_await wire_->write(pieces, shard_.shared.limits.write_timeout);
  co_return write_outcome(taken, wanted);
}

Task<Status> Connection::end_stream() {
  const auto last = framer_.end();
  if (!last) co_return std::unexpected(last.error());
  std::array<std::string_view, 4> pieces{*last};
  const size_t taken = co_await wire_->write(pieces, shard_.shared.limits.write_timeout);
  co_return write_outcome(taken, last->size());
}

void Connection::on_bytes() {
  // More of this request or of the next: read on, up to the wire's own limit.
  if (!wire_->watch() && in_call_) gone_->request();
}

void Connection::on_closed() {
  if (in_call_) gone_->request();
}

void Connection::close_if_idle() {
  if (idle_) wire_->close();
}

void Connection::abort() {
  if (in_call_) gone_->request();
  wire_->close();
}

}  // namespace proviso::http
