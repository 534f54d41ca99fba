#pragma once
// The part of a gate that keeps its word: signer, log, vault, committer, register. The serving gate has
// one, and a command that finds no gate running takes the same lock and opens its own. Whoever holds it
// is the one writer of the state folder.
#include <memory>
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "audit/commit.h"
#include "gate/layout.h"
#include "identity/identity.h"
#include "ledger/signer.h"
#include "oversight/oversight.h"
#include "state/store.h"

namespace proviso::gate {

inline constexpr size_t kHoldsPerPersonDefault = 16;  // that may wait at once: more is a flood, not a queue

struct EngineOptions {
  Layout layout;
  std::string node;
  std::string origin;
  std::string program;  // proviso itself: runs as the signer under its hidden subcommand
  const Clock* clock = nullptr;
  size_t holds_per_person = kHoldsPerPersonDefault;
};

class Engine {
 public:
  // Makes the folder, the log's keys and the register on first use. kConflict if another process holds
  // the state; kInvalid if a secret is readable by others.
  static Result<std::unique_ptr<Engine>> open(EngineOptions options);
  ~Engine();

  [[nodiscard]] audit::Committer& committer();
  // From now on committer() takes nothing, for good, and gives `why` as its failure. Thread-safe.
  void fail(const std::string& why);
  [[nodiscard]] const vault::Vault& vault() const { return *vault_; }
  [[nodiscard]] identity::Directory& people() { return *people_; }
  [[nodiscard]] ledger::Log& log() { return *log_; }
  [[nodiscard]] oversight::Oversight& oversight() { return *oversight_; }
  [[nodiscard]] const EngineOptions& options() const { return options_; }

  // A leaf that decides nothing: "start", "agreement", "worker", "key", "person", "unauthorized". Blocks
  // until it is durable. The agreement is the one in force, or zero before there is one. Kept as long as the
  // ledger, unless another class is named.
  Result<ledger::Receipt> note(std::string_view verb, exchange::Facts facts, const Digest& agreement,
                               std::string_view retention_class = agreement::kPermanentClass);
  // Writes the change's leaf, then applies it. What a crash leaves between the two, the next open() applies.
  Status change(const identity::Change& change, const Digest& agreement);
  // Once for a state of an older version, which kept the register's leaves with what exchanges said and
  // without the keys' digests: writes the register as it stands, in a class of its own.
  Status restate_register(const Digest& agreement);
  // Destroys a segment's wrapping key for ever; its tombstone is a leaf already (gate/ledger_acts.h).
  Status erase_segment(std::string_view segment) { return vault_->erase(segment); }
  // Keeps the bytes of an agreement for replay, then writes its leaf.
  Status adopt(const agreement::Agreement& agreement, const agreement::Files& files,
               std::string_view why);

 private:
  class Stoppable;
  explicit Engine(EngineOptions options);
  oversight::Source ledger_source();
  Status catch_up_register();
  EngineOptions options_;
  std::unique_ptr<ledger::SignerClient> signer_;
  std::unique_ptr<audit::Redo> redo_;
  std::unique_ptr<ledger::Log> log_;
  std::unique_ptr<vault::Vault> vault_;
  std::unique_ptr<Stoppable> committer_;
  std::unique_ptr<state::Store> store_;
  std::unique_ptr<identity::Directory> people_;
  std::unique_ptr<oversight::Oversight> oversight_;
};

// The log's keys, made on first use and never again: a log that lost its keys is another log. kConflict if
// they are of another origin.
Status ensure_keys(const Layout& layout, std::string_view origin);
// A leaf of a register that is written anew as a whole has this fact.
inline constexpr std::string_view kRestated = "change.restated";
// What a change says in its leaf.
exchange::Facts facts_of(const identity::Change& change);

}  // namespace proviso::gate
