#include "audit/approval.h"

#include <fmt/format.h>

#include "audit/json_members.h"
#include "base/json.h"
#include "base/visible.h"

namespace proviso::audit {
namespace {

constexpr std::string_view kActionFormat = "proviso-action/1";
constexpr std::string_view kStatementFormat = "proviso-approval/1";

// As a reader sees it, with what stands on further lines set below the first.
std::string shown(std::string_view text, std::string_view indent) {
  std::string out;
  for (const char c : visible(text)) {
    out += c;
    if (c == '\n') out += indent;
  }
  return out;
}

// JSON one member a line: values stay as they are written.
void put_pretty(std::string& out, json::Element value, const std::string& indent) {
  json::Object object;
  json::Array array;
  const std::string inner = indent + "  ";
  if (value.get(object) == simdjson::SUCCESS && object.size() > 0) {
    out += "{";
    const char* separator = "\n";
    for (const auto& [key, member] : object) {
      out += fmt::format("{}{}{}: ", separator, inner, json::quoted(key));
      put_pretty(out, member, inner);
      separator = ",\n";
    }
    out += fmt::format("\n{}}}", indent);
  } else if (value.get(array) == simdjson::SUCCESS && array.size() > 0) {
    out += "[";
    const char* separator = "\n";
    for (const json::Element item : array) {
      out += separator + inner;
      put_pretty(out, item, inner);
      separator = ",\n";
    }
    out += fmt::format("\n{}]", indent);
  } else {
    out += json::to_text(value);
  }
}

std::string pretty(std::string_view arguments) {
  json::Parser parser;
  const auto parsed = parser.parse(arguments);
  if (!parsed) return std::string(arguments);
  std::string out;
  put_pretty(out, *parsed, "  ");
  return out;
}

constexpr std::string_view kBelow = "            ";  // under what a line says
constexpr std::string_view kHeldBy = "held by";
constexpr std::string_view kAgreement = "agreement";

std::string line(std::string_view name, std::string_view text) {
  return fmt::format("{:<11} {}\n", name, shown(text, kBelow));
}

std::string what_is_wanted(const Action& action) {
  return fmt::format("{} `{}`", exchange::verb_name(action.verb), action.resource_id);
}

std::string last_lines(const Action& action) {
  return line("", action.agreement.hex()) + "arguments\n  " + shown(pretty(action.arguments), "  ") + "\n";
}

Result<json::Object> object_of(json::Parser& parser, std::string_view text, std::string_view format) {
  PV_TRY(const json::Element element, parser.parse(text));
  json::Object object;
  if (element.get(object) != simdjson::SUCCESS) return fail(Code::kInvalid, "not a JSON object");
  PV_TRY(const auto named, text_member(object, "format"));
  if (named != format) return fail(Code::kUnsupported, fmt::format("not of format {}", format));
  return object;
}

Result<UtcSeconds> time_member(json::Object object, std::string_view name) {
  PV_TRY(const int64_t value, count_member(object, name));
  return UtcSeconds{value};
}

}  // namespace

std::string Action::text() const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("agreement").string(agreement.hex());
  writer.key("arguments").string(arguments);
  writer.key("format").string(kActionFormat);
  writer.key("purpose").string(purpose);
  writer.key("requester").string(requester);
  writer.key("resource").begin_object();
  writer.key("id").string(resource_id);
  writer.key("type").string(resource_type);
  writer.end_object();
  writer.key("verb").string(exchange::verb_name(verb));
  writer.end_object();
  return out;
}

Digest Action::digest() const { return sha256(text()); }

Result<Action> Action::parse(std::string_view text) {
  if (text.size() > kActionBytesMax) {
    return fail(Code::kLimit, fmt::format("an action is at most {} bytes", kActionBytesMax));
  }
  json::Parser parser;
  PV_TRY(const json::Object object, object_of(parser, text, kActionFormat));
  Action action;
  PV_TRY(action.agreement, digest_member(object, "agreement"));
  PV_TRY(action.arguments, text_member(object, "arguments"));
  PV_TRY(action.purpose, text_member(object, "purpose"));
  PV_TRY(action.requester, text_member(object, "requester"));
  PV_TRY(const std::string verb, text_member(object, "verb"));
  const auto known = exchange::parse_verb(verb);
  json::Object resource;
  if (!known || object.at_key("resource").get(resource) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "an action has a verb and a resource");
  }
  action.verb = *known;
  PV_TRY(action.resource_id, text_member(resource, "id"));
  PV_TRY(action.resource_type, text_member(resource, "type"));
  if (action.text() != text) return fail(Code::kInvalid, "an action is canonical JSON without other members");
  return action;
}

std::string canonical_arguments(std::string_view text) {
  json::Parser parser;
  const auto parsed = parser.parse(text);
  if (!parsed) return std::string(text);
  Result<std::string> canonical = json::canonical(*parsed);
  return canonical ? std::move(*canonical) : std::string(text);
}

std::string request_arguments(std::string_view request, std::string_view anthropic_version,
                              std::string_view anthropic_beta) {
  if (anthropic_version.empty() && anthropic_beta.empty()) return std::string(request);
  std::string out;
  json::Writer(out)
      .begin_object()
      .key("anthropic_beta")
      .string(anthropic_beta)
      .key("anthropic_version")
      .string(anthropic_version)
      .key("request")
      .raw(request)
      .end_object();
  return out;
}

std::string rendering_of(const Action& action, const RenderingWords& words) {
  std::string out = line("who asks", fmt::format("{} ({})", action.requester, fmt::join(words.roles, ", ")));
  out += line("purpose", action.purpose);
  out += line("wants to", fmt::format("{}, {}", what_is_wanted(action), words.resource));
  for (const std::string& clause : words.clauses) out += line(kHeldBy, clause);
  out += line(kAgreement, words.agreement);
  out += last_lines(action);
  return out;
}

bool renders(std::string_view rendering, const Action& action) {
  const auto take = [&](std::string_view start) {
    const bool there = rendering.starts_with(start);
    if (there) rendering.remove_prefix(start.size());
    return there;
  };
  const auto take_rest_of_line = [&] {
    const size_t end = rendering.find('\n');
    if (end != std::string_view::npos) rendering.remove_prefix(end + 1);
    return end != std::string_view::npos;
  };
  const auto begun = [](std::string text) { return text.substr(0, text.size() - 1); };
  if (!take(begun(line("who asks", action.requester + " ("))) || !take_rest_of_line()) return false;
  if (!take(line("purpose", action.purpose))) return false;
  if (!take(begun(line("wants to", what_is_wanted(action) + ","))) || !take_rest_of_line()) return false;
  const std::string last = last_lines(action);
  if (!rendering.ends_with(last)) return false;
  rendering.remove_suffix(last.size());
  while (!rendering.empty()) {
    const bool known = rendering.starts_with(begun(line(kHeldBy, ""))) || rendering.starts_with(begun(line(kAgreement, ""))) ||
                       rendering.starts_with(kBelow);
    if (!known || !take_rest_of_line()) return false;
  }
  return true;
}

std::string Approval::text() const {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  writer.key("action").string(terms.action.hex());
  writer.key("agreement").string(terms.agreement.hex());
  writer.key("decided_at").integer(decided_at.value);
  writer.key("decision").string(approves ? "approve" : "deny");
  writer.key("expires").integer(terms.expires.value);
  writer.key("format").string(kStatementFormat);
  writer.key("hold").string(terms.id);
  writer.key("nonce").string(nonce);
  writer.key("origin").string(terms.origin);
  writer.key("reason").string(reason);
  writer.key("rendering").string(terms.rendering.hex());
  writer.key("role").string(role);
  writer.key("shown_at").integer(shown_at.value);
  writer.end_object();
  return out;
}

Result<Approval> Approval::parse(std::string_view text) {
  if (text.size() > kStatementBytesMax) {
    return fail(Code::kLimit, fmt::format("an approval is at most {} bytes", kStatementBytesMax));
  }
  json::Parser parser;
  PV_TRY(const json::Object object, object_of(parser, text, kStatementFormat));
  Approval approval;
  PV_TRY(approval.terms.action, digest_member(object, "action"));
  PV_TRY(approval.terms.agreement, digest_member(object, "agreement"));
  PV_TRY(approval.decided_at, time_member(object, "decided_at"));
  PV_TRY(const std::string decision, text_member(object, "decision"));
  PV_TRY(approval.terms.expires, time_member(object, "expires"));
  PV_TRY(approval.terms.id, text_member(object, "hold"));
  PV_TRY(approval.nonce, text_member(object, "nonce"));
  PV_TRY(approval.terms.origin, text_member(object, "origin"));
  PV_TRY(approval.reason, text_member(object, "reason"));
  PV_TRY(approval.terms.rendering, digest_member(object, "rendering"));
  PV_TRY(approval.role, text_member(object, "role"));
  PV_TRY(approval.shown_at, time_member(object, "shown_at"));
  if (decision != "approve" && decision != "deny") {
    return fail(Code::kInvalid, "`decision` is \"approve\" or \"deny\"");
  }
  approval.approves = decision == "approve";
  if (approval.text() != text) {
    return fail(Code::kInvalid, "an approval is canonical JSON without other members");
  }
  return approval;
}

Status check_approval(const Approval& approval, const HoldTerms& hold) {
  const auto other = [](std::string_view member) {
    return fail(Code::kUnverified, fmt::format("the approval is of another {}", member));
  };
  const HoldTerms& terms = approval.terms;
  if (terms.origin != hold.origin) return other("log (`origin`)");
  if (terms.id != hold.id) return other("hold (`hold`)");
  if (terms.action != hold.action) return other("action (`action`)");
  if (terms.rendering != hold.rendering) return other("rendering (`rendering`)");
  if (terms.agreement != hold.agreement) return other("agreement (`agreement`)");
  if (terms.expires != hold.expires) return other("expiry (`expires`)");
  if (approval.reason.size() < kReasonBytesMin || approval.reason.size() > kReasonBytesMax) {
    return fail(Code::kInvalid, fmt::format("`reason` is {} to {} bytes in the approver's own words",
                                            kReasonBytesMin, kReasonBytesMax));
  }
  if (approval.decided_at < approval.shown_at) {
    return fail(Code::kInvalid, "`decided_at` stands before `shown_at`: nobody decides what they have not seen");
  }
  if (approval.decided_at >= hold.expires) {
    return fail(Code::kInvalid, "`decided_at` stands after the hold has ended");
  }
  return {};
}

Result<sshsig::Presence> verify_approval(const sshsig::PersonKey& key, std::string_view statement,
                                         std::string_view signature) {
  return sshsig::verify(key, kApprovalNamespace, statement, signature);
}

}  // namespace proviso::audit
