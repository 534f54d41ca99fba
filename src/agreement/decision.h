#pragma once
// A decision: what Cedar answered, in the words of the agreement. A value; a denial is one of these
// and never an Error.
#include <string>
#include <vector>

namespace proviso::agreement {

// kRedact denies what was asked as it stands, and says that it may be asked again, once, without what
// `Decision::redacts` names. Only `ask` and `release` have it.
enum class Outcome { kAllow, kDeny, kHold, kRedact };
const char* outcome_name(Outcome outcome);  // "allow", "deny", "hold", "redact"

// A clause that decided, as annotations on its policies say it.
struct ClauseRef {
  std::string number;  // "4.1"; empty for the default deny
  std::string title;   // "Human judgement"
  std::string source;  // "clauses/4-human-judgement.md:11"
  std::string hold;    // the text of @hold, if the policy carries it
  friend bool operator==(const ClauseRef&, const ClauseRef&) = default;
};

// What an approver's security key must show for an approval to count (@security_key).
enum class Presence { kNone, kTouch, kPin };

struct Decision {
  Outcome outcome = Outcome::kDeny;
  std::vector<ClauseRef> clauses;       // the deciding policies' clauses, in document order, no repeats
  std::vector<std::string> errors;      // run-time errors, each of which denies: "clause 4.1: …"
  std::vector<std::string> redacts;     // kRedact: the labels that its @redact clauses name, sorted
  bool whole = false;                   // a satisfied permit carries @whole: judge all before any leaves
  std::vector<std::string> marks;       // values of @mark on satisfied permits
  std::vector<std::string> awaits;      // a hold: the roles whose approvals its clauses count, sorted
  Presence presence = Presence::kNone;  // a hold: the strictest that its clauses ask for
  // One sentence for the person who asked: clause number and title, and what would have to be
  // otherwise. For a default deny: which purposes or roles would have allowed it, as far as known.
  std::string reason;
};

}  // namespace proviso::agreement
