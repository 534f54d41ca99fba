// The sentence that a person reads: which clause, and what would have to be otherwise.
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agreement/impl.h"
#include "cedar/policy_set.h"

namespace proviso::agreement {
namespace {

constexpr size_t kQuoteBytesMax = 240;  // a sentence, not a page; the clause itself says the rest

// Cedar text on one line, in backticks, cut at a character when long.
std::string quote(std::string_view text) {
  std::string out = "`";
  bool space = false;
  for (char c : text) {
    if (c == ' ' || c == '\n' || c == '\t') {
      space = out.size() > 1;
      continue;
    }
    if (space) out += ' ';
    space = false;
    out += c;
  }
  if (out.size() > kQuoteBytesMax) {
    size_t end = kQuoteBytesMax;
    while ((static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
    out.resize(end);
    out += "…";
  }
  return out + "`";
}

std::string quoted_list(const std::vector<cedar::Excerpt>& excerpts) {
  std::string out;
  for (const cedar::Excerpt& excerpt : excerpts) {
    if (!out.empty()) out += " and ";
    out += quote(excerpt.text);
  }
  return out;
}

std::string name_of(const ClauseRef& clause) {
  return fmt::format("clause {} ({})", clause.number, clause.title);
}

// The ids in `Purpose::"a", Purpose::"b"`.
std::string ids_of(std::string_view text, std::string_view type) {
  const std::string start = fmt::format("{}::\"", type);
  std::string out;
  for (size_t at = text.find(start); at != std::string_view::npos; at = text.find(start, at)) {
    at += start.size();
    const size_t end = std::min(text.find('"', at), text.size());
    if (!out.empty()) out += ", ";
    out += text.substr(at, end - at);
  }
  return out;
}

// What makes a satisfied forbid apply, as a clause of the sentence.
std::string because(const cedar::Policy& policy, const cedar::Explanation& explanation) {
  std::string out;
  for (const cedar::Condition& condition : policy.conditions) {
    if (condition.kind != cedar::Condition::Kind::kWhen) continue;
    out += out.empty() ? " while " : " and ";
    out += quote(policy.source->slice(condition.body->span));
  }
  const bool waits = !explanation.unmet.empty();
  if (out.empty() && !waits) {
    for (const cedar::Scope* scope : {&policy.resource, &policy.principal}) {
      if (scope->kind == cedar::Scope::Kind::kAny) continue;
      out += out.empty() ? " for " : " and ";
      out += quote(policy.source->slice(scope->span));
    }
  }
  if (waits) {
    out += " until " + quoted_list(explanation.unmet);
  }
  return out;
}

bool speaks_of(const cedar::Policy& policy, const cedar::EntityUid& action) {
  const auto& uids = policy.action.entities;
  return policy.action.kind == cedar::Scope::Kind::kAny ||
         std::find(uids.begin(), uids.end(), action) != uids.end();
}

bool mentions(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

// How near a permit that speaks of the verb came before it failed: another's role is the farthest, a
// condition beyond role and purpose the nearest.
int closeness(const cedar::Explanation& why) {
  switch (why.verdict) {
    case cedar::Explanation::Verdict::kCondition:
      if (mentions(why.failed.text, "moment.break_glass")) return 1;  // nobody is told to break the glass
      if (mentions(why.failed.text, "principal in ")) return 2;
      return mentions(why.failed.text, "moment.purpose") ? 4 : 5;
    case cedar::Explanation::Verdict::kResource: return 3;
    case cedar::Explanation::Verdict::kPrincipal: return 2;
    default: return 1;
  }
}

std::string unpermitted(const PolicyNotes& notes, const cedar::Explanation& why,
                        const std::string& purpose) {
  const std::string clause = name_of(notes.clause);
  const std::string& text = why.failed.text;
  const std::string roles = ids_of(text, "Role");
  if (!roles.empty() && !why.in_unless) {
    return fmt::format("no clause permits this; {} does only for the role{} {}", clause,
                       mentions(roles, ",") ? "s" : "", roles);
  }
  if (why.verdict == cedar::Explanation::Verdict::kPrincipal ||
      why.verdict == cedar::Explanation::Verdict::kResource) {
    return fmt::format("no clause permits this; {} does only for {}", clause, quote(text));
  }
  const std::string purposes = ids_of(text, "Purpose");
  if (!purposes.empty() && !why.in_unless && mentions(text, "moment.purpose")) {
    return fmt::format("no clause permits this for the purpose `{}`; {} does for {}", purpose, clause,
                       purposes);
  }
  return fmt::format("no clause permits this; {} would if {} were {}", clause, quote(text),
                     why.in_unless ? "not so" : "so");
}

std::string default_deny(const Agreement::Impl& impl, const cedar::Request& request,
                         const cedar::Entities& entities) {
  const std::vector<cedar::Explanation> all = impl.engine->explain(request, entities);
  const cedar::Explanation* best = nullptr;
  for (const cedar::Explanation& one : all) {
    const cedar::Policy& policy = impl.engine->policies()[one.policy];
    if (policy.effect != cedar::Effect::kPermit || !speaks_of(policy, request.action)) continue;
    if (!best || closeness(one) > closeness(*best)) best = &one;
  }
  if (!best) return fmt::format("no clause of this agreement permits `{}`", request.action.id);
  std::string purpose;
  if (const auto* moment = request.context.find("moment")) {
    const auto* record = moment->get_if<cedar::Record>();
    const auto* value = record ? record->find("purpose") : nullptr;
    if (const auto* uid = value ? value->get_if<cedar::EntityUid>() : nullptr) purpose = uid->id;
  }
  return unpermitted(impl.notes[best->policy], *best, purpose);
}

std::string forbidden(const Agreement::Impl& impl, const cedar::Request& request,
                      const cedar::Entities& entities, const cedar::Response& response,
                      const Decision& decision) {
  const auto& forbids = response.forbids;
  auto first = forbids.begin();
  if (decision.outcome == Outcome::kDeny) {
    // A hold could be lifted and a redaction made; what stands in the way is the first forbid that is neither.
    first = std::find_if(forbids.begin(), forbids.end(), [&](uint32_t policy) {
      return !impl.notes[policy].hold && impl.notes[policy].redacts.empty();
    });
    if (first == forbids.end() && response.permits.empty()) return default_deny(impl, request, entities);
    if (first == forbids.end()) first = forbids.begin();  // @redact where nothing can be redacted
  }
  const cedar::Policy& policy = impl.engine->policies()[*first];
  const ClauseRef& clause = impl.notes[*first].clause;
  std::string out = fmt::format("{} forbids this", name_of(clause));
  if (decision.outcome == Outcome::kHold) {
    out = fmt::format("{} holds this for approval by {}", name_of(clause), clause.hold);
  } else if (decision.outcome == Outcome::kRedact) {
    out = fmt::format("{} forbids this with {} in it", name_of(clause), fmt::join(decision.redacts, ", "));
  }
  out += because(policy, impl.engine->explain(*first, request, entities));
  std::string others;
  for (const ClauseRef& other : decision.clauses) {
    if (other.number == clause.number || others.find(" " + other.number + ",") != std::string::npos) {
      continue;
    }
    others += (others.empty() ? " " : ", ") + other.number;
  }
  if (!others.empty()) out += "; so does clause" + others;
  return out;
}

}  // namespace

std::string reason_of(const Agreement::Impl& impl, const cedar::Request& request,
                      const cedar::Entities& entities, const cedar::Response& response,
                      const Decision& decision) {
  if (!response.errors.empty()) {
    const ClauseRef& clause = impl.notes[response.errors.front().policy].clause;
    return fmt::format("{} could not be judged, so nothing passes: {}", name_of(clause),
                       response.errors.front().message);
  }
  if (decision.outcome == Outcome::kAllow) {
    return name_of(impl.notes[response.permits.front()].clause) + " permits this";
  }
  if (response.forbids.empty()) return default_deny(impl, request, entities);
  return forbidden(impl, request, entities, response, decision);
}

}  // namespace proviso::agreement
