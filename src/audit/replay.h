#pragma once
// Replay: every decision derived again from log, vault and agreements, by code that shares nothing
// with the gate but the rooms below. What cannot be opened is counted apart and never called right.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agreement/agreement.h"
#include "audit/leaf.h"
#include "base/result.h"
#include "ledger/log.h"
#include "vault/vault.h"

namespace proviso::audit {

inline constexpr size_t kReplayFaultsMax = 1000;  // kept for showing; all are counted

// Every agreement ever in force, in folders named by digest. Loads each once. Not thread-safe.
class AgreementShelf {
 public:
  explicit AgreementShelf(std::string dir) : dir_(std::move(dir)) {}
  // kNotFound if there is none of that digest; kUnverified if the folder's bytes give another
  // digest or its parties' signatures do not hold, with the file named where it is known.
  Result<std::shared_ptr<const agreement::Agreement>> get(const Digest& digest);

 private:
  Result<std::shared_ptr<const agreement::Agreement>> load(const Digest& digest) const;
  std::string dir_;
  std::map<Digest, Result<std::shared_ptr<const agreement::Agreement>>> loaded_;
};

struct ReplayFault {
  uint64_t index = 0;  // of the leaf
  std::string
      part;  // "leaf", "vault", "facts", "agreement", "decision", "clauses", "time", "pairing",
            // "redaction", "oversight"
  std::string message;  // what disagrees with what
};

// What could not be opened of one segment.
struct Closed {
  uint64_t leaves = 0;
  uint64_t first = 0;
  uint64_t last = 0;
};

// A `shred` leaf: an erasure that somebody answers for.
struct Tombstone {
  uint64_t index = 0;  // of the leaf
  std::string segment;
  uint64_t first = 0;  // the leaves that it names
  uint64_t last = 0;
  uint64_t records = 0;
  std::string authority;
  std::vector<std::string> claimed_approvers;  // as whoever gave the command named them
  bool by_agreement = false;  // the agreement's own period ran out: checked against it
};

struct ReplayReport {
  uint64_t leaves = 0;
  uint64_t decisions = 0;     // derived again and found the same
  uint64_t others = 0;        // leaves that decide nothing, opened and found right
  uint64_t withheld = 0;      // not replayable: facts withheld or shredded
  int64_t silence_s = 0;      // the longest time without a leaf while a gate ran, to its next `start`
  uint64_t open_intents = 0;  // an `ask` that was allowed and has no outcome
  std::map<std::string, Closed> closed;  // by segment
  std::vector<Tombstone> tombstones;
  uint64_t fault_count = 0;
  std::vector<ReplayFault> faults;  // the first kReplayFaultsMax
};

// Reads the whole log once, in order. `vault` may be null: then every leaf is withheld. An error is
// one of the log itself; whatever is wrong with a leaf is a fault.
Result<ReplayReport> replay(const ledger::LogReader& log, const vault::Vault* vault,
                            AgreementShelf& agreements);

}  // namespace proviso::audit
