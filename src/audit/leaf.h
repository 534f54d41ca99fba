#pragma once
// What a leaf of ours says. In clear only what everyone may know; everything else is a fact under
// the fact root, each committed with a salt of its own, so that one fact can be opened alone and a
// fact's absence shown. Salts come from one 32-byte secret per leaf. Formats: docs/formats.md.
// Pure.
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agreement/agreement.h"
#include "base/clock.h"
#include "base/digest.h"
#include "exchange/commitment.h"
#include "exchange/facts.h"

namespace proviso::audit {

inline constexpr size_t kLeafSecretBytes = 32;
inline constexpr size_t kLeafBytesMax = 2048;  // a leaf is small; payloads live in the vault
inline constexpr size_t kNodeBytesMax = 128;   // a node's name, in clear in every leaf
inline constexpr int64_t kLeafLagSMax =
    10;  // a leaf's time may stand this far behind an earlier leaf's
inline constexpr size_t kPayloadsMax = 64;  // named payloads of one leaf
inline constexpr size_t kPayloadNameBytesMax = 255;

// Kinds of leaf beside decisions: keys, agreements, workers, refusals in bulk.
// `verb` is a Verb's name, or one of "key", "agreement", "worker", "person", "unauthorized",
// "start", "report", "shred", "heartbeat", "rotate", "vote", "withdraw", "review", "emergency_review". A "release" may decide nothing: the outcome of an intent of which nothing
// came that could leave. So may a "disclose": it was made by whoever holds the vault's keys.
struct Leaf {
  UtcSeconds time;
  std::string node;
  std::string verb;
  std::string decision;  // "allow", "deny", "hold", "redact"; "-" for what decides nothing
  Digest agreement;
  Digest vendor;  // digest of the vendor's id, zero where there is none
  Digest model;
  uint64_t fact_count = 0;
  Digest fact_root;
  Digest sealed;  // the vault record's ciphertext digest

  [[nodiscard]] std::string text() const;  // canonical JSON
  // kInvalid unless text() gives the same bytes back; kUnsupported for another format version.
  static Result<Leaf> parse(std::string_view text);
  friend bool operator==(const Leaf&, const Leaf&) = default;
};

// Root over the facts' commitments in path order: RFC 6962, each commitment a leaf hash. `secret`
// is 32 bytes.
Digest fact_root(const exchange::Facts& facts, std::string_view secret);
Digest fact_salt(std::string_view secret, uint64_t position);
using exchange::fact_commitment;
using exchange::fact_value_hash;
// Every fact's commitment, in path order.
std::vector<Digest> fact_commitments(const exchange::Facts& facts, std::string_view secret);
// What shows the fact at `path` alone. kNotFound without such a fact. `commitments` are those of `facts`.
Result<exchange::FactOpening> open_fact(const exchange::Facts& facts, std::string_view secret,
                                        std::span<const Digest> commitments, std::string_view path);

// What `vendor` and `model` of a leaf hold: the vendor's id under a domain; the weights' digest, or
// the model's id under a domain where there are no weights.
Digest vendor_digest(std::string_view vendor_id);
Digest model_digest(const agreement::Model& model);

// What the vault holds for a leaf: secret, facts, payloads by name ("request", "answer").
struct Contents {
  std::string secret;
  exchange::Facts facts;
  std::vector<std::pair<std::string, std::string>> payloads;
  [[nodiscard]] std::string encode() const;
  // kInvalid unless encode() gives the same bytes back; kUnsupported for another format version.
  static Result<Contents> decode(std::string_view bytes);
};

}  // namespace proviso::audit
