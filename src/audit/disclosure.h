#pragma once
// One leaf opened to somebody, field by field: the leaf, its proof, the facts that were chosen with their
// salts, the names alone of those that were not, and the agreement, in one file. Whoever gets it needs
// neither vault nor gate. That a fact is not there is shown by the two names between which it would
// stand; that rests on the leaf's facts standing in path order, which whoever made the leaf saw to and
// which shows only where all are named. Formats: docs/formats.md, "disclosure". Judging is pure.
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/agreement.h"
#include "audit/leaf.h"
#include "ledger/policy.h"
#include "vault/vault.h"

namespace proviso::audit {

inline constexpr size_t kDisclosureBytesMax = 24u << 20;  // an agreement's files and 256 facts

struct DisclosedFact {
  uint64_t position = 0;
  std::string path;
  Digest hash;                       // of salt and value
  std::optional<Digest> salt;        // with `value`: opened; without: named only
  std::string value;                 // canonical
  std::vector<Digest> proof;         // to the fact root
};

struct Disclosure {
  std::string leaf;   // its text
  std::string proof;  // a tlog-proof of it
  std::vector<DisclosedFact> facts;  // by position
  agreement::Files agreement;        // of the leaf's digest; empty: not given

  [[nodiscard]] std::string text() const;  // one line of canonical JSON
  // kInvalid unless text() gives the same bytes back; kLimit beyond kDisclosureBytesMax.
  static Result<Disclosure> parse(std::string_view text);
};

enum class Naming { kAll, kChosen };  // whether facts that stay closed are named

// Opens the facts at `paths` of a record. Every path must be there: kNotFound names one that is not.
// With kChosen the neighbours of what is absent can be named through `around`: paths that are not there.
Result<std::vector<DisclosedFact>> open_facts(const Contents& contents,
                                              const std::set<std::string>& paths,
                                              const std::set<std::string>& around, Naming naming);

enum class Replayed {
  kNoAgreement,     // every fact is open, but the agreement is not given
  kFactsWithheld,
  kNothingDecided,  // every fact is open; the leaf decides nothing
  kSame,            // derived again and the same, by what the replay of a whole log compares
};

// What a disclosure shows.
struct Shown {
  Leaf leaf;
  uint64_t index = 0;
  ledger::Witnessed witnessed;
  std::vector<std::string> withheld;  // names of facts that are closed
  uint64_t unnamed = 0;               // facts of which not even the name is given
  Replayed replay = Replayed::kNoAgreement;
  std::shared_ptr<const agreement::Agreement> agreement;  // signed by its parties; null: not given
};
// kUnverified if anything in it does not hold: the proof, a fact, the agreement's digest or signatures,
// the decision. kInvalid if it is malformed.
Result<Shown> judge(const Disclosure& disclosure, const ledger::Policy& policy,
                    std::span<const note::VerifierKey> logs);

// True if the disclosure shows that the leaf has no fact at `path`; false if it does not show that.
// Call after judge().
bool shows_absent(const Disclosure& disclosure, const Leaf& leaf, std::string_view path);

}  // namespace proviso::audit
