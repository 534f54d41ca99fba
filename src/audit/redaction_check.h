#pragma once
// What an exchange says once something was redacted: all that was found before, but for the labels that clauses
// redact. A decision that says to redact is remembered until its exchange ends; one that allows afterwards must have
// every other label, and name among `exchange.redacted` only what may go. Part of the replay.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/agreement.h"
#include "audit/leaf.h"
#include "exchange/facts.h"

namespace proviso::audit {

class RedactionCheck {
 public:
  // The next leaf that decided, with the agreement that it names. `whole`: every leaf so far was open. Faults as sentences.
  std::vector<std::string> take(const Leaf& leaf, const exchange::Facts& facts, const agreement::Agreement& agreement,
                                bool whole);

 private:
  struct Redacted {
    std::vector<std::string> goes;    // labels that its clauses redact, sorted
    std::vector<std::string> labels;  // that were found, sorted
    int64_t marking = 0;
  };
  std::map<std::string, Redacted> open_;  // by verb and exchange
};

}  // namespace proviso::audit
