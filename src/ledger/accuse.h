#pragma once
// Evidence against a log: documents that it signed and that cannot all be true. Built from receipts,
// checkpoints and what the log publishes; judged by anybody from one file, under keys that they bring (docs/formats.md,
// "evidence"). Judging is pure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/note.h"
#include "ledger/log.h"

namespace proviso::ledger {

inline constexpr size_t kEvidenceBytesMax = 4u << 20;  // two notes, a policy and a proof
inline constexpr int64_t kPublicationDelayS = 60;      // after which a promised entry must be published

enum class Charge {
  kTwoLeaves,  // two receipts promise different entries at one place
  kBackDated,  // of two receipts the later entry says the earlier time
  kTwoRoots,   // two checkpoints of one size with different roots
  kRewritten,  // a later checkpoint does not continue an earlier one
  kReplaced,   // another entry stands where a receipt promised one
  kMissing,    // witnesses had not been shown the entry when the time for publication was over
};
const char* charge_name(Charge charge);  // "two-leaves", …

struct Evidence {
  Charge charge = Charge::kTwoRoots;
  std::string log_key;      // verifier key text
  std::string receipt_key;  // verifier key text; empty where no receipt is involved
  std::vector<std::string> receipts;
  std::vector<std::string> checkpoints;
  std::string proof;              // kReplaced: a tlog-proof of the entry that stands there
  std::optional<Digest> leaf;     // kReplaced: its leaf hash
  std::optional<Digest> root;     // kRewritten: of the later checkpoint's first entries
  std::vector<Digest> path;       // kRewritten: consistency of that root with the later checkpoint
  std::string policy;             // kMissing: whose cosignatures give the time
  int64_t delay_s = 0;            // kMissing

  [[nodiscard]] std::string text() const;  // one line of canonical JSON
  // kInvalid unless text() gives the same bytes back.
  static Result<Evidence> parse(std::string_view text);
};

// What the evidence proves under the keys, policy and delay that it names itself, as a sentence that names
// the log and what it signed. kUnverified if a signature does not hold or the documents can all be true.
Result<std::string> judge(const Evidence& evidence);

// What a judge brings. Keys, policy and delay in the file are its maker's word: anybody can make a key and
// give it the log's name.
struct Brought {
  std::string log_key;      // verifier key texts; empty: none is brought
  std::string receipt_key;
  std::string policy;
  std::optional<int64_t> delay_s;
};
enum class Finding {
  kProven,       // these documents cannot all be true
  kNotShown,     // kMissing: the witnesses had not been shown the entry. No lie where the log could not
                 // reach them: anybody may have had an old checkpoint cosigned again
  kOnItsOwnWord  // as above, but only under what the file says and the judge did not bring
};
struct Judgement {
  Finding finding = Finding::kProven;
  std::string sentence;
  std::vector<std::string> unbrought;  // "log key", "receipt key", "policy", "delay"
};
// Under what the judge brings; policy and delay take the place of those in the file. kUnverified also if
// a key in the file is another than the one brought.
Result<Judgement> judge(Evidence evidence, const Brought& brought);

struct Documents {
  std::string log_key;
  std::string receipt_key;               // needed with receipts
  std::vector<std::string> receipts;     // texts, at most 2
  std::vector<std::string> checkpoints;  // signed notes, at most 2
  const LogReader* published = nullptr;  // the log, or a mirror of it, as it can be read today
  std::string policy;                    // text; empty: no witness's time counts
  int64_t delay_s = kPublicationDelayS;
};
// The first charge that these documents prove; nothing if they can all be true. kUnverified if a document
// is not the log's own, so that nobody is accused on forged papers.
Result<std::optional<Evidence>> accuse(const Documents& documents);

}  // namespace proviso::ledger
