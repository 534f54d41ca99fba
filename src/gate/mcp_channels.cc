// What a tool server says before its answer: notifications, and questions to the client. Each is content on
// its way out, so each is inspected, decided and written before it leaves.
#include <fmt/format.h>

#include <array>

#include "gate/mcp_walk.h"

namespace proviso::gate {
namespace {

using tools::Message;

struct Asking {
  std::string_view method;
  std::string_view channel;     // and the capability that a client declares
};
constexpr std::array<Asking, 3> kAskings = {{{"elicitation/create", "elicitation"},
                                             {"sampling/createMessage", "sampling"},
                                             {"roots/list", "roots"}}};

std::string_view channel_of(std::string_view method) {
  for (const Asking& asking : kAskings) {
    if (asking.method == method) return asking.channel;
  }
  return {};
}

// A capability with the parts that the specification names, so that no client's text travels in it.
std::string known_parts(std::string_view capability, json::Object declared) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kParts = {
      {{"elicitation", "form"}, {"elicitation", "url"}, {"sampling", "tools"}, {"sampling", "context"}}};
  for (const auto& [owner, part] : kParts) {
    if (owner == capability && tools::object_member(declared, part)) writer.key(part).begin_object().end_object();
  }
  writer.end_object();
  return out;
}

}  // namespace

bool McpWalk::declared(std::string_view capability) {
  const auto document = parser_.parse(request_.capabilities);
  json::Object object;
  return document && document->get(object) == simdjson::SUCCESS &&
         tools::object_member(object, capability).has_value();
}

// What a server may ask for: what the client can do and the registry admits of this server.
std::string McpWalk::filtered_capabilities() {
  const auto document = parser_.parse(request_.capabilities);
  json::Object object;
  if (!document || document->get(object) != simdjson::SUCCESS) return "{}";
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  for (const Asking& asking : kAskings) {
    const auto part = tools::object_member(object, asking.channel);
    const bool admitted =
        shared_.book.channel(*house_.in_force()->agreement, target_.server, asking.channel) != nullptr;
    if (part && admitted) writer.key(asking.channel).raw(known_parts(asking.channel, *part));
  }
  writer.end_object();
  return out;
}

http::Task<Step<>> McpWalk::pass_on(Message notification) {
  if (notification.method == "notifications/tools/list_changed") shared_.book.mark_stale(target_.server);
  const bool progress = notification.method == "notifications/progress";
  const bool log = notification.method == "notifications/message" && (!modern() || !request_.log_level.empty());
  if ((!progress && !log) || !outlet_->can_say()) co_return Step<>{};
  std::string params = notification.params;
  if (progress) {
    const auto document = parser_.parse(params);
    json::Object object;
    if (!document || document->get(object) != simdjson::SUCCESS || client_token_.empty() ||
        tools::member_text(object, "progressToken") != progress_token()) {
      co_return Step<>{};  // of no call of this client
    }
    params = tools::changed(object, {{"progressToken", client_token_}});
  }
  Step<agreement::Decision> decision = co_await release(target_.tool, params, "open");
  if (!decision) co_return std::unexpected(std::move(decision.error()));
  if (decision->outcome != agreement::Outcome::kAllow) {
    refused_ = std::move(*decision);
    co_return std::unexpected(Turned{exchange::ErrorKind::kDenied, "", "refused", true});
  }
  std::string message = tools::notification_text(notification.method, params);
  if (whole_) co_return hold_back(std::move(message));
  const Status said = co_await outlet_->say(std::move(message));
  if (!said) cancel_->request();
  co_return Step<>{};
}

// Nothing is dropped in silence: a server that says more than is kept ends its call, which leaves an outcome.
Step<> McpWalk::hold_back(std::string message) {
  held_back_bytes_ += message.size();
  if (held_back_.size() >= kNotificationsHeldMax || held_back_bytes_ > kNotificationsHeldBytesMax) {
    return std::unexpected(Turned{exchange::ErrorKind::kUpstream,
                                  fmt::format("the tool server sends more notifications than are kept ({}, {} bytes) "
                                              "until its answer is judged",
                                              kNotificationsHeldMax, kNotificationsHeldBytesMax),
                                  "failed:limit"});
  }
  held_back_.push_back(std::move(message));
  return {};
}

http::Task<Status> McpWalk::question(tools::Running& running, Message asked) {
  if (asked.method == "ping") {
    Status answered = co_await running.answer(tools::result_text(asked.id, "{}"));
    co_return answered;
  }
  Result<std::string> body = co_await consult(asked.method, std::move(asked.params));
  std::string response = body ? tools::result_text(asked.id, *body)
                              : tools::error_text(asked.id, body.error().code == Code::kUnsupported
                                                                ? tools::kMethodNotFound
                                                                : tools::kDenied,
                                                  body.error().message);
  Status answered = co_await running.answer(std::move(response));
  co_return answered;
}

// One question of a server, to the client and back. Its way out is a `release`, the answer's way in an `act`,
// both of the channel that the registry names.
http::Task<Result<std::string>> McpWalk::consult(std::string method, std::string params) {
  const std::string channel(channel_of(method));
  if (channel.empty()) co_return fail(Code::kUnsupported, "a client is never asked that here");
  if (modern() || request_.session == nullptr || !outlet_->can_say() || !declared(channel)) {
    co_return fail(Code::kUnsupported, fmt::format("the client cannot be asked by `{}`", method));
  }
  const agreement::Tool* const admitted =
      shared_.book.channel(*passage_.in_force->agreement, target_.server, channel);
  if (admitted == nullptr) {
    co_return fail(Code::kUnverified, fmt::format("the agreement's registry admits no `{}`",
                                                  tools::channel_tool(target_.server, channel)));
  }
  const std::string tool = admitted->id;
  Step<agreement::Decision> decision = co_await release(tool, params, "open");
  if (!decision) co_return fail(Code::kUnverified, decision.error().message);
  if (decision->outcome != agreement::Outcome::kAllow) {
    co_return fail(Code::kUnverified, denial_sentence(*decision));
  }
  Result<Message> answer = co_await put_to_client(std::move(method), std::move(params));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  Step<Acted> acted = co_await act(tool, answer->body);
  if (!acted) co_return fail(Code::kUnverified, acted.error().message);
  if (acted->outcome != agreement::Outcome::kAllow) {
    co_return fail(Code::kUnverified, denial_sentence(acted->decision));
  }
  if (answer->kind == Message::Kind::kError) co_return fail(Code::kUnsupported, "the client refused");
  co_return std::move(answer->body);
}

http::Task<Result<Message>> McpWalk::put_to_client(std::string method, std::string params) {
  auto waiting = std::make_shared<Question>(loop_);
  Result<std::string> id = request_.session->ask(waiting);
  if (!id) co_return std::unexpected(std::move(id.error()));
  Status said = co_await outlet_->say(tools::request_text(*id, method, params));
  if (!said) {
    request_.session->forget(*id);
    cancel_->request();
    co_return std::unexpected(std::move(said.error()));
  }
  const http::Woken woken =
      co_await waiting->answered.wait(http::Loop::now() + kQuestionTimeMax, cancel_.get());
  request_.session->forget(*id);
  if (woken != http::Woken::kSet || !waiting->answer) co_return fail(Code::kTimeout, "the client did not answer in time");
  co_return std::move(*waiting->answer);
}

// A result that asks, put to a client of the legacy era question by question; gives the params of the next try.
http::Task<Result<std::string>> McpWalk::inputs(std::string asked) {
  json::Parser parser;  // its document lives across the questions
  const auto document = parser.parse(asked);
  json::Object result;
  if (!document || document->get(result) != simdjson::SUCCESS) {
    co_return fail(Code::kUnavailable, "the tool server's result cannot be read");
  }
  std::string answers;
  json::Writer writer(answers);
  writer.begin_object();
  if (const auto requests = tools::object_member(result, "inputRequests")) {
    for (const auto field : *requests) {
      json::Object request;
      if (field.value.get(request) != simdjson::SUCCESS) continue;
      const std::string method(tools::text_member(request, "method").value_or(""));
      std::string params = tools::member_text(request, "params");
      Result<std::string> body = co_await consult(method, params.empty() ? "{}" : std::move(params));
      if (!body) co_return std::unexpected(std::move(body.error()));
      writer.key(field.key).raw(*body);
    }
  }
  writer.end_object();
  std::optional<std::string> state;
  if (std::string given = tools::member_text(result, "requestState"); !given.empty()) state = std::move(given);
  co_return tools::changed_text(request_.message.params, parser_,
                                {{"inputResponses", answers}, {"requestState", state}});
}

// The questions inside a modern result: each must be of a channel that the registry admits, and is decided
// as that channel's, before the result is decided as the tool's.
http::Task<Step<>> McpWalk::questions_released(std::string result_text) {
  json::Parser parser;
  const auto document = parser.parse(result_text);
  json::Object result;
  if (!document || document->get(result) != simdjson::SUCCESS) co_return Step<>{};
  if (tools::text_member(result, "requestState").value_or("").size() > kRequestStateBytesMax) {
    co_return std::unexpected(Turned{exchange::ErrorKind::kUpstream, "the tool server's `requestState` is too long",
                                     "failed:limit"});
  }
  const auto requests = tools::object_member(result, "inputRequests");
  if (!requests) co_return Step<>{};
  for (const auto field : *requests) {
    json::Object request;
    std::string method;
    if (field.value.get(request) == simdjson::SUCCESS) method = tools::text_member(request, "method").value_or("");
    const std::string channel(channel_of(method));
    const agreement::Tool* const admitted =
        channel.empty() ? nullptr
                        : shared_.book.channel(*passage_.in_force->agreement, target_.server, channel);
    if (admitted == nullptr || !declared(channel)) {
      co_return std::unexpected(Turned{
          exchange::ErrorKind::kDenied,
          fmt::format("the tool server asks by `{}`, which the agreement's registry does not admit of it or the "
                      "client cannot answer",
                      method),
          "refused:channel"});
    }
    const std::string tool = admitted->id;
    Step<agreement::Decision> decision = co_await release(tool, json::to_text(field.value), "open");
    if (!decision) co_return std::unexpected(std::move(decision.error()));
    if (decision->outcome != agreement::Outcome::kAllow) {
      Step<> ended = co_await abandon("refused:channel");
      if (!ended) co_return std::unexpected(std::move(ended.error()));
      refused_ = std::move(*decision);
      co_return std::unexpected(Turned{exchange::ErrorKind::kDenied, "", "refused", true});
    }
  }
  co_return Step<>{};
}

}  // namespace proviso::gate
