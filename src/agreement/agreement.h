#pragma once
// The agreement: a folder that people read and the gate runs. Loaded strictly (an unknown key is an
// error with file and line), immutable afterwards, shared between threads as a snapshot. It decides
// on facts alone. It never reads files itself: callers hand it the folder's bytes (base/file.h).
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agreement/absence.h"
#include "agreement/decision.h"
#include "agreement/knowledge.h"
#include "arguments/definition.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/ed25519.h"
#include "base/result.h"
#include "exchange/facts.h"

namespace proviso::cedar {
class Engine;
class Schema;
}  // namespace proviso::cedar

namespace proviso::agreement {

// Path relative to the agreement's folder -> bytes.
using Files = std::map<std::string, std::string>;

struct Authority {
  std::string ref;     // "41 U.S.C. 4713 order"
  std::string status;  // "in force"
  std::string as_of;   // "2026-03-05"
};
struct Party {
  std::string name;
  std::string role;  // "operator", "vendor" or "overseer"; custodians of red lines are such roles
  std::string key;   // "ssh-ed25519 AAAA… comment"
};
struct Vendor {
  std::string id;
  std::string jurisdiction;
  std::vector<Authority> authority;
};
struct Model {
  std::string id;
  std::string vendor;
  std::string weights_sha256;  // hex; empty for a remote one
  std::string endpoint;        // "https://…", "unix:/path", or empty for the local worker
  bool local = false;
  int64_t max_marking = 0;
  std::string retires;  // date, or empty
};
struct Tool {
  std::string id;
  std::string tool_class;
  std::string server;
  std::string definition;
};

// For how long the contents of exchanges are kept, by retention class. An exchange is of the class that names
// its purpose, else of kDefaultClass.
struct Retention {
  std::string retention_class;        // lower-case letters, digits and inner dashes
  int64_t months = 0;                 // after the month in which they were made
  std::vector<std::string> purposes;  // of the class; none for kDefaultClass
};

// Who may break the glass: [break_glass]. What it opens stands in the rules.
struct BreakGlass {
  std::string clause;                  // that says so, "11.1"
  std::vector<std::string> approvers;  // roles: one person of each signs, besides whoever declares; two or more
  std::vector<std::string> reviewers;  // roles, none of them an approver's
  int64_t minutes = 0;                 // that an emergency stands
  int64_t review_hours = 0;            // after its end, until it is overdue
};

// Whether a decision outside `effective` to `expires` is a deny. A draft judges the past at any time.
enum class Period { kInForce, kAnyTime };

// What holds while too few outside witnesses have cosigned the ledger: [witnesses].
struct Witnessing {
  enum class Without { kServe, kRefuse };
  Without without_quorum = Without::kServe;  // serve and say so, or answer nothing
  int64_t grace_seconds = 0;                 // that the quorum may be missing before that
};

enum class DenialForm { kError, kMessage };

struct Terms {  // agreement.toml, as read
  std::string title;
  int64_t revision = 0;
  std::string effective;  // dates
  std::string expires;
  DenialForm denial_form = DenialForm::kError;
  std::vector<Party> parties;
  std::map<std::string, std::string> roles;     // id -> description
  std::map<std::string, std::string> purposes;  // id -> description
  // id -> description; kToolClasses are always there, [tool_classes] adds to them.
  std::map<std::string, std::string> tool_classes;
  std::vector<std::string> labels;              // the closed list
  std::string detectors;                        // hex digest of the detectors that it was made for; empty: any
  std::vector<Vendor> vendors;
  std::vector<Model> models;
  std::vector<Tool> tools;
  std::vector<std::string> passthrough;  // protocol fields admitted though not in the table
  std::vector<Retention> retention;
  std::vector<Kind> kinds;  // of its own, and built-in ones with more words
  std::optional<BreakGlass> break_glass;
  std::optional<Witnessing> witnesses;  // none: the gate's configuration alone decides
  [[nodiscard]] std::string_view retention_class(std::string_view purpose) const;
  // Of its own or built in; null if there is none.
  [[nodiscard]] const Kind* kind(std::string_view id) const;
};

struct Clause {
  std::string number;
  std::string title;
  std::string file;
  std::string text;  // the legal text, Markdown without fences
};

// A property of the whole rule set, as redlines.md states it. Syntax and types are checked at load;
// the proof is another room's.
struct RedLine {
  std::string id;         // "R1"
  std::string custodian;  // a party's role: whoever must sign a change to what the line depends on
  std::vector<exchange::Verb> verbs;
  std::string words;      // the line as the table says it
  std::string condition;  // Cedar expression that must be true of every allowed request; of `absent`, the line's own words
  std::optional<Absent> absent;  // what no allowed call of these tools can carry
  std::string source;     // "redlines.md:14"
};

struct ExampleOutcome {
  std::string source;  // "clauses/9-vendors.md:21"
  std::string line;    // the row as written
  Outcome expected = Outcome::kDeny;
  Decision got;
  [[nodiscard]] bool holds() const { return got.outcome == expected; }
};

// What somebody would do, as a row of an `examples` fence says it without its last column.
struct Asked {
  std::string who;   // of examples.json
  std::optional<exchange::Facts> person;  // principal.*, of somebody else: `who` is not looked up
  std::string does;  // "ask"
  std::string what;  // "model local"
  std::string when;  // "purpose=analysis labels=secret"; what is missing is as examples.json's defaults say
};

class Agreement {
 public:
  // Parses and checks everything but signatures: TOML, schema, clauses (Cedar, strictly valid against
  // the schema), examples' grammar, red lines' table. Errors carry `file:line`. All faults found are
  // listed in one message, one a line.
  static Result<std::shared_ptr<const Agreement>> load(const Files& files);

  [[nodiscard]] const Terms& terms() const;
  [[nodiscard]] const std::vector<Clause>& clauses() const;
  [[nodiscard]] const std::vector<RedLine>& red_lines() const;
  // What is allowed but deserves a look, each `file:line: sentence`: no permit at all, a clause without
  // examples, a clause that none of its examples is decided by.
  [[nodiscard]] const std::vector<std::string>& warnings() const;
  // SHA-256 of the manifest: one line "sha256-hex  path\n" per file outside signatures/, sorted.
  [[nodiscard]] const Digest& digest() const;
  [[nodiscard]] const std::string& manifest() const;  // exactly what parties sign

  // Each party's sshsig over the manifest (namespace kSignatureNamespace), file
  // signatures/<slug of the party's name>.sig. kUnverified names the party and the file.
  [[nodiscard]] Status check_signatures() const;
  // The bytes of signatures/difference.json, empty if there is none (custody.h).
  [[nodiscard]] const std::string& difference() const;
  // Whether some file of signatures/ is that key's signature over manifest and difference. False for what is no key.
  [[nodiscard]] bool signed_by_custodian(std::string_view key_line) const;
  // kUnverified before the first second of `effective` or after the last second of `expires`, in UTC.
  [[nodiscard]] Status check_period(UtcSeconds now) const;
  [[nodiscard]] std::vector<ExampleOutcome> run_examples() const;
  // The decision that would be taken. kInvalid says what of the question cannot be.
  [[nodiscard]] Result<Decision> ask(const Asked& asked) const;
  // Whom examples.json knows, each with their roles.
  [[nodiscard]] std::map<std::string, std::vector<std::string>> example_people() const;

  // The decision on facts alone; docs/agreement.md lists the fact paths. Whatever the rules say, nothing
  // that is stopped (kStoppedFact) is allowed, and no emergency is declared without [break_glass], its approvers
  // and the reviews of those before (kOverdueFact). An unknown purpose, label, model or tool class, a missing fact or a
  // value of the wrong type is a deny that says so; so is any run-time error in any policy. Thread-safe,
  // deterministic: the same facts under the same agreement always give the same decision.
  [[nodiscard]] Decision decide(exchange::Verb verb, const exchange::Facts& facts, Period period = Period::kInForce) const;

  // What is so, whatever the facts are that are not shown.
  [[nodiscard]] Knowledge knowledge(exchange::Verb verb, const Sight& sight) const;

  [[nodiscard]] const Model* model(std::string_view id) const;
  [[nodiscard]] const Tool* tool(std::string_view id) const;
  // Whether some clause redacts.
  [[nodiscard]] bool redacts() const;
  // Whether a line says that calls of this tool carry no kind of thing.
  [[nodiscard]] bool guarded(std::string_view tool) const;
  // The definition that the parties keep of a tool, held against its pin at load; null if they keep none.
  [[nodiscard]] const arguments::Paper* paper(std::string_view tool) const;
  // "client" for a tool that the registry does not know.
  [[nodiscard]] std::string tool_class(std::string_view id) const;

  // What proofs speak of: the schema with the core's types, the rules as the engine judges them, and the
  // clause of a rule by its index there.
  [[nodiscard]] const cedar::Schema& schema() const;
  [[nodiscard]] const cedar::Engine& rules() const;
  [[nodiscard]] const ClauseRef& clause_of(uint32_t rule) const;

  struct Impl;
  explicit Agreement(std::unique_ptr<Impl> impl);
  ~Agreement();

 private:
  std::unique_ptr<Impl> impl_;
};

// A fact of this path says what of the request is stopped: "vendor `acme`". It denies before any rule.
inline constexpr std::string_view kStoppedFact = "stop.in_force";
// A fact of this path names the emergency whose review is overdue. No further one is declared meanwhile.
inline constexpr std::string_view kOverdueFact = "emergency.overdue";

// Tool classes that every agreement knows; a tool outside the registry is of class kClientClass.
inline constexpr std::string_view kClientClass = "client";
inline constexpr std::array<std::string_view, 5> kToolClasses = {"client", "force", "read", "spend",
                                                                 "write"};

// Retention classes: of exchanges that no other class names; of what the register of people and keys rests on,
// and of what was done to the ledger itself, which no agreement lets go.
inline constexpr std::string_view kDefaultClass = "default";
inline constexpr std::string_view kRegisterClass = "register";
inline constexpr std::string_view kPermanentClass = "permanent";

inline constexpr std::string_view kSignatureNamespace = "proviso-agreement-v1";
// "Vendor of the local model" -> "vendor-of-the-local-model"
std::string slug(std::string_view party_name);
// The manifest of a folder's bytes, for signing before an agreement loads.
std::string manifest_of(const Files& files);
// "signatures/vendor-of-the-local-model.sig".
std::string signature_path(std::string_view party_name);

// The folder with the `key` of the named parties in agreement.toml replaced (by the line of a .pub
// file), every other byte kept; signatures are dropped, for they no longer hold. kNotFound if a party
// is not there.
Result<Files> with_party_keys(Files files, const std::map<std::string, std::string>& key_by_party);
// The folder with that party's signature added. kNotFound if agreement.toml has no such party,
// kUnverified if its key is not `key`'s public half.
Result<Files> sign_for_party(Files files, std::string_view party, const PrivateKey& key);
// "signatures/model-vendor.custodian.sig": where a party's signature lies that an amendment needs because the
// agreement in force names that key, whatever the amended one names (custody.h).
std::string custodian_signature_path(std::string_view party_name);
// Where the difference lies that custodians sign (difference.h).
inline constexpr std::string_view kDifferencePath = "signatures/difference.json";
// The folder with that signature added, over the manifest and one more line of its form for the difference, which is
// there. It is not checked here against anything: who is custodian, and under which key, only the agreement in force says.
Files sign_as_custodian(Files files, std::string_view party, const PrivateKey& key);

}  // namespace proviso::agreement
