// A disclosure that parses is one spelling.
#include "audit/disclosure.h"
#include "base/check.h"

using namespace proviso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto disclosure = audit::Disclosure::parse(bytes);
  if (!disclosure) return 0;
  PV_CHECK(disclosure->text() == bytes);
  (void)audit::judge(*disclosure, *ledger::Policy::parse("quorum none"), {});
  return 0;
}
