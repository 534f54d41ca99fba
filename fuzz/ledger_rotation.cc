// A rotation that opens is one spelling, and its keys signed it.
#include "base/check.h"
#include "ledger/rotation.h"

using namespace proviso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto rotation = ledger::Rotation::open(bytes);
  if (!rotation) return 0;
  PV_CHECK(rotation->text() == note::parse(bytes)->text);
  PV_CHECK(ledger::KeyChain::create(rotation->old_log, std::span(&bytes, 1)).has_value());
  return 0;
}
