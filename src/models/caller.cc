#include "models/caller.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/json.h"
#include "models/doorkeeper.h"
#include "models/upstream_error.h"
#include "models/worker.h"
#include "models/worker_request.h"

namespace proviso::models {
namespace {

constexpr std::string_view kAnthropicVersion = "2023-06-01";

exchange::Protocol protocol_of(exchange::Endpoint endpoint) {
  return endpoint == exchange::Endpoint::kChat ? exchange::Protocol::kOpenAiChat
                                               : exchange::Protocol::kAnthropicMessages;
}

http::Headers headers_for(const Model& model, const Call& call) {
  http::Headers headers;
  headers.add("Content-Type", "application/json");
  headers.add("Accept", "application/json, text/event-stream");
  headers.add("Accept-Encoding", "identity");
  headers.add("User-Agent", "proviso");
  if (protocol_of(call.endpoint) == exchange::Protocol::kOpenAiChat) {
    if (!model.api_key.empty()) headers.add("Authorization", "Bearer " + model.api_key);
    return headers;
  }
  const auto& version = call.headers.anthropic_version;
  headers.add("anthropic-version", version.empty() ? kAnthropicVersion : std::string_view(version));
  if (!call.headers.anthropic_beta.empty()) headers.add("anthropic-beta", call.headers.anthropic_beta);
  if (!model.api_key.empty()) headers.add("x-api-key", model.api_key);
  return headers;
}

std::string who(std::string_view model, bool worker) {
  return (worker ? "the local model `" : "the upstream of model `") + std::string(model) + "`";
}

// A failure below HTTP, in a sentence that tells nothing of addresses.
Error transport_error(const Error& error, std::string_view model, bool worker, std::string_view what) {
  switch (error.code) {
    case Code::kTimeout: return {Code::kTimeout, who(model, worker) + " did not answer in time"};
    case Code::kLimit: return {Code::kLimit, who(model, worker) + ": " + error.message};
    default: break;
  }
  return {Code::kUnavailable,
          who(model, worker) + " " + std::string(what) + (worker ? "; it is being started again" : "")};
}

bool plain_coding(const http::Headers& headers) {
  const auto coding = headers.get_or("Content-Encoding", "identity");
  return coding.empty() || http::equal_fold(coding, "identity");
}

}  // namespace

std::string_view endpoint_path(exchange::Endpoint endpoint) {
  switch (endpoint) {
    case exchange::Endpoint::kChat: return "/v1/chat/completions";
    case exchange::Endpoint::kResponses: break;  // no upstream's: exchange::upstream_endpoint()
    case exchange::Endpoint::kMessages: return "/v1/messages";
    case exchange::Endpoint::kCountTokens: return "/v1/messages/count_tokens";
  }
  return "/";
}

Upstream::Upstream(http::Reply reply, const Model& model)
    : reply_(std::move(reply)), model_(model.id), worker_(model.worker) {}

bool Upstream::event_stream() const {
  auto type = reply_.headers().get_or("Content-Type", "");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return http::equal_fold(type, "text/event-stream");
}

http::Task<Result<std::optional<std::string_view>>> Upstream::next_bytes() {
  auto bytes = co_await reply_.read_some();
  if (!bytes) co_return std::unexpected(transport_error(bytes.error(), model_, worker_, "broke off its answer"));
  co_return *bytes;
}

http::Task<Result<std::string>> Upstream::read_all(uint64_t bytes_max) {
  auto body = co_await reply_.read_all(bytes_max);
  if (!body) co_return std::unexpected(transport_error(body.error(), model_, worker_, "broke off its answer"));
  co_return std::move(*body);
}

struct Caller::Impl {
  std::shared_ptr<const Catalog> catalog;
  const Worker* worker = nullptr;
  std::map<std::string, std::unique_ptr<http::Client>, std::less<>> clients;
  json::Parser parser;

  Result<const Model*> known(const Call& call) const {
    const Model* model = catalog->find(call.model);
    if (model == nullptr) return fail(Code::kNotFound, "there is no model `" + call.model + "` here");
    const auto protocol = protocol_of(call.endpoint);
    if (!model->speaks(protocol)) {
      return fail(Code::kUnsupported, "model `" + call.model + "` is not reached by " +
                                          exchange::protocol_name(protocol));
    }
    return model;
  }
  // What keeps a call from being sent at all.
  Result<const Model*> route(const Call& call) const {
    PV_TRY(const Model* model, known(call));
    if (model->worker && worker != nullptr && worker->state() != sandbox::WorkerState::kReady) {
      return fail(Code::kUnavailable, who(model->id, true) + " is not ready (" +
                                          sandbox::worker_state_name(worker->state()) + ")");
    }
    return model;
  }
};

Caller::Caller(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Caller::~Caller() = default;

Result<std::unique_ptr<Caller>> Caller::create(http::Loop& loop, std::shared_ptr<const Catalog> catalog,
                                               const Worker* worker) {
  PV_CHECK(catalog != nullptr);
  auto impl = std::make_unique<Impl>();
  for (const auto& [id, model] : catalog->models()) {
    http::ClientConfig config;
    config.endpoint = model.endpoint;
    config.connect_timeout = model.connect_timeout;
    auto client = http::Client::create(loop, std::move(config));
    if (!client) return fail_at("model `" + id + "`", std::move(client).error());
    impl->clients.emplace(id, std::move(*client));
  }
  impl->catalog = std::move(catalog);
  impl->worker = worker;
  return std::unique_ptr<Caller>(new Caller(std::move(impl)));
}

Status Caller::prepare(Call& call) {
  if (call.prepared) return {};
  PV_TRY(const Model* model, impl_->known(call));
  if (model->worker) {
    const auto opening = impl_->worker != nullptr ? impl_->worker->call_opening() : std::string_view();
    PV_TRY(call.body, worker_body(call.endpoint, call.body, impl_->parser, opening));
  }
  call.prepared = true;
  return {};
}

bool Caller::demands_receipt(std::string_view model) const {
  const Model* found = impl_->catalog->find(model);
  return found != nullptr && found->worker && impl_->worker != nullptr && impl_->worker->demands_receipt();
}

http::Task<Result<Upstream>> Caller::call(Call call) {
  const auto route = impl_->route(call);
  if (!route) co_return std::unexpected(route.error());
  const Model& model = **route;

  http::RequestSpec spec;
  spec.method = "POST";
  spec.target = model.endpoint.base_path + std::string(endpoint_path(call.endpoint));
  spec.headers = headers_for(model, call);
  if (model.worker && !call.pass.empty()) spec.headers.add(kPassHeader, call.pass);
  if (!spec.headers.valid()) {
    co_return fail(Code::kInvalid, "a header of the request cannot be passed on");
  }
  const Status ready = prepare(call);
  if (!ready) co_return std::unexpected(ready.error());
  spec.body = std::move(call.body);
  spec.deadline = std::min(call.deadline, http::Loop::now() + model.head_timeout);
  spec.body_timeout = model.body_timeout;
  spec.cancel = call.cancel;

  auto reply = co_await impl_->clients.at(model.id)->send(std::move(spec));
  if (!reply) co_return std::unexpected(transport_error(reply.error(), model.id, model.worker, "cannot be reached"));
  if (!plain_coding(reply->headers())) {
    co_return fail(Code::kUnavailable, who(model.id, model.worker) + " answers in a coding that nobody asked for");
  }
  if (reply->status() < 200 || reply->status() > 299) {
    // An error that cannot be read is still an error: its status says enough.
    const auto body = co_await reply->read_all(kErrorBodyBytesMax);
    co_return std::unexpected(upstream_error(model.id, reply->status(), body ? *body : std::string()));
  }
  co_return Upstream(std::move(*reply), model);
}

}  // namespace proviso::models
