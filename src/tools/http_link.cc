#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/file.h"
#include "exchange/sse.h"
#include "http/client.h"
#include "tools/oauth.h"
#include "tools/upstream.h"

namespace proviso::tools {
namespace {

constexpr std::string_view kAccept = "application/json, text/event-stream";

std::string_view media_type(const http::Headers& headers) {
  std::string_view type = headers.get_or("Content-Type", "");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type;
}

bool plain_coding(const http::Headers& headers) {
  const auto coding = headers.get_or("Content-Encoding", "identity");
  return coding.empty() || http::equal_fold(coding, "identity");
}

// What every request of one server shares.
struct Shared {
  http::Loop& loop;
  ServerConfig config;
  std::string target;
  std::string token;
  std::string challenge;  // of the newest refusal
  std::unique_ptr<http::Client> client;
  uint64_t next_id = 1;

  [[nodiscard]] std::string who() const { return "the tool server `" + config.id + "`"; }

  // True if the file now holds another token than before: somebody logged in.
  bool reload_token() {
    if (config.token_file.empty()) return false;
    auto text = read_private_file(config.token_file);
    if (!text) return false;
    while (text->ends_with('\n') || text->ends_with(' ')) text->pop_back();
    const bool other = *text != token && !text->empty();
    token = std::move(*text);
    return other;
  }

  [[nodiscard]] Error unavailable(const Error& error) const {
    switch (error.code) {
      case Code::kTimeout: return {Code::kTimeout, who() + " did not answer in time"};
      case Code::kLimit: return {Code::kLimit, who() + ": " + error.message};
      default: return {Code::kUnavailable, who() + " cannot be reached or broke off"};
    }
  }
  [[nodiscard]] Error wants_login() const {
    return {Code::kUnverified, fmt::format("{} wants a login that its operator has not made: `proviso tools login {}`",
                                           who(), config.id)};
  }
  [[nodiscard]] std::unexpected<Error> odd(std::string_view what) const {
    return fail(Code::kUnavailable, fmt::format("{} {}", who(), what));
  }

  http::RequestSpec spec(std::string method, const Session& session) const {
    http::RequestSpec out;
    out.method = std::move(method);
    out.target = target;
    out.headers.add("Accept", kAccept);
    out.headers.add("Accept-Encoding", "identity");
    out.headers.add("User-Agent", "proviso");
    if (!token.empty()) out.headers.add("Authorization", "Bearer " + token);
    if (!session.id.empty()) out.headers.add("Mcp-Session-Id", session.id);
    return out;
  }
};

class HttpRunning final : public Running {
 public:
  HttpRunning(std::shared_ptr<Shared> shared, std::optional<http::Reply> reply, std::string id, Session session, bool events,
              http::Time deadline, http::Cancel* cancel)
      : shared_(std::move(shared)), reply_(std::move(reply)), id_(std::move(id)), session_(std::move(session)),
        events_(events), deadline_(deadline), cancel_(cancel) {}

  void do_not_resume() { resumes_ = kResumesMax; }

  http::Task<Result<Message>> next() override {
    if (!events_) co_return co_await whole();
    while (true) {
      const std::optional<exchange::SseParser::Event> event = parser_.next();
      if (parser_.too_long()) co_return shared_->odd("sent an event that is too long");
      if (event) {
        if (event->data.empty()) continue;  // an event that only names its id
        auto message = checked(event->data);
        if (message) {
          if (message->has_value()) co_return std::move(**message);
          continue;
        }
        co_return std::unexpected(std::move(message.error()));
      }
      Result<std::optional<std::string_view>> bytes = co_await reply_->read_some();
      const bool ended = !bytes || !bytes->has_value();
      if (!ended) {
        parser_.feed(**bytes);
        continue;
      }
      if (cancel_ != nullptr && cancel_->requested()) co_return shared_->odd("was not waited for");
      Status resumed = co_await resume(bytes ? Error{Code::kUnavailable, ""} : std::move(bytes.error()));
      if (!resumed) co_return std::unexpected(std::move(resumed.error()));
    }
  }

  http::Task<Status> answer(std::string response) override {
    http::RequestSpec spec = shared_->spec("POST", session_);
    spec.headers.add("Content-Type", "application/json");
    spec.headers.add("MCP-Protocol-Version", session_.version);
    spec.body = std::move(response);
    spec.deadline = deadline_;
    spec.cancel = cancel_;
    auto reply = co_await shared_->client->send(std::move(spec));
    if (!reply) co_return std::unexpected(shared_->unavailable(reply.error()));
    const auto body = co_await reply->read_all(kUpstreamMessageBytesMax);
    if (reply->status() / 100 != 2) co_return shared_->odd("did not take the answer to its own request");
    co_return Status{};
  }

 private:
  http::Task<Result<Message>> whole() {
    Result<std::string> body = co_await reply_->read_all(kUpstreamMessageBytesMax);
    if (!body) co_return std::unexpected(shared_->unavailable(body.error()));
    auto message = checked(*body);
    if (!message) co_return std::unexpected(std::move(message.error()));
    if (!message->has_value() || !(*message)->is_response()) {
      co_return shared_->odd("answered with something else than a response");
    }
    co_return std::move(**message);
  }

  // One message; nothing for a response that belongs to no request of ours.
  Result<std::optional<Message>> checked(std::string_view text) {
    if (text.size() > kUpstreamMessageBytesMax) return shared_->odd("sent a message that is too long");
    auto message = parse_message(text, json_);
    if (!message) return shared_->odd("sent what is no message of MCP: " + message.error().message);
    if (message->is_response() && !message->id.empty() && message->id != id_) return std::optional<Message>();
    return std::optional<Message>(std::move(*message));
  }

  // SPEC 2025-11-25 transports, "Resumability": a stream that named an event is continued with GET.
  http::Task<Status> resume(Error error) {
    if (session_.version.empty() || parser_.last_id().empty() || resumes_ == kResumesMax) {
      co_return std::unexpected(error.message.empty() ? Error{Code::kUnavailable, shared_->who() + " broke off its answer"}
                                                      : shared_->unavailable(error));
    }
    ++resumes_;
    const std::string last = parser_.last_id();
    const auto wait = std::min<uint64_t>(parser_.retry_ms().value_or(0), kResumeWaitMsMax);
    http::Event pause(shared_->loop);
    const http::Woken woken =
        co_await pause.wait(http::Loop::now() + std::chrono::milliseconds(wait), cancel_);
    if (woken == http::Woken::kCancelled) co_return shared_->odd("was not waited for");
    http::RequestSpec spec = shared_->spec("GET", session_);
    spec.headers.set("Accept", "text/event-stream");
    spec.headers.add("MCP-Protocol-Version", session_.version);
    spec.headers.add("Last-Event-ID", last);
    spec.deadline = deadline_;
    spec.cancel = cancel_;
    auto reply = co_await shared_->client->send(std::move(spec));
    if (!reply) co_return std::unexpected(shared_->unavailable(reply.error()));
    if (reply->status() != 200 || !http::equal_fold(media_type(reply->headers()), "text/event-stream")) {
      co_return shared_->odd("broke off its answer and does not go on with it");
    }
    reply_ = std::move(*reply);
    parser_ = exchange::SseParser();
    co_return Status{};
  }

  std::shared_ptr<Shared> shared_;
  std::optional<http::Reply> reply_;
  std::string id_;
  Session session_;
  bool events_;
  http::Time deadline_;
  http::Cancel* cancel_;
  size_t resumes_ = 0;
  exchange::SseParser parser_;
  json::Parser json_;
};

// A call of a legacy session, heard on two streams: that of its own POST, and the session's own, on which a
// server may put a question that it ties to no request. Both are read by coroutines of their own into one line.
struct Heard {
  explicit Heard(http::Loop& loop) : more(loop) {}
  http::Cancel stop;  // of the call's own stream; outlives its reply
  http::Event more;
  std::deque<Result<Message>> line;

  void add(Result<Message> said) {
    line.push_back(std::move(said));
    more.set();
  }
};

// The session's own stream (GET), as long as its server holds it open.
struct Aside {
  http::Cancel stop;
  std::vector<std::weak_ptr<Heard>> calls;  // that run now, in order
  http::Time opened = http::Loop::now();
};

http::Task<void> pump_call(std::shared_ptr<Heard> heard, std::unique_ptr<HttpRunning> running) {
  while (true) {
    Result<Message> said = co_await running->next();
    const bool last = !said || said->is_response();
    heard->add(std::move(said));
    if (last) co_return;
  }
}

http::Task<void> pump_aside(std::shared_ptr<Aside> aside, std::unique_ptr<HttpRunning> running) {
  while (true) {
    Result<Message> said = co_await running->next();
    if (!said || aside->stop.requested()) break;
    std::erase_if(aside->calls, [](const auto& call) { return call.expired(); });
    if (said->is_response()) continue;
    if (!aside->calls.empty()) {
      if (const auto call = aside->calls.front().lock()) call->add(std::move(said));
    } else if (said->kind == Message::Kind::kRequest) {
      const Status told = co_await running->answer(error_text(said->id, kMethodNotFound, "nobody is here to ask"));
      if (!told) break;
    }
  }
  aside->stop.request();  // whoever looks sees that it is over
}

class DuplexRunning final : public Running {
 public:
  DuplexRunning(std::shared_ptr<Heard> heard, std::unique_ptr<HttpRunning> answers, http::Cancel* cancel)
      : heard_(std::move(heard)), answers_(std::move(answers)) {
    if (cancel != nullptr) {
      gone_ = std::make_unique<http::Cancel::Listener>(*cancel, [heard = heard_] { heard->stop.request(); });
    }
  }
  ~DuplexRunning() override { heard_->stop.request(); }

  http::Task<Result<Message>> next() override {
    while (heard_->line.empty()) {
      heard_->more.reset();
      const http::Woken woken = co_await heard_->more.wait();
      (void)woken;
    }
    Result<Message> said = std::move(heard_->line.front());
    heard_->line.pop_front();
    co_return said;
  }
  http::Task<Status> answer(std::string response) override {
    Status told = co_await answers_->answer(std::move(response));
    co_return told;
  }

 private:
  std::shared_ptr<Heard> heard_;
  std::unique_ptr<HttpRunning> answers_;  // has no stream of its own: it posts answers in the session
  std::unique_ptr<http::Cancel::Listener> gone_;
};

class HttpLink final : public Link {
 public:
  explicit HttpLink(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  // SPEC 2026-07-28 versioning, "Backward Compatibility": a modern request first; an error that is no modern
  // one means a legacy server.
  http::Task<Result<Greeting>> greet() override {
    Ask ask;
    ask.method = "server/discover";
    ask.deadline = http::Loop::now() + kGreetingMax;
    std::optional<Greeting> modern;
    const bool legacy_only = shared_->config.era == "legacy";
    Result<Message> said = fail(Code::kUnavailable, "");
    if (!legacy_only) said = co_await ask_once(*this, std::move(ask));
    if (said && said->kind == Message::Kind::kResult) {
      modern = discovered(said->body);
    }
    if (shared_->config.era == "modern") {
      if (!modern && !said) co_return shared_->odd("does not speak the modern era: " + said.error().message);
      if (!modern) co_return shared_->odd("does not speak the modern era");
      modern->eras.legacy = false;
    }
    if (modern && !modern->eras.legacy) co_return std::move(*modern);
    const bool final = !said && (said.error().code == Code::kTimeout || said.error().code == Code::kUnverified);
    if (final) co_return std::unexpected(std::move(said.error()));
    Result<Session> session = co_await open("{}");
    if (!session) co_return std::unexpected(std::move(session.error()));
    Greeting greeting = modern ? std::move(*modern) : session->greeting;
    greeting.legacy_capabilities = session->greeting.capabilities;
    const Status closed = co_await close(std::move(*session));
    (void)closed;
    co_return greeting;
  }

  http::Task<Result<Session>> open(std::string capabilities) override {
    Ask ask;
    ask.era = Era::kLegacy;
    ask.method = "initialize";
    ask.params = fmt::format(R"({{"protocolVersion":"{}","capabilities":{},"clientInfo":{}}})", kLegacyVersion,
                             capabilities, kClientInfo);
    ask.deadline = http::Loop::now() + kGreetingMax;
    Sent sent;
    Result<std::unique_ptr<HttpRunning>> running = co_await send(std::move(ask), &sent);
    if (!running) co_return std::unexpected(std::move(running.error()));
    Result<Message> said = co_await response_of(**running);
    if (!said) co_return std::unexpected(std::move(said.error()));
    auto session = opened(*said, std::move(sent.session_id));
    if (!session) co_return std::unexpected(std::move(session.error()));
    running->reset();
    http::RequestSpec spec = shared_->spec("POST", *session);
    spec.headers.add("Content-Type", "application/json");
    spec.headers.add("MCP-Protocol-Version", session->version);
    spec.body = notification_text("notifications/initialized", "{}");
    spec.deadline = http::Loop::now() + kGreetingMax;
    auto reply = co_await shared_->client->send(std::move(spec));
    if (!reply) co_return std::unexpected(shared_->unavailable(reply.error()));
    const auto body = co_await reply->read_all(kUpstreamMessageBytesMax);
    co_return std::move(*session);
  }

  [[nodiscard]] std::string challenge() const override { return shared_->challenge; }
  ~HttpLink() override {
    for (const auto& [id, aside] : asides_) aside->stop.request();
  }

  http::Task<Status> close(Session session) override {
    if (session.id.empty()) co_return Status{};
    if (const auto found = asides_.find(session.id); found != asides_.end()) {
      found->second->stop.request();
      asides_.erase(found);
    }
    http::RequestSpec spec = shared_->spec("DELETE", session);
    spec.headers.add("MCP-Protocol-Version", session.version);
    spec.deadline = http::Loop::now() + kGreetingMax;
    auto reply = co_await shared_->client->send(std::move(spec));
    if (!reply) co_return std::unexpected(shared_->unavailable(reply.error()));
    const auto body = co_await reply->read_all(kUpstreamMessageBytesMax);
    co_return Status{};
  }

  http::Task<Result<std::unique_ptr<Running>>> start(Ask ask) override {
    const bool carries = ask.era == Era::kLegacy && !ask.session.id.empty() && listens_ && !ask.method.ends_with("/list");
    if (!carries) co_return co_await plain(std::move(ask));
    std::shared_ptr<Aside> aside = co_await aside_of(ask.session);
    if (aside == nullptr) co_return co_await plain(std::move(ask));
    const auto heard = std::make_shared<Heard>(shared_->loop);
    aside->calls.push_back(heard);
    http::Cancel* const cancel = ask.cancel;
    const Session session = ask.session;
    const http::Time deadline = ask.deadline;
    ask.cancel = &heard->stop;
    // Before the request goes out: a client that goes while its head is awaited stops it.
    auto running = std::make_unique<DuplexRunning>(
        heard, std::make_unique<HttpRunning>(shared_, std::nullopt, "", session, false, deadline, cancel), cancel);
    Result<std::unique_ptr<HttpRunning>> call = co_await send(std::move(ask), nullptr);
    if (!call) co_return std::unexpected(std::move(call.error()));
    shared_->loop.spawn(pump_call(heard, std::move(*call)));
    co_return std::unique_ptr<Running>(std::move(running));
  }

 private:
  static constexpr std::chrono::seconds kGreetingMax{10};
  static constexpr size_t kAsidesMax = 1000;  // open streams of sessions; the oldest makes room

  http::Task<Result<std::unique_ptr<Running>>> plain(Ask ask) {
    Result<std::unique_ptr<HttpRunning>> sent = co_await send(std::move(ask), nullptr);
    if (!sent) co_return std::unexpected(std::move(sent.error()));
    co_return std::unique_ptr<Running>(std::move(*sent));
  }

  // The session's own stream, opened when there is none; null where the server has no such thing.
  http::Task<std::shared_ptr<Aside>> aside_of(Session session) {
    std::erase_if(asides_, [](const auto& entry) { return entry.second->stop.requested(); });
    if (const auto found = asides_.find(session.id); found != asides_.end()) co_return found->second;
    auto aside = std::make_shared<Aside>();
    http::RequestSpec spec = shared_->spec("GET", session);
    spec.headers.set("Accept", "text/event-stream");
    spec.headers.add("MCP-Protocol-Version", session.version);
    spec.deadline = http::Loop::now() + kGreetingMax;
    spec.cancel = &aside->stop;
    auto reply = co_await shared_->client->send(std::move(spec));
    if (!reply) co_return nullptr;
    if (reply->status() != 200 || !http::equal_fold(media_type(reply->headers()), "text/event-stream")) {
      listens_ = reply->status() != 405 && reply->status() != 404;
      const auto rest = co_await reply->read_all(kUpstreamMessageBytesMax);
      co_return nullptr;
    }
    if (asides_.size() >= kAsidesMax) {
      const auto oldest = std::min_element(asides_.begin(), asides_.end(), [](const auto& a, const auto& b) {
        return a.second->opened < b.second->opened;
      });
      oldest->second->stop.request();
      asides_.erase(oldest);
    }
    asides_.insert_or_assign(session.id, aside);
    auto running = std::make_unique<HttpRunning>(shared_, std::move(*reply), "", session, true, http::kNever,
                                                 &aside->stop);
    running->do_not_resume();
    shared_->loop.spawn(pump_aside(aside, std::move(running)));
    co_return aside;
  }
  struct Sent {
    std::string session_id;
  };

  http::Task<Result<std::unique_ptr<HttpRunning>>> send(Ask ask, Sent* sent) {
    Message message;
    message.method = ask.method;
    message.id = std::to_string(shared_->next_id++);
    message.params = ask.era == Era::kModern
                         ? modern_params(ask.params, ask.capabilities, ask.log_level, json_)
                         : std::move(ask.params);
    http::RequestSpec spec = shared_->spec("POST", ask.era == Era::kLegacy ? ask.session : Session{});
    spec.headers.add("Content-Type", "application/json");
    if (ask.era == Era::kModern) {
      const http::Headers mirrored = mirrored_headers(message, ask.param_headers, json_);
      for (size_t i = 0; i < mirrored.size(); ++i) spec.headers.add(mirrored.at(i).name, mirrored.at(i).value);
    } else if (!ask.session.version.empty()) {
      spec.headers.add("MCP-Protocol-Version", ask.session.version);
    }
    spec.body = request_text(message.id, message.method, message.params);
    spec.deadline = ask.deadline;
    spec.cancel = ask.cancel;
    std::optional<http::RequestSpec> kept;
    if (!shared_->config.token_file.empty()) kept = spec;
    auto reply = co_await shared_->client->send(std::move(spec));
    if (!reply) co_return std::unexpected(shared_->unavailable(reply.error()));
    if (wants_token(*reply)) {
      Status again = co_await refused(*reply);
      if (!again) co_return std::unexpected(std::move(again.error()));
      // It was not executed; with the new token, once. There is one, so there is a file, so the request was kept.
      kept->headers.set("Authorization", "Bearer " + shared_->token);
      reply = co_await shared_->client->send(std::move(*kept));
      if (!reply) co_return std::unexpected(shared_->unavailable(reply.error()));
      if (wants_token(*reply)) {
        Status still = co_await refused(*reply);
        co_return std::unexpected(still ? shared_->wants_login() : std::move(still.error()));
      }
    }
    shared_->challenge.clear();
    if (!plain_coding(reply->headers())) co_return shared_->odd("answers in a coding that nobody asked for");
    if (sent != nullptr) sent->session_id = std::string(reply->headers().get_or("Mcp-Session-Id", ""));
    const int status = reply->status();
    if (status == 404 && ask.era == Era::kLegacy && !ask.session.id.empty()) {
      co_return fail(Code::kConflict, shared_->who() + " no longer knows the session");
    }
    const auto type = media_type(reply->headers());
    const bool events = http::equal_fold(type, "text/event-stream");
    const bool json = http::equal_fold(type, "application/json");
    // An error of the protocol comes with 400 or 404 and says itself what it is.
    if ((status / 100 != 2 && !json) || (!events && !json)) {
      const auto rest = co_await reply->read_all(kUpstreamMessageBytesMax);
      co_return shared_->odd(fmt::format("answered with status {} and no message", status));
    }
    co_return std::make_unique<HttpRunning>(shared_, std::move(*reply), std::move(message.id),
                                            std::move(ask.session), events, ask.deadline, ask.cancel);
  }

  static bool wants_token(const http::Reply& reply) {
    return reply.status() == 401 || (reply.status() == 403 && reply.headers().get("WWW-Authenticate"));
  }

  // Keeps what the server asks for. Good if there is a new token to try with.
  http::Task<Status> refused(http::Reply& reply) {
    const std::string_view said = reply.headers().get_or("WWW-Authenticate", "Bearer");
    const bool plain = said.size() <= kChallengeBytesMax &&
                       std::all_of(said.begin(), said.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
    shared_->challenge = plain ? std::string(said) : "Bearer";
    const auto body = co_await reply.read_all(kUpstreamMessageBytesMax);
    if (shared_->reload_token()) co_return Status{};
    co_return std::unexpected(shared_->wants_login());
  }

  http::Task<Result<Message>> response_of(Running& running) {
    while (true) {
      Result<Message> said = co_await running.next();
      if (!said || said->is_response()) co_return std::move(said);
    }
  }

  std::optional<Greeting> discovered(const std::string& body) {
    const auto document = json_.parse(body);
    if (!document) return std::nullopt;
    json::Object result;
    json::Array versions;
    if (document->get(result) != simdjson::SUCCESS ||
        result.at_key("supportedVersions").get(versions) != simdjson::SUCCESS) {
      return std::nullopt;
    }
    Greeting greeting;
    for (const json::Element version : versions) {
      std::string_view text;
      if (version.get(text) != simdjson::SUCCESS) continue;
      greeting.eras.modern = greeting.eras.modern || text == kModernVersion;
      greeting.eras.legacy = greeting.eras.legacy || legacy_version(text).has_value();
    }
    if (!greeting.eras.modern) return std::nullopt;
    if (const auto capabilities = object_member(result, "capabilities")) {
      greeting.capabilities = changed(*capabilities, {});
    }
    if (const auto meta = object_member(result, "_meta")) {
      const std::string info = member_text(*meta, "io.modelcontextprotocol/serverInfo");
      if (!info.empty()) greeting.server_info = info;
    }
    greeting.instructions = std::string(text_member(result, "instructions").value_or(""));
    return greeting;
  }

  Result<Session> opened(const Message& said, std::string session_id) {
    if (said.kind != Message::Kind::kResult) return shared_->odd("refuses `initialize`");
    PV_TRY(const json::Element document, json_.parse(said.body));
    json::Object result;
    if (document.get(result) != simdjson::SUCCESS) return shared_->odd("answers `initialize` with no object");
    const auto version = text_member(result, "protocolVersion");
    if (!version || !legacy_version(*version)) {
      return shared_->odd("speaks no revision of MCP that this gate knows");
    }
    Session session;
    session.id = std::move(session_id);
    session.version = std::string(*version);
    session.greeting.eras.legacy = true;
    const std::string capabilities = member_text(result, "capabilities");
    const std::string info = member_text(result, "serverInfo");
    if (!capabilities.empty()) session.greeting.capabilities = capabilities;
    if (!info.empty()) session.greeting.server_info = info;
    session.greeting.instructions = std::string(text_member(result, "instructions").value_or(""));
    return session;
  }

  std::shared_ptr<Shared> shared_;
  json::Parser json_;
  std::map<std::string, std::shared_ptr<Aside>> asides_;  // by session
  bool listens_ = true;                                   // the server has such streams, as far as known
};

}  // namespace

Result<std::unique_ptr<Link>> connect_http(http::Loop& loop, const ServerConfig& config) {
  http::ClientConfig client;
  PV_TRY(client.endpoint, http::Endpoint::parse(config.url));
  client.endpoint.ca_file = config.ca_file;
  const std::string target = client.endpoint.base_path.empty() ? "/" : client.endpoint.base_path;
  auto shared = std::make_shared<Shared>(
      Shared{.loop = loop, .config = config, .target = target, .token = {}, .challenge = {}, .client = nullptr});
  if (!config.token_file.empty()) {
    // Before the first login there is none.
    auto there = read_private_file(config.token_file);
    if (!there && there.error().code != Code::kNotFound) return std::unexpected(std::move(there.error()));
    shared->reload_token();
  }
  PV_TRY(shared->client, http::Client::create(loop, std::move(client)));
  return std::unique_ptr<Link>(std::make_unique<HttpLink>(std::move(shared)));
}

}  // namespace proviso::tools
