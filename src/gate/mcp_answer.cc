// What the client hears: results with their receipt, refusals in the form that clients can show.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "gate/mcp_walk.h"

namespace proviso::gate {
namespace {

using tools::Message;

constexpr std::string_view kServerInfo = R"({"name":"proviso","version":"0.1.0"})";

// SPEC 2026-07-28 basic: these codes come with a status of their own.
int status_of(int code, bool modern) {
  if (!modern) return 200;
  if (code == tools::kMethodNotFound) return 404;
  if (code == tools::kHeaderMismatch || code == tools::kMissingCapability || code == tools::kUnsupportedVersion) {
    return 400;
  }
  return 200;
}

// Results that a modern client may keep for a while (server/utilities/caching).
bool cacheable(std::string_view method) {
  return method == "resources/read" || method == "resources/list" || method == "resources/templates/list" ||
         method == "prompts/list" || method == "tools/list";
}

}  // namespace

http::Task<void> McpWalk::deliver(Message said) {
  if (modern() && input_required(said)) {
    Step<> allowed = co_await questions_released(said.body);
    if (!allowed) {
      co_await fall_through(std::move(allowed.error()));
      co_return;
    }
  }
  Step<agreement::Decision> decision = co_await release_result(said.body);
  if (!decision) {
    co_await turn(std::move(decision.error()));
    co_return;
  }
  if (decision->outcome != agreement::Outcome::kAllow) {
    co_await deny(std::move(*decision));
    co_return;
  }
  for (std::string& message : held_back_) {
    const Status told = co_await outlet_->say(std::move(message));
    if (!told) co_return;
  }
  house_.metrics.exchange("mcp", "complete");
  if (said.kind == Message::Kind::kResult) {
    co_await finish(200, tools::result_text(request_.message.id, dressed(said.body)));
    co_return;
  }
  const auto document = parser_.parse(said.body);
  json::Object error;
  int64_t code = tools::kInternalError;
  if (document && document->get(error) == simdjson::SUCCESS) {
    (void)error.at_key("code").get(code);
    // SPEC 2026-07-28 basic, "Error Codes": implementations MUST NOT emit -32002.
    if (modern() && code == tools::kLegacyResourceNotFound) {
      code = tools::kInvalidParams;
      said.body = tools::changed(error, {{"code", std::to_string(code)}});
    }
  }
  co_await finish(status_of(static_cast<int>(code), modern()),
                  tools::error_with_body(request_.message.id, said.body));
}

http::Task<void> McpWalk::finish(int status, std::string message) {
  house_.metrics.bytes("out", message.size());
  co_await outlet_->finish(status, std::move(message), passage_.receipt.text());
}

std::string McpWalk::meta(std::string_view decision, const std::vector<agreement::ClauseRef>& clauses,
                          std::string_view hold) const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  if (modern()) writer.key("io.modelcontextprotocol/serverInfo").raw(kServerInfo);
  writer.key("proviso/decision").string(decision);
  writer.key("proviso/clauses").begin_array();
  for (const agreement::ClauseRef& clause : clauses) writer.string(clause.number);
  writer.end_array();
  if (!hold.empty()) writer.key("proviso/hold").string(hold);
  writer.key("proviso/exchange").string(passage_.id);
  writer.key("proviso/receipt").raw(passage_.receipt.text());
  writer.end_object();
  return out;
}

std::string McpWalk::refusal_result(std::string_view sentence, bool is_error, std::string_view meta) const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  if (modern()) writer.key("resultType").string("complete");
  writer.key("content").begin_array().begin_object();
  writer.key("type").string("text");
  writer.key("text").string(sentence);
  writer.end_object().end_array();
  writer.key("isError").boolean(is_error);
  writer.key("_meta").raw(meta);
  writer.end_object();
  return out;
}

// A tool's refusal is a result, which every client shows to its model and its person; other requests have
// errors only.
http::Task<void> McpWalk::deny(agreement::Decision decision) {
  const bool hold = decision.outcome == agreement::Outcome::kHold;
  house_.metrics.exchange("mcp", hold ? "held" : "denied");
  const std::string sentence = std::string(exchange::kDenialPrefix) + denial_sentence(decision);
  const std::string details = meta(agreement::outcome_name(decision.outcome), decision.clauses, "");
  if (request_.message.method == "tools/call") {
    co_await finish(200, tools::result_text(request_.message.id, refusal_result(sentence, true, details)));
    co_return;
  }
  co_await finish(200, tools::error_text(request_.message.id, tools::kDenied, sentence, details));
}

// SPEC 2025-11-25 server/tools, "Error Handling": input validation errors are tool execution errors, so that the
// model can correct itself. No leaf: nothing was decided.
http::Task<void> McpWalk::misfit(std::string why) {
  house_.metrics.exchange("mcp", "malformed");
  house_.metrics.decision("act", "arguments");
  const std::string sentence =
      fmt::format("{}the call of `{}` does not fit the input schema that is pinned: {}", exchange::kDenialPrefix, target_.tool, why);
  std::string details;
  json::Writer writer(details);
  writer.begin_object();
  if (modern()) writer.key("io.modelcontextprotocol/serverInfo").raw(kServerInfo);
  writer.key("proviso/decision").string("none");
  writer.key("proviso/reason").string("arguments");
  writer.end_object();
  co_await outlet_->finish(200, tools::result_text(request_.message.id, refusal_result(sentence, true, details)), "");
}

http::Task<void> McpWalk::held(Acted acted) {
  house_.metrics.exchange("mcp", "held");
  const std::string sentence = fmt::format("[proviso] Held as {}: {}", acted.hold, denial_sentence(acted.decision));
  const std::string details = meta("hold", acted.decision.clauses, acted.hold);
  if (request_.message.method == "tools/call") {
    // A client that checks results against an output schema takes an unstructured one only as an error.
    co_await finish(200, tools::result_text(request_.message.id,
                                            refusal_result(sentence, target_.structured, details)));
    co_return;
  }
  co_await finish(200, tools::error_text(request_.message.id, tools::kHeld, sentence, details));
}

http::Task<void> McpWalk::turn(Turned turned) {
  using exchange::ErrorKind;
  if (refused_) {
    co_await deny(std::move(*refused_));
    co_return;
  }
  house_.metrics.exchange("mcp", cancel_->requested() ? "cancelled" : "failed");
  int code = tools::kUpstreamFailed;
  if (turned.kind == ErrorKind::kTimeout) code = tools::kUpstreamLate;
  if (turned.kind == ErrorKind::kUnavailable) code = tools::kNotRecorded;
  if (turned.kind == ErrorKind::kInvalidRequest) code = tools::kInvalidParams;
  if (turned.kind == ErrorKind::kDenied || turned.kind == ErrorKind::kAuthentication) code = tools::kDenied;
  std::string data;
  json::Writer writer(data);
  writer.begin_object();
  writer.key("proviso/exchange").string(passage_.id);
  writer.key("reason").string(turned.code);
  writer.end_object();
  const int status = turned.kind == ErrorKind::kUnavailable ? 503 : 200;
  co_await outlet_->finish(status, tools::error_text(request_.message.id, code, turned.message, data), "");
}

http::Task<void> McpWalk::fail_with(int code, std::string message) {
  house_.metrics.exchange("mcp", "malformed");
  co_await outlet_->finish(200, tools::error_text(request_.message.id, code, message), "");
}

std::string McpWalk::dressed(std::string_view result_text) {
  const auto document = parser_.parse(result_text);
  json::Object result;
  if (!document || document->get(result) != simdjson::SUCCESS) return "{}";
  std::vector<tools::Change> changes;
  std::vector<tools::Change> marks = {
      {"proviso/exchange", json::quoted(passage_.id)},
      {"proviso/receipt", passage_.receipt.text()},
  };
  if (!redacted_.empty()) marks.push_back({"proviso/redacted", exchange::canonical_value(exchange::FactValue(redacted_))});
  const auto given = tools::object_member(result, "_meta");
  std::string meta;
  if (given) {
    meta = tools::changed(*given, marks);
  } else {
    std::vector<std::string> members;
    if (modern()) members.push_back(fmt::format(R"("io.modelcontextprotocol/serverInfo":{})", kServerInfo));
    for (const tools::Change& mark : marks) members.push_back(fmt::format(R"("{}":{})", mark.name, *mark.json));
    meta = fmt::format("{{{}}}", fmt::join(members, ","));
  }
  changes.push_back({"_meta", std::move(meta)});
  if (!modern()) return tools::changed(result, changes);
  json::Element there;
  if (result.at_key("resultType").get(there) != simdjson::SUCCESS) changes.push_back({"resultType", "\"complete\""});
  if (cacheable(request_.message.method)) {
    // What one person was allowed to read is nobody else's.
    changes.push_back({"cacheScope", "\"private\""});
    if (result.at_key("ttlMs").get(there) != simdjson::SUCCESS) changes.push_back({"ttlMs", "0"});
  }
  if (const auto state = tools::text_member(result, "requestState")) {
    changes.push_back({"requestState", json::quoted(shared_.states.seal(owner(), *state, passage_.time))});
  }
  return tools::changed(result, changes);
}

}  // namespace proviso::gate
