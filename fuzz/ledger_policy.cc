// A policy that parses is judged for any names without failing to end.
#include "ledger/policy.h"

using namespace proviso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto policy =
      ledger::Policy::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!policy) return 0;
  std::vector<std::string> names;
  for (const auto& witness : policy->witnesses()) names.push_back(witness.name);
  (void)policy->satisfied_by(names);
  return 0;
}
