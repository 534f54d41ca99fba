#include "http/client.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "http/dial.h"
#include "http/frame.h"
#include "http/parse.h"
#include "http/tls.h"
#include "http/wire.h"

namespace proviso::http {
namespace {

constexpr int kInterimMax = 8;  // 1xx answers before the answer: more is an upstream gone mad

// One connection to the upstream: in a call, or idle in the pool.
class Upstream;

}  // namespace

struct Client::Impl {
  Impl(Loop& on, ClientConfig with);
  ~Impl();
  Task<Result<std::unique_ptr<Upstream>>> obtain(const RequestSpec& spec, bool fresh);
  void keep(std::unique_ptr<Upstream> upstream);
  void forget(Upstream* upstream);

  Loop& loop;
  ClientConfig config;
  SslContext tls;
  std::string host_field;
  std::vector<std::unique_ptr<Upstream>> idle;  // the last one is the freshest
  size_t open = 0;
};

namespace {

class Upstream final : private Wire::Watcher {
 public:
  Upstream(Client::Impl& client, Wire::Ptr wire) : client_(client), wire_(std::move(wire)) {
    wire_->set_watcher(this);
    ++client_.open;
  }
  ~Upstream() override { --client_.open; }

  // Sends, and waits for the head of the answer.
  Task<Status> exchange(const RequestSpec& spec);
  // After a failed exchange on a kept connection: may the request go out again on a fresh one?
  [[nodiscard]] bool may_repeat(const RequestSpec& spec) const;
  Task<Result<std::optional<std::string_view>>> read_some();
  [[nodiscard]] bool reusable() const {
    return sound_ && parser_.complete() && parser_.keep_alive() && wire_->open() &&
           wire_->unread().empty();
  }
  // Into the pool and out of it. False if it cannot be kept.
  bool go_idle();
  bool wake();

  [[nodiscard]] const ResponseHead& head() const { return head_; }
  [[nodiscard]] bool finished() const { return parser_.complete(); }
  [[nodiscard]] Client::Impl& client() const { return client_; }

 private:
  Task<Status> read_head(const RequestSpec& spec);
  [[nodiscard]] Error ended(std::string_view what) const;
  void on_bytes() override {
    if (idle_) {
      client_.forget(this);  // nobody asked: whatever it says belongs to no call
    } else if (sending_) {
      // SPEC RFC 9112 9.5: a client sending a message body SHOULD monitor the connection for an error
      // response; if it sees one, it SHOULD immediately cease transmitting the body.
      const std::string_view bytes = wire_->unread();
      if (bytes.size() > 9 && (bytes[9] == '4' || bytes[9] == '5')) wire_->abandon_write();
    }
  }
  void on_closed() override {
    if (idle_) client_.forget(this);
  }

  Client::Impl& client_;
  Wire::Ptr wire_;
  HeadScanner scanner_;
  MessageParser parser_;
  ResponseHead head_;
  std::string out_;
  Cancel* cancel_ = nullptr;
  std::chrono::milliseconds body_timeout_{0};
  bool idle_ = false, sending_ = false, sound_ = false, used_before_ = false;
  bool sent_any_ = false, heard_any_ = false;
};

// Closes the wire when the call is cancelled, for as long as it lives.
class CancelGuard {
 public:
  CancelGuard(Cancel* cancel, Wire& wire) {
    if (cancel == nullptr) return;
    Wire* target = &wire;
    listener_.emplace(*cancel, [target] { target->close(Wire::End::kCancelled); });
  }

 private:
  std::optional<Cancel::Listener> listener_;
};

Error Upstream::ended(std::string_view what) const {
  switch (wire_->end()) {
    case Wire::End::kTimeout: return {Code::kTimeout, std::string(what) + " did not come in time"};
    case Wire::End::kCancelled: return {Code::kUnavailable, "the call was cancelled"};
    default: return {Code::kUnavailable, std::string(what) + " was cut short by the upstream"};
  }
}

Task<Status> Upstream::exchange(const RequestSpec& spec) {
  cancel_ = spec.cancel;
  body_timeout_ = spec.body_timeout;
  sound_ = sent_any_ = heard_any_ = false;
  out_.clear();
  const auto framed = frame_request(out_, spec.method, spec.target, client_.host_field, spec.headers,
                                    spec.body.size());
  if (!framed) co_return framed;
  const CancelGuard guard(cancel_, *wire_);
  auto stall = client_.config.write_timeout;
  if (spec.deadline != kNever) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(spec.deadline - Loop::now());
    stall = std::clamp(left, std::chrono::milliseconds(0), stall);
  }
  std::array<std::string_view, 4> pieces{out_, spec.body};
  const size_t wanted = out_.size() + spec.body.size();
  // A body that the kernel may not take at once: listen meanwhile.
  if (wanted > kWireBufferMax) wire_->watch();
  sending_ = true;
  const size_t taken = co_await wire_->write(pieces, stall);
  sending_ = false;
  sent_any_ = taken > 0;
  sound_ = taken == wanted;
  // An upstream may answer before it has read everything (413): its answer counts, its connection not.
  const Status got = co_await read_head(spec);
  co_return got;
}

Task<Status> Upstream::read_head(const RequestSpec& spec) {
  for (int interim = 0; interim <= kInterimMax; ++interim) {
    scanner_.reset();
    while (true) {
      const std::string_view bytes = wire_->unread();
      if (!bytes.empty()) {
        heard_any_ = true;
        const auto state = scanner_.scan(bytes.substr(0, kReplyHeadBytesMax));
        if (state == HeadScanner::State::kComplete) break;
        if (state == HeadScanner::State::kMalformed)
          co_return fail(Code::kInvalid, std::string("the upstream's answer: ") + scanner_.fault());
        if (bytes.size() >= kReplyHeadBytesMax)
          co_return fail(Code::kLimit, "the upstream's head is too large");
      }
      const bool more = co_await wire_->fill(bytes.size(), spec.deadline);
      if (!more) co_return std::unexpected(ended("the answer"));
    }
    const auto text = wire_->unread().substr(0, scanner_.size());
    const bool to_head = spec.method == "HEAD";
    const auto parsed = parser_.parse_response(text, scanner_.lines(), to_head, head_);
    wire_->consume(scanner_.size());
    if (!parsed) co_return fail_at("the upstream's answer", parsed.error());
    if (head_.status >= 200) co_return Status{};
  }
  co_return fail(Code::kInvalid, "the upstream's answer: too many interim answers");
}

bool Upstream::may_repeat(const RequestSpec& spec) const {
  const auto end = wire_->end();
  if (!used_before_ || heard_any_) return false;
  if (end != Wire::End::kPeerClosed && end != Wire::End::kBroken) return false;
  return !sent_any_ || spec.method == "GET" || spec.method == "HEAD";
}

Task<Result<std::optional<std::string_view>>> Upstream::read_some() {
  using Some = std::optional<std::string_view>;
  if (parser_.complete()) co_return Some();
  const CancelGuard guard(cancel_, *wire_);
  while (true) {
    if (cancel_ != nullptr && cancel_->requested()) co_return std::unexpected(ended("the answer"));
    const std::string_view bytes = wire_->unread();
    if (bytes.empty()) {
      const bool more = co_await wire_->fill(0, Loop::now() + body_timeout_);
      if (more) continue;
      sound_ = false;
      if (wire_->end() == Wire::End::kPeerClosed && parser_.at_close()) co_return Some();
      co_return std::unexpected(ended("the answer"));
    }
    const auto piece = parser_.body(bytes);
    if (!piece) {
      sound_ = false;
      wire_->close();
      co_return fail_at("the upstream's answer", piece.error());
    }
    wire_->consume(piece->consumed);
    if (!piece->bytes.empty()) co_return Some(piece->bytes);
    if (parser_.complete()) co_return Some();
  }
}

bool Upstream::go_idle() {
  idle_ = used_before_ = true;
  cancel_ = nullptr;
  wire_->trim();
  wire_->expire_at(Loop::now() + client_.config.idle_timeout);
  return wire_->watch() && wire_->unread().empty();
}

bool Upstream::wake() {
  idle_ = false;
  wire_->expire_at(kNever);
  return wire_->open() && wire_->unread().empty();
}

}  // namespace

Client::Impl::Impl(Loop& on, ClientConfig with) : loop(on), config(std::move(with)) {}
Client::Impl::~Impl() = default;

Task<Result<std::unique_ptr<Upstream>>> Client::Impl::obtain(const RequestSpec& spec, bool fresh) {
  while (!fresh && !idle.empty()) {
    auto kept = std::move(idle.back());
    idle.pop_back();
    if (kept->wake()) co_return kept;
  }
  if (open >= kUpstreamOpenMax) co_return fail(Code::kLimit, "too many connections to the upstream");
  const Time due = std::min(spec.deadline, Loop::now() + config.connect_timeout);
  auto wire = co_await dial(loop, config.endpoint, tls, due, spec.cancel);
  if (!wire) co_return std::unexpected(wire.error());
  co_return std::make_unique<Upstream>(*this, std::move(*wire));
}

void Client::Impl::keep(std::unique_ptr<Upstream> upstream) {
  if (idle.size() >= kIdlePoolMax || !upstream->go_idle()) return;
  idle.push_back(std::move(upstream));
}

void Client::Impl::forget(Upstream* upstream) {
  std::erase_if(idle, [upstream](const auto& kept) { return kept.get() == upstream; });
}

struct Reply::Impl {
  explicit Impl(std::unique_ptr<Upstream> by) : upstream(std::move(by)) {}
  std::unique_ptr<Upstream> upstream;
};

Reply::Reply(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reply::Reply(Reply&&) noexcept = default;
Reply& Reply::operator=(Reply&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}
Reply::~Reply() {
  if (!impl_ || !impl_->upstream->reusable()) return;
  Client::Impl& client = impl_->upstream->client();
  client.keep(std::move(impl_->upstream));
}

int Reply::status() const { return impl_->upstream->head().status; }
const Headers& Reply::headers() const { return impl_->upstream->head().headers; }

Task<Result<std::optional<std::string_view>>> Reply::read_some() {
  return impl_->upstream->read_some();
}

Task<Result<std::string>> Reply::read_all(uint64_t bytes_max) {
  std::string body;
  if (const auto length = headers().get("Content-Length")) {
    const auto announced = parse_u64(*length);
    if (announced && *announced > bytes_max && !impl_->upstream->finished())
      co_return fail(Code::kLimit, "the upstream's answer is too large");
    if (announced) body.reserve(static_cast<size_t>(std::min<uint64_t>(*announced, 1 << 20)));
  }
  while (true) {
    if (impl_->upstream->finished()) co_return body;
    auto some = co_await read_some();
    if (!some) co_return std::unexpected(some.error());
    if (!*some) co_return body;
    if (body.size() + (*some)->size() > bytes_max)
      co_return fail(Code::kLimit, "the upstream's answer is too large");
    body.append(**some);
  }
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::create(Loop& loop, ClientConfig config) {
  auto impl = std::make_unique<Impl>(loop, std::move(config));
  const Endpoint& endpoint = impl->config.endpoint;
  if (endpoint.kind == Endpoint::Kind::kTls) {
    PV_TRY(impl->tls, client_tls(endpoint.ca_file));
  }
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  impl->host_field = v6 ? "[" + endpoint.host + "]" : endpoint.host;
  const uint16_t usual = endpoint.kind == Endpoint::Kind::kTls ? 443 : 80;
  if (endpoint.port != 0 && endpoint.port != usual)
    impl->host_field += ":" + std::to_string(endpoint.port);
  return std::make_unique<Client>(std::move(impl));
}

Task<Result<Reply>> Client::send(RequestSpec spec) {
  for (bool fresh : {false, true}) {
    auto upstream = co_await impl_->obtain(spec, fresh);
    if (!upstream) co_return std::unexpected(upstream.error());
    const Status sent = co_await (*upstream)->exchange(spec);
    if (sent) {
      auto reply = std::make_unique<Reply::Impl>(std::move(*upstream));
      co_return Reply(std::move(reply));
    }
    if (fresh || !(*upstream)->may_repeat(spec)) co_return std::unexpected(sent.error());
  }
  co_return fail(Code::kInternal, "unreachable");
}

const Endpoint& Client::endpoint() const { return impl_->config.endpoint; }
size_t Client::idle_connections() const { return impl_->idle.size(); }
size_t Client::open_connections() const { return impl_->open; }

}  // namespace proviso::http
