// Evidence that parses is one spelling; judging it never fails to end.
#include "base/check.h"
#include "ledger/accuse.h"

using namespace proviso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto evidence = ledger::Evidence::parse(bytes);
  if (!evidence) return 0;
  PV_CHECK(evidence->text() == bytes);
  (void)ledger::judge(*evidence);
  return 0;
}
