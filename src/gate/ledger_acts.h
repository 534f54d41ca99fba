#pragma once
// Acts upon the ledger itself, in one form for the admin socket and for a command that holds the state:
// JSON in, JSON out. Each is a leaf before its result leaves.
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "gate/engine.h"
#include "vault/survey.h"

namespace proviso::gate {

inline constexpr size_t kActWordsBytesMax = 512;  // "to whom", "on whose authority"
inline constexpr int64_t kErasureMarginS = 3600;  // seconds after a period's end: nothing is sealed for it any more
inline constexpr size_t kActListMax = 256;        // paths of one disclosure, approvers of one erasure

// {"leaf","to","opened":[…],"absent":[…],"digest"} -> {"index"}: facts of a leaf were opened for somebody.
Result<std::string> note_disclosure(Engine& engine, const Digest& agreement, json::Element body);
// {"from","to","about","digest"} -> {"index"}: a report on how models were used was made.
Result<std::string> note_report(Engine& engine, const Digest& agreement, json::Element body);
// An erasure, whoever asks for it.
struct Erasure {
  std::string segment;
  std::string authority;
  std::vector<std::string> approvers;
  int64_t months = -1;  // the agreement's period, where that is the authority; -1: it is not
};
struct Erased {
  uint64_t index = 0;  // of the tombstone
  vault::SegmentSurvey before;
  vault::SegmentSurvey after;
};
// The tombstone, then the segment's wrapping key is destroyed. kConflict if there is no key any more.
Result<Erased> erase(Engine& engine, const Digest& agreement, const Erasure& erasure);
// What the agreement's [[retention]] lets go at `now`, oldest first; nothing for a class without a period.
std::vector<Erasure> erasures_due(const std::string& vault_dir, const agreement::Agreement& agreement,
                                  UtcSeconds now);

// {"segment","authority","approvers":[two or more],"even_this_month"?} -> {"index","segment","first","last","records",
// "bytes_before","bytes_after"}: the tombstone, then the segment's wrapping key is destroyed. The leaf
// comes first: after a crash between the two the command is given again, which is harmless.
Result<std::string> shred(Engine& engine, const Digest& agreement, json::Element body);

// Whichever of them `path` names ("/ledger/disclosed", "/ledger/reported", "/ledger/shred"); kNotFound
// otherwise.
Result<std::string> ledger_act(Engine& engine, const Digest& agreement, std::string_view path,
                               json::Element body);

}  // namespace proviso::gate
