// What each method of MCP is for, here: which tool or channel of which server it goes to, and what the gate
// answers by itself.
#include <fmt/format.h>

#include <array>

#include "base/visible.h"
#include "gate/mcp.h"

namespace proviso::gate {
namespace {

using tools::Era;
using tools::Message;

struct Channelled {
  std::string_view method;
  std::string_view channel;
  bool legacy = true;
  bool modern = true;
};
// Methods that go to a server's channel; the registry admits each as the tool "SERVER/CHANNEL".
constexpr std::array<Channelled, 8> kChannelled = {{{"resources/list", "resources"},
                                                    {"resources/templates/list", "resources"},
                                                    {"resources/read", "resources"},
                                                    {"resources/subscribe", "resources", true, false},
                                                    {"resources/unsubscribe", "resources", true, false},
                                                    {"prompts/list", "prompts"},
                                                    {"prompts/get", "prompts"},
                                                    {"completion/complete", "completions"}}};

const Channelled* channelled(std::string_view method, Era era) {
  for (const Channelled& one : kChannelled) {
    if (one.method == method && (era == Era::kLegacy ? one.legacy : one.modern)) return &one;
  }
  return nullptr;
}

bool has_member(const std::string& object_text, std::string_view name, json::Parser& parser) {
  const auto document = parser.parse(object_text);
  json::Object object;
  return document && document->get(object) == simdjson::SUCCESS && tools::object_member(object, name).has_value();
}

bool has_flag(const std::string& object_text, std::string_view name, std::string_view flag, json::Parser& parser) {
  const auto document = parser.parse(object_text);
  json::Object object;
  if (!document || document->get(object) != simdjson::SUCCESS) return false;
  const auto inner = tools::object_member(object, name);
  bool set = false;
  return inner && inner->at_key(flag).get(set) == simdjson::SUCCESS && set;
}

constexpr std::string_view kServerMeta =
    R"({"io.modelcontextprotocol/serverInfo":{"name":"proviso","version":"0.1.0"}})";

}  // namespace

http::Task<void> Mcp::serve(http::Call& call, McpRequest request, Sender sender) {
  const std::string& method = request.message.method;
  const bool legacy = request.era == Era::kLegacy;
  if (legacy && method == "ping") {
    co_await respond(call, 200, tools::result_text(request.message.id, "{}"), "");
  } else if (!legacy && method == "server/discover") {
    co_await discover(call, std::move(request));
  } else if (method == "tools/list") {
    co_await list_tools(call, std::move(request));
  } else if (!legacy && method == "subscriptions/listen") {
    co_await listen(call, std::move(request), std::move(sender));
  } else if (!legacy && method.starts_with("tasks/")) {
    co_await task(call, std::move(request), std::move(sender));
  } else if (legacy && method == "logging/setLevel") {
    co_await set_level(call, std::move(request));
  } else {
    Checked<McpTarget> target = co_await target_of(request);
    if (!target) {
      target.error().id = request.message.id;
      co_await refuse(call, std::move(target.error()));
      co_return;
    }
    co_await walk(call, std::move(request), std::move(*target), std::move(sender));
  }
}

http::Task<Mcp::Checked<McpTarget>> Mcp::target_of(McpRequest& request) {
  const std::string method = request.message.method;
  if (method == "tools/call") {
    std::string name;
    if (const auto document = parser_.parse(request.message.params)) {
      json::Object params;
      if (document->get(params) == simdjson::SUCCESS) name = tools::text_member(params, "name").value_or("");
    }
    const agreement::Tool* const registered = house_.in_force()->agreement->tool(name);
    if (registered != nullptr && !registered->server.empty()) {
      const auto listed = co_await desk_->listing(registered->server);
      (void)listed;  // what does not answer is missing from the book
    }
    co_return tool_target(request, name);
  }
  const Channelled* const one = channelled(method, request.era);
  if (one == nullptr) {
    co_return std::unexpected(Refusal{request.era == Era::kModern ? 404 : 200, tools::kMethodNotFound,
                                      fmt::format("there is no method `{}` here", method), "", ""});
  }
  const std::optional<std::string> server = co_await server_for(request, std::string(one->channel));
  if (!server) {
    co_return std::unexpected(Refusal{
        200, tools::kDenied,
        fmt::format("the agreement's registry admits no `SERVER/{}` that could answer this", one->channel), "", ""});
  }
  McpTarget target;
  target.server = *server;
  target.tool = tools::channel_tool(*server, one->channel);
  target.definition = tools::channel_digest(one->channel, shared_.book.identity(*shared_.book.server(*server))).hex();
  co_return target;
}

Mcp::Checked<McpTarget> Mcp::tool_target(const McpRequest& request, std::string_view name) {
  const auto in_force = house_.in_force();
  const Offer offer = shared_.book.find(*in_force->agreement, name);
  if (offer.standing != Standing::kAdmitted) {
    const char* why = "is not one that the agreement's registry names";
    if (offer.standing == Standing::kChanged) {
      why = "is not the one that the agreement's registry pins: it waits for `admit`";
    } else if (offer.standing == Standing::kMissing) {
      why = "is not offered by its server now";
    }
    return std::unexpected(Refusal{200, tools::kInvalidParams,
                                   fmt::format("the tool `{}` {}", visible(name.substr(0, 128)), why),
                                   fmt::format(R"({{"state":"{}"}})", standing_name(offer.standing)),
                                   request.message.id});
  }
  McpTarget target;
  target.tool = offer.registered->id;
  target.server = offer.registered->server;
  target.definition = offer.registered->definition;
  target.param_headers = offer.definition->param_headers;
  target.holding = shared_.book.holding(*in_force->agreement, target.tool);
  target.structured = offer.definition->json.find("\"outputSchema\"") != std::string::npos;
  return target;
}

// The server that a request for a channel goes to. With several, a request that names a server's prompt or
// resource says nothing about which: the first that the registry admits and that offers the channel answers,
// unless the request says so itself in `_meta["proviso/server"]`.
http::Task<std::optional<std::string>> Mcp::server_for(McpRequest& request, std::string channel) {
  std::string wanted;
  if (const auto document = parser_.parse(request.message.params)) {
    std::string_view named;
    if (document->at_pointer("/_meta/proviso~1server").get(named) == simdjson::SUCCESS) wanted = named;
  }
  for (const tools::ServerConfig& server : shared_.book.servers()) {
    if (!wanted.empty() && server.id != wanted) continue;
    if (shared_.book.channel(*house_.in_force()->agreement, server.id, channel) == nullptr) continue;
    Result<std::shared_ptr<const Listing>> listing = co_await desk_->listing(server.id);
    if (!listing) continue;
    const tools::Greeting& greeting = (*listing)->greeting;
    if (has_member(greeting.capabilities, channel, parser_) ||
        has_member(greeting.legacy_capabilities, channel, parser_)) {
      co_return server.id;
    }
  }
  co_return std::nullopt;
}

http::Task<std::string> Mcp::capabilities(bool modern) {
  bool any = false, resources = false, subscribe = false, prompts = false, completions = false, logging = false;
  co_await desk_->refresh_all();
  const auto in_force = house_.in_force();
  for (const tools::ServerConfig& server : shared_.book.servers()) {
    const auto listing = shared_.book.listing(server.id);
    if (listing == nullptr) continue;
    const tools::Greeting& greeting = listing->greeting;
    const std::string& own =
        modern || !greeting.eras.legacy ? greeting.capabilities : greeting.legacy_capabilities;
    const auto admitted = [&](std::string_view channel) {
      return shared_.book.channel(*in_force->agreement, server.id, channel) != nullptr;
    };
    any = true;
    resources = resources || (admitted("resources") && has_member(own, "resources", parser_));
    subscribe = subscribe || (admitted("resources") && has_flag(own, "resources", "subscribe", parser_));
    prompts = prompts || (admitted("prompts") && has_member(own, "prompts", parser_));
    completions = completions || (admitted("completions") && has_member(own, "completions", parser_));
    logging = logging || has_member(own, "logging", parser_);
  }
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  if (any) {
    writer.key("tools").begin_object();
    if (!modern) writer.key("listChanged").boolean(true);
    writer.end_object();
  }
  if (resources) {
    writer.key("resources").begin_object();
    if (subscribe && !modern) writer.key("subscribe").boolean(true);
    writer.end_object();
  }
  if (prompts) writer.key("prompts").begin_object().end_object();
  if (completions) writer.key("completions").begin_object().end_object();
  if (logging) writer.key("logging").begin_object().end_object();
  if (modern) writer.key("extensions").raw(fmt::format(R"({{"{}":{{}}}})", kTasksExtension));
  writer.end_object();
  co_return out;
}

http::Task<void> Mcp::discover(http::Call& call, McpRequest request) {
  const std::string offered = co_await capabilities(true);
  const std::string result = fmt::format(
      R"({{"resultType":"complete","supportedVersions":["{}","{}"],"capabilities":{},"ttlMs":0,)"
      R"("cacheScope":"private","_meta":{}}})",
      tools::kModernVersion, tools::kLegacyVersion, offered, kServerMeta);
  co_await respond(call, 200, tools::result_text(request.message.id, result), "");
}

// The admitted tools in the registry's order. Their definitions are what the parties signed, so they leave
// without a decision of their own.
http::Task<void> Mcp::list_tools(http::Call& call, McpRequest request) {
  co_await desk_->refresh_all();
  const auto in_force = house_.in_force();
  std::string result;
  json::Writer writer(result);
  writer.begin_object();
  if (request.era == Era::kModern) {
    writer.key("resultType").string("complete");
    writer.key("ttlMs").integer(std::chrono::milliseconds(kListAgeMax).count());
    writer.key("cacheScope").string("private");
    writer.key("_meta").raw(kServerMeta);
  }
  writer.key("tools").begin_array();
  for (const Offer& offer : shared_.book.admitted(*in_force->agreement)) {
    writer.raw(tools::shown_definition(offer.definition->json, parser_));
  }
  writer.end_array();
  writer.end_object();
  house_.metrics.exchange("mcp", "complete");
  co_await respond(call, 200, tools::result_text(request.message.id, result), "");
}

// The tasks extension. A task is answered to the person whose call it was, and to nobody else.
http::Task<void> Mcp::task(http::Call& call, McpRequest request, Sender sender) {
  const std::string& method = request.message.method;
  const std::string& id = request.message.id;
  std::string task_id;
  json::Element declared;
  bool fine = false;
  if (const auto document = parser_.parse(request.capabilities)) {
    fine = document->at_pointer("/extensions/io.modelcontextprotocol~1tasks").get(declared) == simdjson::SUCCESS;
  }
  if (const auto document = parser_.parse(request.message.params)) {
    std::string_view named;
    if (document->at_pointer("/taskId").get(named) == simdjson::SUCCESS) task_id = named;
  }
  if (method != "tasks/get" && method != "tasks/update" && method != "tasks/cancel") {
    co_await refuse(call, Refusal{404, tools::kMethodNotFound, fmt::format("there is no method `{}` here", method), "", id});
    co_return;
  }
  if (!fine) {
    co_await refuse(call, Refusal{400, tools::kMissingCapability, "the client did not declare tasks",
                                  fmt::format(R"({{"requiredCapabilities":{{"extensions":{{"{}":{{}}}}}}}})", kTasksExtension), id});
    co_return;
  }
  const std::string members = shared_.tasks.get(task_id, sender.principal.id);
  if (members.empty()) {
    co_await refuse(call, Refusal{200, tools::kInvalidParams, "there is no such task", "", id});
    co_return;
  }
  if (method == "tasks/cancel") shared_.tasks.cancel(task_id, sender.principal.id, house_.committer.now());
  const std::string result = fmt::format(R"({{"resultType":"complete",{}{}"_meta":{}}})",
                                         method == "tasks/get" ? members : "", method == "tasks/get" ? "," : "",
                                         kServerMeta);
  co_await respond(call, 200, tools::result_text(id, result), "");
}

// SPEC 2026-07-28 patterns, "Subscriptions": the acknowledgement comes first and says what was granted. Of a
// server's own notices none pass; the gate says when the tools that it admits change.
http::Task<void> Mcp::listen(http::Call& call, McpRequest request, Sender sender) {
  const std::string tag =
      fmt::format(R"("_meta":{{"io.modelcontextprotocol/subscriptionId":{}}})", request.message.id);
  bool wanted = false;
  if (const auto document = parser_.parse(request.message.params)) {
    (void)document->at_pointer("/notifications/toolsListChanged").get(wanted);
  }
  Status said = co_await call.begin_stream(
      200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}});
  if (!said) co_return;
  const std::string first = fmt::format("event: message\ndata: {}\n\n",
                                        tools::notification_text(
                                            "notifications/subscriptions/acknowledged",
                                            fmt::format("{{{},\"notifications\":{{{}}}}}", tag,
                                                        wanted ? "\"toolsListChanged\":true" : "")));
  said = co_await call.write(first);
  if (!said) co_return;
  co_await watch(call, sender.principal.key_id,
                 wanted ? tools::notification_text("notifications/tools/list_changed", "{" + tag + "}") : "",
                 nullptr);
}

std::string Mcp::admitted_digest() const {
  Sha256 hash;
  for (const Offer& offer : shared_.book.admitted(*house_.in_force()->agreement)) {
    hash.update(offer.definition->digest.view());
  }
  return hash.finish().hex();
}

http::Task<void> Mcp::watch(http::Call& call, std::string key_id, std::string changed,
                            std::shared_ptr<McpSession> session) {
  co_await desk_->refresh_all();
  std::string known = admitted_digest();
  http::Time said_at = http::Loop::now();
  http::Event pause(loop_);
  while (true) {
    const http::Woken woken = co_await pause.wait(http::Loop::now() + kMcpTick, &call.gone());
    const bool stands = house_.people.current(key_id, house_.committer.now()).has_value() &&
                        (session == nullptr || shared_.sessions.find(session->id(), session->person()) != nullptr);
    if (woken == http::Woken::kCancelled || !stands || shared_.closing.load()) break;
    co_await desk_->refresh_all();
    std::string now = admitted_digest();
    std::string event;
    if (now != known && !changed.empty()) event = "event: message\ndata: " + changed + "\n\n";
    known = std::move(now);
    if (event.empty() && http::Loop::now() - said_at < kMcpKeepAlive) continue;
    if (event.empty()) event = ":\n\n";
    said_at = http::Loop::now();
    const Status written = co_await call.write(event);
    if (!written) break;
  }
  co_await call.end_stream();
}

http::Task<void> Mcp::set_level(http::Call& call, McpRequest request) {
  constexpr std::array<std::string_view, 8> kLevels = {"debug", "info",     "notice", "warning",
                                                       "error", "critical", "alert",  "emergency"};
  std::string level;
  if (const auto document = parser_.parse(request.message.params)) {
    json::Object params;
    if (document->get(params) == simdjson::SUCCESS) level = tools::text_member(params, "level").value_or("");
  }
  if (std::find(kLevels.begin(), kLevels.end(), level) == kLevels.end()) {
    co_await respond(call, 200, tools::error_text(request.message.id, tools::kInvalidParams, "`level` is no level"), "");
    co_return;
  }
  // A word of a closed set: nothing to inspect in it, so it goes to the session's servers as it is.
  request.session->set_log_level(level);
  for (auto& [server, upstream] : request.session->upstreams()) {
    tools::Link* const link = desk_->link(server);
    if (link == nullptr) continue;
    tools::Ask ask;
    ask.era = Era::kLegacy;
    ask.method = "logging/setLevel";
    ask.params = fmt::format(R"({{"level":"{}"}})", level);
    ask.session = upstream;
    ask.deadline = http::Loop::now() + std::chrono::seconds(10);
    const auto said = co_await tools::ask_once(*link, std::move(ask));
    (void)said;
  }
  co_await respond(call, 200, tools::result_text(request.message.id, "{}"), "");
}

std::string Mcp::resource_url(const http::Call& call) const {
  const std::string& named = house_.config.mcp.resource;
  const std::string base = named.empty() ? fmt::format("{}://{}", house_.config.tls_key.empty() ? "http" : "https",
                                                       call.head().headers.get_or("Host", "localhost"))
                                         : named.substr(0, named.find('/', named.find("://") + 3));
  return base + std::string(kMcpMetadataPath) + std::string(kMcpPath);
}

http::Task<void> Mcp::metadata(http::Call& call) {
  const std::string url = resource_url(call);
  const std::string& named = house_.config.mcp.resource;
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("resource").string(named.empty() ? url.substr(0, url.find(kMcpMetadataPath)) + std::string(kMcpPath)
                                              : named);
  writer.key("resource_name").string("Proviso");
  writer.key("bearer_methods_supported").begin_array().string("header").end_array();
  if (!house_.config.mcp.authorization_servers.empty()) {
    writer.key("authorization_servers").begin_array();
    for (const std::string& server : house_.config.mcp.authorization_servers) writer.string(server);
    writer.end_array();
  }
  writer.end_object();
  co_await respond(call, 200, body, "");
}

http::Task<std::string> Mcp::report() {
  co_await desk_->refresh_all();
  co_return shared_.book.report(*house_.in_force()->agreement, house_.inspector.alone());
}

}  // namespace proviso::gate
