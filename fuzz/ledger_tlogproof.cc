// A tlog-proof that parses is one spelling; judging it never fails to end.
#include "base/check.h"
#include "ledger/tlog_proof.h"

using namespace proviso;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto key = note::VerifierKey::ed25519(
      "log.example/test", PrivateKey::create(std::string(32, 'k'))->public_key());
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto proof = ledger::TlogProof::parse(bytes);
  if (!proof) return 0;
  PV_CHECK(proof->text() == bytes);
  (void)proof->verify(Digest{}, std::span(&*key, 1), "log.example/test");
  return 0;
}
