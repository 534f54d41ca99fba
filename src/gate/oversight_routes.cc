#include "gate/oversight_routes.h"

#include <fmt/format.h>

#include <array>

namespace proviso::gate {
namespace {

using exchange::ErrorKind;
using exchange::Verb;
using oversight::Hold;

constexpr std::string_view kHolds = "/proviso/holds";
constexpr std::string_view kStops = "/proviso/stops";
constexpr std::string_view kAdmissions = "/proviso/admissions";
constexpr std::string_view kReviews = "/proviso/reviews";
constexpr std::string_view kEmergencies = "/proviso/emergencies";
constexpr size_t kOversightBodyBytesMax = 64 * 1024;  // a statement and its signature

Turned turned(ErrorKind kind, std::string message, std::string code) {
  return Turned{kind, std::move(message), std::move(code)};
}

Turned turned_by(Error error) {
  switch (error.code) {
    case Code::kNotFound: return turned(ErrorKind::kNotFound, std::move(error.message), "not_found");
    case Code::kUnverified: return turned(ErrorKind::kDenied, std::move(error.message), "not_verified");
    case Code::kConflict: return turned(ErrorKind::kInvalidRequest, std::move(error.message), "conflict");
    default: return turned(ErrorKind::kInvalidRequest, std::move(error.message), "invalid_request");
  }
}

Result<std::string> text_of(json::Element body, std::string_view name) {
  std::string_view text;
  if (body.at_key(name).get(text) != simdjson::SUCCESS || text.empty()) {
    return fail(Code::kInvalid, fmt::format("`{}` must be a text", name));
  }
  return std::string(text);
}

void put_summary(json::Writer& writer, const Hold& hold, const identity::Principal& who, UtcSeconds now) {
  const identity::Person person{who.id, who.roles, 0, "", {}};
  writer.key("id").string(hold.terms.id);
  writer.key("state").string(oversight::state_name(hold, now));
  writer.key("verb").string(exchange::verb_name(hold.action.verb));
  writer.key("resource").string(hold.action.resource_id);
  writer.key("requester").string(hold.action.requester);
  writer.key("purpose").string(hold.action.purpose);
  writer.key("opened").string(format_time(hold.opened));
  writer.key("expires").string(format_time(hold.terms.expires));
  for (const auto& [name, texts] : {std::pair{"clauses", &hold.clauses}, std::pair{"awaits", &hold.awaits}}) {
    writer.key(name).begin_array();
    for (const std::string& text : *texts) writer.string(text);
    writer.end_array();
  }
  writer.key("may_vote").boolean(oversight::Docket::may_vote(hold, person));
}

// Who voted how is told when it can sway nobody any more.
void put_votes(json::Writer& writer, const Hold& hold) {
  writer.key("votes").begin_array();
  for (const oversight::Vote& vote : hold.votes) {
    writer.begin_object();
    writer.key("person").string(vote.person);
    writer.key("role").string(vote.role);
    writer.key("decision").string(vote.approves ? "approve" : "deny");
    writer.key("decided_at").string(format_time(vote.decided_at));
    writer.key("leaf").uinteger(vote.leaf);
    writer.end_object();
  }
  writer.end_array();
}

}  // namespace

bool OversightRoutes::serves(std::string_view path) {
  return path == kStops || path == kAdmissions || path == kReviews || path == kHolds ||
         path.starts_with(std::string(kHolds) + "/") || path.starts_with(kEmergencies);
}

http::Task<void> OversightRoutes::handle(http::Call& call) {
  Passage passage;
  passage.id = new_exchange_id();
  const exchange::Protocol protocol = passage.protocol;
  Answer answered = co_await answer(call, passage);
  if (!answered) {
    if (answered.error().decided) answered.error().receipt = passage.receipt.text();
    co_await corridor_.turn_away(call, protocol, passage.id, std::move(answered.error()));
    co_return;
  }
  http::Response response;
  response.headers.add("Content-Type", "application/json");
  response.headers.add("Proviso-Exchange", passage.id);
  if (!passage.receipt.signature.empty()) response.headers.add("Proviso-Receipt", passage.receipt.text());
  response.body = std::move(*answered) + "\n";
  co_await call.respond(std::move(response));
}

http::Task<OversightRoutes::Answer> OversightRoutes::answer(http::Call& call, Passage& passage) {
  Step<identity::Principal> principal = corridor_.identify(call);
  if (!principal) co_return std::unexpected(std::move(principal.error()));
  passage.principal = std::move(*principal);
  const http::RequestHead& head = call.head();
  auto purpose = purpose_of(head.headers, passage.principal.default_purpose);
  if (!purpose) co_return std::unexpected(turned_by(std::move(purpose.error())));
  passage.purpose = std::move(*purpose);
  if (Step<> renewed = corridor_.renew(passage); !renewed) {
    co_return std::unexpected(std::move(renewed.error()));
  }
  const std::string path = head.path;
  if (head.method == "GET" && path == kHolds) co_return list(passage.principal);
  if (head.method == "GET" && path == kStops) co_return stops();
  if (head.method == "GET" && path == kEmergencies) co_return emergencies(passage.time);
  const std::string_view rest =
      path.size() > kHolds.size() ? std::string_view(path).substr(kHolds.size() + 1) : std::string_view();
  const std::string id(rest.substr(0, rest.find('/')));
  const std::string_view what = rest.size() > id.size() ? rest.substr(id.size() + 1) : std::string_view();
  if (head.method == "GET" && path.starts_with(kHolds) && what.empty()) co_return show(passage, id);
  if (head.method != "POST") {
    co_return std::unexpected(turned(ErrorKind::kNotFound, fmt::format("there is nothing at `{}`", path), "not_found"));
  }
  Result<std::string> body = co_await call.read_body();
  if (!body || body->size() > kOversightBodyBytesMax) {
    co_return std::unexpected(turned(ErrorKind::kTooLarge, "the body is too large or broken off", "bad_body"));
  }
  if (path.starts_with(kHolds) && what == "withdraw") co_return co_await withdraw(passage, id);
  json::Parser parser;
  const auto parsed = parser.parse(*body);
  if (!parsed) co_return std::unexpected(turned_by(parsed.error()));
  if (path.starts_with(kHolds) && what == "votes") co_return co_await vote(passage, id, *parsed);
  if (path == kEmergencies) co_return co_await declare(call, passage, *parsed);
  if (path.starts_with(kEmergencies) && path.ends_with("/review")) co_return co_await review_emergency(passage, path, *parsed);
  if (path == kStops) co_return co_await stop(call, passage, Verb::kStop, *parsed);
  if (path == kReviews) co_return co_await review(passage, *parsed);
  if (path == kAdmissions) co_return co_await stop(call, passage, Verb::kAdmit, *parsed);
  co_return std::unexpected(turned(ErrorKind::kNotFound, fmt::format("there is nothing at `{}`", path), "not_found"));
}

std::string OversightRoutes::list(const identity::Principal& who) const {
  const identity::Person person{who.id, who.roles, 0, "", {}};
  const UtcSeconds now = house_.committer.now();
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("holds").begin_array();
  for (const Hold& hold : house_.oversight.docket().concerning(person)) {
    writer.begin_object();
    put_summary(writer, hold, who, now);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return out;
}

OversightRoutes::Answer OversightRoutes::show(const Passage& passage, const std::string& id) {
  auto showing = house_.oversight.docket().show(id, passage.principal.id, passage.time);
  if (!showing) return std::unexpected(turned_by(std::move(showing.error())));
  const Hold& hold = showing->hold;
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  put_summary(writer, hold, passage.principal, passage.time);
  writer.key("origin").string(hold.terms.origin);
  writer.key("agreement").string(hold.terms.agreement.hex());
  writer.key("action").string(hold.action.text());
  writer.key("rendering").string(hold.rendering);
  writer.key("expires_at").integer(hold.terms.expires.value);
  writer.key("leaf").uinteger(hold.leaf);
  if (!showing->nonce.empty()) {
    writer.key("nonce").string(showing->nonce);
    writer.key("shown_at").integer(showing->shown_at.value);
  }
  if (hold.action.requester == passage.principal.id) {
    writer.key("approvals").begin_object();
    for (const auto& [role, count] : house_.oversight.docket().approvals(hold, passage.time).by_role) {
      writer.key(role).integer(count);
    }
    writer.end_object();
  }
  if (std::string_view(oversight::state_name(hold, passage.time)) != "open") put_votes(writer, hold);
  writer.end_object();
  return out;
}

http::Task<Step<>> OversightRoutes::note(Passage& passage, std::string_view verb, exchange::Facts facts,
                                         std::vector<std::pair<std::string, std::string>> payloads) {
  audit::Record record;
  record.leaf.time = passage.time;
  record.leaf.node = house_.node;
  record.leaf.verb = std::string(verb);
  record.leaf.decision = "-";
  record.leaf.agreement = passage.in_force->agreement->digest();
  record.facts = std::move(facts);
  record.payloads = std::move(payloads);
  record.retention_class = std::string(agreement::kPermanentClass);  // who approved what is not forgotten with it
  co_return co_await corridor_.write(passage, std::move(record));
}

http::Task<OversightRoutes::Answer> OversightRoutes::vote(Passage& passage, const std::string& id,
                                                          json::Element body) {
  const auto statement = text_of(body, "statement");
  if (!statement) co_return std::unexpected(turned_by(statement.error()));
  const auto signature = text_of(body, "signature");
  if (!signature) co_return std::unexpected(turned_by(signature.error()));
  auto judged = house_.oversight.docket().judge_vote(*statement, *signature, passage.principal.id, passage.time);
  if (judged && judged->hold != id) {
    co_return std::unexpected(turned(ErrorKind::kInvalidRequest, "the statement is of another hold", "invalid_request"));
  }
  if (!judged) co_return std::unexpected(turned_by(std::move(judged.error())));
  const auto pending = house_.oversight.begin();
  Step<> noted = co_await note(passage, oversight::kVoteVerb, oversight::facts_of(judged->hold, judged->vote),
                               {{"statement", *statement}, {"signature", *signature}});
  if (!noted) co_return std::unexpected(std::move(noted.error()));
  house_.oversight.apply(passage.receipt.index, oversight::Voted{judged->hold, judged->vote});
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("hold").string(id);
  writer.key("decision").string(judged->vote.approves ? "approve" : "deny");
  writer.key("leaf").uinteger(passage.receipt.index);
  writer.end_object();
  co_return out;
}

http::Task<OversightRoutes::Answer> OversightRoutes::withdraw(Passage& passage, const std::string& id) {
  const auto hold = house_.oversight.docket().get(id);
  if (!hold || hold->action.requester != passage.principal.id) {
    co_return std::unexpected(turned(ErrorKind::kNotFound, fmt::format("there is no hold `{}` of yours", id), "not_found"));
  }
  const std::string_view state = oversight::state_name(*hold, passage.time);
  if (state != "open") {
    co_return std::unexpected(turned(ErrorKind::kInvalidRequest, fmt::format("hold {} is {}", id, state), "conflict"));
  }
  exchange::Facts facts;
  oversight::put_hold_id(facts, id);
  facts.set("withdraw.person", passage.principal.id);
  const auto pending = house_.oversight.begin();
  Step<> noted = co_await note(passage, oversight::kWithdrawVerb, std::move(facts), {});
  if (!noted) co_return std::unexpected(std::move(noted.error()));
  house_.oversight.apply(passage.receipt.index, oversight::Withdrawn{id});
  co_return fmt::format(R"({{"hold":"{}","leaf":{}}})", id, passage.receipt.index);
}

http::Task<OversightRoutes::Answer> OversightRoutes::review(Passage& passage, json::Element body) {
  const auto exchange = text_of(body, "exchange");
  if (!exchange) co_return std::unexpected(turned_by(exchange.error()));
  const auto words = text_of(body, "words");
  if (!words) co_return std::unexpected(turned_by(words.error()));
  if (words->size() > audit::kReasonBytesMax) {
    co_return std::unexpected(turned(ErrorKind::kInvalidRequest, fmt::format("`words` is at most {} bytes", audit::kReasonBytesMax), "invalid_request"));
  }
  if (house_.receipts.find(*exchange, passage.principal.id).empty()) {
    co_return std::unexpected(turned(ErrorKind::kNotFound, "there is no recent exchange of that id of yours", "not_found"));
  }
  exchange::Facts facts;
  facts.set("review.exchange", *exchange);
  facts.set("review.person", passage.principal.id);
  facts.set("review.words", *words);
  Step<> noted = co_await note(passage, "review", std::move(facts), {});
  if (!noted) co_return std::unexpected(std::move(noted.error()));
  co_return fmt::format(R"({{"exchange":{},"leaf":{}}})", json::quoted(*exchange), passage.receipt.index);
}

std::string OversightRoutes::stops() const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("stops").begin_array();
  for (const oversight::Stop& stop : house_.in_force()->stops->all()) {
    writer.begin_object();
    writer.key("type").string(stop.type);
    writer.key("id").string(stop.id);
    writer.key("reason").string(stop.reason);
    writer.key("since").string(format_time(stop.since));
    writer.key("leaf").uinteger(stop.leaf);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return out;
}

http::Task<OversightRoutes::Answer> OversightRoutes::stop(http::Call& call, Passage& passage, Verb verb,
                                                          json::Element body) {
  std::array<std::string, 3> said;
  constexpr std::array<std::string_view, 3> kNames = {"type", "id", "reason"};
  for (size_t i = 0; i < said.size(); ++i) {
    auto text = text_of(body, kNames[i]);
    if (!text) co_return std::unexpected(turned_by(std::move(text.error())));
    if (text->size() > audit::kReasonBytesMax) {
      co_return std::unexpected(turned(ErrorKind::kInvalidRequest, fmt::format("`{}` is too long", kNames[i]), "invalid_request"));
    }
    said[i] = std::move(*text);
  }
  const auto& [type, id, reason] = said;
  const oversight::Stops& now = *passage.in_force->stops;
  if (verb == Verb::kStop && now.all().size() >= oversight::kStopsMax) {
    co_return std::unexpected(turned(ErrorKind::kInvalidRequest, "too many stops stand already", "invalid_request"));
  }
  if (verb == Verb::kAdmit && now.find(type, id) == nullptr) {
    co_return std::unexpected(turned(ErrorKind::kNotFound, fmt::format("no stop of {} `{}` stands", type, id), "not_found"));
  }
  Matter matter;
  matter.verb = verb;
  matter.resource_type = type;
  matter.resource_id = id;
  matter.arguments = reason;
  matter.record.set("stop.reason", reason);
  Patience patience = corridor_.patience_of(call);
  const auto pending = house_.oversight.begin();
  Step<agreement::Decision> decided = co_await Decisive(corridor_, passage).decide(std::move(matter), patience);
  if (!decided) co_return std::unexpected(std::move(decided.error()));
  const uint64_t leaf = passage.receipt.index;
  if (verb == Verb::kStop) {
    house_.oversight.apply(leaf, oversight::Stopped{{type, id, passage.principal.id, reason, passage.time, leaf}});
  } else {
    house_.oversight.apply(leaf, oversight::Lifted{type, id});
  }
  house_.put_oversight_in_force();
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("type").string(type);
  writer.key("id").string(id);
  writer.key("stopped").boolean(verb == Verb::kStop);
  writer.key("leaf").uinteger(leaf);
  writer.end_object();
  co_return out;
}

}  // namespace proviso::gate
