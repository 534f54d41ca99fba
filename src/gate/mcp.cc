#include "gate/mcp.h"

#include <fmt/format.h>

#include <algorithm>

namespace proviso::gate {
namespace {

using tools::Era;
using tools::Message;

constexpr std::string_view kVersionKey = "io.modelcontextprotocol/protocolVersion";
constexpr std::string_view kCapabilitiesKey = "io.modelcontextprotocol/clientCapabilities";
constexpr std::string_view kLogLevelKey = "io.modelcontextprotocol/logLevel";

// The host of "http://host:port"; empty if it is no origin of http.
std::string_view host_of(std::string_view origin) {
  const size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return {};
  std::string_view host = origin.substr(scheme + 3);
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_loopback_name(std::string_view host) {
  return http::equal_fold(host, "localhost") || host == "127.0.0.1" || host == "[::1]";
}

std::string meta_version(const Message& message, json::Parser& parser) {
  const auto document = parser.parse(message.params);
  std::string_view version;
  if (!document || document->at_pointer("/_meta/io.modelcontextprotocol~1protocolVersion").get(version) !=
                       simdjson::SUCCESS) {
    return {};
  }
  return std::string(version);
}

// The answer to one POST: a JSON body, or an event stream once something has to be said before the response.
class CallOutlet final : public Outlet {
 public:
  CallOutlet(http::Call& call, std::string exchange, bool events)
      : call_(call), exchange_(std::move(exchange)), events_(events) {}

  [[nodiscard]] bool can_say() const override { return events_; }

  http::Task<Status> say(std::string message) override {
    if (!call_.responded()) {
      http::Headers headers = {{"Content-Type", "text/event-stream"},
                               {"Cache-Control", "no-store"},
                               {"X-Accel-Buffering", "no"}};
      headers.add("Proviso-Exchange", exchange_);
      Status begun = co_await call_.begin_stream(200, std::move(headers));
      if (!begun) co_return begun;
    }
    Status written = co_await event(std::move(message));
    co_return written;
  }

  http::Task<void> finish(int status, std::string message, std::string receipt) override {
    if (call_.responded()) {
      const Status written = co_await event(std::move(message));
      if (written) co_await call_.end_stream();
      co_return;
    }
    http::Response response;
    response.status = status;
    response.headers.add("Content-Type", "application/json");
    response.headers.add("Proviso-Exchange", exchange_);
    if (!receipt.empty()) response.headers.add("Proviso-Receipt", receipt);
    response.body = std::move(message);
    co_await call_.respond(std::move(response));
  }

 private:
  http::Task<Status> event(std::string message) {
    const std::string text = "event: message\ndata: " + message + "\n\n";
    Status written = co_await call_.write(text);
    co_return written;
  }

  http::Call& call_;
  std::string exchange_;
  bool events_;
};

}  // namespace

Result<std::unique_ptr<Mcp>> Mcp::create(House& house, http::Loop& loop, Corridor& corridor, McpShared& shared) {
  PV_TRY(auto desk, McpDesk::create(loop, shared.book, shared.surroundings));
  return std::unique_ptr<Mcp>(new Mcp(house, loop, corridor, shared, std::move(desk)));
}

http::Task<void> Mcp::handle(http::Call& call) {
  if (Checked<> origin = check_origin(call); !origin) {
    co_await refuse(call, std::move(origin.error()));
    co_return;
  }
  const std::string& method = call.head().method;
  if (method == "POST") {
    co_await post(call);
  } else if (method == "GET") {
    co_await stream(call);
  } else if (method == "DELETE") {
    co_await end(call);
  } else {
    co_await respond(call, 405, "", "");
  }
}

// SPEC transports, "Security": servers MUST validate the `Origin` header. Pages of this machine and those that
// the configuration names may call; a browser on another page is what a rebound name looks like.
Mcp::Checked<> Mcp::check_origin(const http::Call& call) const {
  const http::Headers& headers = call.head().headers;
  const auto origin = headers.get("Origin");
  if (!origin) return {};
  const auto& allowed = house_.config.mcp.origins;
  const bool named = std::find(allowed.begin(), allowed.end(), *origin) != allowed.end();
  if (headers.count("Origin") == 1 && (named || is_loopback_name(host_of(*origin)))) return {};
  return std::unexpected(Refusal{403, tools::kInvalidRequest, "pages of this origin may not call here", "", ""});
}

http::Task<void> Mcp::respond(http::Call& call, int status, std::string body, std::string session_id) {
  http::Response response;
  response.status = status;
  if (!body.empty()) response.headers.add("Content-Type", "application/json");
  if (status == 405) response.headers.add("Allow", "GET, POST, DELETE");
  if (status == 401) {
    response.headers.add("WWW-Authenticate",
                         fmt::format("Bearer resource_metadata=\"{}\"", resource_url(call)));
  }
  if (!session_id.empty()) response.headers.add("Mcp-Session-Id", session_id);
  response.body = std::move(body);
  co_await call.respond(std::move(response));
}

http::Task<void> Mcp::refuse(http::Call& call, Refusal refusal) {
  house_.metrics.exchange("mcp", refusal.status == 401 ? "unauthorized" : "malformed");
  co_await respond(call, refusal.status,
                   tools::error_text(refusal.id, refusal.code, refusal.message, refusal.data), "");
}

Mcp::Checked<Mcp::Sender> Mcp::identify(const http::Call& call) const {
  const http::Headers& headers = call.head().headers;
  for (const char* name : {"x-api-key", "authorization"}) {
    if (headers.count(name) <= 1) continue;
    return std::unexpected(Refusal{400, tools::kInvalidRequest,
                                   fmt::format("header `{}` is there more than once", name), "", ""});
  }
  Step<identity::Principal> principal = corridor_.identify(call);
  if (!principal) {
    return std::unexpected(Refusal{401, tools::kInvalidRequest, std::move(principal.error().message), "", ""});
  }
  Sender sender;
  auto purpose = purpose_of(headers, principal->default_purpose);
  if (!purpose) return std::unexpected(Refusal{400, tools::kInvalidRequest, std::move(purpose.error().message), "", ""});
  sender.purpose = std::move(*purpose);
  sender.principal = std::move(*principal);
  return sender;
}

http::Task<Mcp::Checked<Message>> Mcp::read(http::Call& call) {
  std::string_view type = call.head().headers.get_or("Content-Type", "");
  type = type.substr(0, type.find(';'));
  if (!http::equal_fold(type, "application/json")) {
    co_return std::unexpected(Refusal{415, tools::kInvalidRequest, "send application/json", "", ""});
  }
  Result<std::string> body = co_await call.read_body();
  if (!body) {
    const int status = body.error().code == Code::kLimit ? 413 : 400;
    co_return std::unexpected(Refusal{status, tools::kInvalidRequest, std::move(body.error().message), "", ""});
  }
  house_.metrics.bytes("in", body->size());
  std::string id;
  auto message = tools::parse_message(*body, parser_, &id);
  if (message) co_return std::move(*message);
  const bool json = parser_.parse(*body).has_value();
  co_return std::unexpected(Refusal{400, json ? tools::kInvalidRequest : tools::kParseError,
                                    std::move(message.error().message), "", std::move(id)});
}

// SPEC 2026-07-28 versioning: a dual-era server selects its behavior from how the client opens.
Era Mcp::era_of(const http::Call& call, const Message& message) {
  if (!meta_version(message, parser_).empty()) return Era::kModern;
  const auto header = call.head().headers.get("MCP-Protocol-Version");
  if (header && !tools::legacy_version(*header)) return Era::kModern;
  return Era::kLegacy;
}

http::Task<void> Mcp::post(http::Call& call) {
  Checked<Sender> sender = identify(call);
  if (!sender) {
    co_await refuse(call, std::move(sender.error()));
    co_return;
  }
  if (house_.unwitnessed()) {
    co_await refuse(call, Refusal{503, tools::kNotRecorded,
                                  "too few witnesses have seen this gate's ledger; it answers again once they have", "", ""});
    co_return;
  }
  Checked<Message> message = co_await read(call);
  if (!message) {
    co_await refuse(call, std::move(message.error()));
    co_return;
  }
  const Era era = era_of(call, *message);
  if (era == Era::kLegacy && message->method == "initialize" && message->kind == Message::Kind::kRequest) {
    co_await initialize(call, std::move(*message), std::move(*sender));
    co_return;
  }
  const std::string id = message->id;
  Checked<McpRequest> request = era == Era::kModern ? modern(call, std::move(*message), *sender)
                                                    : legacy(call, std::move(*message), *sender);
  if (!request) {
    if (request.error().id.empty()) request.error().id = id;
    co_await refuse(call, std::move(request.error()));
    co_return;
  }
  if (request->message.kind == Message::Kind::kRequest) {
    co_await serve(call, std::move(*request), std::move(*sender));
    co_return;
  }
  if (request->session != nullptr && request->message.is_response()) {
    const bool asked = request->session->answer(std::move(request->message));
    co_await respond(call, asked ? 202 : 400,
                     asked ? "" : tools::error_text("", tools::kInvalidRequest, "nobody waits for this answer"), "");
    co_return;
  }
  if (request->session != nullptr && request->message.method == "notifications/cancelled") {
    if (const auto document = parser_.parse(request->message.params)) {
      json::Object params;
      if (document->get(params) == simdjson::SUCCESS) {
        request->session->cancel(tools::member_text(params, "requestId"));
      }
    }
  }
  co_await respond(call, 202, "", "");
}

Mcp::Checked<McpRequest> Mcp::modern(const http::Call& call, Message message, const Sender& sender) {
  const auto refuse_with = [&message](int code, std::string why, std::string data = {}) {
    return std::unexpected(Refusal{400, code, std::move(why), std::move(data), message.id});
  };
  const http::Headers& headers = call.head().headers;
  if (message.is_response()) return refuse_with(tools::kInvalidRequest, "a client sends no responses");
  const std::string_view shown = headers.get_or("MCP-Protocol-Version", "");
  const std::string version = meta_version(message, parser_);
  if (version.empty()) return refuse_with(tools::kInvalidParams, fmt::format("`_meta` lacks `{}`", kVersionKey));
  if (shown != version) {
    return refuse_with(tools::kHeaderMismatch, "header mismatch: `MCP-Protocol-Version` does not repeat `_meta`");
  }
  if (version != tools::kModernVersion) {
    return refuse_with(tools::kUnsupportedVersion, "this version of MCP is not spoken here",
                       fmt::format(R"({{"supported":["{}","{}"],"requested":{}}})", tools::kModernVersion,
                                   tools::kLegacyVersion, json::quoted(version)));
  }
  McpRequest request;
  request.era = Era::kModern;
  {
    const auto document = parser_.parse(message.params);
    json::Object meta;
    json::Element capabilities;
    if (!document || document->at_pointer("/_meta").get(meta) != simdjson::SUCCESS ||
        meta.at_key(kCapabilitiesKey).get(capabilities) != simdjson::SUCCESS || !capabilities.is_object()) {
      return refuse_with(tools::kInvalidParams, fmt::format("`_meta` lacks `{}`", kCapabilitiesKey));
    }
    request.capabilities = json::to_text(capabilities);
    request.log_level = std::string(tools::text_member(meta, kLogLevelKey).value_or(""));
  }
  constexpr std::string_view kLevels[] = {"",        "debug", "info",     "notice", "warning",
                                          "error", "critical", "alert", "emergency"};
  if (std::find(std::begin(kLevels), std::end(kLevels), request.log_level) == std::end(kLevels)) {
    return refuse_with(tools::kInvalidParams, "`logLevel` is no level");
  }
  std::vector<tools::ParamHeader> param_headers;
  Offer offer;
  if (message.method == "tools/call") {
    const auto document = parser_.parse(message.params);
    json::Object params;
    std::string name;
    if (document && document->get(params) == simdjson::SUCCESS) name = tools::text_member(params, "name").value_or("");
    offer = shared_.book.find(*house_.in_force()->agreement, name);
    if (offer.definition != nullptr) param_headers = offer.definition->param_headers;
  }
  if (Status mirrored = tools::check_mirrored(headers, message, param_headers, parser_); !mirrored) {
    return refuse_with(tools::kHeaderMismatch, std::move(mirrored.error().message));
  }
  request.session = shared_.stand_in(sender.principal.id);
  request.message = std::move(message);
  return request;
}

Mcp::Checked<McpRequest> Mcp::legacy(const http::Call& call, Message message, const Sender& sender) {
  const http::Headers& headers = call.head().headers;
  const auto id = headers.get("Mcp-Session-Id");
  if (!id) {
    return std::unexpected(Refusal{400, tools::kInvalidRequest,
                                   "open a session with `initialize` first, or send a request of 2026-07-28", "",
                                   message.id});
  }
  McpRequest request;
  request.era = Era::kLegacy;
  request.session = shared_.sessions.find(*id, sender.principal.id);
  if (request.session == nullptr) {
    return std::unexpected(Refusal{404, tools::kInvalidRequest, "there is no such session", "", message.id});
  }
  request.capabilities = request.session->capabilities();
  request.message = std::move(message);
  return request;
}

http::Task<void> Mcp::initialize(http::Call& call, Message message, Sender sender) {
  std::string version(tools::kLegacyVersion);
  std::string declared = "{}";
  {
    const auto document = parser_.parse(message.params);
    json::Object params;
    const bool fine = document && document->get(params) == simdjson::SUCCESS;
    const auto asked = fine ? tools::text_member(params, "protocolVersion") : std::nullopt;
    if (!asked) {
      co_await refuse(call, Refusal{400, tools::kInvalidParams, "`initialize` needs `protocolVersion`", "", message.id});
      co_return;
    }
    if (const auto known = tools::legacy_version(*asked)) version = std::string(*known);
    if (const auto given = tools::object_member(params, "capabilities")) declared = tools::changed(*given, {});
  }
  const std::string offered = co_await capabilities(false);
  const auto session = shared_.sessions.open(sender.principal.id, version, std::move(declared));
  const std::string result = fmt::format(
      R"({{"protocolVersion":{},"capabilities":{},"serverInfo":{{"name":"proviso","version":"0.1.0"}}}})",
      json::quoted(version), offered);
  co_await respond(call, 200, tools::result_text(message.id, result), session->id());
}

http::Task<void> Mcp::end(http::Call& call) {
  Checked<Sender> sender = identify(call);
  if (!sender) {
    co_await refuse(call, std::move(sender.error()));
    co_return;
  }
  const auto id = call.head().headers.get("Mcp-Session-Id");
  if (!id || call.head().headers.get_or("MCP-Protocol-Version", "") == tools::kModernVersion) {
    co_await respond(call, 405, "", "");
    co_return;
  }
  const auto session = shared_.sessions.find(*id, sender->principal.id);
  if (session == nullptr) {
    co_await refuse(call, Refusal{404, tools::kInvalidRequest, "there is no such session", "", ""});
    co_return;
  }
  shared_.sessions.end(session->id(), sender->principal.id);
  for (auto& [server, upstream] : session->upstreams()) {
    tools::Link* const link = desk_->link(server);
    if (link == nullptr) continue;
    const Status closed = co_await link->close(upstream);
    (void)closed;
  }
  co_await respond(call, 204, "", "");
}

// SPEC 2025-11-25 transports, "Listening for Messages". Nothing of a server's goes out here: the gate itself says
// when its list of tools changed.
http::Task<void> Mcp::stream(http::Call& call) {
  Checked<Sender> sender = identify(call);
  if (!sender) {
    co_await refuse(call, std::move(sender.error()));
    co_return;
  }
  const auto id = call.head().headers.get("Mcp-Session-Id");
  if (!id || call.head().headers.get_or("MCP-Protocol-Version", "") == tools::kModernVersion) {
    co_await respond(call, 405, "", "");
    co_return;
  }
  auto session = shared_.sessions.find(*id, sender->principal.id);
  if (session == nullptr) {
    co_await refuse(call, Refusal{404, tools::kInvalidRequest, "there is no such session", "", ""});
    co_return;
  }
  const Status begun = co_await call.begin_stream(
      200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}});
  if (!begun) co_return;
  co_await watch(call, sender->principal.key_id,
                 tools::notification_text("notifications/tools/list_changed", "{}"), std::move(session));
}

http::Task<void> Mcp::walk(http::Call& call, McpRequest request, McpTarget target, Sender sender) {
  Passage passage;
  passage.id = new_exchange_id();
  passage.protocol = exchange::Protocol::kMcp;
  passage.principal = std::move(sender.principal);
  passage.purpose = std::move(sender.purpose);
  passage.in_force = house_.in_force();
  const std::string_view accept = call.head().headers.get_or("Accept", "");
  CallOutlet outlet(call, passage.id, accept.find("text/event-stream") != std::string_view::npos);
  const auto cancel = std::make_shared<http::Cancel>();
  const http::Cancel::Listener gone(call.gone(), [weak = std::weak_ptr(cancel)] {
    if (const auto alive = weak.lock()) alive->request();
  });
  const auto session = request.era == Era::kLegacy ? request.session : nullptr;
  const std::string id = request.message.id;
  if (session != nullptr) session->running(id, loop_, cancel);
  auto walk = std::make_unique<McpWalk>(house_, corridor_, shared_, *desk_, loop_, std::move(passage),
                                        std::move(request), std::move(target), outlet, cancel);
  const bool task = co_await walk->run();
  if (session != nullptr) session->ended(id);
  if (task) loop_.spawn(finish_task(std::move(walk)));
}

http::Task<void> Mcp::finish_task(std::unique_ptr<McpWalk> walk) {
  const std::shared_ptr<http::Cancel> cancel = walk->cancel();
  tasks_.insert(cancel);
  co_await walk->rest();
  tasks_.erase(cancel);
  if (tasks_.empty()) idle_.set();
}

http::Task<void> Mcp::close() {
  for (const auto& cancel : tasks_) cancel->request();
  while (!tasks_.empty()) {
    idle_.reset();
    const http::Woken woken = co_await idle_.wait();
    (void)woken;
  }
  desk_.reset();
}

}  // namespace proviso::gate
