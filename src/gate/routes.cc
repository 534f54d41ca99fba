#include "gate/routes.h"

#include <fmt/format.h>

#include <optional>

#include "gate/oversight_routes.h"

namespace proviso::gate {
namespace {

using exchange::Endpoint;
using exchange::Protocol;

struct Place {
  std::string_view path;
  Protocol protocol;
  Endpoint endpoint;
};
constexpr Place kPlaces[] = {
    {"/v1/chat/completions", Protocol::kOpenAiChat, Endpoint::kChat},
    {"/v1/responses", Protocol::kOpenAiResponses, Endpoint::kResponses},
    {"/v1/messages", Protocol::kAnthropicMessages, Endpoint::kMessages},
    {"/v1/messages/count_tokens", Protocol::kAnthropicMessages, Endpoint::kCountTokens},
};

http::Response plain(int status, std::string_view type, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.add("Content-Type", type);
  response.body = std::move(body);
  return response;
}

// A client that sends Anthropic's version header expects Anthropic's errors.
Protocol protocol_of(const http::Call& call) {
  return call.head().headers.get("anthropic-version") ? Protocol::kAnthropicMessages
                                                      : Protocol::kOpenAiChat;
}

Turned not_found(std::string message) {
  return Turned{exchange::ErrorKind::kNotFound, std::move(message), "not_found"};
}

exchange::ModelEntry entry_of(const agreement::Model& model) {
  exchange::ModelEntry entry{.id = model.id, .owned_by = model.vendor, .created = 0, .retires = {}};
  if (const auto retires = parse_time(model.retires)) entry.retires = retires->value;
  return entry;
}

}  // namespace

Result<std::unique_ptr<Routes>> Routes::create(House& house, http::Loops& loops,
                                               std::shared_ptr<const models::Catalog> catalog,
                                               const models::Worker* worker,
                                               tools::Surroundings surroundings) {
  auto routes = std::unique_ptr<Routes>(new Routes(house, std::move(surroundings)));
  house.tools = &routes->mcp_shared_.book;
  for (size_t i = 0; i < loops.size(); ++i) {
    PV_TRY(auto corridor, Corridor::create(house, loops.at(i), catalog, worker));
    PV_TRY(auto mcp, Mcp::create(house, loops.at(i), *corridor, routes->mcp_shared_));
    routes->corridors_.emplace(&loops.at(i), std::move(corridor));
    routes->mcps_.emplace(&loops.at(i), std::move(mcp));
  }
  return routes;
}

namespace {

http::Task<void> close_on_loop(Corridor& corridor, Mcp& mcp) {
  co_await mcp.close();
  corridor.close();
  co_return;
}

}  // namespace

void Routes::close() {
  for (auto& [loop, corridor] : corridors_) http::block_on(*loop, close_on_loop(*corridor, *mcps_.at(loop)));
}

std::string Routes::tools_report() {
  auto& [loop, mcp] = *mcps_.begin();
  return http::block_on(*loop, mcp->report());
}

http::Task<void> Routes::handle(http::Call& call) {
  Corridor& corridor = *corridors_.at(&call.loop());
  const http::RequestHead& head = call.head();
  if (head.path == kMcpPath) {
    co_await mcps_.at(&call.loop())->handle(call);
    co_return;
  }
  for (const Place& place : kPlaces) {
    if (head.path != place.path) continue;
    if (head.method != "POST") {
      http::Response response = plain(405, "text/plain", "send POST here\n");
      response.headers.add("Allow", "POST");
      co_await call.respond(std::move(response));
      co_return;
    }
    if (house_.unwitnessed()) {
      co_await corridor.turn_away(
          call, place.protocol, "",
          Turned{exchange::ErrorKind::kUnavailable,
                 "too few witnesses have seen this gate's ledger; it answers again once they have",
                 "unwitnessed"});
      co_return;
    }
    co_await corridor.exchange(call, place.protocol, place.endpoint);
    co_return;
  }
  if (OversightRoutes::serves(head.path)) {
    co_await OversightRoutes(house_, corridor).handle(call);
    co_return;
  }
  if (head.method != "GET" && head.method != "HEAD") {
    co_await corridor.turn_away(call, protocol_of(call), "",
                                not_found(fmt::format("there is nothing at `{}`", head.path)));
    co_return;
  }
  constexpr std::string_view kModel = "/v1/models/";
  constexpr std::string_view kReceipt = "/proviso/receipts/";
  if (head.path.starts_with(kMcpMetadataPath)) {
    co_await mcps_.at(&call.loop())->metadata(call);
  } else if (head.path == "/healthz") {
    co_await call.respond(plain(200, "text/plain", "ok\n"));
  } else if (head.path == "/readyz") {
    co_await call.respond(readiness());
  } else if (head.path == "/metrics") {
    co_await call.respond(plain(200, "text/plain; version=0.0.4", house_.metrics.text()));
  } else if (head.path == "/v1/models") {
    co_await models(call, corridor, "");
  } else if (head.path.starts_with(kModel)) {
    co_await models(call, corridor, head.path.substr(kModel.size()));
  } else if (head.path.starts_with(kReceipt)) {
    co_await receipts(call, corridor, head.path.substr(kReceipt.size()));
  } else if (head.path == "/proviso/agreement") {
    co_await agreement(call, corridor);
  } else {
    co_await corridor.turn_away(
        call, protocol_of(call), "",
        not_found(fmt::format("there is nothing at `{}`; this gate serves /v1/chat/completions, "
                              "/v1/responses, /v1/models, /v1/messages, /v1/messages/count_tokens, /mcp",
                              head.path)));
  }
}

http::Response Routes::readiness() const {
  const bool late = house_.ledger_late.load();
  const bool ledger = house_.committer.healthy() && !late;
  const bool model = house_.ready.load();
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  const bool witnessed = !house_.unwitnessed();
  writer.key("ready").boolean(ledger && model && witnessed);
  writer.key("ledger").string(ledger ? "writes" : late ? "does not write in time" : house_.committer.failure());
  writer.key("model").string(model ? "serves" : "is not ready");
  writer.key("red_lines").uinteger(house_.in_force()->agreement->red_lines().size());
  writer.key("witnesses").string(house_.config.witness.policy.empty() ? "none are asked"
                                 : house_.quorum.load()       ? "enough"
                                 : house_.quorum_asked.load() ? "too few"
                                                              : "not yet");
  writer.end_object();
  return plain(ledger && model && witnessed ? 200 : 503, "application/json", body + "\n");
}

http::Task<void> Routes::models(http::Call& call, Corridor& corridor, std::string id) {
  const auto principal = corridor.identify(call);
  if (!principal) {
    co_await corridor.turn_away(call, protocol_of(call), "", principal.error());
    co_return;
  }
  const auto in_force = house_.in_force();
  if (!id.empty()) {
    const agreement::Model* model = in_force->agreement->model(id);
    if (model == nullptr) {
      co_await corridor.turn_away(call, protocol_of(call), "",
                                  not_found(fmt::format("the agreement names no model `{}`", id)));
      co_return;
    }
    co_await call.respond(plain(200, "application/json", exchange::model_body(entry_of(*model))));
    co_return;
  }
  std::vector<exchange::ModelEntry> entries;
  for (const agreement::Model& model : in_force->agreement->terms().models) {
    entries.push_back(entry_of(model));
  }
  co_await call.respond(plain(200, "application/json", exchange::models_list(entries)));
}

http::Task<void> Routes::receipts(http::Call& call, Corridor& corridor, std::string exchange_id) {
  const auto principal = corridor.identify(call);
  if (!principal) {
    co_await corridor.turn_away(call, protocol_of(call), "", principal.error());
    co_return;
  }
  std::string lines = house_.receipts.find(exchange_id, principal->id);
  if (lines.empty()) {
    co_await corridor.turn_away(
        call, protocol_of(call), "",
        not_found(fmt::format("there is no recent exchange `{}` of yours", exchange_id)));
    co_return;
  }
  co_await call.respond(plain(200, "application/jsonl", std::move(lines)));
}

http::Task<void> Routes::agreement(http::Call& call, Corridor& corridor) {
  const auto principal = corridor.identify(call);
  if (!principal) {
    co_await corridor.turn_away(call, protocol_of(call), "", principal.error());
    co_return;
  }
  const auto in_force = house_.in_force();
  const agreement::Terms& terms = in_force->agreement->terms();
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("title").string(terms.title);
  writer.key("revision").integer(terms.revision);
  writer.key("digest").string(in_force->agreement->digest().hex());
  writer.key("effective").string(terms.effective);
  writer.key("expires").string(terms.expires);
  writer.key("purposes").begin_object();
  for (const auto& [purpose, words] : terms.purposes) writer.key(purpose).string(words);
  writer.end_object();
  writer.key("clauses").begin_array();
  for (const agreement::Clause& clause : in_force->agreement->clauses()) {
    writer.begin_object();
    writer.key("number").string(clause.number);
    writer.key("title").string(clause.title);
    writer.key("text").string(clause.text);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  co_await call.respond(plain(200, "application/json", body + "\n"));
}

}  // namespace proviso::gate
