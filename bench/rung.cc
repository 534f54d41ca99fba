// The rungs between the relay and the whole gate, made of the gate's own rooms:
//
//   parse    the request is parsed and written again for the upstream, the answer for the client
//   decide   and: who is it, and two decisions (ask, release) under an agreement; no inspection, no leaf
//
//   bench_rung parse|decide LISTEN_PORT UPSTREAM_URL AGREEMENT_FOLDER KEY_FILE
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "agreement/agreement.h"
#include "base/file.h"
#include "base/json.h"
#include "exchange/codec.h"
#include "gate/passage.h"
#include "http/client.h"
#include "http/server.h"
#include "identity/identity.h"
#include "state/store.h"

namespace {

using namespace proviso;
using exchange::Protocol;

constexpr uint64_t kAnswerMax = 1 << 20;

struct Bench {
  bool decides = false;
  std::unique_ptr<http::Client> client;
  std::shared_ptr<const gate::InForce> in_force;
  std::unique_ptr<state::Store> store;
  std::unique_ptr<identity::Directory> people;
  std::string key;
  SystemClock clock;
  json::Parser parser;
};

http::Task<void> refuse(http::Call& call, int status, std::string why) {
  http::Response response;
  response.status = status;
  response.body = why + "\n";
  co_await call.respond(std::move(response));
}

bool allowed(Bench& bench, gate::Passage& passage, exchange::Verb verb, uint64_t bytes) {
  gate::Content content;
  content.bytes = bytes;
  passage.time = bench.clock.now();
  const auto facts = gate::facts_for(passage, verb, "Model", passage.request.model, content);
  return passage.in_force->agreement->decide(verb, facts).outcome == agreement::Outcome::kAllow;
}

http::Task<void> handle(http::Call& call, Bench& bench) {
  Result<std::string> body = co_await call.read_body();
  if (!body) {
    co_await refuse(call, 400, body.error().message);
    co_return;
  }
  gate::Passage passage;
  passage.in_force = bench.in_force;
  if (bench.decides) {
    auto who = bench.people->authenticate(call.head().headers.get_or("x-api-key", ""), bench.clock.now());
    if (!who) {
      co_await refuse(call, 401, who.error().message);
      co_return;
    }
    passage.principal = std::move(*who);
    passage.purpose = passage.principal.default_purpose;
  }
  auto request = exchange::read_request(Protocol::kOpenAiChat, exchange::Endpoint::kChat, *body,
                                        bench.parser, exchange::ReadOptions{});
  if (!request) {
    co_await refuse(call, 400, request.error().message);
    co_return;
  }
  passage.request = std::move(*request);
  if (bench.decides && !allowed(bench, passage, exchange::Verb::kAsk, body->size())) {
    co_await refuse(call, 403, "denied");
    co_return;
  }
  http::RequestSpec spec;
  spec.method = "POST";
  spec.target = call.head().target;
  spec.headers.add("Content-Type", "application/json");
  spec.body = exchange::upstream_body(passage.request, passage.request.model);
  spec.deadline = http::Loop::now() + std::chrono::seconds(60);
  spec.cancel = &call.gone();
  Result<http::Reply> reply = co_await bench.client->send(std::move(spec));
  if (!reply) {
    co_await refuse(call, 502, reply.error().message);
    co_return;
  }
  Result<std::string> whole = co_await reply->read_all(kAnswerMax);
  if (!whole) {
    co_await refuse(call, 502, whole.error().message);
    co_return;
  }
  const auto frame = exchange::frame_for(passage.request, "bench", 1);
  auto answer = exchange::read_answer(Protocol::kOpenAiChat, *whole, bench.parser, frame);
  if (!answer) {
    co_await refuse(call, 502, answer.error().message);
    co_return;
  }
  if (bench.decides && !allowed(bench, passage, exchange::Verb::kRelease, answer->body.size())) {
    co_await refuse(call, 403, "denied");
    co_return;
  }
  http::Response response;
  response.headers.add("Content-Type", "application/json");
  response.body = std::move(answer->body);
  co_await call.respond(std::move(response));
}

Status prepare(Bench& bench, const std::string& folder, const std::string& key_file) {
  PV_TRY(const agreement::Files files, read_tree(folder));
  PV_TRY(auto agreement, agreement::Agreement::load(files));
  bench.in_force = std::make_shared<const gate::InForce>(gate::InForce{
      std::move(agreement), std::make_shared<const oversight::Stops>(), 1});
  PV_TRY(bench.store, state::Store::open(key_file + ".db"));
  PV_TRY(bench.people, identity::Directory::open(*bench.store));
  identity::Person person;
  person.id = "bench";
  person.roles = {"analyst"};
  person.clearance = 2;
  person.nationality = "own";
  PV_TRY(person.training_until, parse_time("2099-01-01"));
  PV_TRY(const identity::Change entered, bench.people->plan_person(std::move(person)));
  PV_TRY_VOID(bench.people->apply(entered));
  const UtcSeconds now = bench.clock.now();
  PV_TRY(const identity::NewKey made,
         bench.people->plan_key("bench", "analysis", now, UtcSeconds{now.value + 86'400}));
  PV_TRY_VOID(bench.people->apply(made.change));
  std::string text;
  json::Writer writer(text);
  writer.begin_array().begin_object();
  writer.key("role").string("analyst").key("key").string(made.key);
  writer.end_object().end_array();
  return write_file_durable(key_file, text, FileMode::kPrivate);
}

http::Task<Status> connect(Bench& bench, http::Loop& loop, http::ClientConfig config) {
  auto client = http::Client::create(loop, std::move(config));
  if (!client) co_return std::unexpected(std::move(client.error()));
  bench.client = std::move(*client);
  co_return Status{};
}

http::Task<void> disconnect(Bench& bench) {
  bench.client.reset();
  co_return;
}

Status run(Bench& bench, uint16_t port, const char* url, const std::string& folder,
           const std::string& key_file) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  PV_TRY_VOID(prepare(bench, folder, key_file));
  PV_TRY(auto loops, http::Loops::create({.count = 1}));
  http::ClientConfig client;
  PV_TRY(client.endpoint, http::Endpoint::parse(url));
  http::Loop& loop = loops->at(0);
  PV_TRY_VOID(http::block_on(loop, connect(bench, loop, std::move(client))));
  http::ServerConfig config;
  config.listeners.resize(1);
  config.listeners[0].port = port;
  PV_TRY(auto server, http::Server::create(*loops, std::move(config), [&bench](http::Call& call) {
           return handle(call, bench);
         }));
  int signal = 0;
  sigwait(&signals, &signal);
  server->stop(std::chrono::seconds(2));
  http::block_on(loop, disconnect(bench));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 6 ? proviso::parse_u64(argv[2]) : proviso::fail(proviso::Code::kInvalid, "");
  if (!port) {
    std::fprintf(stderr, "bench_rung parse|decide LISTEN_PORT UPSTREAM_URL AGREEMENT_FOLDER KEY_FILE\n");
    return 2;
  }
  Bench bench;
  bench.decides = std::string_view(argv[1]) == "decide";
  const auto done = run(bench, static_cast<uint16_t>(*port), argv[3], argv[4], argv[5]);
  if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
