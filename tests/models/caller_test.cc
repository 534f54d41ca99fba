#include "models/caller.h"

#include <future>
#include <gtest/gtest.h>
#include <mutex>

#include "http/server.h"

namespace proviso::models {
namespace {

using namespace std::chrono_literals;
using exchange::Endpoint;

constexpr const char* kSecret = "SECRET-OF-THE-UPSTREAM";

// An upstream that does what the body of the request names, and keeps the last head that it saw.
class Upstreams {
 public:
  Upstreams() {
    loops_ = std::move(*http::Loops::create({.count = 2, .sweep = 10ms}));
    http::ServerConfig config;
    config.listeners.emplace_back();
    server_ = std::move(*http::Server::create(*loops_, std::move(config),
                                              [this](http::Call& call) { return handle(call, *this); }));
  }
  ~Upstreams() { server_->stop(0ms); }

  [[nodiscard]] http::Loop& loop() { return loops_->at(0); }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->bound_port()); }
  [[nodiscard]] http::RequestHead head() {
    const std::lock_guard lock(mutex_);
    return head_;
  }
  std::promise<void> client_went;

 private:
  static http::Task<void> handle(http::Call& call, Upstreams& self) {
    {
      const std::lock_guard lock(self.mutex_);
      self.head_ = call.head();
    }
    auto body = co_await call.read_body();
    const std::string script = body ? *body : "";
    if (script == "stream" || script == "break" || script == "hang") {
      co_await stream(call, script, self);
    } else if (script == "silence") {
      http::Event never(call.loop());
      co_await never.wait(http::kNever, &call.gone());
    } else {
      http::Response response;
      response.status = script.starts_with("{") || script.starts_with("gzip") ? 200 : std::stoi(script);
      response.headers.set("Content-Type", "application/json");
      if (script == "gzip") response.headers.set("Content-Encoding", "gzip");
      const size_t bar = script.find('|');
      response.body = bar == std::string::npos ? script : script.substr(bar + 1);
      co_await call.respond(std::move(response));
    }
  }
  static http::Task<void> stream(http::Call& call, std::string script, Upstreams& self) {
    http::Headers headers{{"Content-Type", "text/event-stream; charset=utf-8"}};
    co_await call.begin_stream(200, std::move(headers));
    co_await call.write("data: 1\n\n");
    if (script == "stream") {
      co_await call.write("data: 2\n\n");
      co_await call.end_stream();
    }
    if (script == "hang") {
      http::Event never(call.loop());
      const auto woken = co_await never.wait(http::kNever, &call.gone());
      if (woken == http::Woken::kCancelled) self.client_went.set_value();
    }
  }
  std::unique_ptr<http::Loops> loops_;
  std::unique_ptr<http::Server> server_;
  std::mutex mutex_;
  http::RequestHead head_;
};

struct Answer {
  int status = 0;
  bool event_stream = false;
  std::string body;
};

http::Task<Result<Answer>> ask(http::Loop& loop, std::shared_ptr<const Catalog> catalog, Call call) {
  auto caller = Caller::create(loop, catalog, nullptr);
  if (!caller) co_return std::unexpected(caller.error());
  auto upstream = co_await (*caller)->call(std::move(call));
  if (!upstream) co_return std::unexpected(upstream.error());
  Answer answer{upstream->status(), upstream->event_stream(), {}};
  for (;;) {
    auto bytes = co_await upstream->next_bytes();
    if (!bytes) co_return std::unexpected(bytes.error());
    if (!*bytes) break;
    answer.body += **bytes;
  }
  co_return answer;
}

// Reads the first bytes, then drops the answer.
http::Task<Result<std::string>> taste(http::Loop& loop, std::shared_ptr<const Catalog> catalog, Call call) {
  auto caller = Caller::create(loop, catalog, nullptr);
  if (!caller) co_return std::unexpected(caller.error());
  auto upstream = co_await (*caller)->call(std::move(call));
  if (!upstream) co_return std::unexpected(upstream.error());
  auto bytes = co_await upstream->next_bytes();
  if (!bytes) co_return std::unexpected(bytes.error());
  co_return std::string(**bytes);
}

class CallerTest : public testing::Test {
 protected:
  std::shared_ptr<const Catalog> catalog() {
    ModelConfig both;
    both.id = "m";
    both.protocols = {exchange::Protocol::kOpenAiChat, exchange::Protocol::kAnthropicMessages};
    both.endpoint = upstreams_.url() + "/base/v1";
    both.head_timeout = 20s;
    ModelConfig chat_only = both;
    chat_only.id = "chat-only";
    chat_only.protocols = {exchange::Protocol::kOpenAiChat};
    ModelConfig gone = both;
    gone.id = "gone";
    gone.endpoint = "unix:/nonexistent/x.sock";
    auto catalog = Catalog::create({both, chat_only, gone}, "/nonexistent/worker.sock");
    EXPECT_TRUE(catalog.has_value()) << catalog.error().message;
    return std::make_shared<const Catalog>(std::move(*catalog));
  }
  static Call call(std::string body, Endpoint endpoint = Endpoint::kChat, std::string model = "m") {
    Call call;
    call.model = std::move(model);
    call.endpoint = endpoint;
    call.body = std::move(body);
    return call;
  }
  Result<Answer> answer(Call what) {
    return http::block_on(upstreams_.loop(), ask(upstreams_.loop(), catalog(), std::move(what)));
  }
  Upstreams upstreams_;
};

TEST_F(CallerTest, PassesAWholeAnswer) {
  const auto got = answer(call("{\"x\":1}"));
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->status, 200);
  EXPECT_FALSE(got->event_stream);
  EXPECT_EQ(got->body, "{\"x\":1}");
}

TEST_F(CallerTest, PassesAStream) {
  const auto got = answer(call("stream"));
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_TRUE(got->event_stream);
  EXPECT_EQ(got->body, "data: 1\n\ndata: 2\n\n");
}

TEST_F(CallerTest, GoesToTheEndpointsPathWithNoHeaderButOurs) {
  const struct {
    Endpoint endpoint;
    const char* target;
  } cases[] = {{Endpoint::kChat, "/base/v1/chat/completions"},
               {Endpoint::kMessages, "/base/v1/messages"},
               {Endpoint::kCountTokens, "/base/v1/messages/count_tokens"}};
  for (const auto& c : cases) {
    Call what = call("{}", c.endpoint);
    what.headers.anthropic_beta = "tools-1";
    ASSERT_TRUE(answer(std::move(what)).has_value());
    const auto head = upstreams_.head();
    EXPECT_EQ(head.target, c.target);
    const bool anthropic = c.endpoint != Endpoint::kChat;
    EXPECT_EQ(head.headers.get_or("anthropic-version", ""), anthropic ? "2023-06-01" : "");
    EXPECT_EQ(head.headers.get_or("anthropic-beta", ""), anthropic ? "tools-1" : "");
    EXPECT_EQ(head.headers.get_or("accept-encoding", ""), "identity");
    for (size_t i = 0; i < head.headers.size(); ++i) {
      const std::string name(head.headers.at(i).name);
      bool known = false;
      for (const char* ours : {"host", "content-type", "content-length", "accept", "accept-encoding",
                               "user-agent", "anthropic-version", "anthropic-beta", "connection"}) {
        known = known || http::equal_fold(name, ours);
      }
      EXPECT_TRUE(known) << name;
    }
  }
}

TEST_F(CallerTest, RefusesAHeaderThatWouldWriteLines) {
  Call what = call("{}", Endpoint::kMessages);
  what.headers.anthropic_beta = "x\r\nX-Conversation-Id: 1";
  const auto got = answer(std::move(what));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, Code::kInvalid);
}

TEST_F(CallerTest, TurnsRefusalsIntoSentencesOfOurs) {
  const auto error = [](const char* type) {
    return std::string("|{\"error\":{\"type\":\"") + type + "\",\"message\":\"" + kSecret + "\"}}";
  };
  const struct {
    std::string script;
    Code code;
    const char* says;
  } cases[] = {
      {"400" + error("invalid_request_error"), Code::kInvalid, "refused the request"},
      {"400" + error("exceed_context_size_error"), Code::kInvalid, "longer than"},
      {"400" + error(kSecret), Code::kInvalid, "(status 400)"},
      {"401" + error("authentication_error"), Code::kUnavailable, "key of this gate"},
      {"404" + error("not_found_error"), Code::kUnavailable, "does not offer"},
      {"413" + error("request_too_large"), Code::kInvalid, "longer than"},
      {"429" + error("rate_limit_error"), Code::kLimit, "at its limit"},
      {"529" + error("overloaded_error"), Code::kLimit, "at its limit"},
      {"500" + error("invalid_request_error"), Code::kUnavailable, "failed"},
      {"503|busy", Code::kUnavailable, "failed (status 503)"},
      {"504|", Code::kTimeout, "in time"},
      {"302|", Code::kUnavailable, "failed"},
      {"gzip", Code::kUnavailable, "coding"},
      {"500|" + std::string(kErrorBodyBytesMax + 1, 'x'), Code::kUnavailable, "failed (status 500)"},
  };
  for (const auto& c : cases) {
    const auto got = answer(call(c.script));
    ASSERT_FALSE(got.has_value()) << c.script;
    EXPECT_EQ(got.error().code, c.code) << got.error().message;
    EXPECT_NE(got.error().message.find(c.says), std::string::npos) << got.error().message;
    EXPECT_EQ(got.error().message.find(kSecret), std::string::npos) << got.error().message;
  }
}

TEST_F(CallerTest, SendsNothingForWhatItCannotRoute) {
  const struct {
    Call call;
    Code code;
  } cases[] = {{call("{}", Endpoint::kChat, "unknown"), Code::kNotFound},
               {call("{}", Endpoint::kMessages, "chat-only"), Code::kUnsupported},
               {call("{}", Endpoint::kChat, "gone"), Code::kUnavailable}};
  for (const auto& c : cases) {
    const auto got = answer(c.call);
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, c.code) << got.error().message;
    EXPECT_EQ(got.error().message.find("/nonexistent"), std::string::npos) << "an address leaks";
  }
  EXPECT_EQ(upstreams_.head().method, "");
}

TEST_F(CallerTest, AStreamThatBreaksOffIsAnErrorNotAnEnd) {
  const auto got = answer(call("break"));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, Code::kUnavailable);
  EXPECT_NE(got.error().message.find("broke off"), std::string::npos) << got.error().message;
}

TEST_F(CallerTest, TheCallersDeadlineHolds) {
  Call what = call("silence");
  what.deadline = http::Loop::now() + 50ms;
  const auto got = answer(std::move(what));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, Code::kTimeout) << got.error().message;
}

TEST_F(CallerTest, DroppingAnAnswerTellsTheUpstreamToStop) {
  auto went = upstreams_.client_went.get_future();
  const auto first = http::block_on(upstreams_.loop(), taste(upstreams_.loop(), catalog(), call("hang")));
  ASSERT_TRUE(first.has_value()) << first.error().message;
  EXPECT_EQ(*first, "data: 1\n\n");
  EXPECT_EQ(went.wait_for(10s), std::future_status::ready);
}

}  // namespace
}  // namespace proviso::models
