#include "gate/corridor.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "gate/decisive.h"
#include "gate/redacted_matter.h"
#include "gate/stream_release.h"
#include "gate/tool_book.h"
#include "models/doorkeeper.h"

namespace proviso::gate {
namespace {

using exchange::ErrorKind;

// Errors of the model, as models/caller.h lists them, in the client's terms.
ErrorKind kind_of(Code code) {
  switch (code) {
    case Code::kNotFound: return ErrorKind::kNotFound;
    case Code::kUnsupported:
    case Code::kInvalid: return ErrorKind::kInvalidRequest;
    case Code::kLimit: return ErrorKind::kRateLimit;
    case Code::kTimeout: return ErrorKind::kTimeout;
    default: return ErrorKind::kUpstream;
  }
}


// An answer over this gate's limit is the model's failure, not a reason to come back later.
Error as_failure(Error error) {
  if (error.code == Code::kLimit) error.code = Code::kUnavailable;
  return error;
}

Turned invalid(std::string message) {
  return Turned{ErrorKind::kInvalidRequest, std::move(message), "invalid_request"};
}

Matter matter_of(const exchange::ToolCall& tool_call, Content content) {
  Matter matter;
  matter.verb = exchange::Verb::kAct;
  matter.resource_type = "Tool";
  matter.resource_id = tool_call.name;
  matter.content = std::move(content);
  matter.arguments = tool_call.arguments.open_for_inspection();
  matter.payloads.emplace_back("arguments", tool_call.arguments.open_for_inspection());
  return matter;
}

constexpr int32_t kHeaderGroup = -1;  // of no message: a text of its own

// What the corridor takes from headers beside the key: each once, each plain.
Step<> take_headers(const http::Headers& headers, Passage& passage) {
  for (const char* name : {"x-api-key", "authorization", "anthropic-beta"}) {
    if (headers.count(name) <= 1) continue;
    return std::unexpected(invalid(fmt::format("header `{}` is there more than once", name)));
  }
  auto purpose = purpose_of(headers, passage.principal.default_purpose);
  if (!purpose) return std::unexpected(invalid(std::move(purpose.error().message)));
  passage.purpose = std::move(*purpose);
  passage.beta = std::string(headers.get_or("anthropic-beta", ""));
  if (passage.beta.size() > kBetaBytesMax || !is_plain(passage.beta)) {
    return std::unexpected(invalid(fmt::format(
        "`anthropic-beta` takes at most {} printable ASCII characters", kBetaBytesMax)));
  }
  return {};
}

void put_ids(http::Headers& headers, std::string_view exchange_id) {
  if (exchange_id.empty()) return;
  headers.add("Proviso-Exchange", exchange_id);
  headers.add("x-request-id", exchange_id);
  headers.add("request-id", exchange_id);
}

// A refusal's own leaf says what became of the exchange; of a hold that came to nothing no leaf does yet, and
// where nothing can be written none will.
bool leaves_no_outcome(const Turned& turned) {
  return turned.code != "clause_denied" && turned.code != "record_failed";
}

const char* outcome_of(const Turned& turned) {
  if (turned.decided) return turned.code == "hold" ? "held" : "denied";
  switch (turned.kind) {
    case ErrorKind::kAuthentication: return "unauthorized";
    case ErrorKind::kInvalidRequest:
    case ErrorKind::kTooLarge:
    case ErrorKind::kNotFound: return "malformed";
    default: return "failed";
  }
}

}  // namespace

Result<std::unique_ptr<Corridor>> Corridor::create(House& house, http::Loop& loop,
                                                   std::shared_ptr<const models::Catalog> catalog,
                                                   const models::Worker* worker) {
  PV_TRY(auto caller, models::Caller::create(loop, std::move(catalog), worker));
  return std::unique_ptr<Corridor>(new Corridor(house, loop, std::move(caller)));
}

Step<identity::Principal> Corridor::identify(const http::Call& call) const {
  const http::Headers& headers = call.head().headers;
  std::string_view token = headers.get_or("x-api-key", "");
  if (token.empty()) {
    token = headers.get_or("authorization", "");
    constexpr std::string_view kBearer = "bearer ";
    if (token.size() <= kBearer.size() ||
        !http::equal_fold(token.substr(0, kBearer.size()), kBearer)) {
      token = {};
    } else {
      token.remove_prefix(kBearer.size());
    }
  }
  auto principal = house_.people.authenticate(token, house_.committer.now());
  if (principal) return std::move(*principal);
  house_.metrics.exchange("any", "unauthorized");
  house_.people.count_refusal();
  return std::unexpected(Turned{ErrorKind::kAuthentication, std::move(principal.error().message),
                                "invalid_key"});
}

http::Task<void> Corridor::exchange(http::Call& call, exchange::Protocol protocol,
                                    exchange::Endpoint endpoint) {
  Passage passage;
  passage.id = new_exchange_id();
  passage.protocol = protocol;
  passage.endpoint = endpoint;
  passage.gone = &call.gone();
  Step<> entered = co_await enter(call, passage);
  if (!entered) {
    co_await turn_away(call, protocol, passage.id, std::move(entered.error()));
    co_return;
  }
  Step<> asked = co_await ask(call, passage);
  if (!asked) {
    co_await refuse(call, passage, std::move(asked.error()));
    co_return;
  }
  Step<models::Upstream> upstream = co_await dispatch(call, passage);
  if (!upstream) {
    co_await refuse(call, passage, std::move(upstream.error()));
    co_return;
  }
  Step<> released;
  if (endpoint == exchange::Endpoint::kCountTokens) {
    released = co_await release_count(call, passage, std::move(*upstream));
  } else if (passage.request.stream) {
    StreamRelease stream(*this, call, passage, std::move(*upstream));
    released = co_await stream.run();
  } else {
    released = co_await release_whole(call, passage, std::move(*upstream));
  }
  if (!released) co_await refuse(call, passage, std::move(released.error()));
}

// Identify, read, parse. Nothing of this makes a leaf: what is refused here was never an ask.
http::Task<Step<>> Corridor::enter(http::Call& call, Passage& passage) {
  Step<identity::Principal> principal = identify(call);
  if (!principal) co_return std::unexpected(std::move(principal.error()));
  passage.principal = std::move(*principal);
  const http::Headers& headers = call.head().headers;
  if (Step<> taken = take_headers(headers, passage); !taken) {
    co_return std::unexpected(std::move(taken.error()));
  }

  if (passage.protocol == exchange::Protocol::kAnthropicMessages) {
    const std::string_view version = headers.get_or("anthropic-version", kUsualVersion);
    const auto known = exchange::parse_anthropic_version(version);
    if (!known) {
      co_return std::unexpected(invalid(
          fmt::format("`anthropic-version: {}` is not known here; send 2023-06-01 or 2026-10-21",
                      is_plain(version) ? version.substr(0, 40) : "…")));
    }
    passage.anthropic_version = *known;
  }
  Result<std::string> body = co_await call.read_body();
  if (!body) {
    const ErrorKind kind =
        body.error().code == Code::kLimit ? ErrorKind::kTooLarge : ErrorKind::kInvalidRequest;
    co_return std::unexpected(Turned{kind, std::move(body.error().message), "bad_body"});
  }
  passage.body = std::move(*body);
  house_.metrics.bytes("in", passage.body.size());
  passage.in_force = house_.in_force();
  auto request = read(passage, nullptr);
  if (!request) {
    co_return std::unexpected(Turned{ErrorKind::kInvalidRequest, std::move(request.error().message),
                                     "invalid_request"});
  }
  passage.request = std::move(*request);
  co_return Step<>{};
}

Result<exchange::Request> Corridor::read(const Passage& passage, const exchange::Replacements* replacements) {
  exchange::ReadOptions options;
  options.anthropic_version = passage.anthropic_version;
  options.passthrough = passage.in_force->agreement->terms().passthrough;
  options.replacements = replacements;
  PV_TRY(exchange::Request request,
         exchange::read_request(passage.protocol, passage.endpoint, passage.body, parser_, options));
  if (!passage.beta.empty()) {
    // It travels to the model, so it is inspected as everything else that does.
    exchange::Piece beta;
    beta.channel = exchange::Channel::kOther;
    beta.group = kHeaderGroup;
    beta.text = exchange::UntrustedText(passage.beta);
    request.pieces.push_back(std::move(beta));
  }
  return request;
}

Step<> Corridor::renew(Passage& passage) const {
  passage.time = house_.committer.now();
  passage.in_force = house_.in_force();
  auto standing = house_.people.current(passage.principal.key_id, passage.time);
  if (!standing) {
    return std::unexpected(Turned{ErrorKind::kAuthentication, std::move(standing.error().message),
                                  "key_revoked"});
  }
  passage.principal = std::move(*standing);
  return {};
}

inspect::Inspector Corridor::inspector_for(const Passage& passage) const {
  return house_.inspector.looking_for(passage.in_force->agreement->terms().labels);
}

bool Corridor::takes_long(const inspect::Inspector& inspector, size_t bytes) {
  return inspector.asks_encoder() || bytes >= kAsideBytesMin;
}

http::Task<bool> Corridor::looked_into(const Passage& passage, const inspect::Inspector& inspector, size_t bytes,
                                       std::move_only_function<void()> fn) const {
  if (!takes_long(inspector, bytes)) {
    fn();
    co_return true;
  }
  PV_CHECK(house_.aside != nullptr);
  co_return co_await house_.aside->run(port_.loop(), std::move(fn), passage.gone);
}

http::Task<Step<>> Corridor::inspecting(Passage& passage, const inspect::Inspector& inspector, size_t bytes,
                                        std::move_only_function<void()> fn) const {
  const std::shared_ptr<const InForce> before = passage.in_force;
  const bool looked = co_await looked_into(passage, inspector, bytes, std::move(fn));
  if (!looked) co_return std::unexpected(Turned{ErrorKind::kInternal, "nobody waits for this any more", "client_gone"});
  if (!takes_long(inspector, bytes)) co_return Step<>{};
  if (Step<> renewed = renew(passage); !renewed) co_return renewed;
  // What was read and looked for under one agreement is not decided under another.
  if (passage.in_force->agreement == before->agreement) co_return Step<>{};
  co_return std::unexpected(changed_meanwhile());
}

http::Task<Step<Content>> Corridor::inspected(Passage& passage, const std::vector<exchange::Piece>& pieces) const {
  const inspect::Inspector inspector = inspector_for(passage);
  size_t bytes = 0;
  for (const exchange::Piece& piece : pieces) bytes += piece.text.open_for_inspection().size();
  Content content;
  Step<> seen = co_await inspecting(passage, inspector, bytes, [&] { content = Judge::content_of(inspector, pieces); });
  if (!seen) co_return std::unexpected(std::move(seen.error()));
  co_return content;
}

http::Task<Step<Content>> Corridor::arguments_of(Passage& passage, const exchange::ToolCall& tool_call) const {
  const std::vector<exchange::Piece> pieces = exchange::pieces_of(tool_call);
  co_return co_await inspected(passage, pieces);
}

Step<> Corridor::prepare(Passage& passage) const {
  models::Call& out = passage.outgoing;
  out.model = passage.request.model;
  out.endpoint = exchange::upstream_endpoint(passage.endpoint);
  const models::Model* model = house_.catalog.find(passage.request.model);
  out.body = exchange::upstream_body(
      passage.request, model == nullptr ? passage.request.model : model->upstream_name);
  if (passage.protocol == exchange::Protocol::kAnthropicMessages) {
    out.headers.anthropic_version =
        exchange::anthropic_version_name(passage.request.anthropic_version);
    out.headers.anthropic_beta = passage.beta;
  }
  if (!caller_->demands_receipt(out.model)) return {};
  if (const Status prepared = caller_->prepare(out); !prepared) {
    return std::unexpected(invalid(prepared.error().message));
  }
  return {};
}

http::Task<Step<>> Corridor::ask(http::Call& call, Passage& passage) {
  if (Step<> renewed = renew(passage); !renewed) {
    co_return std::unexpected(std::move(renewed.error()));
  }
  if (Step<> prepared = prepare(passage); !prepared) {
    co_return std::unexpected(std::move(prepared.error()));
  }
  AskMatter asked(*this, passage);
  Patience patience = patience_of(call);
  Step<Matter> matter = co_await asked.first();
  if (!matter) co_return std::unexpected(std::move(matter.error()));
  Step<agreement::Decision> decided = co_await Decisive(*this, passage).decide(std::move(*matter), patience, &asked);
  if (!decided) co_return std::unexpected(std::move(decided.error()));
  passage.body = {};
  co_return Step<>{};
}

Patience Corridor::patience_of(http::Call& call) const {
  return {http::Loop::now() + std::chrono::seconds(house_.config.oversight.wait_seconds), &call.gone()};
}

http::Task<Step<models::Upstream>> Corridor::dispatch(http::Call& call, Passage& passage) {
  models::Call out = std::move(passage.outgoing);
  if (out.prepared) {
    out.pass = models::Pass{passage.receipt.text(), passage.leaf, std::move(passage.opening)}.text();
  }
  out.deadline = http::Loop::now() + std::chrono::seconds(house_.config.model_deadline_seconds);
  out.cancel = &call.gone();
  Result<models::Upstream> upstream = co_await caller_->call(std::move(out));
  if (upstream) co_return std::move(*upstream);
  Step<> outcome = co_await failed(passage, std::move(upstream.error()));
  co_return std::unexpected(std::move(outcome.error()));
}

http::Task<Step<>> Corridor::failed(Passage& passage, Error error) {
  const exchange::Facts none;
  passage.time = house_.committer.now();
  audit::Record record = failure_record(passage, house_.node, none,
                                        fmt::format("failed:{}", code_name(error.code)));
  Step<> written = co_await write(passage, std::move(record));
  if (!written) co_return std::unexpected(std::move(written.error()));
  co_return std::unexpected(
      Turned{kind_of(error.code), std::move(error.message), "model_failed"});
}

http::Task<Step<>> Corridor::release_count(http::Call& call, Passage& passage,
                                           models::Upstream upstream) {
  Result<std::string> body =
      co_await upstream.read_all(static_cast<uint64_t>(house_.config.answer_bytes_max));
  if (!body) co_return co_await failed(passage, as_failure(std::move(body.error())));
  Result<uint64_t> count = exchange::read_token_count(*body, parser_);
  if (!count) co_return co_await failed(passage, Error{Code::kUnavailable, count.error().message});
  Step<> released = co_await release_number(passage);
  if (!released) co_return std::unexpected(std::move(released.error()));
  http::Response response;
  response.headers.add("Content-Type", "application/json");
  put_ids(response.headers, passage.id);
  response.headers.add("Proviso-Receipt", passage.receipt.text());
  response.body = exchange::token_count_body(*count);
  house_.metrics.exchange(exchange::protocol_name(passage.protocol), "complete");
  co_await call.respond(std::move(response));
  co_return Step<>{};
}

// A count says nothing in the model's words, but it leaves, so it is released.
http::Task<Step<>> Corridor::release_number(Passage& passage) {
  Step<> renewed = renew(passage);
  if (!renewed) co_return co_await abandon(passage, std::move(renewed.error()));
  exchange::Facts facts =
      facts_for(passage, exchange::Verb::kRelease, "Model", passage.request.model, Content{});
  const agreement::Decision decision =
      passage.in_force->agreement->decide(exchange::Verb::kRelease, facts);
  house_.metrics.decision("release", agreement::outcome_name(decision.outcome));
  const bool leaves = decision.outcome == agreement::Outcome::kAllow;
  audit::Record record = record_for(passage, house_.node, exchange::Verb::kRelease, decision,
                                    std::move(facts), leaves ? "complete" : "refused");
  Step<> written = co_await write(passage, std::move(record));
  if (!written) co_return std::unexpected(std::move(written.error()));
  if (!leaves) co_return std::unexpected(refusal_of(decision));
  co_return Step<>{};
}

http::Task<Step<>> Corridor::abandon(Passage& passage, Turned turned) {
  audit::Record record = failure_record(passage, house_.node, exchange::Facts{},
                                        turned.decided ? "refused" : "failed:" + turned.code);
  Step<> written = co_await write(passage, std::move(record));
  if (!written) co_return std::unexpected(std::move(written.error()));
  co_return std::unexpected(std::move(turned));
}

http::Task<Step<>> Corridor::record_act(Passage& passage, const exchange::ToolCall& tool_call, Content content) {
  const Matter matter = matter_of(tool_call, std::move(content));
  co_return co_await Decisive(*this, passage).record(matter);
}

Step<> Corridor::held_to_schema(const Passage& passage, const exchange::ToolCall& tool_call) const {
  PV_CHECK(house_.tools != nullptr);
  const Holding holding = house_.tools->holding(*passage.in_force->agreement, tool_call.name);
  const Status conforms = holding.check(tool_call.arguments.open_for_inspection());
  if (conforms) return {};
  house_.metrics.decision("act", "arguments");
  return std::unexpected(Turned{ErrorKind::kDenied,
                                fmt::format("the call of `{}` does not fit the input schema that is pinned: {}", tool_call.name,
                                            conforms.error().message),
                                "arguments", true});
}

http::Task<Step<>> Corridor::act(Passage& passage, const exchange::ToolCall& tool_call,
                                 Content content, Patience& patience) {
  if (Step<> conforms = held_to_schema(passage, tool_call); !conforms) {
    co_return std::unexpected(std::move(conforms.error()));
  }
  Matter matter = matter_of(tool_call, std::move(content));
  Step<agreement::Decision> decided = co_await Decisive(*this, passage).decide(std::move(matter), patience);
  if (!decided) co_return std::unexpected(std::move(decided.error()));
  co_return Step<>{};
}

// Every call of the answer is decided and written, so that the record shows each; the first that may not
// happen stops the answer, and what follows it waits for nobody.
http::Task<Step<>> Corridor::act_all(Passage& passage, const std::vector<exchange::ToolCall>& tool_calls,
                                     Patience& patience) {
  Step<> acted;
  for (const exchange::ToolCall& tool_call : tool_calls) {
    Step<Content> content = co_await arguments_of(passage, tool_call);
    if (!content) {
      if (acted) acted = std::unexpected(std::move(content.error()));
      continue;
    }
    if (acted) {
      acted = co_await act(passage, tool_call, std::move(*content), patience);
      continue;
    }
    const Step<> recorded = co_await record_act(passage, tool_call, std::move(*content));
    if (!recorded) co_return recorded;
  }
  co_return acted;
}

http::Task<Step<>> Corridor::release_whole(http::Call& call, Passage& passage,
                                           models::Upstream upstream) {
  Result<std::string> body =
      co_await upstream.read_all(static_cast<uint64_t>(house_.config.answer_bytes_max));
  if (!body) co_return co_await failed(passage, as_failure(std::move(body.error())));
  const exchange::Frame frame =
      exchange::frame_for(passage.request, passage.id, house_.committer.now().value);
  Result<exchange::Answer> answer =
      exchange::read_answer(passage.protocol, *body, parser_, frame);
  if (!answer) {
    co_return co_await failed(
        passage, Error{Code::kUnavailable, "the model's answer cannot be read: " + answer.error().message});
  }
  Step<> renewed = renew(passage);
  if (!renewed) co_return co_await abandon(passage, std::move(renewed.error()));
  Patience patience = patience_of(call);
  Step<> acted = co_await act_all(passage, answer->tool_calls, patience);
  renewed = renew(passage);  // the acts waited for their leaves
  if (!renewed) co_return co_await abandon(passage, std::move(renewed.error()));
  // Only now: what is looked for is what the agreement knows under which this is decided.
  AnswerMatter matter(*this, passage, *body, frame, *answer);
  Decisive decisive(*this, passage);
  if (!acted) {
    const Step<Matter> refused = co_await matter.first(false);
    if (!refused) co_return co_await abandon(passage, refused.error());
    Step<> recorded = co_await decisive.record(*refused);
    if (!recorded) co_return std::unexpected(std::move(recorded.error()));
    co_return std::unexpected(std::move(acted.error()));
  }
  Step<Matter> first = co_await matter.first(true);
  if (!first) co_return co_await abandon(passage, std::move(first.error()));
  Step<agreement::Decision> decided = co_await decisive.decide(std::move(*first), patience, &matter);
  if (!decided && leaves_no_outcome(decided.error())) co_return co_await abandon(passage, std::move(decided.error()));
  if (!decided) co_return std::unexpected(std::move(decided.error()));

  http::Response response;
  response.headers.add("Content-Type", "application/json");
  put_ids(response.headers, passage.id);
  response.headers.add("Proviso-Receipt", passage.receipt.text());
  for (const std::string& mark : decided->marks) response.headers.add("Proviso-Mark", mark);
  put_redacted(response.headers, passage.redacted, matter.taken());
  response.body = std::move(answer->body);
  house_.metrics.bytes("out", response.body.size());
  house_.metrics.exchange(exchange::protocol_name(passage.protocol), "complete");
  co_await call.respond(std::move(response));
  co_return Step<>{};
}

http::Task<Step<>> Corridor::write(Passage& passage, audit::Record record) {
  Result<audit::SealedRecord> sealed = audit::seal(house_.vault, std::move(record));
  if (!sealed) {
    co_return std::unexpected(
        Turned{ErrorKind::kUnavailable, sealed.error().message, "record_failed"});
  }
  passage.leaf = sealed->entry;
  passage.opening = std::move(sealed->opening);
  const http::Time deadline =
      http::Loop::now() + std::chrono::seconds(house_.config.commit_deadline_seconds);
  Result<ledger::Receipt> receipt = co_await port_.commit(std::move(*sealed), deadline);
  house_.ledger_late = !receipt && receipt.error().code == Code::kTimeout;
  if (!receipt) {
    co_return std::unexpected(
        Turned{ErrorKind::kUnavailable, receipt.error().message, "record_failed"});
  }
  passage.receipt = std::move(*receipt);
  house_.receipts.put(passage.id, passage.receipt, passage.principal.id);
  co_return Step<>{};
}

http::Task<void> Corridor::refuse(http::Call& call, Passage& passage, Turned turned) {
  if (call.responded()) co_return;  // a stream says it in its own form
  const bool as_message =
      turned.decided && passage.endpoint != exchange::Endpoint::kCountTokens &&
      passage.in_force->agreement->terms().denial_form == agreement::DenialForm::kMessage;
  if (!as_message) {
    if (turned.decided) turned.receipt = passage.receipt.text();
    co_await turn_away(call, passage.protocol, passage.id, std::move(turned));
    co_return;
  }
  const exchange::Frame frame =
      exchange::frame_for(passage.request, passage.id, house_.committer.now().value);
  http::Response response;
  put_ids(response.headers, passage.id);
  response.headers.add("Proviso-Receipt", passage.receipt.text());
  if (passage.request.stream) {
    response.headers.add("Content-Type", "text/event-stream; charset=utf-8");
    response.body = exchange::denial_stream(passage.protocol, frame, turned.message);
  } else {
    response.headers.add("Content-Type", "application/json");
    response.body = exchange::denial_message(passage.protocol, frame, turned.message);
  }
  house_.metrics.exchange(exchange::protocol_name(passage.protocol), outcome_of(turned));
  co_await call.respond(std::move(response));
}

http::Task<void> Corridor::turn_away(http::Call& call, exchange::Protocol protocol,
                                     std::string exchange_id, Turned turned) {
  http::Response response;
  response.status = exchange::error_status(turned.kind);
  response.headers.add("Content-Type", "application/json");
  put_ids(response.headers, exchange_id);
  if (!turned.receipt.empty()) response.headers.add("Proviso-Receipt", turned.receipt);
  if (!turned.hold.empty()) {
    response.headers.add("Proviso-Hold", turned.hold);
    response.headers.add("Retry-After", std::to_string(kHoldRetrySeconds));
  }
  response.headers.add("x-should-retry", exchange::error_retryable(turned.kind) ? "true" : "false");
  if (turned.kind == exchange::ErrorKind::kRateLimit) response.headers.add("Retry-After", "1");
  if (turned.kind == exchange::ErrorKind::kAuthentication) {
    response.headers.add("WWW-Authenticate", "Bearer");
  }
  response.body = exchange::error_body(protocol, turned.kind, turned.message, turned.code, exchange_id);
  house_.metrics.exchange(exchange::protocol_name(protocol), outcome_of(turned));
  co_await call.respond(std::move(response));
}

}  // namespace proviso::gate
