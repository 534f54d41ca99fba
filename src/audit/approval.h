#pragma once
// What people approve and how they say so: the exact action, its rendering, and the statement that an
// approver signs with `ssh-keygen -Y sign -n proviso-approval-v1`. The gate and the verifier read the same
// forms, so that an approval can be judged again from the ledger alone. Formats: docs/formats.md. Pure.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/sshsig.h"
#include "exchange/facts.h"

namespace proviso::audit {

inline constexpr std::string_view kApprovalNamespace = "proviso-approval-v1";
inline constexpr size_t kActionBytesMax = 256 * 1024;    // an action is read by people before they sign
inline constexpr size_t kStatementBytesMax = 8 * 1024;   // thirteen short members and a reason
inline constexpr size_t kReasonBytesMax = 2000;          // a paragraph, not a page
inline constexpr size_t kReasonBytesMin = 8;             // a typed reason is more than "ok"

// One action, exactly: who wants what with which arguments, for which purpose, under which agreement. Two
// actions with one digest are the same action.
struct Action {
  exchange::Verb verb = exchange::Verb::kAct;
  std::string resource_type;
  std::string resource_id;
  std::string requester;
  std::string purpose;
  std::string arguments;  // canonical JSON where it is JSON (canonical_arguments()), else as it came
  Digest agreement;

  [[nodiscard]] std::string text() const;  // canonical JSON
  [[nodiscard]] Digest digest() const;     // SHA-256 of text()
  // kInvalid unless text() gives the same bytes back; kLimit beyond kActionBytesMax.
  static Result<Action> parse(std::string_view text);
  friend bool operator==(const Action&, const Action&) = default;
};
// RFC 8785 where that can be; otherwise, for no JSON or a number that is no integer, `text` itself.
std::string canonical_arguments(std::string_view text);
// What asking a model is, exactly: the request as it came and, unless both are empty, what its headers add.
std::string request_arguments(std::string_view request, std::string_view anthropic_version,
                              std::string_view anthropic_beta);

// A hold as people sign it: an action that waits, and until when.
struct HoldTerms {
  std::string origin;  // of the log
  std::string id;      // "h_" and 32 hex digits
  Digest action;
  Digest rendering;
  Digest agreement;
  UtcSeconds expires;
};

// What an approver reads. Control, invisible and direction-changing characters are written as \u{…}: what
// is seen is what is there.
struct RenderingWords {
  std::string agreement;             // title and revision
  std::vector<std::string> roles;    // of the requester
  std::string resource;              // what the registry says of it: "tool of class spend"
  std::vector<std::string> clauses;  // "4.3 Training (a legal and a security officer)"
};
std::string rendering_of(const Action& action, const RenderingWords& words);
// True if `rendering` is one of this action, whatever the words: who asks, purpose, verb, resource, agreement and
// arguments stand in it where an approver reads them, and nothing else looks like them.
bool renders(std::string_view rendering, const Action& action);

// One vote on a hold. Any changed byte is another statement.
struct Approval {
  HoldTerms terms;
  bool approves = false;  // "approve"; else "deny"
  std::string role;       // in which the approver speaks: a person counts once, in one role
  std::string reason;
  std::string nonce;      // given out with the rendering, used once
  UtcSeconds shown_at;    // when the gate showed it, as the gate said
  UtcSeconds decided_at;

  [[nodiscard]] std::string text() const;  // canonical JSON; what is signed
  // kInvalid unless text() gives the same bytes back; kLimit; kUnsupported for another format.
  static Result<Approval> parse(std::string_view text);
};

// kUnverified, naming the member, unless the vote is on exactly this hold; kInvalid for a reason that is
// none or times that cannot be: decided before it was shown, or when the hold had ended.
Status check_approval(const Approval& approval, const HoldTerms& hold);
// The signature over the statement: kUnverified, kInvalid.
Result<sshsig::Presence> verify_approval(const sshsig::PersonKey& key, std::string_view statement,
                                         std::string_view signature);

}  // namespace proviso::audit
