#include "http/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>

#include "http/support.h"

namespace proviso::http::test {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<Loops> quick_loops() {
  LoopsConfig config;
  config.sweep = 5ms;
  return std::move(*Loops::create(config));
}

// An upstream that says exactly what a test wants: per connection, one script.
class Script {
 public:
  using Step = std::function<void(RawSocket&)>;
  explicit Script(std::vector<Step> connections) : steps_(std::move(connections)) {
    sockaddr_storage address{};
    const auto size = parse_address("127.0.0.1", 0, address);
    listener_ = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    PV_CHECK(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), *size) == 0);
    PV_CHECK(listen(listener_.get(), 16) == 0);
    socklen_t length = sizeof(address);
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    port_ = address_port(address);
    thread_ = std::thread([this] { run(); });
  }
  ~Script() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] size_t accepted() const { return accepted_; }

 private:
  void run() {
    for (auto& step : steps_) {
      const int fd = accept(listener_.get(), nullptr, nullptr);
      if (fd < 0) return;
      ++accepted_;
      RawSocket socket(fd);
      step(socket);
    }
  }
  std::vector<Step> steps_;
  Fd listener_;
  uint16_t port_ = 0;
  std::atomic<size_t> accepted_{0};
  std::thread thread_;
};

// Reads one request without a body, or with the given one.
std::string read_request(RawSocket& socket, std::string_view body = "") {
  return socket.read_until("\r\n\r\n" + std::string(body));
}

struct Got {
  int status = 0;
  std::string body;
  std::string error;  // "code: sentence"
  [[nodiscard]] std::string text() const {
    return error.empty() ? std::to_string(status) + " " + body : error;
  }
};

std::string error_text(const Error& error) { return code_name(error.code) + (": " + error.message); }

Task<Got> fetch(Client& client, RequestSpec spec) {
  Got got;
  auto reply = co_await client.send(std::move(spec));
  if (!reply) {
    got.error = error_text(reply.error());
    co_return got;
  }
  got.status = reply->status();
  auto body = co_await reply->read_all(1 << 20);
  if (body) got.body = std::move(*body);
  else got.error = error_text(body.error());
  co_return got;
}

Task<Got> fetch_once(Loop& loop, ClientConfig config, RequestSpec spec) {
  auto client = Client::create(loop, std::move(config));
  if (!client) {
    Got got;
    got.error = error_text(client.error());
    co_return got;
  }
  auto got = co_await fetch(**client, std::move(spec));
  co_return got;
}

ClientConfig to_port(uint16_t port) {
  ClientConfig config;
  config.endpoint = *Endpoint::parse("http://127.0.0.1:" + std::to_string(port));
  return config;
}

struct AnswerCase {
  const char* name;
  const char* method;
  const char* bytes;  // what the upstream says before it closes
  const char* want;
};

const AnswerCase kAnswers[] = {
    {"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 hi"},
    {"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x\r\nbc\r\n0\r\nT: t\r\n\r\n", "200 abc"},
    {"until close", "GET", "HTTP/1.1 200 OK\r\n\r\nall of it", "200 all of it"},
    {"until close, 1.0", "GET", "HTTP/1.0 200 OK\r\n\r\nall", "200 all"},
    {"interim first", "POST", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx", "201 x"},
    {"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "200 "},
    {"no content", "GET", "HTTP/1.1 204 No Content\r\n\r\n", "204 "},
    {"no reason", "GET", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 "},
    {"cut in the body", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", "unavailable: the answer was cut short by the upstream"},
    {"cut in a chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", "unavailable: the answer was cut short by the upstream"},
    {"cut before the last chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", "unavailable: the answer was cut short by the upstream"},
    {"cut in the head", "GET", "HTTP/1.1 200 OK\r\nContent-", "unavailable: the answer was cut short by the upstream"},
    {"nothing", "GET", "", "unavailable: the answer was cut short by the upstream"},
    {"both framings", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "invalid"},
    {"two lengths", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", "invalid"},
    {"gzip framing", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "invalid"},
    {"folded", "GET", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "invalid"},
    {"bare line feeds", "GET", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "invalid"},
    {"control byte", "GET", "HTTP/1.1 200 OK\r\nX: a\x01\r\n\r\n", "invalid"},
    {"bad chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "invalid"},
    {"another version", "GET", "HTTP/2.0 200 OK\r\n\r\n", "invalid"},
    {"switched", "GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "invalid"},
    {"status out of range", "GET", "HTTP/1.1 999 No\r\n\r\n", "invalid"},
    {"not HTTP", "GET", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "invalid"},
};

TEST(Client, ReadsAnswers) {
  auto loops = quick_loops();
  size_t passed = 0;
  for (const auto& one : kAnswers) {
    const std::string bytes = one.bytes;
    Script upstream({[&](RawSocket& socket) {
      read_request(socket);
      socket.send(bytes);
      socket.finish_sending();
      socket.read_all();
    }});
    RequestSpec spec;
    spec.method = one.method;
    const auto got = block_on(loops->at(0), fetch_once(loops->at(0), to_port(upstream.port()), spec));
    const std::string want = one.want;
    const bool fine = want == "invalid" ? got.error.starts_with("invalid: ") : got.text() == want;
    EXPECT_TRUE(fine) << one.name << ": " << got.text();
    passed += fine ? 1 : 0;
  }
  std::printf("answers: %zu/%zu\n", passed, std::size(kAnswers));
}

// A pool on the loop, driven from the test.
struct Pool {
  std::unique_ptr<Loops> loops = quick_loops();
  std::unique_ptr<Client> client;
  explicit Pool(ClientConfig config) {
    auto make = [](Loop& loop, ClientConfig with, std::unique_ptr<Client>& out) -> Task<void> {
      out = std::move(*Client::create(loop, std::move(with)));
      co_return;
    };
    block_on(loop(), make(loop(), std::move(config), client));
  }
  ~Pool() {
    auto drop = [](std::unique_ptr<Client>& out) -> Task<void> {
      out.reset();
      co_return;
    };
    block_on(loop(), drop(client));
  }
  Loop& loop() { return loops->at(0); }
  Got get(std::string method = "GET", std::string body = "") {
    RequestSpec spec;
    spec.method = std::move(method);
    spec.body = std::move(body);
    return block_on(loop(), fetch(*client, std::move(spec)));
  }
  size_t idle() {
    auto count = [](Client& of) -> Task<size_t> { co_return of.idle_connections(); };
    return block_on(loop(), count(*client));
  }
  void wait_idle(size_t want) {
    while (idle() != want) std::this_thread::yield();
  }
};

const char* const kHi = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

TEST(Client, KeepsAndReusesConnections) {
  Script upstream({[](RawSocket& socket) {
    for (int i = 0; i < 3; ++i) {
      read_request(socket);
      socket.send(kHi);
    }
    read_request(socket);
    socket.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
    socket.read_all();
  }});
  Pool pool(to_port(upstream.port()));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(pool.get().text(), "200 hi");
  EXPECT_EQ(upstream.accepted(), 1U);
  EXPECT_EQ(pool.idle(), 0U);
}

TEST(Client, ForgetsKeptConnectionsThatClose) {
  Script upstream({[](RawSocket& socket) {
    read_request(socket);
    socket.send(kHi);
  },
  [](RawSocket& socket) {
    read_request(socket);
    socket.send(kHi);
    // A kept connection that speaks unasked is not trusted with the next answer.
    read_request(socket);
  }});
  Pool pool(to_port(upstream.port()));
  EXPECT_EQ(pool.get().text(), "200 hi");
  pool.wait_idle(0);
  EXPECT_EQ(pool.get("POST", "x").text(), "200 hi");
}

TEST(Client, DropsAKeptConnectionThatSpeaksUnasked) {
  Script upstream({[](RawSocket& socket) {
    read_request(socket);
    socket.send(std::string(kHi) + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    socket.read_all();
  },
  [](RawSocket& socket) {
    read_request(socket);
    socket.send(kHi);
    socket.read_all();
  }});
  Pool pool(to_port(upstream.port()));
  EXPECT_EQ(pool.get().text(), "200 hi");
  EXPECT_EQ(pool.idle(), 0U);
  EXPECT_EQ(pool.get().text(), "200 hi");
}

TEST(Client, IdleConnectionsExpire) {
  Script upstream({[](RawSocket& socket) {
    read_request(socket);
    socket.send(kHi);
    socket.read_all();
  }});
  auto config = to_port(upstream.port());
  config.idle_timeout = 20ms;
  Pool pool(config);
  EXPECT_EQ(pool.get().text(), "200 hi");
  pool.wait_idle(0);
}

// The second request meets a kept connection that the upstream closes upon it.
struct RetryCase {
  const char* method;
  const char* second;  // what the upstream says to the second request before it closes
  const char* want;
  size_t connections;
};
const RetryCase kRetries[] = {
    {"GET", "", "200 fresh", 2},
    {"HEAD", "", "200 ", 2},
    // It may have been read: never twice.
    {"POST", "", "unavailable: the answer was cut short by the upstream", 1},
    {"DELETE", "", "unavailable: the answer was cut short by the upstream", 1},
    // An answer had begun.
    {"GET", "HTTP/1.1 2", "unavailable: the answer was cut short by the upstream", 1},
};

TEST(Client, RepeatsOnlyWhatCannotHaveHappened) {
  for (const auto& one : kRetries) {
    const std::string second = one.second;
    Script upstream({[&](RawSocket& socket) {
      read_request(socket);
      socket.send(kHi);
      read_request(socket);
      socket.send(second);
    },
    [](RawSocket& socket) {
      read_request(socket);
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfresh");
    }});
    Pool pool(to_port(upstream.port()));
    EXPECT_EQ(pool.get().text(), "200 hi");
    EXPECT_EQ(pool.get(one.method).text(), one.want) << one.method;
    EXPECT_EQ(upstream.accepted(), one.connections) << one.method;
  }
}

TEST(Client, KeepsItsDeadlines) {
  std::promise<void> release;
  auto released = release.get_future().share();
  Script upstream({[&](RawSocket& socket) {
    read_request(socket);
    released.wait();
  },
  [&](RawSocket& socket) {
    read_request(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi");
    released.wait();
  }});
  auto loops = quick_loops();
  RequestSpec spec;
  spec.deadline = Loop::now() + 30ms;
  auto got = block_on(loops->at(0), fetch_once(loops->at(0), to_port(upstream.port()), spec));
  EXPECT_EQ(got.error, "timeout: the answer did not come in time");
  release.set_value();
  spec.deadline = kNever;
  spec.body_timeout = 30ms;
  std::promise<void> again;
  got = block_on(loops->at(0), fetch_once(loops->at(0), to_port(upstream.port()), spec));
  EXPECT_TRUE(got.error == "timeout: the answer did not come in time" ||
              got.error == "unavailable: the answer was cut short by the upstream") << got.error;
}

TEST(Client, CancelEndsTheCallAndTheConnection) {
  std::promise<bool> closed;
  Script upstream({[&](RawSocket& socket) {
    read_request(socket);
    closed.set_value(socket.read_some().empty());
  }});
  auto loops = quick_loops();
  auto task = [](Loop& loop, ClientConfig config) -> Task<std::string> {
    auto client = std::move(*Client::create(loop, std::move(config)));
    Cancel cancel;
    RequestSpec spec;
    spec.cancel = &cancel;
    auto stop = [](Loop& on, Cancel& what) -> Task<void> {
      Event tick(on);
      co_await tick.wait(Loop::now() + 10ms);
      what.request();
    };
    loop.spawn(stop(loop, cancel));
    auto got = co_await fetch(*client, std::move(spec));
    co_return got.error;
  };
  EXPECT_EQ(block_on(loops->at(0), task(loops->at(0), to_port(upstream.port()))),
            "unavailable: the call was cancelled");
  EXPECT_TRUE(closed.get_future().get());
}

TEST(Client, DroppingAReplyUnreadCloses) {
  std::promise<bool> closed;
  Script upstream({[&](RawSocket& socket) {
    read_request(socket);
    socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
    closed.set_value(socket.read_some().empty());
  }});
  Pool pool(to_port(upstream.port()));
  auto task = [](Client& client) -> Task<std::string> {
    auto reply = co_await client.send(RequestSpec());
    auto some = co_await reply->read_some();
    co_return std::string(**some);
  };
  EXPECT_EQ(block_on(pool.loop(), task(*pool.client)), "hi");
  EXPECT_TRUE(closed.get_future().get());
}

// The whole path: a client that goes away while the upstream thinks ends the upstream's work.
TEST(Client, ClientGoneCancelsUpstream) {
  std::promise<void> asked;
  std::promise<bool> closed;
  Script upstream({[&](RawSocket& socket) {
    read_request(socket);
    asked.set_value();
    closed.set_value(socket.read_some().empty());
  }});
  auto loops = quick_loops();
  ServerConfig config;
  config.listeners.resize(1);
  const uint16_t port = upstream.port();
  auto server = Server::create(*loops, config, [port](Call& call) {
    return [](Call& on, uint16_t to) -> Task<void> {
      RequestSpec spec;
      spec.cancel = &on.gone();
      co_await fetch_once(on.loop(), to_port(to), std::move(spec));
    }(call, port);
  });
  RawSocket socket = RawSocket::tcp((*server)->bound_port());
  socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  asked.get_future().wait();
  socket.close();
  EXPECT_TRUE(closed.get_future().get());
}

TEST(Client, StreamsArriveAsTheyAreSent) {
  std::promise<void> first_read;
  Script upstream({[&](RawSocket& socket) {
    read_request(socket);
    socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    first_read.get_future().wait();
    socket.send("3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n");
  }});
  Pool pool(to_port(upstream.port()));
  auto task = [](Client& client, std::promise<void>& seen) -> Task<std::string> {
    auto reply = co_await client.send(RequestSpec());
    auto some = co_await reply->read_some();
    std::string all(**some);
    all.push_back('|');
    seen.set_value();
    auto rest = co_await reply->read_all(100);
    auto end = co_await reply->read_some();
    EXPECT_TRUE(end.has_value() && !end->has_value());
    co_return all + *rest;
  };
  EXPECT_EQ(block_on(pool.loop(), task(*pool.client, first_read)), "one|twothree");
}

TEST(Client, LimitsTheBody) {
  Script upstream({[](RawSocket& socket) {
    read_request(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world");
    socket.read_all();
  }});
  Pool pool(to_port(upstream.port()));
  auto task = [](Client& client) -> Task<Code> {
    auto reply = co_await client.send(RequestSpec());
    auto body = co_await reply->read_all(10);
    co_return body ? Code::kInternal : body.error().code;
  };
  EXPECT_EQ(block_on(pool.loop(), task(*pool.client)), Code::kLimit);
}

// An upstream that refuses a large body without reading it is heard at once, not when the write times out.
TEST(Client, HearsARefusalWhileItSends) {
  std::promise<void> release;
  auto released = release.get_future().share();
  Script upstream({[&](RawSocket& socket) {
    read_request(socket);
    socket.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    released.wait();
  }});
  Pool pool(to_port(upstream.port()));
  EXPECT_EQ(pool.get("POST", std::string(64 << 20, 'x')).text(), "413 big");
  EXPECT_EQ(pool.idle(), 0U);
  release.set_value();
}

TEST(Client, SaysWhyItCannotConnect) {
  auto loops = quick_loops();
  uint16_t port = 0;
  { Script gone({}); port = gone.port(); }
  const auto refused = block_on(loops->at(0), fetch_once(loops->at(0), to_port(port), RequestSpec()));
  EXPECT_TRUE(refused.error.starts_with("unavailable: cannot connect to `127.0.0.1:")) << refused.error;
  ClientConfig config;
  config.endpoint = *Endpoint::parse("unix:/nonexistent/socket");
  const auto absent = block_on(loops->at(0), fetch_once(loops->at(0), config, RequestSpec()));
  EXPECT_TRUE(absent.error.starts_with("unavailable: cannot connect to `/nonexistent/socket`"));
}

TEST(Client, SpeaksOverUnixSockets) {
  const TempDir dir;
  auto loops = quick_loops();
  ServerConfig config;
  config.listeners.resize(1);
  config.listeners[0].unix_path = dir.file("s");
  auto server = Server::create(*loops, config, [](Call& call) -> Task<void> {
    Response response;
    response.body = std::string(call.head().headers.get_or("Host", "")) + " " + call.peer();
    co_await call.respond(std::move(response));
  });
  ClientConfig to;
  to.endpoint = *Endpoint::parse("unix:" + dir.file("s"));
  const auto got = block_on(loops->at(0), fetch_once(loops->at(0), to, RequestSpec()));
  EXPECT_EQ(got.text(), "200 localhost unix");
}

}  // namespace
}  // namespace proviso::http::test
