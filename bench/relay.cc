// The relay rung of the ladder: server, handler, client pool, upstream; bytes pass through unread. What it
// costs is what every governed exchange pays before anything is governed.
//
//   bench_relay LISTEN_PORT UPSTREAM_URL [LOOPS]
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "http/client.h"
#include "http/server.h"

namespace {

using namespace proviso;
using namespace proviso::http;

constexpr uint64_t kWholeMax = 256 * 1024;  // announced answers up to this go out in one piece

void copy_fields(const Headers& from, Headers& to) {
  for (size_t i = 0; i < from.size(); ++i) {
    const Field field = from.at(i);
    if (!equal_fold(field.name, "Host")) to.add(field.name, field.value);
  }
}

Task<void> answer_error(Call& call, int status, const Error& error) {
  Response response;
  response.status = status;
  response.body = error.message + "\n";
  co_await call.respond(std::move(response));
}

Task<void> pass_stream(Call& call, Reply& reply, Headers headers) {
  const Status begun = co_await call.begin_stream(reply.status(), std::move(headers));
  if (!begun) co_return;
  while (true) {
    const auto some = co_await reply.read_some();
    if (!some) co_return;
    if (!*some) break;
    const Status written = co_await call.write(**some);
    if (!written) co_return;
  }
  co_await call.end_stream();
}

Task<void> relay(Call& call, Client& client) {
  auto body = co_await call.read_body();
  if (!body) {
    co_await answer_error(call, body.error().code == Code::kLimit ? 413 : 400, body.error());
    co_return;
  }
  RequestSpec spec;
  spec.method = call.head().method;
  spec.target = call.head().target;
  copy_fields(call.head().headers, spec.headers);
  spec.body = std::move(*body);
  spec.deadline = Loop::now() + std::chrono::seconds(60);
  spec.cancel = &call.gone();
  auto reply = co_await client.send(std::move(spec));
  if (!reply) {
    co_await answer_error(call, 502, reply.error());
    co_return;
  }
  Response response;
  response.status = reply->status();
  copy_fields(reply->headers(), response.headers);
  const auto length = reply->headers().get("Content-Length");
  const auto announced = length ? parse_u64(*length) : fail(Code::kInvalid, "");
  if (!announced || *announced > kWholeMax) {
    co_await pass_stream(call, *reply, std::move(response.headers));
    co_return;
  }
  auto whole = co_await reply->read_all(kWholeMax);
  if (!whole) {
    co_await answer_error(call, 502, whole.error());
    co_return;
  }
  response.body = std::move(*whole);
  co_await call.respond(std::move(response));
}

Task<bool> make_client(Loop& loop, ClientConfig config, std::unique_ptr<Client>& out) {
  auto client = Client::create(loop, std::move(config));
  if (client) out = std::move(*client);
  co_return client.has_value();
}

Task<bool> drop_client(std::unique_ptr<Client>& client) {
  client.reset();
  co_return true;
}

int run(uint16_t port, const char* url, size_t loop_count) {
  const auto endpoint = Endpoint::parse(url);
  if (!endpoint) {
    std::fprintf(stderr, "%s\n", endpoint.error().message.c_str());
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  LoopsConfig loops_config;
  loops_config.count = loop_count;
  auto loops = Loops::create(loops_config);
  if (!loops) return 1;
  std::vector<std::unique_ptr<Client>> clients((*loops)->size());
  for (size_t i = 0; i < clients.size(); ++i) {
    ClientConfig config;
    config.endpoint = *endpoint;
    Loop& loop = (*loops)->at(i);
    if (!block_on(loop, make_client(loop, std::move(config), clients[i]))) return 1;
  }
  ServerConfig config;
  config.listeners.resize(1);
  config.listeners[0].port = port;
  auto server = Server::create(**loops, std::move(config), [&clients](Call& call) {
    return relay(call, *clients[call.loop().index()]);
  });
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  std::printf("listening on 127.0.0.1:%u\n", static_cast<unsigned>((*server)->bound_port()));
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  (*server)->stop(std::chrono::seconds(2));
  for (size_t i = 0; i < clients.size(); ++i) block_on((*loops)->at(i), drop_client(clients[i]));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "bench_relay LISTEN_PORT UPSTREAM_URL [LOOPS]\n");
    return 2;
  }
  const auto port = proviso::parse_u64(argv[1]);
  const auto loops = argc > 3 ? proviso::parse_u64(argv[3]) : proviso::Result<uint64_t>(1);
  if (!port || *port > 65'535 || !loops) return 2;
  return run(static_cast<uint16_t>(*port), argv[2], static_cast<size_t>(*loops));
}
