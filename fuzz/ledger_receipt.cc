// A receipt that parses is one spelling; judging it never fails to end.
#include "base/check.h"
#include "ledger/receipt.h"

using namespace proviso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const PublicKey key = PrivateKey::create(std::string(32, 'k'))->public_key();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto receipt = ledger::Receipt::parse(bytes);
  if (!receipt) return 0;
  PV_CHECK(receipt->text() == bytes);
  (void)receipt->verify(key);
  return 0;
}
