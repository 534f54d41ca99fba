#pragma once
// What a leaf of ours says. In clear only what everyone may know; everything else is a fact under the
// fact root, each committed with a salt of its own, so that one fact can be opened alone and a fact's
// absence shown. Salts come from one 32-byte secret per leaf. Formats: docs/formats.md. Pure.
#include <cstdint>
#include <string>
#include <vector>

#include "agreement/decision.h"
#include "base/clock.h"
#include "base/digest.h"
#include "exchange/facts.h"

namespace proviso::audit {

// Kinds of leaf beside decisions: keys, agreements, workers, refusals in bulk.
// `verb` is a Verb's name, or one of "key", "agreement", "worker", "person", "unauthorized", "start".
struct Leaf {
  UtcSeconds time;
  std::string node;
  std::string verb;
  std::string decision;      // "allow", "deny", "hold"; "-" for what decides nothing
  Digest agreement;
  Digest vendor;             // digest of the vendor's id, zero where there is none
  Digest model;
  uint64_t fact_count = 0;
  Digest fact_root;
  Digest sealed;             // the vault record's ciphertext digest

  [[nodiscard]] std::string text() const;            // canonical JSON
  static Result<Leaf> parse(std::string_view text);  // strict: the same bytes come back from text()
};

inline constexpr size_t kLeafSecretBytes = 32;

// Root over the facts' commitments in path order; `secret` is 32 bytes.
Digest fact_root(const exchange::Facts& facts, std::string_view secret);
// One fact's commitment, from its salt (opened) or from the hash of salt and value (path only).
Digest fact_salt(std::string_view secret, uint64_t position);
Digest fact_commitment(std::string_view path, const Digest& value_hash);
Digest fact_value_hash(const Digest& salt, std::string_view canonical_value);

// What the vault holds for a leaf: secret, facts, payloads by name ("request", "answer").
struct Contents {
  std::string secret;
  exchange::Facts facts;
  std::vector<std::pair<std::string, std::string>> payloads;
  [[nodiscard]] std::string encode() const;
  static Result<Contents> decode(std::string_view bytes);
};

}  // namespace proviso::audit
