#pragma once
// The difference that custodians sign: what an amendment newly allows, as the solvers state it, what it turns in the
// ledger's own history, and which red lines it touches. One file, `signatures/difference.json`, one JSON object of
// the format below (docs/formats.md); prove/difference.h writes it, and this says only what it speaks of.
#include <string_view>

#include "agreement/agreement.h"

namespace proviso::agreement {

inline constexpr std::string_view kDifferenceFormat = "proviso/difference@v1";
inline constexpr std::string_view kDifferenceFact = "agreement.difference";  // its digest, in the leaf of the change
inline constexpr size_t kDifferenceBytesMax = 1u << 20;  // a request for each way in which it got looser

struct DifferencePapers {
  Digest from, to;  // the agreements that it compares
  Digest digest;    // SHA-256 of the file
};
// Of what stands in the folder of `next`. kNotFound without such a file; kLimit, kInvalid.
Result<DifferencePapers> difference_of(const Agreement& next);

}  // namespace proviso::agreement
