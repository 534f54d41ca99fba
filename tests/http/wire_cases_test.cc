// The case files over real sockets: what is refused, what is served, and that nothing behind a refused
// message is ever read as a request.
#include <gtest/gtest.h>

#include <mutex>

#include "http/parse.h"
#include "http/support.h"

namespace proviso::http::test {
namespace {

struct Seen {
  std::mutex mutex;
  std::string text;
  void add(const std::string& what) {
    const std::lock_guard lock(mutex);
    if (!text.empty()) text.push_back(' ');
    text += what;
  }
};

Task<void> answer(Call& call, std::string body) {
  Response response;
  response.headers.add("Content-Type", "text/plain");
  response.body = std::move(body);
  co_await call.respond(std::move(response));
}

Task<void> serve_case(Call& call, Seen& seen) {
  const std::string where = call.head().method + " " + call.head().path;
  if (call.head().path == "/unread") {
    seen.add(where + " -");
    co_await answer(call, "ok");
    co_return;
  }
  auto body = co_await call.read_body();
  if (!body) {
    seen.add(where + " !");
    Response response;
    response.status = body.error().code == Code::kLimit ? 413 : 400;
    co_await call.respond(std::move(response));
    co_return;
  }
  seen.add(where + " [" + *body + "]");
  if (call.head().path == "/silent") co_return;
  if (call.head().path == "/throw") throw std::runtime_error("a handler's own fault");
  if (call.head().path == "/stream" || call.head().path == "/cut") {
    co_await call.begin_stream(200, Headers());
    co_await call.write("one");
    co_await call.write("");
    co_await call.write("two");
    if (call.head().path == "/stream") co_await call.end_stream();
    co_return;
  }
  co_await answer(call, "ok");
}

class CaseFile : public testing::TestWithParam<const char*> {};

TEST_P(CaseFile, Holds) {
  Seen seen;
  auto loops = Loops::create(LoopsConfig());
  ASSERT_TRUE(loops);
  ServerConfig config;
  config.listeners.resize(1);
  auto server = Server::create(**loops, config, [&](Call& call) { return serve_case(call, seen); });
  ASSERT_TRUE(server) << server.error().message;
  const auto cases = read_cases(GetParam());
  ASSERT_GT(cases.size(), 10U);
  size_t passed = 0;
  for (const auto& one : cases) {
    seen.text.clear();
    const bool open = one.at("end") == "open";
    RawSocket socket = RawSocket::tcp((*server)->bound_port());
    socket.send(unescape(one.at("send")) +
                "GET /after HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    const std::string got = socket.read_all();
    const std::string status = one.at("status") + (open ? " 200" : "");
    std::string want = one.at("seen") == "-" ? "" : unescape(one.at("seen"));
    if (open) want += " GET /after []";
    const std::lock_guard lock(seen.mutex);
    EXPECT_EQ(statuses(got), status) << one.at("name") << "\n" << got;
    EXPECT_EQ(seen.text, want) << one.at("name");
    if (statuses(got) == status && seen.text == want) ++passed;
  }
  std::printf("%s: %zu/%zu\n", GetParam(), passed, cases.size());
}

INSTANTIATE_TEST_SUITE_P(Http, CaseFile,
                         testing::Values("malformed_heads.txt", "smuggling.txt", "correct.txt"));

// Byte by byte, the same verdicts: nothing may depend on how TCP cuts the stream.
TEST(HttpCases, ByteByByte) {
  for (const char* file : {"malformed_heads.txt", "smuggling.txt", "correct.txt"}) {
    for (const auto& one : read_cases(file)) {
      const std::string bytes = unescape(one.at("send"));
      HeadScanner whole;
      HeadScanner::State at_once = whole.scan(bytes);
      HeadScanner cut;
      auto in_pieces = HeadScanner::State::kMore;
      for (size_t i = 1; i <= bytes.size() && in_pieces == HeadScanner::State::kMore; ++i)
        in_pieces = cut.scan(std::string_view(bytes).substr(0, i));
      EXPECT_EQ(at_once, in_pieces) << one.at("name");
      if (at_once == HeadScanner::State::kComplete) {
        EXPECT_EQ(whole.size(), cut.size()) << one.at("name");
      }
    }
  }
}

// Negative control: llhttp alone, without the checks before and after it, lets these pass. If it ever
// refuses them itself, the guard can be looked at again.
TEST(HttpCases, LlhttpAloneIsNotEnough) {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  for (std::string_view head : {"GET /a HTTP/1.1\r\n\r\n", "GET /a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
                                "GET /a HTTP/2.0\r\nHost: h\r\n\r\n",
                                "POST /a HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    EXPECT_EQ(llhttp_execute(&parser, head.data(), head.size()), HPE_OK) << head;
    MessageParser ours;
    RequestHead out;
    HeadScanner scanner;
    ASSERT_EQ(scanner.scan(head), HeadScanner::State::kComplete);
    EXPECT_FALSE(ours.parse_request(head, scanner.lines(), 100, out)) << head;
  }
}

}  // namespace
}  // namespace proviso::http::test
