// TLS from both ends, and every way in which a certificate does not hold.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "http/support.h"

namespace proviso::http::test {
namespace {

using namespace std::chrono_literals;

Task<void> echo(Call& call) {
  auto body = co_await call.read_body();
  Response response;
  response.body = body ? std::move(*body) : std::string("!");
  co_await call.respond(std::move(response));
}

Task<std::string> post(Loop& loop, Endpoint endpoint, std::string body) {
  ClientConfig config;
  config.endpoint = std::move(endpoint);
  auto client = Client::create(loop, std::move(config));
  if (!client) co_return std::string(code_name(client.error().code)) + ": " + client.error().message;
  std::string all;
  for (int i = 0; i < 2; ++i) {  // the second time on the kept connection
    RequestSpec spec;
    spec.method = "POST";
    spec.body = body;
    auto reply = co_await (*client)->send(std::move(spec));
    if (!reply) co_return std::string(code_name(reply.error().code)) + ": " + reply.error().message;
    auto got = co_await reply->read_all(64 << 20);
    if (!got) co_return std::string(code_name(got.error().code)) + ": " + got.error().message;
    all = std::move(*got);
  }
  co_return all;
}

struct TlsServer {
  std::unique_ptr<Loops> loops;
  std::unique_ptr<Server> server;
  explicit TlsServer(const Certificates& with, TlsVersion least = TlsVersion::k12) {
    LoopsConfig loops_config;
    loops_config.sweep = 5ms;
    loops = std::move(*Loops::create(loops_config));
    ServerConfig config;
    config.limits.head_timeout = 2s;
    config.listeners.resize(1);
    ServerTls tls;
    tls.cert_file = with.cert;
    tls.key_file = with.key;
    tls.version_min = least;
    config.listeners[0].tls = tls;
    auto made = Server::create(*loops, std::move(config), echo);
    PV_CHECK(made.has_value());
    server = std::move(*made);
  }
  std::string post(const std::string& host, const std::string& ca, std::string body) {
    auto endpoint = Endpoint::parse("https://" + host + ":" + std::to_string(server->bound_port()));
    endpoint->ca_file = ca;
    return block_on(loops->at(0), test::post(loops->at(0), *endpoint, std::move(body)));
  }
};

TEST(Tls, CarriesCallsBothWays) {
  const Certificates good("DNS:localhost,IP:127.0.0.1");
  TlsServer tls(good);
  EXPECT_EQ(tls.post("localhost", good.ca, "hello"), "hello");
  EXPECT_EQ(tls.post("127.0.0.1", good.ca, "hello"), "hello");
  std::string large;
  for (int i = 0; i < 700'000; ++i) large += std::to_string(i);
  EXPECT_EQ(tls.post("localhost", good.ca, large), large);
}

TEST(Tls, RefusesCertificatesThatDoNotHold) {
  const Certificates good("DNS:localhost,IP:127.0.0.1");
  const Certificates other("DNS:other.example.org");
  {
    TlsServer tls(good);
    // An authority that did not sign it.
    const auto unknown = tls.post("localhost", other.ca, "x");
    EXPECT_TRUE(unknown.starts_with("unverified: localhost: the certificate does not hold")) << unknown;
    // The system's own roots know nothing of it.
    EXPECT_TRUE(tls.post("localhost", "", "x").starts_with("unverified: "));
  }
  TlsServer tls(other);
  // The right authority, the wrong name; and by address.
  const auto name = tls.post("localhost", other.ca, "x");
  EXPECT_TRUE(name.starts_with("unverified: ")) << name;
  EXPECT_NE(name.find("ostname mismatch"), std::string::npos) << name;
  EXPECT_TRUE(tls.post("127.0.0.1", other.ca, "x").starts_with("unverified: "));
  EXPECT_TRUE(tls.post("localhost", "/nonexistent", "x").starts_with("invalid: "));
}

TEST(Tls, PlainTextToATlsPortGetsNothing) {
  const Certificates good("DNS:localhost");
  TlsServer tls(good);
  RawSocket socket = RawSocket::tcp(tls.server->bound_port());
  socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(socket.read_all().find("HTTP"), std::string::npos);
}

TEST(Tls, HoldsToItsLeastVersion) {
  const Certificates good("DNS:localhost");
  for (const bool strict : {false, true}) {
    TlsServer tls(good, strict ? TlsVersion::k13 : TlsVersion::k12);
    for (const char* version : {"-tls1_2", "-tls1_3"}) {
      const std::string command = "openssl s_client " + std::string(version) +
                                  " -connect 127.0.0.1:" + std::to_string(tls.server->bound_port()) +
                                  " </dev/null >/dev/null 2>&1";
      const bool works = std::system(command.c_str()) == 0;
      EXPECT_EQ(works, !strict || std::string(version) == "-tls1_3") << version;
    }
  }
}

TEST(Tls, RefusesAKeyThatOthersMayRead) {
  const Certificates good("DNS:localhost");
  auto loops = Loops::create(LoopsConfig());
  ServerConfig config;
  config.listeners.resize(1);
  ServerTls tls;
  tls.cert_file = good.cert;
  tls.key_file = good.key;
  config.listeners[0].tls = tls;
  EXPECT_TRUE(Server::create(**loops, config, echo));
  ASSERT_EQ(chmod(good.key.c_str(), 0644), 0);
  EXPECT_FALSE(Server::create(**loops, config, echo));
  ASSERT_EQ(chmod(good.key.c_str(), 0600), 0);
  // A key that belongs to another certificate.
  const Certificates other("DNS:localhost");
  config.listeners[0].tls->key_file = other.key;
  EXPECT_FALSE(Server::create(**loops, config, echo));
}

}  // namespace
}  // namespace proviso::http::test
