#include "exchange/commitment.h"

#include <array>

#include "base/merkle.h"

namespace proviso::exchange {
namespace {

constexpr std::string_view kValueDomain{"proviso/value/v1", 16};

}  // namespace

Digest fact_value_hash(const Digest& salt, std::string_view canonical_value) {
  return sha256({kValueDomain, salt.view(), canonical_value});
}

Digest fact_commitment(std::string_view path, const Digest& value_hash) {
  std::array<char, 2> length{static_cast<char>(path.size() >> 8), static_cast<char>(path.size())};
  // merkle::leaf_hash(length || path || value_hash), without putting the entry together first.
  return sha256(
      {std::string_view("\0", 1), std::string_view(length.data(), 2), path, value_hash.view()});
}

Status verify_fact(const FactOpening& opening, std::string_view path, std::string_view canonical_value,
                   uint64_t fact_count, const Digest& fact_root) {
  const Digest commitment = fact_commitment(path, fact_value_hash(opening.salt, canonical_value));
  return merkle::verify_inclusion(opening.position, fact_count, commitment, opening.proof, fact_root);
}

}  // namespace proviso::exchange
