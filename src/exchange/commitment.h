#pragma once
// How a leaf commits to its facts, for those who make a leaf and for those who check one fact of it: every
// fact is a leaf of an RFC 6962 tree, hidden behind a salt of its own. docs/formats.md, "audit". Pure.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"

namespace proviso::exchange {

// One fact's commitment, from its salt (opened) or from the hash of salt and value (path only).
Digest fact_value_hash(const Digest& salt, std::string_view canonical_value);
// The RFC 6962 leaf hash under the fact root.
Digest fact_commitment(std::string_view path, const Digest& value_hash);

// What shows one fact of a leaf to somebody who knows its path and value.
struct FactOpening {
  uint64_t position = 0;
  Digest salt;
  std::vector<Digest> proof;  // from the commitment to the fact root
};
// kUnverified unless `path` has `canonical_value` under the root over `fact_count` facts; kInvalid if the
// opening's shape is impossible.
Status verify_fact(const FactOpening& opening, std::string_view path, std::string_view canonical_value,
                   uint64_t fact_count, const Digest& fact_root);

}  // namespace proviso::exchange
