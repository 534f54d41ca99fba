#pragma once
// What `proviso-verify` finds out, apart from how it is asked and how it answers.
#include <string>
#include <vector>

#include "audit/replay.h"
#include "base/result.h"
#include "ledger/rotation.h"

namespace proviso::audit {

struct VerifyPlaces {
  std::string log;         // folder
  std::string vault;       // folder; empty: nothing can be opened
  std::string agreements;  // folder of folders by digest
  std::string log_key;     // verifier key text
  std::string rotations = "";  // changes of the log's keys, a folder or a file; empty: none
  std::string redo = "";       // folder of the redo log; empty: there is none
};

struct Finding {
  std::string what;   // "log", "vault", "redo", or "leaf 12"
  std::string where;  // a file, or the part of the leaf
  std::string why;
};

struct Verdict {
  std::string origin;
  uint64_t checkpoint_size = 0;  // 0 if nothing was published
  ReplayReport replay;
  std::vector<Finding> findings;
  uint64_t finding_count = 0;  // with those that were not kept
  // True if leaves are there and not one could be opened: then log and proofs were judged, no decision.
  [[nodiscard]] bool nothing_opened() const;
  // 0 all verified, 1 something does not verify, 3 what could be opened verifies, but facts are withheld.
  [[nodiscard]] int exit_code() const;
};

// Every byte of the log, every record, every decision. An error is one that leaves nothing to
// judge, such as a folder that holds no log.
Result<Verdict> verify_state(const VerifyPlaces& places);

// The keys that `key`, a verifier key's text, leads to by the notes at `rotations`.
Result<ledger::KeyChain> chain_of(std::string_view key, const std::string& rotations);

// A receipt alone under the keys that the receipt key leads to; with `log` also that the log holds the very entry
// at the very place. kUnverified says what was omitted or changed.
Status verify_receipt(const ledger::Receipt& receipt, const ledger::KeyChain& keys,
                      const ledger::LogReader* log);

}  // namespace proviso::audit
