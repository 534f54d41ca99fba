#include "http/message.h"

#include <gtest/gtest.h>

#include "http/client.h"
#include "http/frame.h"

namespace proviso::http {
namespace {

TEST(Headers, FindsWithoutCaseAndKeepsOrder) {
  Headers headers{{"A", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(headers.get("B"), "2");
  EXPECT_EQ(headers.get("a"), "1");
  EXPECT_EQ(headers.count("a"), 2U);
  EXPECT_EQ(headers.get_or("c", "none"), "none");
  headers.set("A", headers.at(1).value);
  EXPECT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers.get("a"), "2");
  const Headers copy = headers;
  headers.clear();
  EXPECT_EQ(copy.get("a"), "2");
}

// Header injection: whatever a value holds, it cannot become a line.
TEST(Headers, BadBytesPoison) {
  using namespace std::string_view_literals;
  for (std::string_view value : {"a\r\nX: y"sv, "a\n"sv, "a\r"sv, "a\0b"sv, "\x7f"sv, "\x1b"sv}) {
    Headers headers;
    headers.add("X", value);
    EXPECT_FALSE(headers.valid());
    std::string out;
    ResponseFramer framer;
    EXPECT_FALSE(framer.begin(out, 200, headers, AnswerShape(), "d"));
    EXPECT_FALSE(frame_request(out, "GET", "/", "h", headers, 0));
    EXPECT_TRUE(out.empty());
  }
  for (std::string_view name : {"", "a b", "a:", "a\r\n", "\xc3\xa9"}) {
    Headers headers;
    headers.add(name, "x");
    EXPECT_FALSE(headers.valid());
  }
  Headers fine;
  fine.add("X", "caf\xc3\xa9\tand more");
  EXPECT_TRUE(fine.valid());
}

struct FrameCase {
  const char* name;
  Version version;
  bool to_head;
  bool keep_alive;
  int status;
  bool whole;           // with a length
  const char* framing;  // the framing lines, in order
  const char* body;     // of "ab" + "" + "c"
};

const FrameCase kFrames[] = {
    {"whole", Version::k11, false, true, 200, true, "Content-Length: 3|", "abc"},
    {"whole, closing", Version::k11, false, false, 200, true, "Content-Length: 3|Connection: close|", "abc"},
    {"whole to 1.0", Version::k10, false, true, 200, true, "Content-Length: 3|Connection: keep-alive|", "abc"},
    {"whole to HEAD", Version::k11, true, true, 200, true, "Content-Length: 3|", ""},
    {"stream", Version::k11, false, true, 200, false, "Transfer-Encoding: chunked|", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"},
    {"stream, closing", Version::k11, false, false, 200, false, "Transfer-Encoding: chunked|Connection: close|",
     "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"},
    {"stream to 1.0", Version::k10, false, true, 200, false, "Connection: close|", "abc"},
    {"stream to HEAD", Version::k11, true, true, 200, false, "Transfer-Encoding: chunked|", ""},
    {"204", Version::k11, false, true, 204, false, "", ""},
    {"304", Version::k11, false, true, 304, true, "", ""},
};

TEST(ResponseFramer, FramesAsTheHeadSays) {
  for (const auto& one : kFrames) {
    SCOPED_TRACE(one.name);
    ResponseFramer framer;
    AnswerShape shape;
    shape.version = one.version;
    shape.to_head = one.to_head;
    shape.keep_alive = one.keep_alive;
    if (one.whole) shape.length = 3;
    // What a handler says of framing is dropped.
    const Headers headers{{"X-A", "b"}, {"content-length", "99"}, {"Transfer-Encoding", "gzip"},
                          {"CONNECTION", "upgrade"}, {"Date", "never"}};
    std::string out;
    ASSERT_TRUE(framer.begin(out, one.status, headers, shape, "today"));
    EXPECT_FALSE(framer.begin(out, one.status, headers, shape, "today"));
    std::string want = "HTTP/1.1 " + std::to_string(one.status) + " " +
                       std::string(reason_phrase(one.status)) + "\r\nDate: today\r\nX-A: b\r\n";
    for (const char* c = one.framing; *c != 0; ++c) *c == '|' ? want += "\r\n" : want += *c;
    EXPECT_EQ(out, want + "\r\n");
    std::string body;
    for (std::string_view bytes : {"ab", "", "c"}) {
      const auto parts = framer.data(bytes);
      ASSERT_TRUE(parts);
      for (auto part : *parts) body += part;
    }
    const auto last = framer.end();
    ASSERT_TRUE(last);
    body += *last;
    EXPECT_EQ(body, one.body);
    // Never a second zero chunk, nor bytes behind the first.
    EXPECT_FALSE(framer.end());
    EXPECT_FALSE(framer.data("x"));
  }
}

TEST(ResponseFramer, HoldsToTheAnnouncedLength) {
  AnswerShape shape;
  shape.length = 3;
  std::string out;
  ResponseFramer longer;
  ASSERT_TRUE(longer.begin(out, 200, Headers(), shape, "d"));
  EXPECT_FALSE(longer.data("abcd"));
  ResponseFramer shorter;
  ASSERT_TRUE(shorter.begin(out, 200, Headers(), shape, "d"));
  ASSERT_TRUE(shorter.data("ab"));
  EXPECT_FALSE(shorter.end());
  ResponseFramer unbegun;
  EXPECT_FALSE(unbegun.data("x"));
  EXPECT_FALSE(unbegun.end());
  for (int status : {0, 100, 101, 199, 600, 1000}) {
    ResponseFramer framer;
    EXPECT_FALSE(framer.begin(out, status, Headers(), shape, "d")) << status;
  }
}

TEST(FrameRequest, WritesOneRequest) {
  std::string out;
  const Headers headers{{"Accept", "*/*"}, {"Transfer-Encoding", "chunked"}, {"content-length", "7"},
                        {"Connection", "close"}, {"Expect", "100-continue"}};
  ASSERT_TRUE(frame_request(out, "POST", "/v1/x?y=z", "host:1", headers, 5));
  EXPECT_EQ(out, "POST /v1/x?y=z HTTP/1.1\r\nAccept: */*\r\nHost: host:1\r\nContent-Length: 5\r\n\r\n");
  out.clear();
  ASSERT_TRUE(frame_request(out, "GET", "/", "h", Headers{{"host", "mine"}, {"Host", "other"}}, 0));
  EXPECT_EQ(out, "GET / HTTP/1.1\r\nhost: mine\r\n\r\n");
  for (std::string_view target : {"", "x", "/a b", "/a\r\nX: y", "/\xff", "/a#b"})
    EXPECT_FALSE(frame_request(out, "GET", target, "h", Headers(), 0)) << target;
  for (std::string_view method : {"", "GET ", "get", "G\r\n", "CONNECT"})
    EXPECT_FALSE(frame_request(out, method, "/", "h", Headers(), 0)) << method;
}

struct EndpointCase {
  const char* url;
  const char* want;  // "kind host port base", or "" when refused
};

const EndpointCase kEndpoints[] = {
    {"https://api.example.org", "tls api.example.org 443 "},
    {"https://api.example.org:8443/v1/", "tls api.example.org 8443 /v1"},
    {"https://[2001:db8::1]:444/x", "tls 2001:db8::1 444 /x"},
    {"http://127.0.0.1:8000", "plain 127.0.0.1 8000 "},
    {"http://127.1.2.3/a/b", "plain 127.1.2.3 80 /a/b"},
    {"http://[::1]:1", "plain ::1 1 "},
    {"http://localhost:9", "plain localhost 9 "},
    {"unix:/run/w.sock", "unix localhost 0 "},
    // Clear text leaves the machine for nobody.
    {"http://10.0.0.1:8000", ""},
    {"http://api.example.org", ""},
    {"http://localhost.example.org", ""},
    {"http://127.0.0.1.example.org", ""},
    {"http://0.0.0.0:80", ""},
    {"https://user:secret@api.example.org", ""},
    {"https://api.example.org?x=y", ""},
    {"https://api.example.org#x", ""},
    {"https://", ""},
    {"https://:443", ""},
    {"https://a b", ""},
    {"https://h:0", ""},
    {"https://h:65536", ""},
    {"https://h:x", ""},
    {"https://[::1", ""},
    {"ftp://h", ""},
    {"h:80", ""},
    {"unix:", ""},
    {"", ""},
};

TEST(Endpoint, Parses) {
  for (const auto& one : kEndpoints) {
    const auto endpoint = Endpoint::parse(one.url);
    std::string got;
    if (endpoint) {
      const char* kinds[] = {"unix", "plain", "tls"};
      got = std::string(kinds[static_cast<size_t>(endpoint->kind)]) + " " + endpoint->host + " " +
            std::to_string(endpoint->port) + " " + endpoint->base_path;
    }
    EXPECT_EQ(got, one.want) << one.url;
  }
}

}  // namespace
}  // namespace proviso::http
