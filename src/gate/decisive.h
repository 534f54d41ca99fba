#pragma once
// One decision from facts to durable leaf, and what comes of it where the agreement holds: the hold is written
// down, the client is kept waiting as long as it may, and once enough people have signed exactly this action
// it is decided again, with their approvals as facts, and consumed by the intent that allows it. Every way
// to decide before something is done goes through here: `ask`, `act`, `stop`, `admit`.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gate/corridor.h"
#include "gate/hold_wait.h"

namespace proviso::gate {

inline constexpr std::chrono::seconds kHoldAliveMax{10};  // a held stream is never silent for longer

using Payloads = std::vector<std::pair<std::string, std::string>>;

// What is to be decided.
struct Matter {
  exchange::Verb verb = exchange::Verb::kAct;
  std::string resource_type;
  std::string resource_id;
  Content content;
  std::string_view arguments;  // what is done, exactly: part of the action that people approve
  exchange::Facts record;      // for the leaf only; no policy reads it
  std::string_view opened;     // the fact of it that must be shown alone; empty: none
  Payloads payloads;
  // What the leaf says became of the exchange, by the decision.
  std::string_view if_allowed;
  std::string_view if_denied;
  std::string_view if_held;
  std::string_view if_redacted;
};

// What is asked instead where the agreement says to redact.
class Redaction {
 public:
  virtual ~Redaction() = default;
  // The matter without what `labels` found, as far as it can be taken out. What it refers to lives as long as this.
  // Turned as by Corridor::inspected().
  virtual http::Task<Step<Matter>> without(std::vector<std::string> labels) = 0;
};

// How long whoever asked can be kept waiting, and how.
class Patience {
 public:
  Patience(http::Time until, http::Cancel* gone) : until_(until), gone_(gone) {}
  virtual ~Patience() = default;
  [[nodiscard]] http::Time until() const { return until_; }
  [[nodiscard]] http::Cancel* gone() const { return gone_; }
  // Called at least every kHoldAliveMax while a hold waits. False: nobody waits any more.
  virtual http::Task<bool> keep_alive(const std::string& hold);

 private:
  http::Time until_;
  http::Cancel* gone_;
};

class Decisive {
 public:
  // All outlive it.
  Decisive(Corridor& corridor, Passage& passage) : corridor_(corridor), passage_(passage) {}

  // Under the moment that the passage has (Corridor::renew()), a newer one after waiting. Turned unless
  // it is allowed and its leaf is durable. What the matter refers to outlives the call. A decision to redact is
  // written, and what `redaction` makes of the matter is decided, once; without one it denies.
  http::Task<Step<agreement::Decision>> decide(Matter matter, Patience& patience, Redaction* redaction = nullptr);
  // The parts of it, for whoever keeps a client waiting in ways of its own. begin() decides once and writes; a
  // decision that holds comes with the hold that waits; of any other the matter's payloads are spent. execute() decides again with the approvals that the
  // hold has now: the decision that allowed it, consumed by its leaf; nothing while there are too few. Turned
  // (and decided) once the hold has ended otherwise.
  struct Begun {
    agreement::Decision decision;
    std::string hold;
  };
  http::Task<Step<Begun>> begin(Matter& matter);
  http::Task<Step<std::optional<agreement::Decision>>> execute(const Matter& matter, const std::string& id);
  // Decides and writes; nothing waits, no hold is opened and nothing comes of it. For what is refused already.
  http::Task<Step<>> record(const Matter& matter);

 private:
  struct Judged {
    exchange::Facts facts;
    agreement::Decision decision;
  };
  [[nodiscard]] Judged judge(const Matter& matter, const oversight::Approvals* approvals) const;
  http::Task<Step<>> write(const Matter& matter, Judged judged, Payloads payloads);
  // The id of this action's open hold, or of a new one once it is durable.
  http::Task<Step<std::string>> hold(const Matter& matter, Judged judged);
  http::Task<Step<agreement::Decision>> wait(const Matter& matter, Begun held, Patience& patience);
  [[nodiscard]] oversight::HoldPlan plan(const Matter& matter, const agreement::Decision& decision) const;

  Corridor& corridor_;
  Passage& passage_;
};

// What could be decided only under the agreement that was in force a moment ago.
Turned changed_meanwhile();

// The refusal that a decision is, for the person who asked.
Turned refusal_of(const agreement::Decision& decision);

}  // namespace proviso::gate
