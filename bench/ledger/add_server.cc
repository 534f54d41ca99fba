// The ledger behind the smallest HTTP face, as Tessera's conformance server has it: POST /add takes a body
// and answers with the decimal index of its leaf once that is durable. Ours does more before it answers: a
// leaf of the real kind, the body encrypted in the vault, two syncs, a signature by the other process.
//
//   bench_ledger_add PORT STATE_FOLDER PROVISO
#include <csignal>
#include <cstdlib>
#include <cstdio>
#include <memory>
#include <string>

#include "base/file.h"
#include "gate/commit_port.h"
#include "gate/engine.h"
#include "http/server.h"

namespace {

using namespace proviso;

struct Bench {
  std::unique_ptr<gate::Engine> engine;
  std::unique_ptr<gate::CommitPort> port;
  uint64_t count = 0;
};

audit::Record record_of(Bench& bench, std::string body) {
  audit::Record record;
  record.leaf.time = bench.engine->committer().now();
  record.leaf.node = "bench";
  record.leaf.verb = "ask";
  record.leaf.decision = "allow";
  record.facts.set("exchange.id", "ex-" + std::to_string(++bench.count));
  record.facts.set("context.content.bytes", exchange::rounded_size(body.size()));
  record.facts.set("context.moment.now", record.leaf.time.value);
  record.facts.set("context.moment.purpose", std::string("analysis"));
  record.facts.set("principal.roles", std::vector<std::string>{"analyst"});
  record.facts.set("resource.id", std::string("local"));
  record.payloads.emplace_back("request", std::move(body));
  return record;
}

http::Task<void> add(http::Call& call, Bench& bench) {
  http::Response response;
  Result<std::string> body = co_await call.read_body();
  if (!body) {
    response.status = 400;
    co_await call.respond(std::move(response));
    co_return;
  }
  Result<audit::SealedRecord> sealed =
      audit::seal(bench.engine->vault(), record_of(bench, std::move(*body)));
  if (!sealed) {
    response.status = 500;
    co_await call.respond(std::move(response));
    co_return;
  }
  Result<ledger::Receipt> receipt =
      co_await bench.port->commit(std::move(*sealed), http::Loop::now() + std::chrono::seconds(30));
  response.status = receipt ? 200 : 503;
  response.body = receipt ? std::to_string(receipt->index) : receipt.error().message;
  co_await call.respond(std::move(response));
}

Status serve(uint16_t port, const std::string& state, const std::string& program) {
  static const SystemClock clock;
  Bench bench;
  PV_TRY(bench.engine, gate::Engine::open({.layout = {state},
                                           .node = "bench",
                                           .origin = "bench.example/log",
                                           .program = program,
                                           .clock = &clock}));
  PV_TRY(auto loops, http::Loops::create({.count = 1}));
  bench.port = std::make_unique<gate::CommitPort>(loops->at(0), bench.engine->committer());
  http::ServerConfig config;
  http::Listen listen;
  listen.port = port;
  config.listeners.push_back(listen);
  Bench* self = &bench;
  PV_TRY(auto server, http::Server::create(*loops, std::move(config), [self](http::Call& call) {
           return add(call, *self);
         }));
  std::printf("ready\n");
  std::fflush(stdout);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  int signal = 0;
  sigwait(&signals, &signal);
  const auto figures = bench.engine->committer().figures();
  std::printf("%llu leaves, %llu batches\n", static_cast<unsigned long long>(figures.entries),
              static_cast<unsigned long long>(figures.batches));
  std::fflush(stdout);
  server->stop(std::chrono::seconds(1));
  server.reset();
  bench.engine.reset();
  loops.reset();
  bench.port.reset();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bench_ledger_add PORT STATE_FOLDER PROVISO\n");
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const Status served = serve(static_cast<uint16_t>(std::atoi(argv[1])), argv[2], argv[3]);
  if (!served) std::fprintf(stderr, "%s\n", served.error().message.c_str());
  return served ? 0 : 1;
}
