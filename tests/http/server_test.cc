#include "http/server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>

#include "http/support.h"

namespace proviso::http::test {
namespace {

using namespace std::chrono_literals;

// A server whose deadlines are looked at every few milliseconds.
struct Served {
  std::unique_ptr<Loops> loops;
  std::unique_ptr<Server> server;

  Served(ServerConfig config, Handler handler, size_t loop_count = 1) {
    LoopsConfig loops_config;
    loops_config.count = loop_count;
    loops_config.sweep = 5ms;
    loops = std::move(*Loops::create(loops_config));
    if (config.listeners.empty()) config.listeners.resize(1);
    auto made = Server::create(*loops, std::move(config), std::move(handler));
    PV_CHECK(made.has_value());
    server = std::move(*made);
  }
  [[nodiscard]] uint16_t port() const { return server->bound_port(); }
};

Task<void> echo(Call& call) {
  auto body = co_await call.read_body();
  Response response;
  if (!body) response.status = body.error().code == Code::kLimit ? 413 : 400;
  if (body) response.body = std::move(*body);
  co_await call.respond(std::move(response));
}

std::string get(uint16_t port, std::string_view path = "/") {
  RawSocket socket = RawSocket::tcp(port);
  socket.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  return socket.read_all();
}

TEST(Server, RefusesHeadsBeyondItsLimits) {
  ServerConfig config;
  config.limits.head_bytes = 2048;
  config.limits.header_count = 10;
  Served served(config, echo);
  RawSocket large = RawSocket::tcp(served.port());
  large.send("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(4096, 'a'));
  EXPECT_EQ(statuses(large.read_all()), "431");
  RawSocket many = RawSocket::tcp(served.port());
  std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 10; ++i) head += "X: y\r\n";
  many.send(head + "\r\n");
  EXPECT_EQ(statuses(many.read_all()), "431");
  // One field fewer is within.
  RawSocket just = RawSocket::tcp(served.port());
  just.send(head.substr(0, head.size() - 6) + "\r\n");
  EXPECT_EQ(statuses(just.read_until("\r\n\r\n")), "200");
}

TEST(Server, RefusesBodiesBeyondItsLimit) {
  ServerConfig config;
  config.limits.body_bytes = 1000;
  Served served(config, echo);
  RawSocket announced = RawSocket::tcp(served.port());
  announced.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(statuses(announced.read_until("\r\n\r\n")), "413");
  RawSocket chunked = RawSocket::tcp(served.port());
  chunked.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
               std::string(1001, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(statuses(chunked.read_all()), "413");
  RawSocket just = RawSocket::tcp(served.port());
  just.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'));
  EXPECT_EQ(statuses(just.read_until("xxx")), "200");
}

TEST(Server, RefusesBodiesThatAreMostlyFraming) {
  Served served(ServerConfig(), echo);
  RawSocket socket = RawSocket::tcp(served.port());
  socket.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
              std::string(40'000, 'e') + "\r\nx\r\n0\r\n\r\n");
  EXPECT_EQ(statuses(socket.read_all()), "400");
}

// A body larger than any buffer, and one that comes in small chunks.
TEST(Server, TakesLargeBodies) {
  Served served(ServerConfig(), echo);
  std::string body;
  for (int i = 0; i < 300'000; ++i) body += std::to_string(i);
  RawSocket socket = RawSocket::tcp(served.port());
  socket.send("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string got = socket.read_all();
  EXPECT_TRUE(got.ends_with("\r\n\r\n" + body));
  RawSocket chunked = RawSocket::tcp(served.port());
  std::string framed;
  for (size_t i = 0; i < 30'000; i += 3) framed += "3\r\n" + body.substr(i, 3) + "\r\n";
  chunked.send("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" +
               framed + "0\r\n\r\n");
  EXPECT_TRUE(chunked.read_all().ends_with("\r\n\r\n" + body.substr(0, 30'000)));
}

TEST(Server, ClosesSlowAndIdleClients) {
  ServerConfig config;
  config.limits.idle_timeout = 40ms;
  config.limits.head_timeout = 40ms;
  config.limits.body_timeout = 40ms;
  Served served(config, echo);
  RawSocket idle = RawSocket::tcp(served.port());
  EXPECT_EQ(idle.read_all(), "");
  RawSocket slow = RawSocket::tcp(served.port());
  slow.send("GET / HTTP/1.1\r\nHo");
  EXPECT_EQ(slow.read_all(), "");
  RawSocket slow_body = RawSocket::tcp(served.port());
  slow_body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(slow_body.read_all(), "");
  RawSocket kept = RawSocket::tcp(served.port());
  kept.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(statuses(kept.read_all()), "200");
}

TEST(Server, EndsAClientThatTakesNothing) {
  ServerConfig config;
  config.limits.write_timeout = 40ms;
  std::atomic<Code> outcome{Code::kInternal};
  std::promise<void> done;
  const std::string piece(1 << 20, 'x');
  Served served(config, [&](Call& call) -> Task<void> {
    return [](Call& on, const std::string& bytes, std::atomic<Code>& code,
              std::promise<void>& end) -> Task<void> {
      co_await on.begin_stream(200, Headers());
      for (int i = 0; i < 1000; ++i) {
        const Status written = co_await on.write(bytes);
        if (written) continue;
        code = written.error().code;
        break;
      }
      end.set_value();
    }(call, piece, outcome, done);
  });
  RawSocket socket = RawSocket::tcp(served.port(), 4096);
  socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  done.get_future().wait();
  EXPECT_EQ(outcome, Code::kTimeout);
}

TEST(Server, RefusesConnectionsBeyondItsLimit) {
  ServerConfig config;
  config.limits.connections = 2;
  Served served(config, echo);
  RawSocket one = RawSocket::tcp(served.port());
  one.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(statuses(one.read_until("\r\n\r\n")), "200");
  RawSocket two = RawSocket::tcp(served.port());
  two.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(statuses(two.read_until("\r\n\r\n")), "200");
  RawSocket three = RawSocket::tcp(served.port());
  EXPECT_EQ(three.read_all(), "");
  EXPECT_EQ(served.server->connections(), 2U);
  EXPECT_EQ(served.server->refused(), 1U);
}

TEST(Server, SaysContinueWhenTheBodyIsAskedFor) {
  Served served(ServerConfig(), echo);
  RawSocket socket = RawSocket::tcp(served.port());
  socket.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.send("hi");
  EXPECT_TRUE(socket.read_all().ends_with("\r\n\r\nhi"));
}

TEST(Server, StreamsAreFramedOnTheWire) {
  Served served(ServerConfig(), [](Call& call) -> Task<void> {
    const bool early = call.responded();
    co_await call.begin_stream(200, Headers{{"X", "y"}});
    co_await call.write("hello ");
    co_await call.write("");
    co_await call.write("world, and more");
    co_await call.end_stream();
    const Status again = co_await call.end_stream();
    EXPECT_FALSE(early);
    EXPECT_TRUE(call.responded());
    EXPECT_FALSE(again);
  });
  const std::string got = get(served.port());
  EXPECT_TRUE(got.ends_with("\r\n\r\n6\r\nhello \r\nf\r\nworld, and more\r\n0\r\n\r\n")) << got;
}

// While the handler waits for something else, the client's going is noticed, and pipelined bytes are not
// eaten by the noticing.
class Gone : public testing::TestWithParam<const char*> {};

TEST_P(Gone, TellsTheHandler) {
  std::promise<void> started;
  std::promise<Woken> woken;
  Served served(ServerConfig(), [&](Call& call) -> Task<void> {
    return [](Call& on, std::promise<void>& begin, std::promise<Woken>& end) -> Task<void> {
      Event never(on.loop());
      begin.set_value();
      const Woken why = co_await never.wait(Loop::now() + 20s, &on.gone());
      end.set_value(why);
    }(call, started, woken);
  });
  RawSocket socket = RawSocket::tcp(served.port());
  socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  started.get_future().wait();
  const std::string how = GetParam();
  if (how == "pipelined") socket.send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  if (how == "reset") socket.reset();
  else if (how == "half") socket.finish_sending();
  else socket.close();
  EXPECT_EQ(woken.get_future().get(), Woken::kCancelled);
}
INSTANTIATE_TEST_SUITE_P(Http, Gone, testing::Values("close", "reset", "half", "pipelined"));

TEST(Server, KeepsPipelinedBytesWhileTheHandlerWaits) {
  Served served(ServerConfig(), [](Call& call) -> Task<void> {
    Event tick(call.loop());
    const Woken woken = co_await tick.wait(Loop::now() + 20ms, &call.gone());
    EXPECT_EQ(woken, Woken::kDeadline);
    Response response;
    response.body = call.head().path;
    co_await call.respond(std::move(response));
  });
  RawSocket socket = RawSocket::tcp(served.port());
  std::string bytes;
  for (int i = 0; i < 9; ++i) bytes += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  bytes += "GET /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  socket.send(std::string_view(bytes).substr(0, 40));
  socket.send(std::string_view(bytes).substr(40));
  const std::string got = socket.read_all();
  EXPECT_EQ(statuses(got), "200 200 200 200 200 200 200 200 200 200");
  EXPECT_TRUE(got.ends_with("/end"));
}

size_t resident() {
  std::ifstream statm("/proc/self/statm");
  size_t size = 0;
  size_t pages = 0;
  statm >> size >> pages;
  return pages * 4096;
}

// A slow reader slows the handler; the server holds a bounded part of the stream.
TEST(Server, PushesBack) {
  constexpr size_t kPieces = 1600;
  const std::string piece(64 * 1024, 'x');  // 100 MB in all
  std::atomic<size_t> written{0};
  Served served(ServerConfig(), [&](Call& call) -> Task<void> {
    return [](Call& on, const std::string& bytes, std::atomic<size_t>& count) -> Task<void> {
      co_await on.begin_stream(200, Headers());
      for (size_t i = 0; i < kPieces; ++i) {
        const Status status = co_await on.write(bytes);
        if (!status) co_return;
        ++count;
      }
      co_await on.end_stream();
    }(call, piece, written);
  });
  RawSocket socket = RawSocket::tcp(served.port(), 64 * 1024);
  socket.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  size_t got = 0;
  size_t ahead_max = 0;
  size_t grown_max = 0;
  size_t reads = 0;
  const size_t before = resident();
  std::vector<char> buffer(64 * 1024);
  for (size_t some = socket.drop_some(buffer); some > 0; some = socket.drop_some(buffer)) {
    got += some;
    const size_t sent = written.load() * piece.size();
    ahead_max = std::max(ahead_max, sent - std::min(got, sent));
    if (reads++ % 64 == 0) grown_max = std::max(grown_max, resident() - std::min(before, resident()));
  }
  EXPECT_GT(got, kPieces * piece.size());
  EXPECT_LT(ahead_max, 8U << 20);  // the kernel's socket buffers
  EXPECT_LT(grown_max, 16U << 20);
}

TEST(Server, StopsGracefully) {
  std::promise<void> started;
  std::promise<Event*> event;
  Served served(ServerConfig(), [&](Call& call) -> Task<void> {
    return [](Call& on, std::promise<void>& begin, std::promise<Event*>& out) -> Task<void> {
      Event go(on.loop());
      out.set_value(&go);
      begin.set_value();
      co_await go.wait(kNever, &on.gone());
      Response response;
      response.body = "finished";
      co_await on.respond(std::move(response));
    }(call, started, event);
  });
  RawSocket idle = RawSocket::tcp(served.port());
  RawSocket running = RawSocket::tcp(served.port());
  running.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  started.get_future().wait();
  Event* go = event.get_future().get();
  std::thread stopper([&] { served.server->stop(20s); });
  EXPECT_EQ(idle.read_all(), "");  // closed at once: the stop has begun
  served.loops->at(0).post([go] { go->set(); });
  const std::string got = running.read_all();
  stopper.join();
  EXPECT_EQ(statuses(got), "200");
  EXPECT_TRUE(got.ends_with("finished"));
  EXPECT_NE(got.find("Connection: close"), std::string::npos);
  EXPECT_EQ(served.server->connections(), 0U);
}

TEST(Server, EndsCallsWhenTheGraceIsOver) {
  std::promise<void> started;
  std::atomic<bool> cancelled{false};
  Served served(ServerConfig(), [&](Call& call) -> Task<void> {
    return [](Call& on, std::promise<void>& begin, std::atomic<bool>& flag) -> Task<void> {
      Event never(on.loop());
      begin.set_value();
      const Woken woken = co_await never.wait(kNever, &on.gone());
      flag = woken == Woken::kCancelled;
    }(call, started, cancelled);
  });
  RawSocket running = RawSocket::tcp(served.port());
  running.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  started.get_future().wait();
  served.server->stop(10ms);
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(running.read_all(), "");
}

TEST(Server, ListensOnUnixSockets) {
  const TempDir dir;
  ServerConfig config;
  config.listeners.resize(2);
  config.listeners[0].unix_path = dir.file("s");
  config.listeners[0].unix_mode = 0660;
  {
    Served served(config, echo, 2);
    struct stat info{};
    ASSERT_EQ(stat(dir.file("s").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0660U);
    EXPECT_EQ(served.server->bound_port(0), 0);
    EXPECT_NE(served.server->bound_port(1), 0);
    RawSocket socket = RawSocket::unix_path(dir.file("s"));
    socket.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    EXPECT_TRUE(socket.read_all().ends_with("\r\n\r\nhi"));
    // A second server must not take the place of a living one, nor remove its socket.
    auto other = Server::create(*served.loops, config, echo);
    ASSERT_FALSE(other);
    EXPECT_EQ(stat(dir.file("s").c_str(), &info), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(dir.file("s")));
  std::ofstream(dir.file("s")) << "not a socket";
  auto loops = Loops::create(LoopsConfig());
  EXPECT_FALSE(Server::create(**loops, config, echo));
}

TEST(Server, SpreadsOverLoops) {
  std::atomic<unsigned> used{0};
  Served served(ServerConfig(), [&](Call& call) -> Task<void> {
    used |= 1U << call.loop().index();
    return echo(call);
  }, 2);
  for (int i = 0; i < 64; ++i) EXPECT_EQ(statuses(get(served.port())), "200");
  EXPECT_EQ(used, 3U);
}

TEST(Server, FailsToStartWithAReason) {
  auto loops = Loops::create(LoopsConfig());
  ServerConfig config;
  EXPECT_FALSE(Server::create(**loops, config, echo));
  config.listeners.resize(1);
  config.listeners[0].host = "not-an-address";
  EXPECT_FALSE(Server::create(**loops, config, echo));
  config.listeners[0].host = "127.0.0.1";
  ServerTls tls;
  tls.cert_file = "/nonexistent";
  tls.key_file = "/nonexistent";
  config.listeners[0].tls = tls;
  const auto refused = Server::create(**loops, config, echo);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
}

TEST(Loop, RunsPostedWorkInOrderAndWakesEvents) {
  LoopsConfig config;
  config.sweep = 5ms;
  auto loops = Loops::create(config);
  Loop& loop = (*loops)->at(0);
  std::string order;
  loop.post([&] { order += "a"; });
  loop.post([&] { order += "b"; });
  auto task = [](Loop& on) -> Task<Woken> {
    Event event(on);
    Event* raw = &event;
    on.post([raw] { raw->set(); });
    const Woken first = co_await event.wait();
    EXPECT_EQ(first, Woken::kSet);
    event.reset();
    const Woken second = co_await event.wait(Loop::now() + 1ms);
    EXPECT_EQ(second, Woken::kDeadline);
    Cancel cancel;
    Cancel* stop = &cancel;
    on.post([stop] { stop->request(); });
    const Woken third = co_await event.wait(kNever, &cancel);
    const Woken at_once = co_await event.wait(kNever, &cancel);
    EXPECT_EQ(at_once, Woken::kCancelled);
    co_return third;
  };
  EXPECT_EQ(block_on(loop, task(loop)), Woken::kCancelled);
  EXPECT_EQ(order, "ab");
  auto thrower = []() -> Task<int> {
    throw std::runtime_error("through");
    co_return 1;
  };
  EXPECT_THROW(block_on(loop, thrower()), std::runtime_error);
}

}  // namespace
}  // namespace proviso::http::test
