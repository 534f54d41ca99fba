#include "gate/mcp_walk.h"

#include <fmt/format.h>

#include <algorithm>

#include "gate/redaction.h"

namespace proviso::gate {
namespace {

using exchange::Channel;
using exchange::ErrorKind;
using exchange::Verb;
using tools::Era;
using tools::Message;

Turned failed(Error error) {
  const bool late = error.code == Code::kTimeout;
  return Turned{late ? ErrorKind::kTimeout : ErrorKind::kUpstream, std::move(error.message),
                fmt::format("failed:{}", code_name(error.code))};
}

// A request's `_meta` as a server gets it: without what is between a client and this gate, and with a progress
// token of ours. None if there is none.
std::optional<std::string> lasting_meta(json::Object params, std::optional<std::string> token) {
  const auto given = tools::object_member(params, "_meta");
  if (!given) return std::nullopt;
  return tools::changed(*given, {{"progressToken", std::move(token)},
                                 {"io.modelcontextprotocol/protocolVersion", std::nullopt},
                                 {"io.modelcontextprotocol/clientInfo", std::nullopt},
                                 {"io.modelcontextprotocol/clientCapabilities", std::nullopt},
                                 {"io.modelcontextprotocol/logLevel", std::nullopt}});
}

// The members that make a request what it is: a retry with answers is the same request.
std::string digest_of(std::string_view method, json::Object params) {
  std::string text(method);
  for (const char* name : {"name", "uri", "arguments"}) {
    json::Element value;
    text += '\n';
    if (params.at_key(name).get(value) == simdjson::SUCCESS) text += json::canonical_with_numbers(value);
  }
  return sha256(text).hex();
}

}  // namespace

std::shared_ptr<McpSession> McpShared::stand_in(const std::string& person) {
  const std::lock_guard lock(mutex_);
  auto& session = stand_ins_[person];
  if (session == nullptr) {
    session = std::make_shared<McpSession>("", person, std::string(tools::kLegacyVersion), "{}");
  }
  return session;
}

http::Task<bool> McpWalk::run() {
  if (Step<> taken = take_state(); !taken) {
    co_await fail_with(tools::kInvalidParams, std::move(taken.error().message));
    co_return false;
  }
  if (const Status held = conforms(); !held) {
    co_await misfit(held.error().message);
    co_return false;
  }
  Step<Acted> acted = co_await act(target_.tool, request_.message.params);
  if (acted && acted->outcome == agreement::Outcome::kHold) {
    const bool task = co_await become_task(*acted);
    if (task) co_return true;
    const http::Time until = http::Loop::now() + std::chrono::seconds(house_.config.oversight.wait_seconds);
    acted = co_await wait(std::move(*acted), until);
  }
  co_await after(std::move(acted));
  co_return false;
}

http::Task<void> McpWalk::rest() {
  Step<Acted> acted = co_await wait(std::move(*waiting_), http::kNever);
  co_await after(std::move(acted));
}

http::Task<void> McpWalk::after(Step<Acted> acted) {
  if (!acted) {
    co_await turn(std::move(acted.error()));
  } else if (acted->outcome == agreement::Outcome::kAllow) {
    co_await carry_out();
  } else if (acted->outcome == agreement::Outcome::kHold) {
    co_await held(std::move(*acted));
  } else {
    co_await deny(std::move(acted->decision));
  }
}

// A call that its tool's pinned schema does not admit is not decided at all: what is proven of the schema is
// proven of every call.
Status McpWalk::conforms() {
  if (request_.message.method != "tools/call") return {};
  PV_TRY(const json::Element document, parser_.parse(request_.message.params));
  json::Object params;
  if (document.get(params) != simdjson::SUCCESS) return fail(Code::kInvalid, "the parameters are no object");
  for (const auto field : params) {
    const bool usual = field.key == "name" || field.key == "arguments" || field.key == "_meta" ||
                       (field.key == "requestState" && modern());  // sealed by this gate (take_state)
    if (guarded() && !usual) return fail(Code::kInvalid, "a call of this tool carries its arguments and nothing beside them");
  }
  const std::string given = tools::member_text(params, "arguments");
  return target_.holding.check(given.empty() ? "{}" : given);
}

// SPEC mrtr: servers MUST treat `requestState` as an attacker-controlled input.
Step<> McpWalk::take_state() {
  const auto document = parser_.parse(request_.message.params);
  json::Object params;
  if (!document || document->get(params) != simdjson::SUCCESS) return {};
  request_digest_ = digest_of(request_.message.method, params);
  if (const auto meta = tools::object_member(params, "_meta")) {
    client_token_ = tools::member_text(*meta, "progressToken");
  }
  json::Element given;
  if (!modern() || params.at_key("requestState").get(given) != simdjson::SUCCESS) return {};
  std::string_view sealed;
  auto state = given.get(sealed) == simdjson::SUCCESS
                   ? shared_.states.open(owner(), sealed, house_.committer.now())
                   : Result<std::string>(fail(Code::kInvalid, "`requestState` is a string"));
  if (!state) {
    return std::unexpected(Turned{ErrorKind::kInvalidRequest, std::move(state.error().message), ""});
  }
  sealed_state_ = sealed;
  request_.message.params = tools::changed(params, {{"requestState", json::quoted(*state)}});
  return {};
}

StateOwner McpWalk::owner() const { return {passage_.principal.id, target_.server, request_digest_}; }

http::Task<Step<Content>> McpWalk::inspected(Channel channel, std::string_view json_text) {
  const inspect::Inspector inspector = corridor_.inspector_for(passage_);
  Content content;
  Step<> seen = co_await corridor_.inspecting(passage_, inspector, json_text.size(), [&] {
    json::Parser parser;
    if (const auto document = parser.parse(json_text)) {
      content = Judge::content_of(inspector, tools::pieces_of_json(channel, *document));
    } else {  // it was parsed before; whatever it is now, nobody has read it
      content.unreadable_parts = 1;
    }
  });
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  co_return content;
}

// What people approve, where the agreement holds it: tool, server, definition and all that the server would get,
// but for what changes from one attempt to the next.
std::string McpWalk::what_is_done(std::string_view tool, std::string_view content) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("definition").string(target_.definition);
  writer.key("method").string(request_.message.method);
  const auto document = parser_.parse(content);
  json::Object params;
  if (document && document->get(params) == simdjson::SUCCESS) {
    const std::optional<std::string> meta = lasting_meta(params, std::nullopt);
    writer.key("params").raw(tools::changed(params, {{"_meta", meta == "{}" ? std::nullopt : meta}}));
  } else {
    writer.key("params").raw(content);
  }
  writer.key("server").string(target_.server);
  writer.key("tool").string(tool);
  writer.end_object();
  const auto written = parser_.parse(out);
  return written ? json::canonical_with_numbers(*written) : out;
}

http::Task<Step<Acted>> McpWalk::act(std::string tool, std::string content) {
  if (Step<> renewed = corridor_.renew(passage_); !renewed) co_return std::unexpected(std::move(renewed.error()));
  matter_ = Matter();
  matter_.verb = Verb::kAct;
  matter_.resource_type = "Tool";
  matter_.resource_id = tool;
  Step<Content> found = co_await inspected(Channel::kToolArguments, content);
  if (!found) co_return std::unexpected(std::move(found.error()));
  matter_.content = std::move(*found);
  matter_.record.set("exchange.inspector", house_.inspector.version());
  matter_.record.set("exchange.mcp_method", request_.message.method);
  matter_.record.set("exchange.tool_server", target_.server);
  matter_.record.set("exchange.tool_definition", target_.definition);
  done_ = what_is_done(tool, content);
  matter_.arguments = done_;
  matter_.payloads.emplace_back("arguments", done_);
  matter_.payloads.emplace_back("params", std::move(content));
  Step<Decisive::Begun> begun = co_await Decisive(corridor_, passage_).begin(matter_);
  if (!begun) co_return std::unexpected(std::move(begun.error()));
  Acted acted;
  acted.decision = std::move(begun->decision);
  acted.outcome = acted.decision.outcome;
  acted.hold = std::move(begun->hold);
  co_return acted;
}

// A held call waits in slices, so that its client hears that it is still there.
http::Task<Step<Acted>> McpWalk::wait(Acted held, http::Time until) {
  while (true) {
    const http::Time slice = std::min(until, http::Loop::now() + kHoldPulse);
    Step<Acted> acted = co_await approval(held, slice);
    const bool over = http::Loop::now() < slice || slice == until || cancel_->requested();
    if (!acted || acted->outcome != agreement::Outcome::kHold || over) co_return std::move(acted);
    co_await pulse(held.hold);
  }
}

// Comes back when the hold is decided, or at `until` still held.
http::Task<Step<Acted>> McpWalk::approval(Acted held, http::Time until) {
  HoldWait changes(loop_, house_.oversight.docket(), held.hold);
  while (true) {
    Step<std::optional<agreement::Decision>> executed =
        co_await Decisive(corridor_, passage_).execute(matter_, held.hold);
    if (!executed && !executed.error().decided) co_return std::unexpected(std::move(executed.error()));
    if (!executed) {
      held.outcome = agreement::Outcome::kDeny;
      held.decision.outcome = held.outcome;
      held.decision.reason = std::move(executed.error().message);
      co_return held;
    }
    if (*executed) {
      held.outcome = agreement::Outcome::kAllow;
      held.decision = std::move(**executed);
      co_return held;
    }
    const http::Woken woken = co_await changes.changed(until, cancel_.get());
    if (woken != http::Woken::kSet) co_return held;
  }
}

http::Task<void> McpWalk::pulse(std::string hold) {
  if (client_token_.empty() || !outlet_->can_say()) co_return;
  const std::string params = fmt::format(R"({{"progressToken":{},"progress":{},"message":{}}})", client_token_,
                                         ++pulses_, json::quoted("held as " + hold + ", waiting for approval"));
  const Status said = co_await outlet_->say(tools::notification_text("notifications/progress", params));
  if (!said) cancel_->request();
}

// A client of the modern era that declared tasks gets one: no stream has to stay open while people decide.
http::Task<bool> McpWalk::become_task(Acted held) {
  const auto document = parser_.parse(request_.capabilities);
  json::Element declared;
  if (!modern() || request_.message.method != "tools/call" || !document ||
      document->at_pointer("/extensions/io.modelcontextprotocol~1tasks").get(declared) != simdjson::SUCCESS) {
    co_return false;
  }
  // The client's going ends its request, not its task: from here on only tasks/cancel does.
  auto own = std::make_shared<http::Cancel>();
  const std::string id = shared_.tasks.open(passage_.principal.id, "held as " + held.hold + ", waiting for approval",
                                            house_.committer.now(), loop_, own);
  if (id.empty()) co_return false;
  co_await finish(200, tools::result_text(
                           request_.message.id,
                           fmt::format(R"({{"resultType":"task",{},"_meta":{}}})", shared_.tasks.created(id),
                                       meta("hold", held.decision.clauses, held.hold))));
  cancel_ = std::move(own);
  passage_.gone = cancel_.get();
  task_outlet_ = std::make_unique<TaskOutlet>(shared_.tasks, id, house_.committer);
  outlet_ = task_outlet_.get();
  waiting_ = std::move(held);
  co_return true;
}

http::Task<void> TaskOutlet::finish(int, std::string message, std::string) {
  const auto said = tools::parse_message(message, parser_);
  if (said) tasks_.end(id_, said->kind == Message::Kind::kError, said->body, clock_.now());
  co_return;
}

http::Task<Step<agreement::Decision>> McpWalk::release_result(std::string& body) {
  Content before = said_;
  Step<agreement::Decision> first = co_await release(target_.tool, body, "complete", "open");
  if (!first || first->outcome != agreement::Outcome::kRedact) co_return std::move(first);
  const uint64_t version = passage_.in_force->version;
  Step<> renewed = co_await moment(true);
  if (!renewed) co_return std::unexpected(std::move(renewed.error()));
  Step<std::string> left = co_await without(std::move(body), first->redacts);
  if (!left) co_return std::unexpected(co_await given_up(std::move(left.error()), true));
  // Only what that decision was about may be decided without it.
  if (passage_.in_force->version != version) co_return std::unexpected(co_await given_up(changed_meanwhile(), true));
  body = std::move(*left);
  // What was found and is not to go stays found, whatever is seen of it afterwards.
  for (const std::string& label : said_.labels) {
    if (std::ranges::find(first->redacts, label) == first->redacts.end()) before.add({label}, 0, 0);
  }
  if (std::ranges::find(first->redacts, inspect::kLabelMarking) == first->redacts.end()) before.add({}, 0, said_.marking);
  said_ = std::move(before);
  co_return co_await decide_release(target_.tool, body, "complete", "refused");
}

// Each string by itself: what only shows where they stand together stays, and is denied with its label.
http::Task<Step<std::string>> McpWalk::without(std::string body, std::vector<std::string> labels) {
  const inspect::Inspector inspector = house_.inspector.looking_for(labels);
  const auto opinions = Judge::fresh_opinions();
  const auto less_of = [&](std::string_view text) {
    exchange::Piece piece;
    piece.text = exchange::UntrustedText(std::string(text));
    piece.source = 0;
    const Redacted less = redact(inspector, {piece}, labels, opinions);
    for (const std::string& label : less.taken) {
      const auto at = std::ranges::lower_bound(redacted_, label);
      if (at == redacted_.end() || *at != label) redacted_.insert(at, label);
    }
    const auto found = less.texts.find(0);
    return found == less.texts.end() ? std::string(text) : found->second;
  };
  Step<> seen = co_await corridor_.inspecting(passage_, inspector, body.size(), [&] {
    json::Parser parser;
    if (const auto document = parser.parse(body)) body = tools::with_strings(*document, less_of);
  });
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  co_return body;
}

// A new moment for a release, or its end in words.
http::Task<Step<>> McpWalk::moment(bool own) {
  Step<> renewed = corridor_.renew(passage_);
  if (renewed) co_return renewed;
  co_return std::unexpected(co_await given_up(std::move(renewed.error()), own));
}

// Writes that nothing is released, if that ends the exchange: what a channel asks does not (`own` is false). The reason, or
// that it could not be written.
http::Task<Turned> McpWalk::given_up(Turned turned, bool own) {
  if (!own) co_return turned;
  turned.message = "the call was carried out, and its result is withheld: " + turned.message;
  Step<> ended = co_await abandon("failed:" + turned.code);
  co_return ended ? std::move(turned) : std::move(ended.error());
}

http::Task<Step<agreement::Decision>> McpWalk::release(std::string tool, std::string content,
                                                       std::string outcome, std::string if_redacted) {
  Step<> renewed = co_await moment(tool == target_.tool);
  if (!renewed) co_return std::unexpected(std::move(renewed.error()));
  co_return co_await decide_release(std::move(tool), std::move(content), std::move(outcome), std::move(if_redacted));
}

http::Task<Step<agreement::Decision>> McpWalk::decide_release(std::string tool, std::string content, std::string outcome,
                                                              std::string if_redacted) {
  const bool own = tool == target_.tool;  // a channel's question is judged by itself
  Step<Content> seen = co_await inspected(Channel::kToolResult, content);
  if (!seen) co_return std::unexpected(co_await given_up(std::move(seen.error()), own));
  Content found = std::move(*seen);
  if (own) {
    said_.add(found);
    found = said_;
  }
  const http::Time now = http::Loop::now();
  const bool same = own && outcome == "open" && released_under_ != nullptr &&
                    released_under_->version == passage_.in_force->version &&
                    now - released_ < kReleaseAgeMax && released_content_.same_facts(found);
  exchange::Facts facts = facts_for(passage_, Verb::kRelease, "Tool", tool, found);
  agreement::Decision decision = passage_.in_force->agreement->decide(Verb::kRelease, facts);
  const bool leaves = decision.outcome == agreement::Outcome::kAllow;
  if (same && leaves) co_return decision;
  house_.metrics.decision("release", agreement::outcome_name(decision.outcome));
  facts.set("exchange.answer_digest", sha256(content).hex());
  if (!redacted_.empty()) facts.set("exchange.redacted", redacted_);
  facts.set("exchange.tool_server", target_.server);
  if (decision.outcome == agreement::Outcome::kRedact) {
    outcome = std::move(if_redacted);
  } else if (!leaves && own) {
    outcome = "refused";
  }
  audit::Record record = record_for(passage_, house_.node, Verb::kRelease, decision, std::move(facts), outcome);
  record.payloads.emplace_back("answer", std::move(content));
  Step<> written = co_await corridor_.write(passage_, std::move(record));
  if (!written) co_return std::unexpected(std::move(written.error()));
  if (own) {
    whole_ = whole_ || decision.whole;
    released_under_ = passage_.in_force;
    released_ = now;
    released_content_ = std::move(found);
  }
  co_return decision;
}

http::Task<Step<>> McpWalk::abandon(std::string outcome) {
  if (std::exchange(ended_, true)) co_return Step<>{};  // an exchange has one outcome
  passage_.time = house_.committer.now();
  audit::Record record = failure_record(passage_, house_.node, exchange::Facts{}, outcome);
  Step<> written = co_await corridor_.write(passage_, std::move(record));
  co_return written;
}

http::Task<void> McpWalk::carry_out() {
  if (!sealed_state_.empty()) {
    if (Status used = shared_.states.use(owner(), sealed_state_, house_.committer.now()); !used) {
      co_await fall_through(Turned{ErrorKind::kInvalidRequest, std::move(used.error().message), "refused:request_state"});
      co_return;
    }
  }
  std::string answers;
  for (size_t round = 0; round < kInputRoundsMax; ++round) {
    Step<tools::Ask> ask = co_await ask_for();
    if (!ask) {
      co_await fall_through(std::move(ask.error()));
      co_return;
    }
    Step<Message> said = co_await call(std::move(*ask));
    if (!said) {
      co_await fall_through(std::move(said.error()));
      co_return;
    }
    if (modern() || !input_required(*said)) {
      co_await deliver(std::move(*said));
      co_return;
    }
    // The client's era has questions of their own in place of a result that asks.
    Result<std::string> next = co_await inputs(said->body);
    if (!next) {
      co_await fall_through(failed(std::move(next.error())));
      co_return;
    }
    request_.message.params = std::move(*next);
  }
  co_await fall_through(failed(Error{Code::kLimit, "the tool server asks without end"}));
}

// A walk that ends after its `act` was recorded leaves an outcome.
http::Task<void> McpWalk::fall_through(Turned turned) {
  if (refused_) {
    co_await deny(std::move(*refused_));
    co_return;
  }
  const bool gone = cancel_->requested();
  Step<> ended = co_await abandon(gone ? "cancelled" : turned.code);
  if (!ended) turned = std::move(ended.error());
  co_await turn(std::move(turned));
}

std::string McpWalk::progress_token() const { return json::quoted(passage_.id); }

// A call may have waited for people for an hour: what runs is still what they read.
bool McpWalk::still_pinned() const {
  const agreement::Agreement& agreement = *passage_.in_force->agreement;
  if (request_.message.method != "tools/call") {
    const agreement::Tool* const channel = agreement.tool(target_.tool);
    return channel != nullptr && channel->definition == target_.definition;
  }
  const Offer offer = shared_.book.find(agreement, target_.tool);
  return offer.standing == Standing::kAdmitted && offer.registered->definition == target_.definition;
}

http::Task<Step<tools::Ask>> McpWalk::ask_for() {
  Result<std::shared_ptr<const Listing>> listing = co_await desk_.listing(target_.server);
  if (!listing) co_return std::unexpected(failed(std::move(listing.error())));
  if (!still_pinned()) {
    co_return std::unexpected(Turned{ErrorKind::kDenied,
                                     fmt::format("`{}` has changed since this was decided; nothing was done", target_.tool),
                                     "refused:definition"});
  }
  const tools::Eras& eras = (*listing)->greeting.eras;
  upstream_era_ = eras.has(request_.era) ? request_.era : eras.modern ? Era::kModern : Era::kLegacy;
  tools::Ask ask;
  ask.era = upstream_era_;
  ask.method = request_.message.method;
  ask.param_headers = target_.param_headers;
  ask.log_level = request_.log_level;
  ask.deadline = http::Loop::now() + std::chrono::seconds(house_.config.model_deadline_seconds);
  ask.cancel = cancel_.get();
  // A server of the legacy era can ask a client of that era only.
  const bool can_be_asked = modern() == (upstream_era_ == Era::kModern) || upstream_era_ == Era::kModern;
  ask.capabilities = can_be_asked && !guarded() ? filtered_capabilities() : "{}";
  const auto document = parser_.parse(request_.message.params);
  json::Object params;
  if (!document || document->get(params) != simdjson::SUCCESS) {
    co_return std::unexpected(failed(Error{Code::kInternal, "the request cannot be read again"}));
  }
  std::optional<std::string> token;
  if (!client_token_.empty()) token = progress_token();
  std::optional<std::string> meta = lasting_meta(params, token);
  if (guarded()) meta = token ? std::optional(fmt::format(R"({{"progressToken":{}}})", *token)) : std::nullopt;
  ask.params = tools::changed(params, {{"_meta", meta}});
  if (upstream_era_ == Era::kLegacy) {
    Result<tools::Session> session =
        co_await desk_.session(request_.session, target_.server, ask.capabilities);
    if (!session) co_return std::unexpected(failed(std::move(session.error())));
    ask.session = std::move(*session);
  }
  co_return ask;
}

http::Task<Step<Message>> McpWalk::call(tools::Ask ask) {
  tools::Link* const link = desk_.link(target_.server);
  if (link == nullptr) co_return std::unexpected(failed(Error{Code::kNotFound, "there is no such tool server"}));
  Result<Running> running = co_await link->start(ask);
  if (!running && running.error().code == Code::kConflict) {
    // It was not executed: the server does not know the session any more. Another one, once.
    request_.session->drop_upstream(target_.server);
    Result<tools::Session> session =
        co_await desk_.session(request_.session, target_.server, ask.capabilities);
    if (!session) co_return std::unexpected(failed(std::move(session.error())));
    ask.session = std::move(*session);
    running = co_await link->start(std::move(ask));
  }
  shared_.book.put_challenge(target_.server, link->challenge());
  if (!running) co_return std::unexpected(failed(std::move(running.error())));
  Step<Message> said = co_await listen(std::move(*running));
  co_return said;
}

http::Task<Step<Message>> McpWalk::listen(Running running) {
  while (true) {
    Result<Message> said = co_await running->next();
    if (!said) co_return std::unexpected(failed(std::move(said.error())));
    if (said->is_response()) co_return std::move(*said);
    if (said->kind == Message::Kind::kNotification) {
      Step<> passed = co_await pass_on(std::move(*said));
      if (!passed) co_return std::unexpected(std::move(passed.error()));
      continue;
    }
    Status answered = co_await question(*running, std::move(*said));
    if (!answered) co_return std::unexpected(failed(std::move(answered.error())));
  }
}

bool McpWalk::input_required(const Message& said) {
  if (said.kind != Message::Kind::kResult) return false;
  const auto document = parser_.parse(said.body);
  json::Object result;
  return document && document->get(result) == simdjson::SUCCESS &&
         tools::text_member(result, "resultType") == "input_required";
}

}  // namespace proviso::gate
