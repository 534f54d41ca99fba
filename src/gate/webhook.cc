#include "gate/webhook.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "gate/journal.h"

namespace proviso::gate {
namespace {

constexpr uint64_t kAnswerBytes = 4 << 10;  // what it answers is not read for its words
constexpr std::chrono::milliseconds kFirstPause{1000};

std::string body_of(const oversight::Hold& hold) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("awaits").begin_array();
  for (const std::string& role : hold.awaits) writer.string(role);
  writer.end_array();
  writer.key("event").string("hold");
  writer.key("expires").string(format_time(hold.terms.expires));
  writer.key("hold").string(hold.terms.id);
  writer.key("origin").string(hold.terms.origin);
  writer.end_object();
  return out;
}

http::Task<Result<int>> post(http::Loop& loop, http::Endpoint endpoint, std::string body, std::string signature) {
  http::ClientConfig config;
  config.connect_timeout = kWebhookAnswerMax;
  http::RequestSpec spec;
  spec.method = "POST";
  spec.target = endpoint.base_path.empty() ? "/" : endpoint.base_path;
  spec.headers.add("Content-Type", "application/json");
  spec.headers.add("Proviso-Signature", signature);
  spec.body = std::move(body);
  spec.deadline = http::Loop::now() + kWebhookAnswerMax;
  spec.body_timeout = kWebhookAnswerMax;
  config.endpoint = std::move(endpoint);
  Result<std::unique_ptr<http::Client>> client = http::Client::create(loop, std::move(config));
  if (!client) co_return std::unexpected(std::move(client.error()));
  Result<http::Reply> reply = co_await (*client)->send(std::move(spec));
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  const int status = reply->status();
  const auto rest = co_await reply->read_all(kAnswerBytes);
  (void)rest;
  co_return status;
}

}  // namespace

Result<std::unique_ptr<Webhook>> Webhook::create(std::string_view url, std::string secret) {
  auto endpoint = http::Endpoint::parse(url);
  if (!endpoint) return fail_at("[oversight] `webhook`", endpoint.error());
  PV_TRY(auto loops, http::Loops::create({.count = 1}));
  return std::unique_ptr<Webhook>(new Webhook(std::move(*endpoint), std::move(secret), std::move(loops)));
}

Webhook::Webhook(http::Endpoint endpoint, std::string secret, std::unique_ptr<http::Loops> loops)
    : endpoint_(std::move(endpoint)), secret_(std::move(secret)), loops_(std::move(loops)) {
  thread_ = std::thread([this] { run(); });
}

Webhook::~Webhook() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Webhook::tell(const oversight::Hold& hold) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kWebhookQueueMax) return;
    waiting_.push_back(body_of(hold));
  }
  changed_.notify_all();
}

bool Webhook::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return stopping_; });
  return !stopping_;
}

std::string Webhook::deliver(const std::string& body) {
  const int64_t now = SystemClock().now().value;
  const std::string signature =
      fmt::format("t={},v1={}", now, hmac_sha256(secret_, fmt::format("{}.{}", now, body)).hex());
  http::Loop& loop = loops_->at(0);
  const Result<int> status = http::block_on(loop, post(loop, endpoint_, body, signature));
  if (!status) return status.error().message;
  return *status >= 200 && *status < 300 ? "" : fmt::format("it answered {}", *status);
}

void Webhook::run() {
  while (true) {
    std::string body;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      body = std::move(waiting_.front());
      waiting_.pop_front();
    }
    std::string why;
    auto wait = kFirstPause;
    for (int tries = 1; tries <= kWebhookTriesMax; ++tries, wait *= 2) {
      why = deliver(body);
      if (why.empty() || tries == kWebhookTriesMax) break;
      if (!pause(wait)) return;
    }
    if (!why.empty()) journal::warn("approvers were not told of a hold: " + why);
  }
}

}  // namespace proviso::gate
