// The real worker, end to end: llama-server in its sandbox, requests made by the codecs, answers read by
// them. Skips with a line where tools/build_worker.sh has not run.
#include "models/worker.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <future>
#include <gtest/gtest.h>
#include <mutex>
#include <unistd.h>

#include "base/json.h"
#include "exchange/stream.h"
#include "models/caller.h"

namespace proviso::models {
namespace {

using namespace std::chrono_literals;
using exchange::Endpoint;
using sandbox::WorkerState;

std::string cache_dir() {
  if (const char* cache = std::getenv("PROVISO_CACHE")) return cache;
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/root") + "/.cache/proviso";
}

std::string built_worker() {
  FILE* pipe = popen(PV_SOURCE_DIR "/tools/build_worker.sh --where", "r");
  std::array<char, 4096> line{};
  const bool got = pipe != nullptr && std::fgets(line.data(), line.size(), pipe) != nullptr;
  const bool built = pipe != nullptr && pclose(pipe) == 0 && got;
  std::string path = line.data();
  while (path.ends_with('\n')) path.pop_back();
  return built ? path : std::string();
}

std::string default_model() { return cache_dir() + "/models/SmolLM2-135M-Instruct.Q4_1.gguf"; }

// A running worker with `slots`, its catalogue and one loop.
class Running {
 public:
  static std::unique_ptr<Running> start(uint32_t slots) {
    const std::string program = built_worker();
    if (program.empty() || !std::filesystem::exists(default_model())) {
      std::printf("skipped: the local worker (no llama-server or no model in the cache)\n");
      return nullptr;
    }
    std::unique_ptr<Running> self(new Running());
    char dir[] = "/tmp/proviso-worker-XXXXXX";
    if (mkdtemp(dir) == nullptr) std::abort();
    self->dir_ = dir;
    WorkerConfig config;
    config.launcher = PV_LAUNCHER;
    config.program = program;
    config.model_file = default_model();
    config.run_dir = dir;
    config.slots = slots;
    config.threads = 1;  // two would wait for each other on a busy machine
    config.context_tokens = 2048 * slots;
    sandbox::SupervisorHooks hooks;
    hooks.on_probe = [raw = self.get()](const sandbox::ProbeReport& report) -> Status {
      raw->held = report.held();
      return {};
    };
    hooks.on_state = [raw = self.get()](WorkerState state, const std::string& why) {
      const std::lock_guard lock(raw->mutex_);
      raw->seen_.emplace_back(state, why);
      raw->changed_.notify_all();
    };
    auto worker = Worker::start(config, hooks);
    EXPECT_TRUE(worker.has_value()) << worker.error().message;
    self->worker = std::move(*worker);
    ModelConfig model;
    model.id = "local";
    model.protocols = {exchange::Protocol::kOpenAiChat, exchange::Protocol::kAnthropicMessages};
    model.endpoint = "worker";
    auto catalog = Catalog::create({model}, worker_socket(dir));
    EXPECT_TRUE(catalog.has_value());
    self->catalog = std::make_shared<const Catalog>(std::move(*catalog));
    self->loops_ = std::move(*http::Loops::create({.count = 1, .sweep = 10ms}));
    return self;
  }
  ~Running() {
    loops_.reset();
    worker.reset();
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }
  [[nodiscard]] http::Loop& loop() { return loops_->at(0); }

  // The reason given with the `count`-th occurrence of `state`.
  std::string wait_for(WorkerState state, size_t count = 1) {
    std::unique_lock lock(mutex_);
    std::string why;
    EXPECT_TRUE(changed_.wait_for(lock, 60s, [&] {
      size_t found = 0;
      for (const auto& [was, reason] : seen_) {
        if (was == state && ++found == count) {
          why = reason;
          return true;
        }
      }
      return false;
    })) << sandbox::worker_state_name(state);
    return why;
  }

  std::unique_ptr<Worker> worker;
  std::shared_ptr<const Catalog> catalog;
  std::atomic<bool> held{false};

 private:
  std::string dir_;
  std::unique_ptr<http::Loops> loops_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<WorkerState, std::string>> seen_;
};

struct Asked {
  exchange::Request request;
  Call call;
};

Asked asked(Endpoint endpoint, std::string_view body) {
  json::Parser parser;
  const auto protocol = endpoint == Endpoint::kChat ? exchange::Protocol::kOpenAiChat
                                                    : exchange::Protocol::kAnthropicMessages;
  auto request = exchange::read_request(protocol, endpoint, body, parser, std::span<const std::string>());
  EXPECT_TRUE(request.has_value()) << request.error().message;
  Asked asked;
  asked.request = std::move(*request);
  asked.call.model = "local";
  asked.call.endpoint = endpoint;
  asked.call.body = exchange::upstream_body(asked.request, "local");
  return asked;
}

http::Task<Result<std::string>> fetch(Running& running, Call call) {
  auto caller = Caller::create(running.loop(), running.catalog, running.worker.get());
  if (!caller) co_return std::unexpected(caller.error());
  auto upstream = co_await (*caller)->call(std::move(call));
  if (!upstream) co_return std::unexpected(upstream.error());
  auto body = co_await upstream->read_all(1 << 20);
  co_return body;
}

Result<std::string> fetch_now(Running& running, Call call) {
  return http::block_on(running.loop(), fetch(running, std::move(call)));
}

// Opens a stream, reads its first bytes, runs `meanwhile` on the calling thread, and then either drops the
// stream or reads it to its end.
enum class Then { kDrop, kReadOn };
http::Task<Result<std::string>> open_stream(Running& running, Call call, std::promise<void>& opened,
                                            std::shared_future<void> go_on, Then then) {
  auto caller = Caller::create(running.loop(), running.catalog, running.worker.get());
  if (!caller) co_return std::unexpected(caller.error());
  auto upstream = co_await (*caller)->call(std::move(call));
  if (!upstream) {
    opened.set_value();
    co_return std::unexpected(upstream.error());
  }
  auto bytes = co_await upstream->next_bytes();
  opened.set_value();
  http::Event tick(running.loop());
  while (go_on.wait_for(0s) != std::future_status::ready) {
    co_await tick.wait(http::Loop::now() + 10ms);
  }
  if (then == Then::kDrop) co_return std::string(bytes && *bytes ? **bytes : "");
  std::string all;
  while (bytes && *bytes) {
    all += **bytes;
    bytes = co_await upstream->next_bytes();
  }
  if (!bytes) co_return std::unexpected(bytes.error());
  co_return all;
}

std::string long_request() {
  return R"({"model":"local","stream":true,"temperature":1,"max_tokens":1800,"logit_bias":{"2":-100},)"
         R"("messages":[{"role":"user","content":"Write a very long story about a lighthouse."}]})";
}

std::unique_ptr<Running>& shared_worker() {
  static std::unique_ptr<Running> running = Running::start(2);
  return running;
}

class LocalModel : public testing::Test {
 protected:
  void SetUp() override {
    if (shared_worker() == nullptr) GTEST_SKIP();
    shared_worker()->wait_for(WorkerState::kReady);
  }
  Running& running() { return *shared_worker(); }
  json::Parser parser_;
};

TEST_F(LocalModel, RunsOnlyInASandboxThatHeld) { EXPECT_TRUE(running().held.load()); }

TEST_F(LocalModel, AnswersAChat) {
  auto ask = asked(Endpoint::kChat, R"({"model":"local","max_tokens":12,"messages":[
      {"role":"system","content":"Be brief."},{"role":"user","content":"Say hello."}]})");
  const auto body = fetch_now(running(), std::move(ask.call));
  ASSERT_TRUE(body.has_value()) << body.error().message;
  const auto answer = exchange::read_answer(exchange::Protocol::kOpenAiChat, *body, parser_,
                                            exchange::frame_for(ask.request, "x", 1));
  ASSERT_TRUE(answer.has_value()) << answer.error().message << " in " << *body;
  EXPECT_FALSE(answer->pieces.empty());
}

TEST_F(LocalModel, AnswersAMessage) {
  auto ask = asked(Endpoint::kMessages, R"({"model":"local","max_tokens":12,"system":"Be brief.",
      "messages":[{"role":"user","content":"Say hello."}]})");
  const auto body = fetch_now(running(), std::move(ask.call));
  ASSERT_TRUE(body.has_value()) << body.error().message;
  const auto answer = exchange::read_answer(exchange::Protocol::kAnthropicMessages, *body, parser_,
                                            exchange::frame_for(ask.request, "x", 1));
  ASSERT_TRUE(answer.has_value()) << answer.error().message << " in " << *body;
  EXPECT_FALSE(answer->pieces.empty());
}

TEST_F(LocalModel, CountsTokens) {
  auto ask = asked(Endpoint::kCountTokens,
                   R"({"model":"local","messages":[{"role":"user","content":"One two three."}]})");
  const auto body = fetch_now(running(), std::move(ask.call));
  ASSERT_TRUE(body.has_value()) << body.error().message;
  const auto count = exchange::read_token_count(*body, parser_);
  ASSERT_TRUE(count.has_value()) << count.error().message;
  EXPECT_GT(*count, 3U);
}

TEST_F(LocalModel, StreamsBothProtocols) {
  const struct {
    Endpoint endpoint;
    exchange::Protocol protocol;
  } cases[] = {{Endpoint::kChat, exchange::Protocol::kOpenAiChat},
               {Endpoint::kMessages, exchange::Protocol::kAnthropicMessages}};
  for (const auto& c : cases) {
    auto ask = asked(c.endpoint, R"({"model":"local","max_tokens":24,"stream":true,"temperature":0,
        "messages":[{"role":"user","content":"Write a long story about a dog."}]})");
    const auto body = fetch_now(running(), std::move(ask.call));
    ASSERT_TRUE(body.has_value()) << body.error().message;
    exchange::StreamReader reader(c.protocol, exchange::frame_for(ask.request, "x", 1));
    std::vector<exchange::StreamEvent> events;
    reader.feed(*body, events);
    reader.end(events);
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events.back().kind, exchange::StreamEvent::Kind::kDone) << events.back().text << *body;
    const auto deltas = std::count_if(events.begin(), events.end(), [](const auto& event) {
      return event.kind == exchange::StreamEvent::Kind::kDelta;
    });
    EXPECT_GT(deltas, 3) << *body;
  }
}

TEST_F(LocalModel, CallsAToolWhenItIsForcedTo) {
  auto ask = asked(Endpoint::kChat, R"({"model":"local","max_tokens":40,"temperature":0,
      "messages":[{"role":"user","content":"What is the weather in Paris?"}],
      "tools":[{"type":"function","function":{"name":"get_time","description":"Time","parameters":{"type":"object"}}},
        {"type":"function","function":{"name":"get_weather","description":"Weather of a city",
        "parameters":{"type":"object","properties":{"city":{"type":"string","enum":["Paris","Rome"]}},
        "required":["city"]}}}],
      "tool_choice":{"type":"function","function":{"name":"get_weather"}}})");
  const auto body = fetch_now(running(), std::move(ask.call));
  ASSERT_TRUE(body.has_value()) << body.error().message;
  const auto answer = exchange::read_answer(exchange::Protocol::kOpenAiChat, *body, parser_,
                                            exchange::frame_for(ask.request, "x", 1));
  ASSERT_TRUE(answer.has_value()) << answer.error().message << " in " << *body;
  ASSERT_EQ(answer->tool_calls.size(), 1U) << *body;
  EXPECT_EQ(answer->tool_calls[0].name, "get_weather");
  EXPECT_TRUE(parser_.parse(answer->tool_calls[0].arguments.open_for_inspection()).has_value());
}

TEST_F(LocalModel, ARequestThatIsTooLongIsTheClientsToMend) {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "word ";
  auto ask = asked(Endpoint::kChat, R"({"model":"local","messages":[{"role":"user","content":")" + text + R"("}]})");
  const auto body = fetch_now(running(), std::move(ask.call));
  ASSERT_FALSE(body.has_value());
  EXPECT_EQ(body.error().code, Code::kInvalid);
  EXPECT_NE(body.error().message.find("longer than model `local`"), std::string::npos) << body.error().message;
}

// The worker has one slot, so that a generation that goes on is one that nobody else can have.
TEST(LocalModelAlone, ADroppedAnswerFreesItsSlot) {
  auto running = Running::start(1);
  if (running == nullptr) GTEST_SKIP();
  running->wait_for(WorkerState::kReady);
  std::promise<void> opened;
  std::promise<void> go_on;
  std::promise<Result<std::string>> ended;
  running->loop().spawn([](Running& r, Call call, std::promise<void>& o, std::shared_future<void> g,
                           std::promise<Result<std::string>>& e) -> http::Task<void> {
    auto result = co_await open_stream(r, std::move(call), o, std::move(g), Then::kDrop);
    e.set_value(std::move(result));
  }(*running, asked(Endpoint::kChat, long_request()).call, opened, go_on.get_future().share(), ended));
  opened.get_future().wait();

  const std::string_view kShort =
      R"({"model":"local","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]})";
  // Control: while the stream is open the slot is taken.
  auto control = asked(Endpoint::kChat, kShort).call;
  control.deadline = http::Loop::now() + 400ms;
  const auto busy = fetch_now(*running, std::move(control));
  ASSERT_FALSE(busy.has_value()) << "the long answer ended too soon to show anything";
  EXPECT_EQ(busy.error().code, Code::kTimeout) << busy.error().message;

  go_on.set_value();
  ASSERT_TRUE(ended.get_future().get().has_value());
  auto after = asked(Endpoint::kChat, kShort).call;
  after.deadline = http::Loop::now() + 20s;
  const auto began = std::chrono::steady_clock::now();
  const auto free = fetch_now(*running, std::move(after));
  EXPECT_TRUE(free.has_value()) << free.error().message;
  std::printf("slot free %lld ms after the answer was dropped\n",
              static_cast<long long>((std::chrono::steady_clock::now() - began) / 1ms));
}

TEST(LocalModelAlone, AKilledWorkerComesBackAndItsRequestGetsATypedError) {
  auto running = Running::start(1);
  if (running == nullptr) GTEST_SKIP();
  running->wait_for(WorkerState::kReady);
  std::promise<void> opened;
  std::promise<void> go_on;
  std::promise<Result<std::string>> ended;
  running->loop().spawn([](Running& r, Call call, std::promise<void>& o, std::shared_future<void> g,
                           std::promise<Result<std::string>>& e) -> http::Task<void> {
    auto result = co_await open_stream(r, std::move(call), o, std::move(g), Then::kReadOn);
    e.set_value(std::move(result));
  }(*running, asked(Endpoint::kChat, long_request()).call, opened, go_on.get_future().share(), ended));
  opened.get_future().wait();
  ASSERT_EQ(kill(running->worker->supervisor().pid(), SIGKILL), 0);
  go_on.set_value();
  const auto cut = ended.get_future().get();
  ASSERT_FALSE(cut.has_value());
  EXPECT_EQ(cut.error().code, Code::kUnavailable);
  EXPECT_NE(cut.error().message.find("broke off"), std::string::npos) << cut.error().message;

  running->wait_for(WorkerState::kBackingOff);
  const auto short_call = [] {
    return asked(Endpoint::kChat, R"({"model":"local","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]})").call;
  };
  if (running->worker->state() != WorkerState::kReady) {
    const auto early = fetch_now(*running, short_call());
    if (!early) EXPECT_EQ(early.error().code, Code::kUnavailable) << early.error().message;
  }
  running->wait_for(WorkerState::kReady, 2);
  const auto late = fetch_now(*running, short_call());
  EXPECT_TRUE(late.has_value()) << late.error().message;
}

TEST(LocalModelAlone, AModelThatIsNoModelSaysSo) {
  const std::string program = built_worker();
  if (program.empty()) GTEST_SKIP();
  char dir[] = "/tmp/proviso-worker-XXXXXX";
  ASSERT_NE(mkdtemp(dir), nullptr);
  WorkerConfig config;
  config.launcher = PV_LAUNCHER;
  config.program = program;
  config.model_file = program;  // a file, but not a model
  config.run_dir = dir;
  std::promise<std::string> why;
  std::once_flag once;
  sandbox::SupervisorHooks hooks;
  hooks.on_state = [&](WorkerState state, const std::string& reason) {
    if (state == WorkerState::kBackingOff) std::call_once(once, [&] { why.set_value(reason); });
  };
  auto worker = Worker::start(config, hooks);
  ASSERT_TRUE(worker.has_value()) << worker.error().message;
  auto said = why.get_future();
  ASSERT_EQ(said.wait_for(30s), std::future_status::ready);
  const std::string reason = said.get();
  EXPECT_NE(reason.find("the worker ended with status 1"), std::string::npos) << reason;
  std::printf("%s\n", reason.c_str());
  worker->reset();
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace proviso::models
