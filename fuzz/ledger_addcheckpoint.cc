// An add-checkpoint body that parses is one spelling.
#include "base/check.h"
#include "ledger/witness.h"

using namespace proviso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto request = ledger::AddCheckpoint::parse(bytes);
  if (request) PV_CHECK(request->text() == bytes);
  return 0;
}
