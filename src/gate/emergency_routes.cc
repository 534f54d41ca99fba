// Break-glass over HTTP.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "gate/oversight_routes.h"

namespace proviso::gate {
namespace {

using exchange::ErrorKind;
using oversight::Emergency;

Turned invalid(std::string message) { return {ErrorKind::kInvalidRequest, std::move(message), "invalid_request"}; }

Step<std::string> words_of(json::Element body, std::string_view name) {
  std::string_view text;
  const bool there = body.at_key(name).get(text) == simdjson::SUCCESS;
  if (there && text.size() >= audit::kReasonBytesMin && text.size() <= audit::kReasonBytesMax) return std::string(text);
  return std::unexpected(invalid(fmt::format("`{}` is {} to {} bytes in your own words", name, audit::kReasonBytesMin,
                                             audit::kReasonBytesMax)));
}

void put(json::Writer& writer, const Emergency& emergency, UtcSeconds now) {
  writer.begin_object();
  writer.key("leaf").uinteger(emergency.leaf);
  writer.key("state").string(now < emergency.until         ? "stands"
                             : now < emergency.review_due ? "over"
                                                          : "overdue");
  writer.key("purpose").string(emergency.purpose);
  writer.key("person").string(emergency.person);
  writer.key("reason").string(emergency.reason);
  writer.key("since").string(format_time(emergency.since));
  writer.key("until").string(format_time(emergency.until));
  writer.key("review_due").string(format_time(emergency.review_due));
  writer.end_object();
}

bool holds_any(const std::vector<std::string>& held, const std::vector<std::string>& wanted) {
  return std::any_of(held.begin(), held.end(),
                     [&](const std::string& role) { return std::ranges::find(wanted, role) != wanted.end(); });
}

}  // namespace

std::string OversightRoutes::emergencies(UtcSeconds now) const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("emergencies").begin_array();
  for (const Emergency& emergency : house_.in_force()->emergencies->all()) put(writer, emergency, now);
  writer.end_array();
  writer.end_object();
  return out;
}

http::Task<OversightRoutes::Answer> OversightRoutes::declare(http::Call& call, Passage& passage, json::Element body) {
  std::string_view purpose;
  if (body.at_key("purpose").get(purpose) != simdjson::SUCCESS) co_return std::unexpected(invalid("`purpose` must be a text"));
  Step<std::string> reason = words_of(body, "reason");
  if (!reason) co_return std::unexpected(std::move(reason.error()));
  if (Status room = passage.in_force->emergencies->room_for(purpose, passage.time); !room) {
    co_return std::unexpected(invalid(std::move(room.error().message)));
  }
  Matter matter;
  matter.verb = exchange::Verb::kDeclare;
  matter.resource_type = "Purpose";
  matter.resource_id = std::string(purpose);
  matter.arguments = *reason;
  const auto& terms = passage.in_force->agreement->terms().break_glass;
  oversight::put_emergency(matter.record, *reason, terms.value_or(agreement::BreakGlass{}));
  Patience patience = corridor_.patience_of(call);
  const auto pending = house_.oversight.begin();
  Step<agreement::Decision> decided = co_await Decisive(corridor_, passage).decide(matter, patience);
  if (!decided) co_return std::unexpected(std::move(decided.error()));
  exchange::Facts facts = matter.record;
  facts.set("principal.id", passage.principal.id);
  facts.set("resource.id", matter.resource_id);
  const auto emergency = oversight::emergency_of(passage.receipt.index, passage.time, facts);
  house_.oversight.apply(passage.receipt.index, oversight::Declared{*emergency});
  house_.put_oversight_in_force();
  std::string out;
  json::Writer writer(out);
  put(writer, *emergency, passage.time);
  co_return out;
}

http::Task<OversightRoutes::Answer> OversightRoutes::review_emergency(Passage& passage, std::string path, json::Element body) {
  const size_t end = path.rfind('/');
  const size_t start = path.rfind('/', end - 1) + 1;
  const auto leaf = parse_u64(std::string_view(path).substr(start, end - start));
  const Emergency* const emergency = leaf ? passage.in_force->emergencies->find(*leaf) : nullptr;
  if (emergency == nullptr) {
    co_return std::unexpected(Turned{ErrorKind::kNotFound, "no emergency of that leaf waits for a review", "not_found"});
  }
  const auto& terms = passage.in_force->agreement->terms().break_glass;
  const std::vector<std::string>& roles = passage.principal.roles;
  const bool may = terms && holds_any(roles, terms->reviewers) && !holds_any(roles, terms->approvers) &&
                   passage.principal.id != emergency->person;
  if (!may) {
    co_return std::unexpected(Turned{ErrorKind::kDenied,
                                     "an emergency is reviewed by a reviewer of the agreement who neither declares nor "
                                     "approves any",
                                     "not_verified"});
  }
  const Step<std::string> words = words_of(body, "words");
  if (!words) co_return std::unexpected(words.error());
  const auto pending = house_.oversight.begin();
  Step<> noted = co_await note(passage, oversight::kReviewVerb,
                               oversight::review_facts(*leaf, passage.principal.id, *words), {});
  if (!noted) co_return std::unexpected(std::move(noted.error()));
  house_.oversight.apply(passage.receipt.index, oversight::Reviewed{*leaf});
  house_.put_oversight_in_force();
  co_return fmt::format(R"({{"emergency":{},"leaf":{}}})", *leaf, passage.receipt.index);
}

}  // namespace proviso::gate
